// ImmortalTypes: of which types objects may live for ever. Edge.
internal import CPython

/// Tells by an object's type whether it may be made immortal.
///
/// Immortal objects are never finalised. So only types are taken of which that is known to be
/// harmless: builtin types that hold nothing but memory, and classes made by Python code upon them,
/// unless they have a finaliser (`__del__`, or what files, sockets and generators have). Types of
/// extension modules are left as they are: what they do when they go is not known.
@safe struct ImmortalTypes {
  /// What becomes of an object.
  enum Verdict {
    /// It becomes immortal, and what it refers to is looked at.
    case immortal
    /// It stays as it is, and what it refers to is looked at.
    case counted
    /// It stays as it is with all that it refers to: code that is running or suspended.
    case untouched
  }

  /// The type of code objects.
  let code: PythonObject
  private let plain: Set<PythonObject>
  private let running: Set<PythonObject>
  private let destroyInstance: UnsafeMutableRawPointer?
  private var verdicts: [PythonObject: Verdict] = unsafe [:]

  /// Nil, with what went wrong printed to `sys.stderr`, if the types cannot be told.
  init?(_ gil: borrowing GIL) {
    guard let names = PythonNames(running: Self.source, file: "<plimsoll types>", gil),
      let plain = names.value("plain", gil), let running = names.value("running", gil),
      let probe = names.value("Probe", gil), let code = names.value("code", gil)
    else { return nil }
    // Types of the interpreter's own live as long as it does.
    unsafe self.code = unsafe code.object
    unsafe self.plain = unsafe Self.members(of: plain)
    unsafe self.running = unsafe Self.members(of: running)
    unsafe destroyInstance = unsafe plimsoll_slot(probe.object, plimsoll_slot_dealloc())
    guard unsafe destroyInstance != nil else { return nil }
  }

  private static func members(of list: borrowing PythonReference) -> Set<PythonObject> {
    var found: Set<PythonObject> = unsafe []
    for index in unsafe 0..<max(0, PyList_Size(list.object)) {
      if let type = unsafe PyList_GetItem(list.object, index) { unsafe found.insert(type) }
    }
    return unsafe found
  }

  /// What becomes of objects of `type`.
  mutating func verdict(on type: PythonObject) -> Verdict {
    if let known = unsafe verdicts[type] { return known }
    let verdict = unsafe judge(type)
    unsafe verdicts[type] = verdict
    return verdict
  }

  private func judge(_ type: PythonObject) -> Verdict {
    if unsafe running.contains(type) { return .untouched }
    if unsafe plimsoll_has_finalizer(type) != 0 { return .counted }
    // Instances of Python classes go the way of the first base that is not one.
    var base = unsafe type
    while unsafe plimsoll_slot(base, plimsoll_slot_dealloc()) == destroyInstance,
      let next = unsafe plimsoll_slot(base, plimsoll_slot_base())
    {
      unsafe base = unsafe next.assumingMemoryBound(to: PyObject.self)
    }
    return unsafe plain.contains(base) ? .immortal : .counted
  }

  /// Modules are taken from `sys.modules` alone: what nobody imported has no objects.
  private static let source: StaticString = """
    import sys, types

    class Probe:
        pass

    plain = [
        object, type, str, bytes, int, float, complex, bool, tuple, list, dict, set, frozenset,
        range, slice, property, staticmethod, classmethod, super, types.ModuleType,
        types.FunctionType, types.CodeType, types.CellType, types.MethodType,
        types.BuiltinFunctionType, types.WrapperDescriptorType, types.MethodWrapperType,
        types.MethodDescriptorType, types.ClassMethodDescriptorType, types.GetSetDescriptorType,
        types.MemberDescriptorType, types.MappingProxyType, types.SimpleNamespace,
        types.GenericAlias, types.UnionType,
    ]
    wanted = {
        '_weakref': 'ReferenceType',
        '_functools': 'partial _lru_cache_wrapper KeyWrapper cmp_to_key',
        '_collections': 'deque defaultdict OrderedDict _tuplegetter',
        'collections': 'OrderedDict',
        '_operator': 'itemgetter attrgetter methodcaller',
        're': 'Pattern',
        '_datetime': 'date time datetime timedelta timezone',
        'datetime': 'date time datetime timedelta timezone',
        '_decimal': 'Decimal',
        '_contextvars': 'ContextVar',
        '_struct': 'Struct',
        '_thread': 'LockType lock RLock',
        '_typing': 'TypeVar ParamSpec ParamSpecArgs ParamSpecKwargs TypeVarTuple TypeAliasType'
                   ' Generic _idfunc',
        'typing': 'TypeVar ParamSpec ParamSpecArgs ParamSpecKwargs TypeVarTuple TypeAliasType'
                  ' Generic Union',
        '_abc': '_abc_data',
        '_random': 'Random',
        'uuid': 'UUID',
        'itertools': 'count repeat chain',
        'zoneinfo': 'ZoneInfo',
    }
    for module, names in wanted.items():
        for name in names.split():
            found = getattr(sys.modules.get(module), name, None)
            if isinstance(found, type):
                plain.append(found)
    if 'abc' in sys.modules:
        class Abstract(metaclass=sys.modules['abc'].ABCMeta):
            pass
        plain.append(type(Abstract.__dict__.get('_abc_impl')))
    plain = list({id(one): one for one in plain}.values())

    def generate():
        yield
    async def coroutine():
        pass
    async def generate_later():
        yield
    suspended = coroutine()
    suspended.close()
    code = types.CodeType
    running = [types.FrameType, types.TracebackType, type(generate()), type(suspended),
               type(generate_later())]
    del suspended
    """
}
