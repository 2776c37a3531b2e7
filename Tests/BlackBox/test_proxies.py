"""Behind a proxy: whose word counts about the client, in both modes; nginx as a real proxy."""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess

import pytest
from harness import serving
from harness.processes import wait_until
from harness.wire import Connection, request_bytes

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
FORWARDED = [
    ("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "www.example.com"), ("X-Forwarded-Port", "8443"),
    ("X-Real-IP", "192.0.2.7"), ("X-Forwarded-Prefix", "/x"), ("X-Own", "1"),
]
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


@pytest.fixture(params=["embedded", "daemon"])
def behind(server, request):
    """Starts a server with these options, in either mode."""

    def start(*options, app="environment:validated", **more):
        return server(app, "--workers", 1, "--mode", request.param, *options, **more)

    return start


def environ(response):
    assert response.status == 200, response.body
    return json.loads(response.body)


def from_address(running, source, data):
    """One response to `data`, asked from another address of this machine."""
    with socket.create_connection(running.address, 15, (source, 0)) as connection:
        connection.sendall(data)
        with connection.makefile("rb") as file:
            return file.read()


def test_trusted_proxy(behind):
    running = behind("--forwarded-allow-ips", "127.0.0.1")
    found = environ(running.get("/", FORWARDED))
    assert found["REMOTE_ADDR"] == "192.0.2.7" and "REMOTE_PORT" not in found
    assert found["wsgi.url_scheme"] == "https"
    assert found["HTTP_HOST"] == found["SERVER_NAME"] == "www.example.com"
    assert found["SERVER_PORT"] == "8443"
    assert found["HTTP_X_FORWARDED_FOR"] == "192.0.2.7" and found["HTTP_X_REAL_IP"]
    # The next request of the same proxy speaks for itself.
    with running.connect() as connection:
        first = environ(connection.request("GET", "/", FORWARDED))
        second = environ(connection.request("GET", "/"))
        third = environ(connection.request("GET", "/", [("Forwarded", "for=\"[2001:db8::9]:7\"")]))
    assert first["REMOTE_ADDR"] == "192.0.2.7" and first["wsgi.url_scheme"] == "https"
    assert second["REMOTE_ADDR"] == "127.0.0.1" and second["wsgi.url_scheme"] == "http"
    assert int(second["REMOTE_PORT"]) > 0 and second["SERVER_PORT"] == str(running.port)
    assert third["REMOTE_ADDR"] == "2001:db8::9" and third["REMOTE_PORT"] == "7"


@pytest.mark.parametrize("options", [(), ("--forwarded-allow-ips", "10.0.0.0/8,::1,unix")])
def test_fields_of_others_are_removed(behind, options):
    running = behind(*options)
    found = environ(running.get("/", FORWARDED + [("Forwarded", "for=192.0.2.7")]))
    assert found["REMOTE_ADDR"] == "127.0.0.1" and found["wsgi.url_scheme"] == "http"
    assert found["HTTP_HOST"] != "www.example.com" and found["SERVER_PORT"] == str(running.port)
    names = [name for name in found if "FORWARDED" in name or "REAL_IP" in name]
    assert names == [] and found["HTTP_X_OWN"] == "1"


def test_fields_of_others_may_be_passed(behind):
    running = behind("--pass-forwarded")
    found = environ(running.get("/", FORWARDED))
    assert found["REMOTE_ADDR"] == "127.0.0.1" and found["wsgi.url_scheme"] == "http"
    assert found["HTTP_X_FORWARDED_FOR"] == "192.0.2.7" and found["HTTP_X_REAL_IP"] == "192.0.2.7"


def test_bodies_keep_their_client(behind):
    """A body that comes late or goes to a file: the head is read twice."""
    running = behind("--forwarded-allow-ips", "127.0.0.1", app="environment:application")
    for size in (10, 300_000):
        found = environ(running.request("POST", "/", FORWARDED, body=b"x" * size))
        assert found["REMOTE_ADDR"] == "192.0.2.7" and found["wsgi.url_scheme"] == "https"
        assert found["CONTENT_LENGTH"] == str(size)


@pytest.mark.parametrize("field", [
    ("X-Forwarded-For", "somebody"), ("X-Forwarded-Proto", "gopher"), ("X-Forwarded-Host", "a b"),
    ("X-Forwarded-Port", "0"), ("Forwarded", "for=192.0.2.1:80"),
])
def test_malformed_word_of_a_proxy(server, field):
    running = server(
        "hello:application", "--workers", 1, "--forwarded-allow-ips", "127.0.0.1", "--log-level",
        "info")
    assert running.get("/", [field]).status == 400
    running.wait_for_log(f"Refused a request of 127.0.0.1 with 400: (The )?{field[0]}")
    assert running.get("/").status == 200


def test_older_fields_win(behind):
    running = behind("--forwarded-allow-ips", "127.0.0.1")
    found = environ(running.get(
        "/", [("Forwarded", "for=192.0.2.66;proto=https"), ("X-Forwarded-For", "192.0.2.7")]))
    assert found["REMOTE_ADDR"] == "192.0.2.7" and found["wsgi.url_scheme"] == "http"
    assert "HTTP_FORWARDED" not in found


def test_unix_socket(behind):
    running = behind("--forwarded-allow-ips", "unix", bind="unix")
    found = environ(running.get("/", FORWARDED[:2]))
    assert found["REMOTE_ADDR"] == "192.0.2.7" and found["SERVER_PORT"] == "443"
    found = environ(running.get("/"))
    assert found["REMOTE_ADDR"] == "" and found["SERVER_PORT"] == "80"


def test_access_log_has_the_client(behind, tmp_path):
    log = tmp_path / "access.log"
    running = behind(
        "--forwarded-allow-ips", "127.0.0.1", "--access-logfile", log, "--access-logformat",
        "%a %h %{X-Forwarded-For}i %r", app="hello:application")
    assert running.get("/a", [("X-Forwarded-For", "192.0.2.7")]).status == 200
    assert running.get("/b").status == 200
    assert running.get("/c", [("X-Forwarded-For", "x")]).status == 400
    text = wait_until(
        lambda: (lambda seen: seen if seen.count("\n") == 3 else None)(log.read_text()), 10, "log")
    assert sorted(text.splitlines())[0].startswith("127.0.0.1 127.0.0.1 ")
    assert "192.0.2.7 192.0.2.7 192.0.2.7 GET /a HTTP/1.1\n" in text
    assert "127.0.0.1 127.0.0.1 - GET /b HTTP/1.1\n" in text


def test_status_is_for_clients_of_this_machine(behind):
    running = behind(
        "--forwarded-allow-ips", "127.0.0.1", "--status-path", "/status", app="hello:application")
    assert running.get("/status").status == 200
    for value, status in [
        ("127.0.0.1", 200), ("::1", 200), ("127.0.0.2", 200), ("192.0.2.7", 403), ("unknown", 403),
        ("127.0.0.1, 192.0.2.7", 403),
    ]:
        assert running.get("/status", [("X-Forwarded-For", value)]).status == status, value
    for field in [("X-Real-IP", "127.0.0.1"), ("Via", "1.1 x"), ("X-Forwarded-Proto", "http")]:
        assert running.get("/status", [field]).status == 403, field
    # A peer that is not trusted cannot become local by its own word.
    data = request_bytes(target="/status", headers=[
        ("X-Forwarded-For", "127.0.0.1"), ("Connection", "close")])
    assert b" 403 " in from_address(running, "127.0.0.9", data).split(b"\r\n")[0]


def test_status_where_everybody_is_trusted(behind):
    running = behind(
        "--forwarded-allow-ips", "*", "--status-path", "/status", app="hello:application")
    assert running.get("/status", [("X-Forwarded-For", "127.0.0.1")]).status == 403
    assert "whoever can connect can pass for any client" in running.log_text()


# The PROXY protocol.


def proxied(running, header, *, pieces=None):
    data = header + request_bytes(headers=[("Connection", "close")])
    with Connection(running.address) as connection:
        for piece in pieces(data) if pieces else [data]:
            connection.send(piece)
        return environ(connection.read_response())


def binary(family, rest, command=0x21):
    return SIGNATURE + struct.pack("!BBH", command, family, len(rest)) + rest


FOUR = socket.inet_aton("192.0.2.7") + socket.inet_aton("198.51.100.1") + struct.pack("!HH", 5, 443)
SIX = (
    socket.inet_pton(socket.AF_INET6, "2001:db8::7") + socket.inet_pton(socket.AF_INET6, "::1")
    + struct.pack("!HH", 5, 8080)
)


@pytest.mark.parametrize("bind", [None, "unix"])
def test_proxy_protocol(behind, bind):
    running = behind(
        "--forwarded-allow-ips", "127.0.0.1,unix", "--proxy-protocol", bind=bind)
    for header, address, port in [
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 5 443\r\n", "192.0.2.7", "443"),
        (b"PROXY TCP6 2001:db8::7 ::1 5 8080\r\n", "2001:db8::7", "8080"),
        (binary(0x11, FOUR), "192.0.2.7", "443"),
        (binary(0x21, SIX + b"\x04\x00\x02xx"), "2001:db8::7", "8080"),
    ]:
        found = proxied(running, header)
        assert found["REMOTE_ADDR"] == address and found["REMOTE_PORT"] == "5"
        assert found["SERVER_PORT"] == port and found["wsgi.url_scheme"] == "http"
    found = proxied(
        running, binary(0x21, SIX), pieces=lambda data: [data[i : i + 1] for i in range(len(data))])
    assert found["REMOTE_ADDR"] == "2001:db8::7"
    for header in (b"PROXY UNKNOWN\r\n", binary(0, b"", 0x20), binary(0, b"")):
        assert proxied(running, header)["REMOTE_ADDR"] == ("127.0.0.1" if bind is None else "")


def test_proxy_header_holds_for_the_connection(behind):
    running = behind("--forwarded-allow-ips", "127.0.0.1", "--proxy-protocol")
    with running.connect() as connection:
        connection.send(b"PROXY TCP4 192.0.2.7 198.51.100.1 5 443\r\n")
        # Its source is no trusted proxy, so what it says of others is removed.
        for _ in range(3):
            found = environ(connection.request("GET", "/", FORWARDED))
            assert found["REMOTE_ADDR"] == "192.0.2.7" and "HTTP_X_FORWARDED_FOR" not in found
    with running.connect() as connection:
        connection.send(b"PROXY TCP4 127.0.0.1 198.51.100.1 5 443\r\n")
        assert environ(connection.request("GET", "/", FORWARDED))["wsgi.url_scheme"] == "https"


@pytest.mark.parametrize("start", [
    request_bytes(), b"PROXY TCP4 192.0.2.7 198.51.100.1 5 65536\r\n", b"PROXZ",
    SIGNATURE + b"\x31",
])
def test_proxy_header_is_required(server, start):
    running = server(
        "hello:application", "--workers", 1, "--forwarded-allow-ips", "127.0.0.1",
        "--proxy-protocol")
    with running.connect() as connection:
        connection.send_as_far_as_possible(start)
        try:
            assert connection.socket.recv(1) == b""
        except ConnectionResetError:
            pass
    running.wait_for_log("Closed a connection of 127.0.0.1: A trusted proxy did not begin")


@pytest.mark.parametrize(
    "header", [b"PROXY TCP4 127.0.0.1 127.0.0.1 5 443\r\n", binary(0x11, FOUR)])
def test_proxy_header_of_others_is_refused(behind, header):
    running = behind(
        "--forwarded-allow-ips", "127.0.0.1", "--proxy-protocol", "--log-level", "info",
        app="hello:application")
    plain = request_bytes(headers=[("Connection", "close")])
    answer = from_address(running, "127.0.0.9", header + plain)
    assert answer.startswith(b"HTTP/1.1 400 ")
    running.wait_for_log("Refused a request of 127.0.0.9 with 400: The connection began with a P")
    # Without one, they are served as ever.
    assert from_address(running, "127.0.0.9", plain).startswith(b"HTTP/1.1 200 ")


# What may be said on the command line.


@pytest.mark.parametrize("options, sentence", [
    (["--proxy-protocol"], "--proxy-protocol is for connections of listed proxies"),
    (["--forwarded-allow-ips", "10.0.0.1/8"], "bits set behind its prefix length"),
    (["--forwarded-allow-ips", "localhost"], 'has "localhost", which is no address or network'),
    (["--forwarded-allow-ips", "::1,"], "has an empty entry"),
])
def test_settings_that_cannot_be(options, sentence):
    code, text, _ = serving.run_to_its_end("serve", "hello:application", *options)
    assert code == 2 and sentence in text, text


# A real proxy.


@pytest.fixture
def nginx(tmp_path):
    """Starts nginx before a server; gives its address."""
    if not os.access(NGINX, os.X_OK):
        pytest.skip("nginx is not installed")
    started = []

    def start(upstream):
        port = serving.free_port()
        base = tmp_path / f"nginx{port}"
        base.mkdir()
        temporary = "".join(
            f"{kind}_temp_path {base}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (base / "conf").write_text(f"""
            daemon off; master_process off; pid {base}/pid; error_log {base}/error.log;
            events {{}}
            http {{
              access_log off; {temporary}
              upstream app {{ server {upstream}; keepalive 2; }}
              server {{
                listen 127.0.0.1:{port};
                location / {{
                  proxy_pass http://app; proxy_http_version 1.1;
                  proxy_set_header Connection "";
                  proxy_set_header Host app;
                  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                  proxy_set_header X-Forwarded-Proto https;
                  proxy_set_header X-Forwarded-Host $http_host;
                  proxy_set_header X-Forwarded-Port 443;
                }}
              }}
            }}""")
        process = subprocess.Popen([NGINX, "-p", str(base), "-c", str(base / "conf")])
        started.append(process)

        def listens():
            assert process.poll() is None, (base / "error.log").read_text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0 or None

        wait_until(listens, 10, "nginx")
        return ("127.0.0.1", port)

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@pytest.mark.parametrize("bind", [None, "unix"])
def test_behind_nginx(behind, nginx, bind):
    running = behind("--forwarded-allow-ips", "127.0.0.1,unix", bind=bind)
    front = nginx(f"unix:{running.path}" if bind else f"127.0.0.1:{running.port}")
    for source in ("127.0.0.9", "127.0.0.8", "127.0.0.9"):
        with socket.create_connection(front, 15, (source, 0)) as connection:
            connection.sendall(request_bytes(headers=[
                ("X-Forwarded-For", "192.0.2.66"), ("Forwarded", "for=192.0.2.66"),
                ("Connection", "close"),
            ]))
            with connection.makefile("rb") as file:
                head, _, body = file.read().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        start, end = body.index(b"{"), body.rindex(b"}") + 1
        found = json.loads(body[start:end])
        assert found["REMOTE_ADDR"] == source
        assert found["wsgi.url_scheme"] == "https" and found["SERVER_PORT"] == "443"
        assert found["HTTP_HOST"] != "app" and "HTTP_FORWARDED" not in found
