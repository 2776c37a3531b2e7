// MoldScript+Shared: what an application left open that its workers must not share. Edge.

extension MoldScript {
  /// Run after the source of `_plimsoll_mold`, which calls it: `find_shared()` gives a warning for
  /// each open socket or database connection and each held lock that a module keeps, with the line
  /// that cures it.
  ///
  /// Looked at are the variables of modules, and the attributes of objects in them: whatever a
  /// request can reach by name. Of a socket that nothing names only the number is told.
  static let sharedSource: StaticString = #"""
    import os, sys, types, _thread

    CONNECTIONS = {'sqlite3', 'psycopg', 'psycopg2', 'psycopg_binary', 'MySQLdb', 'pymysql',
                   'mysql', 'redis', 'pymongo', 'pymssql', 'oracledb', 'asyncpg', 'ldap3'}
    LOCKS = (_thread.LockType, type(_thread.RLock()))
    MOST_SHARED = 10

    def sockets_open():
        found = set()
        for number in os.listdir('/proc/self/fd'):
            try:
                target = os.readlink('/proc/self/fd/' + number)
            except OSError:
                continue
            if target.startswith('socket:'):
                found.add(target)
        return found

    own_sockets = sockets_open()

    def is_socket(kind):
        # Not imported where the application does not need it.
        module = sys.modules.get('_socket')
        return module is not None and issubclass(kind, module.socket)

    def shared_kind(value):
        """What a value is that processes must not share; None for all others."""
        kind = type(value)
        if is_socket(kind):
            return 'an open socket' if value.fileno() >= 0 else None
        package = (getattr(kind, '__module__', None) or '').partition('.')[0]
        if package in CONNECTIONS and kind.__name__.lower().endswith('connection'):
            if package == 'sqlite3':
                try:
                    value.total_changes
                except Exception:
                    return None
            elif getattr(value, 'closed', False) is True:
                return None
            return 'an open database connection'
        if kind in LOCKS:
            held = value.locked() if hasattr(value, 'locked') else '<locked' in repr(value)
            return 'a lock that is held' if held else None
        return None

    CURES = {
        'an open socket': 'open it at the first request, or in a function that '
                          'plimsoll.after_fork was given',
        'an open database connection': 'open it at the first request, or close it in a function '
                                       'that plimsoll.before_fork was given',
        'a lock that is held': 'release it before the import ends, or every worker waits for it '
                               'for ever',
    }

    def named_values():
        skipped = {'_plimsoll_mold', '_plimsoll', 'sys', 'builtins', 'threading', 'logging',
                   'socket', 'importlib', '_frozen_importlib', '_frozen_importlib_external'}
        for name, module in list(sys.modules.items()):
            if name.partition('.')[0] in skipped or not isinstance(module, types.ModuleType):
                continue
            for key, value in list(vars(module).items()):
                yield f'{name}.{key}', value
                kind = type(value)
                if getattr(kind, '__module__', None) == name:
                    for inner, part in list(getattr(value, '__dict__', {}).items()):
                        yield f'{name}.{key}.{inner}', part

    def find_shared():
        messages, seen = [], set()
        unnamed = sockets_open() - own_sockets
        for name, value in named_values():
            if id(value) in seen:
                continue
            try:
                what = shared_kind(value)
                if what is None:
                    continue
                seen.add(id(value))
                if is_socket(type(value)):
                    unnamed.discard(os.readlink(f'/proc/self/fd/{value.fileno()}'))
            except Exception:
                continue
            if len(messages) < MOST_SHARED:
                messages.append(
                    f'W{name} is {what} when the workers are forked, and all of them would use '
                    f'the same one: {CURES[what]}')
        if unnamed and not any('database' in message for message in messages):
            messages.append(
                f'Wthe application holds {len(unnamed)} open '
                f'{"socket" if len(unnamed) == 1 else "sockets"} when the workers are forked, and '
                'no module names them: open connections at the first request, or close them in a '
                'function that plimsoll.before_fork was given')
        return messages

    sys.modules['_plimsoll_mold'].prepare_fork.__globals__['find_shared'] = find_shared
    sys.modules['_plimsoll_mold'].__dict__.update(named_values=named_values,
                                                  shared_kind=shared_kind, is_socket=is_socket)
    """#
}
