// MoldScript+Scout: whether a worker that has served can be forked from. Edge.

extension MoldScript {
  /// Run after the other two sources of `_plimsoll_mold`: `begin_scouting()` notes what is open;
  /// `prepare_refork()` runs the hooks of `plimsoll.before_fork`, closes connections, and returns
  /// why the process must not be forked from; nothing where it may.
  ///
  /// What the mold had open when it forked the scout is in all workers, and is no reason. Compared
  /// are descriptors, which whatever library opened them; database connections that are no sockets
  /// are found among the objects. Files are left out: that processes share one is common, and what
  /// is wrong with that for a database is told by its connection.
  static let scoutSource: StaticString = #"""
    import gc, os, sys

    mold = sys.modules['_plimsoll_mold']
    CURE = ('close it in a function that plimsoll.before_fork was given, or turn this off with '
            '--refork-after 0')
    before = frozenset()

    def what_is_open():
        """Sockets and pipes by what they are, so that a copy counts as the same; what has no name,
        such as an epoll instance, by its number as well."""
        found = {}
        for number in os.listdir('/proc/self/fd'):
            try:
                target = os.readlink('/proc/self/fd/' + number)
            except OSError:
                continue
            kind = target.partition(':')[0]
            if kind in ('socket', 'pipe'):
                found[target] = int(number)
            elif kind == 'anon_inode':
                found[target + number] = int(number)
        return found

    def begin_scouting():
        global before
        before = frozenset(what_is_open())

    def owner_of(number):
        """The variable of a module that holds the socket `number`; None where none does."""
        for name, value in mold.named_values():
            try:
                if mold.is_socket(type(value)) and value.fileno() == number:
                    return name
            except Exception:
                continue
        return None

    def class_of(value):
        return f'{type(value).__module__}.{type(value).__qualname__}'

    def describe(target, number):
        kind, _, rest = target.partition(':')
        if kind == 'anon_inode':
            # Such as eventpoll and inotify.
            kind = rest.partition(']')[0].strip('[') + ' descriptor'
        name = owner_of(number) if kind == 'socket' else None
        return f'an open {kind} ({name})' if name else f'an open {kind} that no module names'

    def open_databases():
        """Names of the database connections that are open, however they are held."""
        kinds = 'an open database connection'
        named, seen = [], set()
        for name, value in mold.named_values():
            try:
                if id(value) not in seen and mold.shared_kind(value) == kinds:
                    seen.add(id(value))
                    named.append(name)
            except Exception:
                continue
        for value in gc.get_objects():
            try:
                if id(value) not in seen and mold.shared_kind(value) == kinds:
                    named.append(class_of(value))
            except Exception:
                continue
        return named

    def prepare_refork():
        for hook in mold.hooks('before_fork'):
            try:
                hook()
            except BaseException:
                what, trace = mold.last_error()
                return f'the hook {mold.title(hook)} of plimsoll.before_fork raised {what}'
        messages = mold.close_connections()
        if messages:
            return messages[0][1:]
        # What only garbage holds is closed by this.
        gc.collect()
        databases = open_databases()
        if databases:
            return ('the worker that was to become it holds an open database connection '
                    f'({databases[0]}), which workers must not share: {CURE}')
        opened = what_is_open()
        late = sorted(number for target, number in opened.items() if target not in before)
        if late:
            target = next(one for one, number in opened.items() if number == late[0])
            others = f' and {len(late) - 1} more' if len(late) > 1 else ''
            return (f'the worker that was to become it holds {describe(target, late[0])}{others}, '
                    f'which workers must not share: {CURE}')
        return ''

    mold.begin_scouting = begin_scouting
    mold.prepare_refork = prepare_refork
    """#
}
