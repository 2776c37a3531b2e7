"""Hooks for applications served by Plimsoll, which loads an application once and forks its workers.

    import plimsoll

    @plimsoll.before_fork
    def close_pool():
        pool.close()

    @plimsoll.after_fork
    def start_reporter():
        threading.Thread(target=report, daemon=True).start()

    plimsoll.warm("/")

A request that makes no progress for longer than `--timeout` allows is ended by an exception in its
thread, `plimsoll.RequestTimeout`.

Under any other server, in a shell and in tests the functions only remember what they are given, and
nothing is ever called. Under Plimsoll the module is there without being installed; install it where
the application must be importable elsewhere too.

Hooks are registered while the application is imported. Later ones come too late for `warm`, and for
`before_fork` but in a worker that becomes the next mold.
"""

try:
    from _plimsoll_mold import RequestTimeout
except ImportError:
    class RequestTimeout(BaseException):
        """The request made no progress for longer than --timeout allows, and is to end now."""


__all__ = ["RequestTimeout", "after_fork", "before_fork", "warm"]
__version__ = "1"

# Read by the server. Lists, so that the order of registration is the order of the calls.
_before_fork = []
_after_fork = []
_warm_targets = []


def before_fork(function):
    """Registers `function` to be called once in each process that workers are forked from.

    It is called without arguments after the application was imported and warmed, and before its
    memory is frozen: the place to close connections and files that processes must not share, and to
    drop what no worker needs. A worker that has served requests and becomes such a process (see
    `--refork-after`) calls it as well, and there it must end threads, too. Django's database connections and SQLAlchemy's connection pools are
    closed without it.

    It is not called with `--no-preload`, because then nothing is forked. One that raises is
    reported in the error log, and workers are forked all the same.

    Returns `function`, so that it can be used as a decorator.
    """
    _before_fork.append(function)
    return function


def after_fork(function):
    """Registers `function` to be called in every worker before it serves its first request.

    It is called without arguments: the place to open connections, start threads and seed random
    numbers. With `--no-preload` it is called too, after the import. One that raises is reported in
    the error log, and the worker serves all the same.

    Returns `function`, so that it can be used as a decorator.
    """
    _after_fork.append(function)
    return function


def warm(target):
    """Registers a URL path or a function that is run some times before the workers are forked.

    target: a path such as "/shop/?page=1", requested with GET and the host of the server's first
        address, as with the option `--warm`; or a function, called without arguments.

    What it loads, compiles and caches is then shared by the workers instead of being made in each.
    It should change nothing: it runs at every start and restart, several times, for nobody. One
    that raises or answers with a server error is reported, and the server starts without it.

    Returns `target`, so that it can be used as a decorator of a function.
    """
    if not callable(target) and not (isinstance(target, str) and target.startswith("/")):
        raise TypeError(
            f"plimsoll.warm wants a path that begins with / or a function, not {target!r}")
    _warm_targets.append(target)
    return target
