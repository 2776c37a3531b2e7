"""What a request must look like: everything else is refused before the application runs."""

import pytest
from harness.wire import chunked, request_bytes

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


def get(*lines, first="GET / HTTP/1.1", host="Host: localhost"):
    """A request head from its lines; `host` None leaves the field out."""
    return "\r\n".join([first, *([host] if host else []), *lines, "", ""]).encode("latin-1")


def post(*lines, body=b"", first="POST / HTTP/1.1"):
    return get(*lines, first=first) + body


FRAMING = {
    "length and chunked": (
        post("Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400),
    "chunked and length": (
        post("Transfer-Encoding: chunked", "Content-Length: 5", body=b"0\r\n\r\n"), 400),
    "two different lengths": (
        post("Content-Length: 5", "Content-Length: 6", body=b"hello!"), 400),
    "the same length twice": (post("Content-Length: 5", "Content-Length: 5", body=b"hello"), 400),
    "a list of lengths": (post("Content-Length: 5, 5", body=b"hello"), 400),
    "length with plus": (post("Content-Length: +5", body=b"hello"), 400),
    "negative length": (post("Content-Length: -5", body=b"hello"), 400),
    "hexadecimal length": (post("Content-Length: 0x5", body=b"hello"), 400),
    "length with a word": (post("Content-Length: 5a", body=b"hello"), 400),
    "length with a space inside": (post("Content-Length: 1 5", body=b"hello"), 400),
    "empty length": (post("Content-Length: ", body=b""), 400),
    "length with underscore": (post("Content-Length: 1_0", body=b"hellohello"), 400),
    "length over 64 bits": (
        post("Content-Length: 18446744073709551621", body=b"hello"), (400, 413)),
    "length of 40 digits": (post("Content-Length: " + "9" * 40, body=b"hello"), (400, 413)),
    "chunked in 1.0": (
        post("Transfer-Encoding: chunked", body=b"0\r\n\r\n", first="POST / HTTP/1.0"), 400),
    "coding gzip": (post("Transfer-Encoding: gzip", body=b"0\r\n\r\n"), 501),
    "coding identity": (post("Transfer-Encoding: identity", body=b"0\r\n\r\n"), 501),
    "coding gzip, chunked": (post("Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), 501),
    "coding chunked, gzip": (
        post("Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n"), (400, 501)),
    "chunked twice": (post("Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"), (400, 501)),
    "two codings fields": (
        post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        (400, 501)),
    "two codings fields, hidden": (
        post("Transfer-Encoding: chunked", "Transfer-Encoding: x", body=b"0\r\n\r\n"), (400, 501)),
    "almost chunked": (post("Transfer-Encoding: xchunked", body=b"0\r\n\r\n"), 501),
    "chunked with vertical tab": (
        post("Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n"), (400, 501)),
    "chunked with parameter": (
        post("Transfer-Encoding: chunked;a=b", body=b"0\r\n\r\n"), (400, 501)),
    "empty coding": (post("Transfer-Encoding: ", body=b"0\r\n\r\n"), (400, 501)),
}

LINES = {
    "bare LF everywhere": (b"GET / HTTP/1.1\nHost: localhost\n\n", 400),
    "bare LF after the request line": (b"GET / HTTP/1.1\nHost: localhost\r\n\r\n", 400),
    "bare LF after a field": (b"GET / HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n", 400),
    "bare LF as blank line": (b"GET / HTTP/1.1\r\nHost: localhost\r\n\n", 400),
    "bare CR in the request line": (b"GET /\r HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "bare CR in a value": (get("X: a\rb"), 400),
    "CR CR LF": (b"GET / HTTP/1.1\r\r\nHost: localhost\r\n\r\n", 400),
    "folded field": (get("X: a", " b"), 400),
    "folded with tab": (get("X: a", "\tb"), 400),
    "white space before the first field": (
        b"GET / HTTP/1.1\r\n Host: localhost\r\nHost: localhost\r\n\r\n", 400),
    "space before the colon": (get("X : y"), 400),
    "tab before the colon": (get("X\t: y"), 400),
    "space before the colon of the length": (post("Content-Length : 5", body=b"hello"), 400),
    "field without colon": (get("nonsense"), 400),
    "field without name": (get(": value"), 400),
    "brackets in a name": (get("X(y): z"), 400),
    "high byte in a name": (get("X\xe9: z"), 400),
    "NUL in a name": (get("X\0Y: z"), 400),
    "NUL in a value": (get("X: a\0b"), 400),
    "control byte in a value": (get("X: a\x01b"), 400),
    "delete in a value": (get("X: a\x7fb"), 400),
    "NUL in the target": (get(first="GET /a\0b HTTP/1.1"), 400),
    "NUL first": (b"\0" + get(), 400),
    "TLS greeting": (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40 + b"\r\n\r\n", 400),
}

REQUEST_LINES = {
    "no method": (" / HTTP/1.1", 400),
    "method is no token": ("G@T / HTTP/1.1", 400),
    "method with brackets": ("GET[] / HTTP/1.1", 400),
    "two spaces": ("GET  / HTTP/1.1", 400),
    "two spaces before the version": ("GET /  HTTP/1.1", 400),
    "tab for space": ("GET\t/\tHTTP/1.1", 400),
    "space in the target": ("GET /a b HTTP/1.1", 400),
    "no version": ("GET /", 400),
    "no target": ("GET HTTP/1.1", 400),
    "only a method": ("GET", 400),
    "space after the version": ("GET / HTTP/1.1 ", 400),
    "lower-case protocol": ("GET / http/1.1", (400, 505)),
    "other protocol": ("GET / HTCPCP/1.0", (400, 505)),
    "version without minor": ("GET / HTTP/1", (400, 505)),
    "version with long minor": ("GET / HTTP/1.10", (400, 505)),
    "version with zero": ("GET / HTTP/01.1", (400, 505)),
    "version 2.0": ("GET / HTTP/2.0", 505),
    "version 3.0": ("GET / HTTP/3.0", 505),
    "version 1.2": ("GET / HTTP/1.2", 505),
    "version 0.9": ("GET / HTTP/0.9", 505),
    "HTTP/2 preface": ("PRI * HTTP/2.0", (400, 505)),
    "relative target": ("GET index.html HTTP/1.1", 400),
    "authority form outside CONNECT": ("GET localhost:80 HTTP/1.1", 400),
    "CONNECT": ("CONNECT localhost:80 HTTP/1.1", (400, 405, 501)),
    "TRACE": ("TRACE / HTTP/1.1", 405),
    "CONNECT with a path": ("CONNECT /path HTTP/1.1", (400, 405, 501)),
    "asterisk outside OPTIONS": ("GET * HTTP/1.1", 400),
    "absolute form without host": ("GET http:///path HTTP/1.1", 400),
    "absolute form with a user": ("GET http://user@localhost/ HTTP/1.1", 400),
}

HOSTS = {
    "no Host": (get(host=None), 400),
    "two Hosts": (get("Host: localhost"), 400),
    "two different Hosts": (get("Host: other"), 400),
    "space in Host": (get(host="Host: local host"), 400),
    "user in Host": (get(host="Host: user@localhost"), 400),
    "path in Host": (get(host="Host: localhost/path"), 400),
    "two ports": (get(host="Host: localhost:80:81"), 400),
    "port in words": (get(host="Host: localhost:http"), 400),
    "open bracket": (get(host="Host: [::1"), 400),
    "angle brackets": (get(host="Host: <script>"), 400),
    "no Host in the absolute form": (get(first="GET http://localhost/ HTTP/1.1", host=None), 400),
}

CODED = "Transfer-Encoding: chunked"
CHUNKS = {
    "size in words": (post(CODED, body=b"g\r\nhello\r\n0\r\n\r\n"), 400),
    "size with 0x": (post(CODED, body=b"0x5\r\nhello\r\n0\r\n\r\n"), 400),
    "size with plus": (post(CODED, body=b"+5\r\nhello\r\n0\r\n\r\n"), 400),
    "negative size": (post(CODED, body=b"-5\r\nhello\r\n0\r\n\r\n"), 400),
    "space before the size": (post(CODED, body=b" 5\r\nhello\r\n0\r\n\r\n"), 400),
    "empty size": (post(CODED, body=b"\r\nhello\r\n0\r\n\r\n"), 400),
    "size over 64 bits": (post(CODED, body=b"10000000000000005\r\nhello\r\n0\r\n\r\n"), (400, 413)),
    "largest size": (post(CODED, body=b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n"), (400, 413)),
    "LF after the size": (post(CODED, body=b"5\nhello\r\n0\r\n\r\n"), 400),
    "CR inside the size": (post(CODED, body=b"5\r5\r\nhello\r\n0\r\n\r\n"), 400),
    "no line end after the data": (post(CODED, body=b"5\r\nhello0\r\n\r\n"), 400),
    "LF after the data": (post(CODED, body=b"5\r\nhello\n0\r\n\r\n"), 400),
    "data longer than its size": (post(CODED, body=b"5\r\nhello!!\r\n0\r\n\r\n"), 400),
    "LF in an extension": (post(CODED, body=b"5;a\nb\r\nhello\r\n0\r\n\r\n"), 400),
    "NUL in an extension": (post(CODED, body=b"5;a\0b\r\nhello\r\n0\r\n\r\n"), 400),
    "endless extension": (
        post(CODED, body=b"5;" + b"a" * 100_000 + b"\r\nhello\r\n0\r\n\r\n"), (400, 413, 431)),
    "endless zeros": (
        post(CODED, body=b"0" * 100_000 + b"5\r\nhello\r\n0\r\n\r\n"), (400, 413, 431)),
    "trailer without colon": (post(CODED, body=b"0\r\nnonsense\r\n\r\n"), 400),
    "trailer with LF": (post(CODED, body=b"0\r\nX: y\n\r\n"), 400),
    "trailer with control byte": (post(CODED, body=b"0\r\nX: a\x01b\r\n\r\n"), 400),
    "folded trailer": (post(CODED, body=b"0\r\nX: a\r\n b\r\n\r\n"), 400),
    "endless trailers": (
        post(CODED, body=b"0\r\n" + b"X: y\r\n" * 100_000 + b"\r\n"), (400, 413, 431)),
    "endless trailer line": (
        post(CODED, body=b"0\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n"), (400, 413, 431)),
}

FIELDS_LEFT = 99  # with Host: 100
LIMITS = {
    "request line of 8191": (get(first=f"GET /{'a' * 8177} HTTP/1.1"), 414),
    "request line without end": (b"GET /" + b"a" * 20_000, 414),
    "method without end": (b"G" * 20_000, (400, 414)),
    "field of 8191": (get("X: " + "a" * 8188), 431),
    "field without end": (get("X: y")[:-2] + b"Y: " + b"a" * 20_000, 431),
    "name without end": (get("X: y")[:-2] + b"N" * 20_000, 431),
    "101 fields": (get(*[f"X-{i}: y" for i in range(FIELDS_LEFT + 1)]), 431),
    "1,000 fields": (get(*["X: y"] * 1000), 431),
}

REFUSED = {
    **FRAMING, **LINES, **HOSTS, **CHUNKS, **LIMITS,
    **{name: (get(first=line), status) for name, (line, status) in REQUEST_LINES.items()},
}


KEEPS_CONNECTION = {"TRACE"}  # well-formed, and only not served


@pytest.fixture
def counting(shared_server):
    return shared_server("counting:application", "--workers", 1)


def count(server):
    return int(server.get("/count").body)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_request(counting, name):
    """The right status, then the end of the connection; nothing of it reaches the application."""
    request, status = REFUSED[name]
    before = count(counting)
    with counting.connect() as connection:
        connection.send_as_far_as_possible(request + SMUGGLED)
        response = connection.read_response()
        assert response.status in (status if isinstance(status, tuple) else (status,))
        if name in KEEPS_CONNECTION and response.keeps_alive:
            assert connection.read_response().body == b"ran"
            before += 1
        else:
            assert response.says_close, response.fields
            connection.expect_end()
        assert response["Date"] and response["Content-Type"]
    assert count(counting) == before


@pytest.mark.parametrize("name", ["length and chunked", "folded field", "no Host", "version 2.0"])
def test_refusal_after_good_requests(counting, name):
    """On a used connection: the requests before are answered, those after are not."""
    request, status = REFUSED[name]
    before = count(counting)
    with counting.connect() as connection:
        good = request_bytes(target="/1") + request_bytes(target="/2")
        connection.send(good + request + SMUGGLED)
        assert connection.read_response().body == b"ran"
        assert connection.read_response().body == b"ran"
        assert connection.read_response().status == status
        connection.expect_end()
    assert count(counting) == before + 2


ACCEPTED = {
    "lower-case field names": get("x-lower: y", host="host: localhost"),
    "no space after the colon": get("X:y", host="Host:localhost"),
    "much white space around a value": get("X: \t  y \t "),
    "empty value": get("X:"),
    "high bytes in a value": get("X: caf\xe9"),
    "every character of a token": get("!#$%&'*+-.^_`|~09azAZ: y"),
    "Host with port": get(host="Host: localhost:8000"),
    "Host with an address": get(host="Host: 127.0.0.1"),
    "Host with an IPv6 address": get(host="Host: [::1]:80"),
    "1.0 without Host": get(first="GET / HTTP/1.0", host=None),
    "absolute form": get(first="GET http://localhost/path?query HTTP/1.1"),
    "absolute form without path": get(first="GET http://localhost HTTP/1.1"),
    "unknown method": get(first="FROBNICATE / HTTP/1.1"),
    "lower-case method": get(first="get / HTTP/1.1"),
    "empty query": get(first="GET /? HTTP/1.1"),
    "two slashes": get(first="GET //a//b HTTP/1.1"),
    "encoded slash": get(first="GET /a%2Fb HTTP/1.1"),
    "question marks": get(first="GET /a?b?c HTTP/1.1"),
    "one empty line first": b"\r\n" + get(),
    "length 0": post("Content-Length: 0"),
    "length with zeros": post("Content-Length: 005", body=b"hello"),
    "request line of 8190": get(first=f"GET /{'a' * 8176} HTTP/1.1"),
    "field of 8190": get("X: " + "a" * 8187),
    "100 fields": get(*[f"X-{i}: y" for i in range(FIELDS_LEFT)]),
    "chunked": post(CODED, body=chunked(b"hello", b"world")),
    "chunked in capitals": post("Transfer-Encoding: CHUNKED", body=chunked(b"hello")),
    "chunked without data": post(CODED, body=chunked()),
    "chunk with extension": post(CODED, body=b"5;name=value\r\nhello\r\n0;last\r\n\r\n"),
    "chunk size in capitals with zeros": post(CODED, body=b"000A\r\nhellohello\r\n0\r\n\r\n"),
    "chunked with trailers": post(CODED, body=chunked(b"hello", trailers="X: y\r\nZ: z\r\n")),
    "GET with a body": post("Content-Length: 5", body=b"hello", first="GET / HTTP/1.1"),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted_request(shared_server, wrapping, name):
    """Unusual and correct: the application runs, once, and the connection can be used on."""
    server = shared_server(f"counting:{wrapping}", "--workers", 1)
    request = ACCEPTED[name]
    before = count(server)
    with server.connect() as connection:
        response = connection.send(request).read_response()
        assert response.status == 200 and response.body == b"ran"
        if b"HTTP/1.0" in request:
            connection.expect_end()
        else:
            assert connection.request(target="/count").body == str(before + 1).encode()
    assert count(server) == before + 1


def test_asterisk_form(counting):
    """`OPTIONS *` asks about the server as a whole (RFC 9110, section 9.3.7)."""
    with counting.connect() as connection:
        response = connection.send(get(first="OPTIONS * HTTP/1.1")).read_response()
        assert response.status in (200, 204)
        assert connection.request(target="/count").status == 200


@pytest.mark.parametrize(
    ("option", "value", "request_", "status"),
    [
        ("--limit-request-line", 100, get(first=f"GET /{'a' * 86} HTTP/1.1"), 200),
        ("--limit-request-line", 100, get(first=f"GET /{'a' * 87} HTTP/1.1"), 414),
        ("--limit-request-fields", 5, get(*["X: y"] * 4), 200),
        ("--limit-request-fields", 5, get(*["X: y"] * 5), 431),
        ("--limit-request-field-size", 80, get("X: " + "a" * 77), 200),
        ("--limit-request-field-size", 80, get("X: " + "a" * 78), 431),
        ("--limit-request-body", 10, post("Content-Length: 10", body=b"0123456789"), 200),
        ("--limit-request-body", 10, post("Content-Length: 11", body=b"0123456789a"), 413),
        ("--limit-request-body", 10, post(CODED, body=chunked(b"01234", b"56789")), 200),
        ("--limit-request-body", 10, post(CODED, body=chunked(b"01234", b"56789a")), 413),
        ("--limit-request-body", 10, post(CODED, body=chunked(b"0" * 100_000)), 413),
    ],
)
def test_limits_are_settings(shared_server, option, value, request_, status):
    """Each limit at n and n+1."""
    server = shared_server("counting:application", "--workers", 1, option, value)
    before = count(server)
    with server.connect() as connection:
        connection.send_as_far_as_possible(request_)
        response = connection.read_response()
        assert response.status == status
        if status != 200:
            connection.expect_end()
    assert count(server) == before + (status == 200)


def test_refusals_are_logged_with_their_reason(server):
    """What a client did wrong stands in the error log, at level info, in one sentence."""
    running = server("counting:application", "--workers", 1, "--log-level", "info")
    with running.connect() as connection:
        connection.send(get("X : y")).read_response()
    running.wait_for_log(r"\[(info|notice|warn)\].*(colon|space|field)")
