// Bootstrap: the Python text that a mold starts with. Pure.
internal import Configuration

/// The first Python code of a mold. Understood by every Python 3, so that an old one can say so.
enum Bootstrap {
  /// Given to `python -c`. Arguments: the extension's path, then what `run` takes, as text.
  static let text = """
    import sys
    def fail(text):
        sys.stderr.write('plimsoll: ' + text + '\\n')
        sys.stderr.flush()
        sys.exit(\(ExitCode.python.rawValue))
    where = sys.executable + ' is '
    if sys.version_info[:2] < (3, 11):
        fail(where + 'Python %d.%d; the server needs 3.11 or newer: choose one with --python'
             % tuple(sys.version_info[:2]))
    if sys.implementation.name != 'cpython':
        fail(where + sys.implementation.name
             + '; the server needs CPython: choose one with --python')
    import sysconfig
    if sysconfig.get_config_var('Py_GIL_DISABLED'):
        fail(where + 'a free-threaded build, which has another binary interface: choose one with'
             ' --python')
    from importlib.machinery import ExtensionFileLoader
    from importlib.util import module_from_spec, spec_from_file_location
    path, arguments = sys.argv[1], sys.argv[2:]
    try:
        spec = spec_from_file_location('_plimsoll', path,
                                       loader=ExtensionFileLoader('_plimsoll', path))
        extension = module_from_spec(spec)
        spec.loader.exec_module(extension)
    except (ImportError, OSError) as problem:
        fail('cannot load the extension %s into %s: %s' % (path, sys.executable, problem))
    if sys.path[:1] == ['']:
        del sys.path[0]
    sys.modules['_plimsoll'] = extension
    sys.argv = ['plimsoll']
    extension.run(*arguments)
    """
}
