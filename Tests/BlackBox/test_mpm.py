"""The three process models at run time: what holds a handler, who waits, and what is not lost."""

import contextlib
import json
import os
import pathlib
import signal

import pytest
from harness.load import Load
from harness.processes import wait_until
from harness.wire import Connection, request_bytes

pytestmark = pytest.mark.embedded("it is about connections that workers accept")

MODELS = ["prefork", "worker", "event"]
PID = "/pid"


def status(running):
    """What the scoreboard says, over HTTP (which takes a connection of its own)."""
    return json.loads(running.get("/server-status?json").body)


def one_worker(server, model, *options, app="responding:application", threads=2):
    return server(
        app, "--workers", 1, "--mpm", model,
        *([] if model == "prefork" else ["--threads", threads]), *options,
    )


def hold(running, stack, count, **options):
    """`count` kept-alive connections that have had an answer each."""
    connections = [stack.enter_context(running.connect(**options)) for _ in range(count)]
    for connection in connections:
        assert connection.request(target=PID).keeps_alive
    return connections


def begin(running, stack):
    """A new connection with a whole request, of which nobody says that it is answered."""
    connection = stack.enter_context(running.connect())
    connection.send(request_bytes(target=PID))
    return connection


# Who holds what.


def test_prefork_serves_one_connection_at_a_time_under_apaches_policy(server):
    """Keep-alive included: the second client waits until the first one goes."""
    running = server(
        "responding:application", "--mpm", "prefork", "--policy", "apache", "--start-servers", 1,
        "--max-request-workers", 1)
    with contextlib.ExitStack() as stack:
        (first,) = hold(running, stack, 1)
        second = begin(running, stack)
        for _ in range(5):
            assert first.request(target=PID).status == 200
        assert second.has_nothing_to_read()
        first.close()
        assert second.read_response().status == 200


def test_prefork_lets_the_next_in_when_a_response_is_over(server):
    """Two clients that both go on have their turns."""
    running = one_worker(server, "prefork")
    with contextlib.ExitStack() as stack:
        (first,) = hold(running, stack, 1)
        second = begin(running, stack)
        # Whether anybody waits is looked up once in a millisecond.
        while not first.request(target=PID).says_close:
            assert second.has_nothing_to_read(0.01)
        first.close()
        assert second.read_response().keeps_alive


def test_prefork_has_one_thread(server):
    """And no other where nothing is to be watched."""
    for options, names in (
        ((), ["plimsoll", "watchdog"]),
        (("--interrupt-timeout", 0, "--deadlock-timeout", 0), ["plimsoll"]),
    ):
        running = one_worker(server, "prefork", *options)
        running.get(PID)
        (worker,) = running.worker_pids()
        threads = pathlib.Path(f"/proc/{worker}/task").iterdir()
        assert sorted((task / "comm").read_text().strip() for task in threads) == names


def test_prefork_connections_go_to_whoever_is_free(server):
    running = server("responding:application", "--workers", 3, "--mpm", "prefork")
    with contextlib.ExitStack() as stack:
        answered = {c.request(target=PID).text for c in hold(running, stack, 3)}
        assert answered == {str(pid) for pid in running.worker_pids()}


def test_prefork_on_two_addresses(server, tmp_path):
    """One process holds a connection of the first; the second one's go to the other process."""
    path = tmp_path / "second"
    running = server(
        "responding:application", "--workers", 2, "--mpm", "prefork", "--bind", f"unix:{path}")
    with contextlib.ExitStack() as stack:
        hold(running, stack, 1)
        for _ in range(50):
            with Connection(str(path)) as connection:
                assert connection.request(target=PID).status == 200


def test_worker_holds_a_thread_for_each_connection(server):
    running = one_worker(server, "worker", threads=3)
    with contextlib.ExitStack() as stack:
        held = hold(running, stack, 3)
        fourth = begin(running, stack)
        assert held[1].request(target=PID).status == 200
        assert fourth.has_nothing_to_read()
        held[0].close()
        assert fourth.read_response().status == 200


def test_event_holds_nothing_for_idle_connections(server):
    running = one_worker(server, "event", threads=2)
    with contextlib.ExitStack() as stack:
        hold(running, stack, 50)
        for _ in range(3):
            assert running.get(PID).status == 200


def test_event_accepts_when_a_thread_is_free_again(server, gate):
    held = gate()
    running = one_worker(server, "event", threads=1)
    with contextlib.ExitStack() as stack:
        busy = stack.enter_context(running.connect())
        busy.send(request_bytes(target=f"/gate?path={held.path}"))
        held.wait_for_visitor()
        waiting = [begin(running, stack) for _ in range(20)]
        held.open()
        assert busy.read_response().body == b"passed"
        for connection in waiting:
            assert connection.read_response().status == 200


def test_event_closes_idle_connections_when_all_threads_are_busy(server, gate):
    held = gate()
    running = one_worker(server, "event", "--keep-alive", 60, threads=1)
    with contextlib.ExitStack() as stack:
        (idle,) = hold(running, stack, 1)
        unused = stack.enter_context(running.connect())
        busy = stack.enter_context(running.connect())
        busy.send(request_bytes(target=f"/gate?path={held.path}"))
        held.wait_for_visitor()
        # Somebody waits for a handler: room is made.
        late = stack.enter_context(running.connect())
        late.send(request_bytes(target=PID))
        idle.expect_end()
        held.open()
        assert busy.read_response().body == b"passed"
        assert late.read_response().status == 200
        # One that has had no answer yet is not idle.
        assert unused.request(target=PID).status == 200


def test_event_makes_room_in_a_full_table(server):
    """The connection that has been idle longest goes, and nobody waits."""
    running = one_worker(server, "event", "--keep-alive", 60, "--worker-connections", 3)
    with contextlib.ExitStack() as stack:
        first, second, third = hold(running, stack, 3)
        assert third.has_nothing_to_read()
        assert second.request(target=PID).status == 200
        assert first.request(target=PID).status == 200
        hold(running, stack, 1)
        third.expect_end()
        assert first.request(target=PID).status == 200
        assert second.request(target=PID).status == 200


def test_event_serves_newcomers_under_saturation(server, site):
    """Clients that never pause do not keep others out."""
    source = COUNTED.replace("def application(environ, start_response):\n", """
def application(environ, start_response):
    time.sleep(0.01)
""")
    running = server(
        "slow", "--workers", 1, "--threads", 2, "--max-keep-alive-requests", 0,
        chdir=site(slow=source))
    with Load(running.address, keep_alive=8, fresh=0) as load:
        load.wait_for_answers(100)
        for _ in range(5):
            assert running.get("/").body == b"loaded"
    assert not load.failures


# The scoreboard.


def letters(running):
    return "".join(
        handler["state"] for worker in status(running)["workers"] for handler in worker["handlers"])


@pytest.mark.parametrize("model", ["prefork", "worker"])
def test_letters_of_connections(server, gate, model):
    """A connection shows what it does, from accept to close; the status request is a W as well."""
    held = gate()
    options = ["--mpm", model, "--workers", "4" if model == "prefork" else "1"]
    options += [] if model == "prefork" else ["--threads", 4]
    running = server("responding:application", *options, "--status-path", "/server-status")
    with contextlib.ExitStack() as stack:
        stack.enter_context(running.connect())
        hold(running, stack, 1)
        busy = stack.enter_context(running.connect())
        busy.send(request_bytes(target=f"/gate?path={held.path}"))
        held.wait_for_visitor()
        wait_until(lambda: sorted(letters(running)) == list("KRWW"), what="K, R and two W")
        held.open()
        assert busy.read_response().body == b"passed"
    # Closed by their clients, all but the one that asks.
    wait_until(lambda: sorted(letters(running)) == list("W___"), what="only the one that asks")


def test_requests_are_counted_and_described(server, site):
    directory = site(a="def application(e, s):\n    s('200 OK', [])\n    return [b'x' * 3000000]\n")
    (directory / "f.txt").write_text("y" * 5000)
    running = server(
        "a", "--workers", 1, "--static", f"/s={directory}", "--status-path", "/server-status",
        chdir=directory,
    )
    assert len(running.get("/one?q=1", [("Host", "example.org:81")]).body) == 3_000_000
    assert len(running.get("/s/f.txt").body) == 5000
    assert running.get("/s/nothing").status == 404

    def counted():
        now = status(running)
        return now if now["totals"]["bytes"] > 3_005_000 else None

    now = wait_until(counted, what="the bytes to be counted")
    assert now["totals"]["requests"] >= 3
    assert "GET /server-status HTTP/1.1" in running.get("/server-status").text


def test_the_request_of_a_held_handler_is_described(server):
    running = server(
        "busy:application", "--mpm", "worker", "--workers", 1, "--status-path", "/server-status"
    )
    with running.connect() as connection:
        connection.send(b"GET /plain?q=%3Cb%3E HTTP/1.1\r\nHost: example.org:81\r\n\r\n")
        assert connection.read_response().status == 200
        text = running.get("/server-status").text
    assert "GET /plain?q=%3Cb%3E HTTP/1.1" in text
    assert "example.org:81" in text
    assert "127.0.0.1" in text


# The status page.


def test_status_is_for_this_machine(server):
    running = server("hello:application", "--workers", 1, "--status-path", "/server-status")
    for query in ("", "?auto", "?json", "?refresh=3"):
        response = running.get("/server-status" + query)
        assert response.status == 200 and response["Cache-Control"] == "no-store"
    assert "Scoreboard: " in running.get("/server-status?auto").text
    for name in ("Forwarded", "X-Forwarded-For", "x-real-ip", "Via"):
        assert running.get("/server-status", [(name, "for=192.0.2.1")]).status == 403
    post = running.request("POST", "/server-status", body=b"x")
    assert post.status == 405 and post["Allow"] == "GET, HEAD"
    assert running.request("HEAD", "/server-status").body == b""
    assert "Scoreboard: " in running.get("/server-status/?auto").text
    for path in ("/server-status//", "/server-statu", "/server-statuss", "/server-status/x"):
        assert running.get(path).body == b"hello"
    assert "default-src 'none'" in running.get("/server-status")["Content-Security-Policy"]


def test_status_for_all(server):
    running = server(
        "hello:application", "--workers", 1, "--status-path", "/server-status", "--status-access",
        "all",
    )
    assert running.get("/server-status", [("X-Forwarded-For", "192.0.2.1")]).status == 200


def test_large_status_for_a_slow_reader(server):
    """More than the socket takes at once is sent when the client reads."""
    running = server(
        "hello:application", "--workers", 1, "--threads", 500, "--status-path", "/server-status")
    with running.connect(receive_buffer=4096) as connection:
        connection.send(request_bytes(target="/server-status?json") * 20)
        for _ in range(20):
            response = connection.read_response()
            assert len(json.loads(response.body)["workers"][0]["handlers"]) == 500


# A worker's life in connections.


@pytest.mark.parametrize("model", MODELS)
def test_max_connections_per_child(server, model):
    """Connections are counted, not requests."""
    running = one_worker(server, model, "--max-connections-per-child", 5)
    (old,) = running.worker_pids()
    with running.connect() as connection:
        answers = {connection.request(target=PID).text for _ in range(20)}
        assert answers == {str(old)}
    for _ in range(4):
        assert running.get(PID).text == str(old)
    running.wait_for_workers(1, without=[old])
    assert running.get(PID).text != str(old)


def test_last_connection_of_a_prefork_child_is_served_to_its_end(server):
    running = one_worker(server, "prefork", "--max-connections-per-child", 1)
    (old,) = running.worker_pids()
    with running.connect() as connection:
        for _ in range(5):
            response = connection.request(target=PID)
            assert response.text == str(old) and response.keeps_alive
    running.wait_for_workers(1, without=[old])


@pytest.mark.parametrize("model", MODELS)
def test_replaced_children_lose_nothing(server, model):
    running = server(
        "responding:application", "--workers", 3, "--mpm", model, "--max-connections-per-child", 40)
    with Load(running.address, target=PID, keep_alive=1, fresh=4) as load:
        load.wait_for_answers(600, 60)
    assert not load.failures, load.failures[0]


# Loading inside the first request.

LAZY = ["--policy", "apache", "--no-preload", "--start-servers", 1]
COUNTED = """
import time

print("imported", flush=True)
time.sleep(0.2)  # others come meanwhile


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"loaded"]
"""


def lazy(server, directory, app, model, *options):
    spare = "servers" if model == "prefork" else "threads"
    threads = [] if model == "prefork" else ["--threads", 4]
    return server(
        app, *LAZY, "--mpm", model, f"--min-spare-{spare}", 1, *threads, *options, chdir=directory)


@pytest.mark.parametrize("model", MODELS)
def test_lazy_import(server, site, model):
    """A worker serves at once, and exactly one of its threads imports."""
    running = lazy(server, site(counted=COUNTED), "counted", model, "--max-request-workers", 4)
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(running.connect()) for _ in range(4)]
        assert "imported" not in running.output_text()
        for connection in connections:
            connection.send(request_bytes(headers=[("Connection", "close")]))
        for connection in connections:
            assert connection.read_response().body == b"loaded"
    imported = running.output_text().count("imported")
    assert imported == 1 if model != "prefork" else imported >= 1


@pytest.mark.parametrize("app", ["broken", "broken.wsgi"])
def test_failing_lazy_import(server, site, app):
    """It is said, answered with 500, and tried again by the next request."""
    name = app.replace(".", "_")
    directory = site(**{name: "raise ValueError('not today')\n"})
    running = lazy(server, directory, app, "event")
    for tried in range(1, 4):
        assert running.get("/").status == 500
        assert running.log_text().count("ValueError: not today") >= tried
    assert "Traceback" in running.log_text()
    site(**{name: COUNTED})
    assert running.get("/").body == b"loaded"


def test_lazy_import_of_what_is_not_there(server, site):
    directory = site()
    running = lazy(server, directory, "absent", "event")
    assert running.get("/").status == 500
    running.wait_for_log("absent")
    site(absent=COUNTED)
    assert running.get("/").body == b"loaded"


# Going away.


@pytest.mark.parametrize("model", MODELS)
def test_restarts_lose_nothing(server, model):
    running = server("responding:application", "--workers", 3, "--mpm", model)
    with Load(running.address, target=PID, keep_alive=1, fresh=3) as load:
        for _ in range(3):
            old = running.worker_pids()
            running.signal(signal.SIGHUP)
            running.wait_for_notification("READY=1", 30)
            running.wait_for_workers(3, without=old, deadline=40)
            load.wait_for_answers(50)
    assert not load.failures, load.failures[0]


@pytest.mark.parametrize("number", [signal.SIGWINCH, signal.SIGTERM])
@pytest.mark.parametrize("model", MODELS)
def test_end_answers_what_waits(server, gate, model, number):
    """Connections in the backlog, while every worker is busy, are answered and not reset."""
    held = gate()
    running = one_worker(server, model, threads=1)
    with contextlib.ExitStack() as stack:
        busy = stack.enter_context(running.connect())
        busy.send(
            request_bytes(target=f"/gate?path={held.path}", headers=[("Connection", "close")]))
        held.wait_for_visitor()
        waiting = [begin(running, stack) for _ in range(20)]
        os.kill(running.pid, number)
        running.wait_for_notification("STOPPING=1")
        held.open()
        assert busy.read_response().body == b"passed"
        for connection in waiting:
            assert connection.read_response().status == 200
            connection.close()
        assert running.wait() == 0
