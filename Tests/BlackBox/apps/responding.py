"""Many shapes of response, chosen by the path; and a record of which iterables were closed."""

import os
import sys
import threading
from urllib.parse import parse_qs
from wsgiref.validate import validator

_closed = {}
_lock = threading.Lock()
_events = {}
_lists = {}
PLAIN = [("Content-Type", "text/plain")]


class Body:
    """An iterable with a close() that is counted under `name`."""

    def __init__(self, name, blocks):
        self.name = name
        self.blocks = iter(blocks)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.blocks)

    def close(self):
        with _lock:
            _closed[self.name] = _closed.get(self.name, 0) + 1


class OddList(list):
    """A list with a close(), as some frameworks return."""

    def close(self):
        with _lock:
            _closed["list"] = _closed.get("list", 0) + 1


def _event(name):
    with _lock:
        return _events.setdefault(name, threading.Event())


def _fails_after(count, error):
    for number in range(count):
        yield b"block %d\n" % number
    raise error


def _waits_between(names):
    yield b"first"
    for name in names:
        if not _event(name).wait(20):
            raise RuntimeError("nobody triggered the event")
        yield name.encode()


def _late(start_response):
    start_response("200 OK", PLAIN)
    yield b"late"


def _endless():
    while True:
        yield b"x" * 65_536


def application(environ, start_response):
    path = environ["PATH_INFO"].strip("/")
    pairs = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
    query = {key: values[0] for key, values in pairs.items()}
    name = query.get("name", "body")
    return globals()["do_" + path.replace("-", "_")](environ, start_response, query, name)


def do_pid(environ, start_response, query, name):
    start_response("200 OK", PLAIN)
    return [str(os.getpid()).encode()]


def do_closed(environ, start_response, query, name):
    start_response("200 OK", PLAIN)
    with _lock:
        return [str(_closed.get(name, 0)).encode()]


def do_trigger(environ, start_response, query, name):
    _event(name).set()
    start_response("200 OK", PLAIN)
    return [b"triggered"]


def do_gate(environ, start_response, query, name):
    with open(query["path"], "rb") as gate:
        gate.read()
    start_response("200 OK", PLAIN)
    return [b"passed"]


def do_blocks(environ, start_response, query, name):
    start_response("200 OK", PLAIN)
    return Body(name, [b"one", b"", b"two", b"three"])


def do_list(environ, start_response, query, name):
    start_response("200 OK", PLAIN)
    return [b"one", b"two"]


def do_single(environ, start_response, query, name):
    start_response("200 OK", PLAIN)
    return [b"single"]


def do_tuple(environ, start_response, query, name):
    start_response("200 OK", PLAIN)
    return (b"one", b"two")


def do_nothing(environ, start_response, query, name):
    start_response("200 OK", PLAIN)
    return []


def do_closing_list(environ, start_response, query, name):
    start_response("200 OK", PLAIN)
    return OddList([b"with close"])


def do_sized(environ, start_response, query, name):
    """`size` bytes in one block, without a Content-Length of its own."""
    start_response("200 OK", PLAIN)
    return [b"0123456789abcdef" * (int(query["size"]) // 16)]


def do_declared(environ, start_response, query, name):
    """Declares `length` and gives the blocks in `blocks`, separated by commas."""
    start_response("200 OK", [*PLAIN, ("Content-Length", query["length"])])
    return Body(name, [block.encode() for block in query["blocks"].split(",")])


def do_status(environ, start_response, query, name):
    status = query["status"]
    fields = [] if status[:3] in ("204", "304") else PLAIN
    start_response(status, list(fields))
    return Body(name, [b"body"] if "body" in query else [])


def do_fields(environ, start_response, query, name):
    fields = [("X-One", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Latin", "caf\xe9")]
    start_response("200 Ça va", [*PLAIN, *fields])
    return [b"fields"]


def do_own_date(environ, start_response, query, name):
    date = "Thu, 01 Jan 1970 00:00:00 GMT"
    start_response("200 OK", [*PLAIN, ("Date", date), ("Server", "own")])
    return [b"own"]


def do_raw_field(environ, start_response, query, name):
    """A response field straight from the query, however wrong."""
    field = (query["field"], query.get("value", ""))
    start_response(query.get("status", "200 OK"), [*PLAIN, field])
    return [b"not refused"]


def do_many_fields(environ, start_response, query, name):
    many = [(f"X-{i}", "v" * 1000) for i in range(int(query["count"]))]
    start_response("200 OK", [*PLAIN, *many])
    return [b"many"]


def do_write(environ, start_response, query, name):
    write = start_response("200 OK", PLAIN)
    write(b"written ")
    write(b"twice ")
    return Body(name, [b"and returned"])


def do_write_waits(environ, start_response, query, name):
    write = start_response("200 OK", PLAIN)
    write(b"first")
    if not _event(name).wait(20):
        raise RuntimeError("nobody triggered the event")
    return [b"second"]


def do_late(environ, start_response, query, name):
    return _late(start_response)


def do_stream(environ, start_response, query, name):
    start_response("200 OK", PLAIN)
    return Body(name, _waits_between(query["events"].split(",")))


def do_endless(environ, start_response, query, name):
    start_response("200 OK", PLAIN)
    return Body(name, _endless())


def do_fails_at_once(environ, start_response, query, name):
    raise RuntimeError("failed at once")


def do_fails_first(environ, start_response, query, name):
    """Fails in the first step of the iteration, when no byte has gone out."""
    start_response("200 OK", PLAIN)
    return Body(name, _fails_after(0, RuntimeError("failed first")))


def do_fails_later(environ, start_response, query, name):
    start_response("200 OK", PLAIN)
    return Body(name, _fails_after(3, RuntimeError("failed in mid-stream")))


def do_close_fails(environ, start_response, query, name):
    class Broken(Body):
        def close(self):
            super().close()
            raise RuntimeError("close failed")

    start_response("200 OK", PLAIN)
    return Broken(name, [b"complete"])


def do_raises(environ, start_response, query, name):
    error = {
        "SystemExit": SystemExit(3),
        "KeyboardInterrupt": KeyboardInterrupt(),
        "GeneratorExit": GeneratorExit(),
        "MemoryError": MemoryError(),
        "RecursionError": RecursionError(),
        "BaseException": BaseException("base"),
        "StopIteration": StopIteration(),
        "sys.exit": SystemExit("a message"),
    }[query["error"]]
    if "late" in query:
        start_response("200 OK", PLAIN)
        return Body(name, _fails_after(int(query["late"]), error))
    raise error


def do_exc_info_before(environ, start_response, query, name):
    """Begins a good answer, notices an error, and answers that instead."""
    start_response("200 OK", [*PLAIN, ("X-First", "yes")])
    try:
        raise ValueError("noticed")
    except ValueError:
        start_response("500 Noticed", [*PLAIN, ("X-Second", "yes")], sys.exc_info())
    return [b"noticed"]


def do_exc_info_after(environ, start_response, query, name):
    """Notices an error when part of the body is out; start_response must raise it again."""
    write = start_response("200 OK", PLAIN)
    write(b"partly")
    try:
        raise ValueError("noticed too late")
    except ValueError:
        start_response("500 Too Late", PLAIN, sys.exc_info())
    return [b"never sent"]


def do_exc_info_odd(environ, start_response, query, name):
    """Hands over an exc_info that is not what sys.exc_info() gives; with `late`, after the head."""
    write = start_response("200 OK", PLAIN)
    if "late" in query:
        write(b"partly")
    exc_info = {
        "empty": (None, None, None),
        "no-exception": (str, "abc", None),
        "no-class": (ValueError("odd"), ValueError("odd"), None),
        "no-type": (None, ValueError("odd"), None),
        "numbers": (1, 2, 3),
        "no-traceback": (ValueError, ValueError("odd"), "line 1"),
        "makes-none": (MakesNone, "odd", None),
        "short": (ValueError, ValueError("odd")),
        "text": (ValueError, "made of text", None),
        "class-only": (ValueError, None, None),
    }[query["what"]]
    try:
        start_response("500 Odd", PLAIN, exc_info)
    except Exception as error:
        with _lock:
            _closed[name] = f"{type(error).__name__}: {error}"
        raise
    return [b"odd"]


class MakesNone(Exception):
    """A class that makes something else than exceptions."""

    def __new__(cls, *arguments):
        return "not an exception"


def do_start_twice(environ, start_response, query, name):
    start_response("200 OK", PLAIN)
    start_response("201 Created", PLAIN)
    return [b"not refused"]


def do_never_starts(environ, start_response, query, name):
    return Body(name, [b"no start_response"])


def do_returns(environ, start_response, query, name):
    start_response("200 OK", PLAIN)
    return {"None": None, "int": 7, "str": "text", "strs": ["text"], "ints": [1, 2]}[query["what"]]


def do_bad_start(environ, start_response, query, name):
    """start_response called wrongly."""
    what = query["what"]
    if what == "no-headers":
        start_response("200 OK")
    elif what == "status-int":
        start_response(200, PLAIN)
    elif what == "status-short":
        start_response("20", PLAIN)
    elif what == "status-words":
        start_response("OK", PLAIN)
    elif what == "headers-none":
        start_response("200 OK", None)
    elif what == "header-not-pair":
        start_response("200 OK", ["Content-Type"])
    elif what == "value-int":
        start_response("200 OK", [("Content-Length", 5)])
    elif what == "value-not-latin":
        start_response("200 OK", [*PLAIN, ("X-Text", "\u20ac")])
    elif what == "length-words":
        start_response("200 OK", [*PLAIN, ("Content-Length", "five")])
    elif what == "length-negative":
        start_response("200 OK", [*PLAIN, ("Content-Length", "-5")])
    elif what == "length-twice":
        start_response("200 OK", [*PLAIN, ("Content-Length", "5"), ("Content-Length", "6")])
    return [b"hello"]


def do_errors(environ, start_response, query, name):
    errors = environ["wsgi.errors"]
    errors.write("written to errors \u20ac\n")
    errors.writelines(["line one\n", "line two\n"])
    print("printed to errors", file=errors)
    errors.flush()
    start_response("200 OK", PLAIN)
    return [b"logged"]


def do_prints(environ, start_response, query, name):
    print("printed to standard error", file=sys.stderr, flush=True)
    start_response("200 OK", PLAIN)
    return [b"printed"]


def do_long_list(environ, start_response, query, name):
    """A list of two blocks, that `change` is done to while the first is on its way."""
    start_response("200 OK", PLAIN)
    _lists[name] = [b"A" * int(query["size"]), b"B" * 10]
    return _lists[name]


def do_change_list(environ, start_response, query, name):
    if query["how"] == "clear":
        _lists[name].clear()
    else:
        _lists[name][:] = [b"C", b"D"]
    start_response("200 OK", PLAIN)
    return [b"changed"]


def do_big_blocks(environ, start_response, query, name):
    start_response("200 OK", PLAIN)
    return Body(name, (bytes([65 + i % 26]) * 65_536 for i in range(int(query["count"]))))


validated = validator(application)
