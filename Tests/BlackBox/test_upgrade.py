"""Another program takes the supervisor's place, in the same process, and no request is lost."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sys

import pytest
from harness import processes
from harness.load import Load
from harness.processes import wait_until
from harness.serving import STAGE, DidNotStart, free_port, run_to_its_end
from harness.versions import numbered, version_served
from test_listening import ACTIVATE

APPLICATION, NOT_IN_TIME = 3, 10
BOTH = pytest.mark.parametrize("mode", ["embedded", "daemon"])


def upgrade(running, *more):
    """(code, what `plimsoll ctl upgrade` says)."""
    code, errors, output = run_to_its_end("ctl", "upgrade", "--pid", running.pid, *more)
    return code, (errors + output).strip()


def upgraded(running):
    """Upgrades; returns once nothing is left of what was there before."""
    before = set(family(running))
    code, line = upgrade(running)
    assert code == 0, line
    wait_until(lambda: not before & set(family(running)), 30, "the old processes to end")
    return line


def family(running):
    """Numbers of the supervisor's children that are alive."""
    return [pid for pid in processes.descendants(running.pid)]


def roles(running):
    return [len(running.titled(role)) for role in ("front", "mold", "worker")]


def descriptors(running):
    return sorted(processes.descriptors(running.pid).values(), key=str)


def own_stage(tmp_path):
    """An installation that a test may damage."""
    return pathlib.Path(shutil.copytree(STAGE, tmp_path / "stage"))


def replace(path, text):
    new = path.with_name("new")
    new.write_text(text)
    new.chmod(0o755)
    os.replace(new, path)


def expect_upgrades_without_loss(running, count, workers):
    last = int(upgraded(running).split()[1])
    wait_until(lambda: len(running.worker_pids()) == workers, 20, "the workers")
    before = len(descriptors(running)), roles(running)
    seen = set()
    with Load(
        running.address, "/pid", keep_alive=4, fresh=4, worker_of=lambda response: response.text,
        pause=0.002,
    ) as load:
        for number in range(count):
            load.wait_for_answers(20, 60)
            line = upgraded(running)
            assert f"generation {last + number + 1} serves" in line, line
            load.wait_for_answers(20, 60)
        seen = load.seen
    assert [str(one) for one in load.failures] == []
    assert len(seen) > count  # workers of every generation answered
    print(f"{count} upgrades, {load.answers} answers, longest silence {load.longest_silence:.3f} s")
    wait_until(lambda: len(running.worker_pids()) == workers, 20, "the workers")
    wait_until(
        lambda: (len(descriptors(running)), roles(running)) == before, 10,
        f"what there was: {before}, {len(descriptors(running)), roles(running)}")
    assert len(family(running)) == sum(roles(running))


@BOTH
def test_upgrades_under_load_lose_nothing(server, mode):
    running = server("responding:application", "--mode", mode, "--workers", 2, "--threads", 2)
    expect_upgrades_without_loss(running, 3, 2)
    assert running.process.poll() is None


@pytest.mark.long
@pytest.mark.timeout(900)
@BOTH
def test_many_upgrades_under_load_lose_nothing(server, mode):
    running = server("responding:application", "--mode", mode, "--workers", 2, "--threads", 4)
    expect_upgrades_without_loss(running, 30, 2)


@BOTH
def test_unix_socket_and_its_file(server, mode):
    running = server("responding:application", "--mode", mode, "--workers", 2, bind="unix")
    inode = os.stat(running.path).st_ino
    expect_upgrades_without_loss(running, 2, 2)
    assert os.stat(running.path).st_ino == inode
    running.stop()
    assert not os.path.exists(running.path)


def test_sockets_and_notifications_of_systemd(server):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.fileno()
        running = server(
            "responding:application", "--mode", "daemon", "--workers", 1, bind="none",
            wrapper=[sys.executable, "-c", ACTIVATE, "1", str(number)], pass_fds=[number],
        )
        running.port = listener.getsockname()[1]
        for _ in range(2):
            upgraded(running)
            running.wait_for_notification("RELOADING=1")
            running.wait_for_notification("READY=1")
            assert running.get("/pid").status == 200
        running.stop()


def test_the_process_and_its_pid_file_stay(server, tmp_path):
    path = tmp_path / "site.pid"
    running = server("responding:application", "--workers", 1, "--pid", path)
    start = processes.read_stat(running.pid)["start"]
    upgraded(running)
    assert int(path.read_text()) == running.pid
    assert processes.read_stat(running.pid)["start"] == start
    with pytest.raises(DidNotStart, match="runs already with the pid file"):
        server("responding:application", "--workers", 1, "--pid", path)
    running.stop()
    assert not path.exists()


@BOTH
def test_the_request_in_hand_is_answered_by_the_old_one(server, gate, mode):
    running = server("busy", "--mode", mode, "--workers", 1, "--threads", 2)
    door = gate()
    with running.connect(timeout=30) as connection:
        connection.send(b"GET /gate HTTP/1.1\r\nHost: a\r\nX-Gate: %s\r\n\r\n" % door.path.encode())
        door.wait_for_visitor()
        code, line = upgrade(running)
        assert code == 0, line
        assert running.get("/").status == 200
        door.open()
        assert connection.read_response().status == 200
    wait_until(lambda: len(running.worker_pids()) == 1, 20, "the old worker to end")


def test_groups(server, site):
    directory = site(one=numbered("one"), two=numbered("two"))
    running = server(
        None, "--mode", "daemon", "--workers=1", "--process-group", "first", "--mount", "/one=one",
        "--process-group", "second", "--mount", "/two=two", "--workers=2", chdir=directory,
    )
    with Load(running.address, "/one/", keep_alive=2, fresh=1) as one:
        with Load(running.address, "/two/", keep_alive=2, fresh=1) as two:
            for _ in range(2):
                upgraded(running)
                one.wait_for_answers(10)
                two.wait_for_answers(10)
    assert not one.failures and not two.failures, [str(f) for f in one.failures + two.failures]
    assert all(body.startswith(b"one") for body in one.seen)
    assert all(body.startswith(b"two") for body in two.seen)
    wait_until(lambda: roles(running) == [1, 2, 3], 20, "one front, two molds, three workers")


def test_one_broken_group_keeps_what_was_there(server, site):
    directory = site(one=numbered("one"), two=numbered("two"))
    running = server(
        None, "--mode", "daemon", "--workers=1", "--process-group", "first", "--mount", "/one=one",
        "--process-group", "second", "--mount", "/two=two", chdir=directory,
    )
    (directory / "two.py").write_text("raise ValueError('broken')\n")
    running.signal(signal.SIGURG)
    running.wait_for_log("process group second: the application cannot be served after the upgrade")
    assert running.get("/one/").text.startswith("one")
    assert running.get("/two/").text.startswith("two")
    (directory / "two.py").write_text(numbered("three"))
    running.wait_for_log("upgraded: ", 40)
    wait_until(lambda: running.get("/two/").text.startswith("three"), 20, "the new second group")


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
@BOTH
def test_as_root_for_another_user(server, site, mode):
    directory = site(numbered=numbered(1))
    for path in (directory, directory.parent):
        path.chmod(0o755)
    running = server(
        "environment:application", "--mode", mode, "--workers", 1, "--user", "nobody",
    )
    upgraded(running)
    for pid in running.worker_pids() + running.titled("front"):
        assert processes.status_field(pid, "Uid").split()[0] != "0"
    assert running.get("/").status == 200


# What goes wrong.


def refused(running, pids, word):
    code, line = upgrade(running)
    assert code == APPLICATION and "still serves" in line
    running.wait_for_log(rf"the upgrade is given up, nothing changed.*{word}")
    assert running.worker_pids() == pids
    assert running.get("/pid").status == 200


@BOTH
def test_a_program_that_cannot_run_changes_nothing(server, tmp_path, mode):
    stage = own_stage(tmp_path)
    running = server(
        "responding:application", "--mode", mode, "--workers", 1, stage=str(stage))
    pids = running.worker_pids()
    program = stage / "bin" / "plimsoll"
    good = program.read_bytes()
    count = len(descriptors(running))
    replace(program, "#!/bin/sh\necho I am broken >&2\nexit 1\n")
    refused(running, pids, "I am broken")
    program.unlink()
    refused(running, pids, "No such file")
    program.write_bytes(good)
    program.chmod(0o755)
    server_program = stage / "libexec" / "plimsoll" / "plimsolld"
    good = server_program.read_bytes()
    replace(server_program, "#!/bin/sh\nexit 3\n")
    refused(running, pids, "exited with code 3 and said nothing")
    assert len(descriptors(running)) == count
    server_program.unlink()
    server_program.write_bytes(good)
    server_program.chmod(0o755)
    upgraded(running)
    assert running.worker_pids() != pids


def test_a_configuration_that_is_wrong_by_now_changes_nothing(server, site):
    directory = site(numbered=numbered(1))
    static = directory / "files"
    static.mkdir()
    running = server(
        "numbered", "--workers", 1, "--static", f"/files={static}", chdir=directory)
    pids = running.worker_pids()
    static.rmdir()
    refused(running, pids, "--static /files: there is no directory")
    static.mkdir()
    upgraded(running)


@BOTH
def test_an_application_that_is_broken_by_now(server, site, mode):
    directory = site(numbered=numbered(1))
    running = server("numbered", "--mode", mode, "--workers", 2, chdir=directory)
    pids = running.worker_pids()
    with Load(running.address, "/", keep_alive=2, fresh=2, pause=0.01) as load:
        (directory / "numbered.py").write_text("raise ValueError('broken')\n")
        code, line = upgrade(running)
        assert code == APPLICATION and "generation 1 still serves" in line, line
        running.wait_for_log("the application cannot be served after the upgrade")
        load.wait_for_answers(20)
        assert set(pids) <= set(running.worker_pids())
        (directory / "numbered.py").write_text(numbered(2))
        assert "serves" in upgraded(running)
        load.wait_for_answers(20)
    assert [str(one) for one in load.failures] == []
    assert version_served(running) == "2"
    wait_until(lambda: len(running.worker_pids()) == 2, 20, "two workers")


@BOTH
def test_a_restart_heals_a_failed_upgrade(server, site, mode):
    directory = site(numbered=numbered(1))
    running = server("numbered", "--mode", mode, "--workers", 1, chdir=directory)
    (directory / "numbered.py").write_text("raise ValueError('broken')\n")
    assert upgrade(running)[0] == APPLICATION
    (directory / "numbered.py").write_text(numbered(2))
    running.signal(signal.SIGHUP)
    running.wait_for_log("upgraded: ", 40)
    wait_until(lambda: version_served(running) == "2", 20, "version 2")


@BOTH
def test_stop_while_both_generations_serve(server, site, gate, mode):
    directory = site(numbered=numbered(1))
    running = server("numbered", "--mode", mode, "--workers", 1, chdir=directory)
    door = gate()
    (directory / "numbered.py").write_text(f"open({door.path!r}).read()\n" + numbered(2))
    code, line = upgrade(running, "--timeout", "2s")
    assert code == NOT_IN_TIME, line
    assert version_served(running) == "1"
    running.stop()


@BOTH
def test_an_old_worker_that_dies_meanwhile(server, site, gate, mode):
    directory = site(numbered=numbered(1))
    running = server("numbered", "--mode", mode, "--workers", 2, chdir=directory)
    door = gate()
    (directory / "numbered.py").write_text(f"open({door.path!r}).read()\n" + numbered(2))
    old = running.worker_pids()
    running.signal(signal.SIGURG)
    running.wait_for_log("processes from before serve until")
    os.kill(old[0], signal.SIGKILL)
    running.wait_for_log(rf"\(pid {old[0]}\) was killed")
    assert version_served(running) == "1"
    door.open()
    running.wait_for_log("upgraded: ", 40)
    running.wait_for_workers(2, without=old, deadline=30)


def slow_to_load(directory, door, version):
    (directory / "numbered.py").write_text(f"open({door.path!r}).read()\n" + numbered(version))


@BOTH
def test_restarts_and_upgrades_that_overtake_each_other(server, mode):
    running = server(
        "responding:application", "--mode", mode, "--workers", 2, "--max-requests", 300,
        "--keep-alive", "1s",
    )
    with Load(running.address, "/pid", keep_alive=4, fresh=2, pause=0.001) as load:
        for number in (signal.SIGURG, signal.SIGUSR1, signal.SIGURG, signal.SIGUSR2, signal.SIGURG):
            load.wait_for_answers(50, 60)
            running.signal(number)
        load.wait_for_answers(200, 60)
    assert [str(one) for one in load.failures] == []
    front = 1 if mode == "daemon" else 0
    wait_until(lambda: roles(running) == [front, 1, 2], 60, "one generation")
    wait_until(lambda: len(family(running)) == front + 3, 20, "nothing else")


def test_the_last_old_worker_serves_beyond_its_requests(server, site, gate):
    directory = site(numbered=numbered(1))
    running = server(
        "numbered", "--mode", "daemon", "--workers", 1, "--max-requests", 5, chdir=directory)
    door = gate()
    slow_to_load(directory, door, 2)
    running.signal(signal.SIGURG)
    running.wait_for_log("processes from before serve until")
    for _ in range(30):
        assert version_served(running) == "1"
    door.open()
    wait_until(lambda: version_served(running) == "2", 20, "version 2")


def test_a_group_that_sleeps_is_woken_before(server, site, gate):
    directory = site(numbered=numbered(1))
    running = server(
        "numbered", "--mode", "daemon", "--workers=1", "--inactivity-timeout", "1s",
        chdir=directory,
    )
    assert version_served(running) == "1"
    wait_until(lambda: not running.worker_pids(), 20, "the group to sleep")
    door = gate()
    slow_to_load(directory, door, 2)
    running.signal(signal.SIGURG)
    running.wait_for_log("processes from before serve until")
    assert version_served(running) == "1"
    door.open()
    wait_until(lambda: version_served(running) == "2", 20, "version 2")


BIG = """
import os
import plimsoll

kept = []


@plimsoll.after_fork
def grow():
    kept.append(os.urandom(24 << 20))


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"""


@BOTH
def test_two_generations_that_do_not_fit(server, site, mode):
    running = server(
        "big", "--mode", mode, "--workers", 2, "--memory", "95M", chdir=site(big=BIG))
    old = set(running.worker_pids())
    measured = run_until_measured(running)
    assert measured >= 24 << 20
    most = 0
    with Load(running.address, "/", keep_alive=2, fresh=1, pause=0.01) as load:
        running.signal(signal.SIGURG)

        def exchanged():
            nonlocal most
            present = running.worker_pids()
            big = [pid for pid in present if is_big(pid)]
            most = max(most, len(big))
            return len(big) == 2 and not old & set(present)

        wait_until(exchanged, 40, "two new workers")
    assert [str(one) for one in load.failures] == []
    assert most <= 3


def is_big(pid):
    try:
        return processes.private_dirty_bytes(pid) > 20 << 20
    except OSError:
        return False


def run_until_measured(running):
    """What the server reckons with for a worker, once it has read those that are there."""

    def expected():
        code, _, output = run_to_its_end("status", "--json", "--pid", running.pid)
        memory = json.loads(output)["memory"] if code == 0 else {}
        return next((v for k, v in memory.items() if k == "worker_bytes" and v > 24 << 20), None)

    return wait_until(expected, 20, "the workers to be measured")


def test_counters_go_on(server):
    port = free_port()
    running = server(
        "responding:application", "--mode", "daemon", "--workers", 2, "--metrics", "/metrics",
        "--bind", f"127.0.0.1:{port}", bind="none",
    )
    running.port = port

    def answered():
        lines = running.get("/metrics").text.splitlines()
        found = [line for line in lines if line.startswith("plimsoll_requests_total")]
        return sum(float(line.split()[-1]) for line in found)

    for _ in range(50):
        assert running.get("/pid").status == 200
    before = answered()
    assert before >= 50
    upgraded(running)
    wait_until(lambda: answered() >= before, 10, "the counter to go on")


@BOTH
def test_a_release_with_another_scoreboard(server, tmp_path, mode):
    stage = own_stage(tmp_path)
    running = server(
        "responding:application", "--mode", mode, "--workers", 2, stage=str(stage))
    with Load(running.address, "/pid", keep_alive=2, fresh=2, pause=0.002) as load:
        load.wait_for_answers(20)
        for name in (
            "bin/plimsoll", "libexec/plimsoll/plimsolld", "lib/plimsoll/_plimsoll.abi3.so",
        ):
            program = stage / name
            # The mark of the layout, with its version in the last byte, as it stands in the code.
            text, count = re.subn(rb"[\x01-\x20]losmilp", b"\x7flosmilp", program.read_bytes())
            assert count > 0, name
            new = program.with_name("new")
            new.write_bytes(text)
            new.chmod(0o755)
            os.replace(new, program)
        code, errors, output = run_to_its_end(
            "ctl", "upgrade", "--pid", running.pid, stage=str(stage))
        assert code == 0 and "generation 2 serves" in output, errors
        load.wait_for_answers(20)
        running.wait_for_log("has another form; counters begin anew")
    assert [str(one) for one in load.failures] == []
    front = 1 if mode == "daemon" else 0
    wait_until(lambda: roles(running) == [front, 1, 2], 40, "one generation")


def test_a_word_that_only_servers_say():
    code, errors, _ = run_to_its_end("serve", "--handover-fd=x", "hello")
    assert code == 2 and "--handover-fd" in errors
