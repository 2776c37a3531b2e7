// MoldScript+Source: the text of the module `_plimsoll_mold`. Pure.

extension MoldScript {
  /// The source. Functions return messages, each with E, W or N in front, or None.
  static let source: StaticString = #"""
    import gc, io, os, sys, time, traceback, types

    # How often each request is replayed. CPython specialises code after two to eight runs, and its
    # caches settle after some more: 2, 20 and 100 runs gave 3.17, 3.05 and 3.03 MB a worker.
    REPEATS = 20
    # How long all of that may take together.
    MOST_WARM_SECONDS = 10

    # Loading.

    loading = False
    wanted = False
    enable_now, disable_now, is_enabled_now = gc.enable, gc.disable, gc.isenabled

    def enable():
        """Enable automatic garbage collection."""
        global wanted
        wanted = True
        if not loading:
            enable_now()

    def disable():
        """Disable automatic garbage collection."""
        global wanted
        wanted = False
        if not loading:
            disable_now()

    def isenabled():
        """Returns true if automatic garbage collection is enabled."""
        return wanted if loading else is_enabled_now()

    def add_hooks_module():
        """The module `plimsoll`, which lies beside the extension, for applications to import."""
        spec = getattr(sys.modules.get('_plimsoll'), '__spec__', None)
        place = os.path.join(os.path.dirname(getattr(spec, 'origin', None) or ''), 'python')
        if os.path.isdir(place) and place not in sys.path:
            # Last: a module or package of the application's comes first.
            sys.path.append(place)

    def begin_loading():
        global loading, wanted
        if loading:
            return
        wanted = is_enabled_now()
        loading = True
        gc.enable, gc.disable, gc.isenabled = enable, disable, isenabled
        disable_now()

    def end_loading():
        global loading
        if not loading:
            return
        loading = False
        # Only our own are taken back: somebody else may have replaced them since.
        for name, ours, theirs in (('enable', enable, enable_now),
                                   ('disable', disable, disable_now),
                                   ('isenabled', isenabled, is_enabled_now)):
            if getattr(gc, name) is ours:
                setattr(gc, name, theirs)
        if wanted:
            enable_now()

    # A process that the application forks while it loads has a collector of its own.
    os.register_at_fork(after_in_child=end_loading)

    # Hooks.

    def hooks(name):
        """What the application registered with the server's module `plimsoll`."""
        module = sys.modules.get('plimsoll')
        found = getattr(module, '_' + name, None) if module else None
        return list(found) if isinstance(found, list) else []

    def title(function):
        owner = getattr(function, '__module__', None)
        name = getattr(function, '__qualname__', None) or repr(function)
        return f'{owner}.{name}' if owner else name

    def last_error():
        lines = traceback.format_exc().rstrip('\n').split('\n')
        return lines[-1], '\n'.join(lines)

    def run_hooks(name, consequence):
        messages = []
        for function in hooks(name):
            try:
                function()
            except BaseException:
                what, trace = last_error()
                messages.append(f'Ethe hook {title(function)} of plimsoll.{name} raised {what}; '
                                f'{consequence}\n{trace}')
        return messages

    def start_worker():
        return run_hooks('after_fork', 'the worker serves without what it was to set up')

    def prepare_fork():
        messages = run_hooks('before_fork', 'workers are forked all the same')
        return messages + close_connections() + find_shared()

    def close_connections():
        messages = []
        for what, close in (("Django's database connections", close_django),
                            ("SQLAlchemy's connection pools", close_sqlalchemy)):
            try:
                close()
            except BaseException:
                why, trace = last_error()
                messages.append(f'W{what} cannot be closed before the fork: {why}; workers must '
                                f'not share them: close them in a hook of plimsoll.before_fork')
        return messages

    def close_django():
        module = sys.modules.get('django.db')
        if module is not None:
            module.connections.close_all()

    def close_sqlalchemy():
        module = sys.modules.get('sqlalchemy.engine.base')
        engine = getattr(module, 'Engine', None)
        if not isinstance(engine, type):
            return
        # By type, not isinstance(): that would wake up lazy proxies.
        for found in [one for one in gc.get_objects() if issubclass(type(one), engine)]:
            found.dispose()

    # Warm requests.

    class OutOfTime(BaseException):
        pass

    def warm(plan, finds_counting=True):
        """Replays every request; plan: URLs and callables, the environ that all requests share,
        server name, port and Host field, and the requests as lists of str."""
        applications, template, host, requests = plan
        targets = [(' '.join(request[:2]), replay, (applications, template, host, request))
                   for request in requests]
        for found in hooks('warm_targets'):
            if callable(found):
                targets.append((title(found), call, (found,)))
            else:
                targets.append((f'GET {found}', replay, (applications, template, host,
                                                         ['GET', str(found)])))
        if not targets:
            return []
        import signal
        messages, done = [], 0
        name = targets[0][0]
        def ring(number, frame):
            raise OutOfTime()
        handler = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, MOST_WARM_SECONDS)
        try:
            for target in list(targets):
                name, run, arguments = target
                problem = run(name, *arguments)
                if problem:
                    messages.append(problem)
                    targets.remove(target)
            # The first round has loaded what is loaded late.
            before = state_of_code() if finds_counting else None
            for name, run, arguments in targets:
                for _ in range(REPEATS - 1):
                    run(name, *arguments)
                done += 1
            if before:
                note_counting(before)
        except OutOfTime:
            messages.append(f'Wwarming was stopped in {name} after {MOST_WARM_SECONDS} s, with '
                            f'{done} requests done; workers share what was warmed so far')
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            # None stands for one that was not set from Python.
            signal.signal(signal.SIGALRM, handler if handler is not None else signal.SIG_DFL)
        return messages

    def gather_code(plan):
        """Moves the code that counts, and warms it again: new code objects have learnt nothing."""
        if not counting:
            return []
        count = gather()
        warm(plan, False)
        return [f'Nmold: {count} code objects lie together']

    # Code that counts.
    #
    # Since 3.11 an instruction that could not be specialised counts the runs to its next attempt,
    # inside the code object. So code that runs is written to in every worker, and it lies scattered
    # among all that its module made. Code found to count gets new code objects, made one after the
    # other, so that few pages hold all of it. Functions and classes stay what they are.

    counting = {}

    def code_of_functions():
        """Every code object that a function has, or that is inside of such a one."""
        found = {}
        waiting = [one.__code__ for one in gc.get_objects() if type(one) is types.FunctionType]
        while waiting:
            code = waiting.pop()
            if id(code) not in found and code.co_filename != '<plimsoll>':
                found[id(code)] = code
                waiting += [one for one in code.co_consts if type(one) is types.CodeType]
        return found

    def is_watched():
        """Whether a debugger, profiler or coverage tool may have noted code objects."""
        tool = getattr(getattr(sys, 'monitoring', None), 'get_tool', lambda number: None)
        return bool(sys.gettrace() or sys.getprofile() or any(tool(number) for number in range(6)))

    def state_of_code():
        """What all code objects hold at present; nothing where they had better be left alone."""
        if is_watched() or not hasattr(types.CodeType, '_co_code_adaptive'):
            return {}
        return {key: hash(code._co_code_adaptive) for key, code in code_of_functions().items()}

    def note_counting(before):
        for key, code in code_of_functions().items():
            if before.get(key) != hash(code._co_code_adaptive):
                counting[key] = code

    def gather():
        """Moves the code found to count."""
        moved = {}
        def concerns(one):
            # Code that does not count may make functions whose code does.
            return type(one) is types.CodeType and (
                id(one) in counting or any(concerns(inner) for inner in one.co_consts))
        def move(code):
            new = moved.get(id(code))
            if new is None:
                constants = code.co_consts
                if any(concerns(one) for one in constants):
                    constants = tuple([move(one) if concerns(one) else one for one in constants])
                new = moved[id(code)] = code.replace(co_consts=constants)
            return new
        for function in gc.get_objects():
            if type(function) is types.FunctionType and concerns(function.__code__):
                function.__code__ = move(function.__code__)
        count = len(moved)
        counting.clear()
        return count

    def call(name, function):
        try:
            function()
        except OutOfTime:
            raise
        except BaseException:
            what, trace = last_error()
            return f'Wwarming with {name} raised {what}; the server starts without it'

    def replay(name, applications, template, host, request):
        """One request. Returns what was wrong with it, as a message, or None."""
        from urllib.parse import unquote_to_bytes
        method, target, *fields = request
        path, _, query = target.partition('?')
        path = unquote_to_bytes(path).decode('latin-1')
        fitting = [one for one in applications
                   if path == one[0] or path.startswith(one[0].rstrip('/') + '/')]
        if not fitting:
            return f'Wwarming with {name} is left out: no application has that URL'
        url, application = max(fitting, key=lambda one: len(one[0]))
        script = url.rstrip('/')
        environ = dict(template)
        environ.update({
            'REQUEST_METHOD': method, 'SCRIPT_NAME': script,
            'PATH_INFO': path[len(script):],
            'QUERY_STRING': query, 'REQUEST_URI': target, 'SERVER_PROTOCOL': 'HTTP/1.1',
            'SERVER_NAME': host[0], 'SERVER_PORT': host[1], 'REMOTE_ADDR': '127.0.0.1',
            'REMOTE_PORT': '0', 'HTTP_HOST': host[2], 'wsgi.input': io.BytesIO(),
            'wsgi.errors': sys.stderr,
        })
        for field, value in zip(fields[::2], fields[1::2]):
            key = field.upper().replace('-', '_')
            environ[key if key in ('CONTENT_TYPE', 'CONTENT_LENGTH') else 'HTTP_' + key] = value
        status = []
        def start_response(line, headers, exc_info=None):
            status.append(line)
            return lambda block: None
        try:
            body = application(environ, start_response)
            try:
                for _ in body:
                    pass
            finally:
                close = getattr(body, 'close', None)
                if close is not None:
                    close()
        except OutOfTime:
            raise
        except BaseException:
            what, trace = last_error()
            return f'Wthe warm request {name} raised {what}; the server starts without it'
        code = status[-1][:3] if status else 'nothing'
        if code == '400':
            return (f'Wthe warm request {name} was answered with 400; if the application checks '
                    f'the Host field, name a host it accepts: --warm "{name}; Host: example.org"')
        if not code.isdigit() or code >= '500':
            return (f'Wthe warm request {name} was answered with {code}; '
                    'the server starts without it')

    module = types.ModuleType('_plimsoll_mold')
    module.__dict__.update(
        (name, value) for name, value in list(globals().items())
        if isinstance(value, types.FunctionType))
    sys.modules['_plimsoll_mold'] = module
    """#
}
