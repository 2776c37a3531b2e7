"""PEP 3333: what the application finds in its environ."""

import json
import os
import socket

import pytest
from harness.wire import request_bytes


@pytest.fixture
def serving(shared_server, wrapping):
    return shared_server(
        f"environment:{wrapping}", "--workers", 1, "--threads", 4, SECRET_OF_THE_PROCESS="hidden"
    )


def environ(server, *args, **kwargs):
    response = server.request(*args, **kwargs)
    assert response.status == 200, response.body
    return json.loads(response.body)


def raw(server, head):
    with server.connect() as connection:
        response = connection.send(head).read_response()
    assert response.status == 200
    return json.loads(response.body)


def test_required_keys(serving):
    found = environ(serving, target="/path/info?a=1&b=%20")
    assert found["REQUEST_METHOD"] == "GET"
    assert found["SCRIPT_NAME"] == ""
    assert found["PATH_INFO"] == "/path/info"
    assert found["QUERY_STRING"] == "a=1&b=%20"
    assert found["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert found["wsgi.url_scheme"] == "http"
    assert found["*version"] == [1, 0]
    assert found["SERVER_NAME"] and found["SERVER_PORT"] == str(serving.port)
    assert found["REMOTE_ADDR"] == "127.0.0.1"
    assert found["REQUEST_URI"] == "/path/info?a=1&b=%20"
    assert found.get("GATEWAY_INTERFACE", "CGI/1.1") == "CGI/1.1"
    assert "plimsoll" in found["SERVER_SOFTWARE"].lower()


def test_types(serving):
    """Strings are str itself, the flags bool, the dict a dict (the validator asserts that)."""
    found = environ(serving)
    assert {"wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once"} <= set(found["*bools"])
    assert found["*types"]["wsgi.version"] == "tuple"
    assert {"read", "readline", "readlines"} <= set(found["*input"])


def test_client_address_and_port(serving):
    with serving.connect() as connection:
        port = connection.socket.getsockname()[1]
        found = json.loads(connection.request().body)
    assert (found["REMOTE_ADDR"], found["REMOTE_PORT"]) == ("127.0.0.1", str(port))


def test_addresses_differ_between_connections(serving):
    """Nothing of one connection is remembered for the next."""
    ports = set()
    for _ in range(5):
        with serving.connect() as connection:
            for _ in range(2):
                assert json.loads(connection.request().body)["REMOTE_PORT"] == str(
                    connection.socket.getsockname()[1]
                )
            ports.add(connection.socket.getsockname()[1])
    assert len(ports) == 5


def test_ipv6(server, wrapping):
    port = None
    with socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        port = probe.getsockname()[1]
    running = server(
        f"environment:{wrapping}", "--workers", 1, "--bind", f"[::1]:{port}", bind="none"
    )
    running.host, running.port = "::1", port
    found = environ(running)
    assert found["REMOTE_ADDR"] == "::1" and found["SERVER_PORT"] == str(port)


def test_unix_socket(server, wrapping):
    """The validator wants SERVER_NAME and SERVER_PORT; the rest may be empty."""
    running = server(f"environment:{wrapping}", "--workers", 1, bind="unix")
    found = environ(running)
    assert found["REMOTE_ADDR"] == "" or found["REMOTE_ADDR"].startswith("unix")
    assert found["PATH_INFO"] == "/"


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", ""),
        ("/?", "/", ""),
        ("/a%20b", "/a b", ""),
        ("/caf%C3%A9", "/caf\u00c3\u00a9", ""),
        ("/%e9", "/\u00e9", ""),
        ("/%E2%82%AC", "/\u00e2\u0082\u00ac", ""),
        ("/a%2Fb", "/a/b", ""),
        ("/a+b", "/a+b", ""),
        ("/a%2bb", "/a+b", ""),
        ("/a%3Fb?c%3Fd", "/a?b", "c%3Fd"),
        ("//a//b", "//a//b", ""),
        ("/a/./b/../c", "/a/./b/../c", ""),
        ("/a;p=1/b", "/a;p=1/b", ""),
        ("/a?b?c", "/a", "b?c"),
        ("/?%C3%A9", "/", "%C3%A9"),
        ("http://localhost/abs/path?q", "/abs/path", "q"),
        ("http://localhost", "/", ""),
        ("http://localhost?q", "/", "q"),
    ],
)
def test_path_and_query(serving, target, path, query):
    """PATH_INFO is decoded to bytes and shown as latin-1; QUERY_STRING stays encoded."""
    found = environ(serving, target=target)
    assert found["PATH_INFO"] == path
    assert found["QUERY_STRING"] == query
    assert found["REQUEST_URI"] in (target, target.removeprefix("http://localhost") or "/")


def test_host_of_the_absolute_form_wins(serving):
    """RFC 9112, section 3.2.2."""
    found = environ(serving, target="http://real.example/", headers={"Host": "other.example"})
    assert found["HTTP_HOST"] == "real.example"


@pytest.mark.parametrize("path", ["/%zz", "/%", "/%4", "/a%0"])
def test_broken_percent_encoding(serving, path):
    """Refused, or given to the application as it is; never something else."""
    response = serving.get(path)
    assert response.status in (200, 400)
    if response.status == 200:
        assert json.loads(response.body)["PATH_INFO"] == path


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "FROB"])
def test_methods(serving, method):
    """Every method is the application's business."""
    assert environ(serving, method)["REQUEST_METHOD"] == method


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_protocol(serving, version):
    assert environ(serving, version=version)["SERVER_PROTOCOL"] == f"HTTP/{version}"


def test_fields(serving):
    found = environ(serving, headers=[
        ("X-One", "1"), ("x-two", "Two"), ("X-LATIN", "caf\xe9"), ("Empty", ""), ("A.b!c", "odd"),
    ])
    assert found["HTTP_X_ONE"] == "1"
    assert found["HTTP_X_TWO"] == "Two"
    assert found["HTTP_X_LATIN"] == "caf\xe9"
    assert found["HTTP_EMPTY"] == ""
    assert found["HTTP_HOST"] == "localhost"


def test_duplicate_fields_are_joined(serving):
    found = environ(serving, headers=[
        ("X-List", "a"), ("Cookie", "c=1"), ("X-List", "b"), ("Cookie", "d=2"), ("X-List", "c"),
    ])
    assert found["HTTP_X_LIST"].replace(" ", "") == "a,b,c"
    assert found["HTTP_COOKIE"] == "c=1; d=2"


def test_content_type_and_length(serving):
    found = environ(serving, "POST", headers={"Content-Type": "text/x"}, body=b"hello")
    assert found["CONTENT_TYPE"] == "text/x" and found["CONTENT_LENGTH"] == "5"
    assert "HTTP_CONTENT_TYPE" not in found and "HTTP_CONTENT_LENGTH" not in found
    assert "CONTENT_LENGTH" not in environ(serving) or environ(serving)["CONTENT_LENGTH"] == ""


def test_dropped_fields(serving):
    """Names that an attacker could use to pass for another field or for the environment."""
    found = environ(serving, headers=[
        ("X_Forged", "1"), ("X-Forged_Too", "1"), ("Proxy", "http://evil"), ("Content_Length", "7"),
        ("Transfer_Encoding", "chunked"), ("X-Good", "yes"), ("Host_", "evil"),
    ])
    assert found["HTTP_X_GOOD"] == "yes"
    for name in ("HTTP_X_FORGED", "HTTP_X_FORGED_TOO", "HTTP_PROXY", "HTTP_CONTENT_LENGTH",
                 "HTTP_TRANSFER_ENCODING", "HTTP_HOST_"):
        assert name not in found
    assert "CONTENT_LENGTH" not in found or found["CONTENT_LENGTH"] == ""


def test_forged_underscore_does_not_join_the_real_one(serving):
    found = environ(serving, headers=[("X-User", "real"), ("X_User", "forged")])
    assert found["HTTP_X_USER"] == "real"


def test_fields_do_not_stay_for_the_next_request(serving):
    with serving.connect() as connection:
        first = json.loads(connection.request(headers={"X-Once": "1", "Cookie": "c=1"}).body)
        second = json.loads(connection.request("POST", "/?q", body=b"hello").body)
        third = json.loads(connection.request().body)
    assert first["HTTP_X_ONCE"] == "1"
    assert "HTTP_X_ONCE" not in second and "HTTP_COOKIE" not in second
    assert second["CONTENT_LENGTH"] == "5" and second["QUERY_STRING"] == "q"
    assert third.get("CONTENT_LENGTH", "") == "" and third["QUERY_STRING"] == ""


def test_repeated_values_are_the_same_each_time(serving):
    """Values are reused on a connection; a changed one of equal length must not be."""
    with serving.connect() as connection:
        for value in ("aaaa", "aaaa", "aaab", "baaa", "aaaa", "aaa", "aaaaa"):
            fields = {"X-Value": value, "User-Agent": value}
            found = json.loads(connection.request(headers=fields).body)
            assert (found["HTTP_X_VALUE"], found["HTTP_USER_AGENT"]) == (value, value)


def test_no_process_environment(serving):
    found = environ(serving)
    assert found["*process"]["os.environ"]["SECRET_OF_THE_PROCESS"] == "hidden"
    assert "SECRET_OF_THE_PROCESS" not in found
    leaked = set(found) & {"PATH", "HOME", "USER", "PWD", "SHELL", "LANG", "NOTIFY_SOCKET"}
    assert not leaked


def test_a_changed_environ_stays_in_its_request(server, site):
    """The application may change the environ; the next request starts afresh."""
    directory = site(changing="""
def application(environ, start_response):
    seen = environ.get("mine", "nothing")
    environ["mine"] = "something"
    environ.pop("wsgi.version")
    environ["SERVER_NAME"] = "changed"
    body = (seen + " " + environ.get("HTTP_X", "")).encode()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]
""")
    running = server("changing", "--workers", 1, "--threads", 1, chdir=directory)
    with running.connect() as connection:
        for number in range(5):
            assert connection.request(headers={"X": str(number)}).text == f"nothing {number}"


@pytest.mark.parametrize(
    ("workers", "threads", "multiprocess", "multithread"),
    [(1, 1, False, False), (1, 3, False, True), (2, 1, True, False), (2, 2, True, True)],
)
def test_honest_flags(server, wrapping, workers, threads, multiprocess, multithread):
    running = server(f"environment:{wrapping}", "--workers", workers, "--threads", threads)
    flags = environ(running)["*bools"]
    assert flags["wsgi.multiprocess"] is multiprocess
    assert flags["wsgi.multithread"] is multithread
    assert flags["wsgi.run_once"] is False


def test_long_fields_and_many(serving):
    """Near the limits everything arrives."""
    fields = [(f"X-Field-{i}", f"{i}" * 20) for i in range(90)] + [("X-Long", "v" * 8000)]
    found = environ(serving, target="/" + "p" * 8000, headers=fields)
    assert found["HTTP_X_LONG"] == "v" * 8000 and len(found["PATH_INFO"]) == 8001
    assert all(found[f"HTTP_X_FIELD_{i}"] == f"{i}" * 20 for i in range(90))


def test_pid_is_the_workers(serving):
    assert environ(serving)["*process"]["pid"] in serving.worker_pids()
    assert os.getpid() != environ(serving)["*process"]["pid"]


def test_trailers_are_not_fields(serving):
    fields = {"Transfer-Encoding": "chunked", "Trailer": "X-Trailer"}
    body = b"5\r\nhello\r\n0\r\nX-Trailer: forged\r\n\r\n"
    found = raw(serving, request_bytes("POST", "/", fields) + body)
    assert "HTTP_X_TRAILER" not in found
