"""How the processes of an application are started: who they are, and what they are given."""

import json
import os
import pwd
import subprocess
import sys

import pytest
from harness import serving
from harness.serving import free_port, run_to_its_end

USAGE, PERMISSION = 2, 6
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused")


def process_of(server):
    return json.loads(server.get("/").body)["*process"]


def variables(server):
    return process_of(server)["os.environ"]


def run(*words, directory=serving.APPS, **more):
    """Runs `plimsoll` with these words and no others until it ends: (code, what it says)."""
    done = subprocess.run(
        [os.path.join(serving.STAGE, "bin", "plimsoll"), *map(str, words)], cwd=directory,
        capture_output=True, text=True, timeout=60, check=False, **more)
    return done.returncode, done.stderr


# Root.


@needs_root
@pytest.mark.parametrize("more", [[], ["--check-config"], ["--group", "daemon"]])
def test_root_is_refused(more):
    code, text = run("serve", "hello", "--python", sys.executable, "--bind",
                     f"127.0.0.1:{free_port()}", *more)
    assert code == PERMISSION
    assert len(text.splitlines()) == 1, "nothing was started"
    assert "as root" in text and "--user NAME" in text and "--user root" in text


@needs_root
@pytest.mark.parametrize("user", ["root", "0"])
def test_root_that_is_asked_for(server, user):
    running = server("environment:application", "--workers", 1, "--user", user)
    assert process_of(running)["uid"] == 0


@needs_root
def test_settings_are_printed_for_root():
    code, text = run("serve", "hello", "--print-config", "--python", sys.executable)
    assert code == 0 and not text


@needs_root
def test_the_supervisor_refuses_root_too(tmp_path):
    """Also where plimsolld is not started by the command: what it is handed names no user."""
    source = """
import os, sys
settings = bytes(open(sys.argv[1], "rb").read())
number = os.memfd_create("settings", 0)
os.write(number, settings)
os.lseek(number, 0, 0)
os.set_inheritable(number, True)
os.execv(sys.argv[2], ["plimsolld", f"--settings-fd={number}", "--extension=/nowhere"])
"""
    running = tmp_path / "settings"
    running.write_bytes(encoded_settings(tmp_path))
    program = os.path.join(serving.STAGE, "libexec", "plimsoll", "plimsolld")
    done = subprocess.run(
        [sys.executable, "-c", source, running, program], capture_output=True, text=True,
        timeout=60, check=False)
    assert done.returncode == PERMISSION, done.stderr
    assert "--user NAME" in done.stderr


def encoded_settings(directory):
    """What plimsoll hands to plimsolld, without the user: caught by a program in its place."""
    import shutil

    stage = directory / "stage"
    shutil.copytree(serving.STAGE, stage)
    caught = directory / "caught"
    (stage / "libexec" / "plimsoll" / "plimsolld").write_text(
        "#!/bin/sh\n"
        'for word in "$@"; do case $word in --settings-fd=*)\n'
        f'cat "/proc/self/fd/${{word#*=}}" > "{caught}";; esac; done\n')
    run_to_its_end("serve", "hello", "--python", sys.executable, stage=str(stage))
    rest, changed = caught.read_bytes(), b""
    while rest:
        count = int.from_bytes(rest[:4], "little")
        part = rest[4 : 4 + count].replace(b"\0user\0root\0", b"\0user\0\0")
        rest, changed = rest[4 + count :], changed + len(part).to_bytes(4, "little") + part
    return changed


# The environment.


FILE = """# of the site
export PASSWORD='s3cret # "quoted"'
FROM_FILE=1
BOTH=file
HOME=/srv/elsewhere
LINES="one
two"
"""


@pytest.mark.parametrize("preload", ["--preload", "--no-preload"])
def test_environment_file(server, tmp_path, preload):
    path = tmp_path / "site.env"
    path.write_text(FILE)
    second = tmp_path / "second.env"
    second.write_text("FROM_FILE=2\n")
    running = server(
        "environment:application", "--workers", 1, preload, "--env-file", path, "--env-file",
        second, "--env", "BOTH=line", FROM_FILE="0", INHERITED="yes")
    found = variables(running)
    assert found["PASSWORD"] == 's3cret # "quoted"' and found["LINES"] == "one\ntwo"
    assert (found["FROM_FILE"], found["BOTH"], found["INHERITED"]) == ("2", "line", "yes")
    assert found["HOME"] == "/srv/elsewhere"
    assert "s3cret" not in running.log_text() + running.output_text()
    for pid in [running.pid, *running.titled("front")]:
        with open(f"/proc/{pid}/environ", "rb") as file:
            assert b"s3cret" not in file.read()


def test_environment_file_is_read_again_at_a_restart(server, tmp_path):
    path = tmp_path / "site.env"
    path.write_text("COLOUR=red\nOLD=1\n")
    running = server("environment:application", "--workers", 1, "--env-file", path)
    assert variables(running)["COLOUR"] == "red"
    old = running.worker_pids()
    path.write_text("COLOUR=blue\n")
    running.signal(1)
    running.wait_for_workers(1, without=old)
    found = variables(running)
    assert found["COLOUR"] == "blue" and "OLD" not in found


def test_environment_file_that_is_wrong_at_a_restart(server, tmp_path):
    """The old version goes on; one line says where the file is wrong, and no secret."""
    path = tmp_path / "site.env"
    path.write_text("COLOUR=red\n")
    running = server("environment:application", "--workers", 1, "--env-file", path)
    path.write_text("COLOUR=blue\nPASSWORD s3cret\n")
    running.signal(1)
    running.wait_for_log(rf"given up.*--env-file: line 2 of {path} is no NAME=VALUE")
    path.unlink()
    running.signal(1)
    running.wait_for_log(rf"given up.*--env-file: {path} cannot be read: No such file")
    assert "s3cret" not in running.log_text()
    assert variables(running)["COLOUR"] == "red"
    path.write_text("COLOUR=blue\n")
    old = running.worker_pids()
    running.signal(1)
    running.wait_for_workers(1, without=old)
    assert variables(running)["COLOUR"] == "blue"


@pytest.mark.parametrize("more", [[], ["--check-config"], ["--print-config"]])
@pytest.mark.parametrize(
    ("content", "why"),
    [("A=1\nPASSWORD: s3cret\n", "line 2 of {0} is no NAME=VALUE"),
     ("A='s3cret\n", "line 1 of {0} has a quote that is not closed"),
     (None, "{0} cannot be read: No such file"),
     ("directory", "{0} cannot be read: Is a directory")])
def test_environment_file_that_is_wrong(tmp_path, more, content, why):
    path = tmp_path / "site.env"
    if content == "directory":
        path.mkdir()
    elif content is not None:
        path.write_text(content)
    code, text, output = run_to_its_end(
        "serve", "hello", "--python", sys.executable, "--bind", f"127.0.0.1:{free_port()}",
        "--env-file", path, *more)
    assert code == USAGE
    assert text.count("--env-file") == 1 and why.format(path) in text, text
    assert "s3cret" not in text + output


def test_environment_file_is_not_printed(tmp_path):
    path = tmp_path / "site.env"
    path.write_text("PASSWORD=s3cret\n")
    code, text, output = run_to_its_end(
        "serve", "hello", "--python", sys.executable, "--env-file", path, "--print-config")
    assert code == 0 and str(path) in output and "s3cret" not in text + output


@needs_root
def test_environment_file_that_only_root_may_read(server, system_python, readable_copy):
    """As a service manager does: it is read before the user changes, also at restarts."""
    stage, apps = readable_copy
    path = apps / "secret.env"
    path.write_text("PASSWORD=s3cret\n")
    path.chmod(0o600)
    running = server(
        "environment:application", "--workers", 1, "--user", "nobody", "--env-file", path,
        python=system_python, chdir=apps, stage=stage)
    found = process_of(running)
    assert found["uid"] == pwd.getpwnam("nobody").pw_uid
    assert found["os.environ"]["PASSWORD"] == "s3cret"
    old = running.worker_pids()
    running.signal(1)
    running.wait_for_workers(1, without=old)
    assert variables(running)["PASSWORD"] == "s3cret"


def test_python_that_cannot_be_started(server, tmp_path):
    """It was there when the command looked: the sentence comes from the process that failed."""
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    running = server("hello:application", "--workers", 1, python=str(python))
    python.unlink()
    python.write_text("")
    python.chmod(0o700)
    running.signal(1)
    line = running.wait_for_log(rf"given up.*{python} cannot be started: Exec format error.*")
    assert "--python" in line.group()
    assert running.get("/").body == b"hello"


# Language and locale.


def test_language_and_locale(server):
    running = server(
        "environment:application", "--workers", 1, "--lang", "POSIX", "--locale", "C.UTF-8",
        LANG="xx", LC_ALL="yy")
    found = variables(running)
    assert (found["LANG"], found["LC_ALL"]) == ("POSIX", "C.UTF-8")
    assert "[warn]" not in running.log_text()


def test_locale_that_is_missing(server):
    running = server("environment:application", "--workers", 1, "--locale", "tlh_QO.UTF-8")
    running.wait_for_log(r"\[warn\].*--locale: this machine has no locale tlh_QO\.UTF-8.*locale -a")
    assert variables(running)["LC_ALL"] == "tlh_QO.UTF-8"


def test_language_that_has_no_effect(server):
    running = server(
        "environment:application", "--workers", 1, "--lang", "C.UTF-8", LC_ALL="C.UTF-8")
    running.wait_for_log(r"\[warn\].*--lang has no effect: LC_ALL")


def test_names_of_files_that_are_not_utf_8(server):
    """Python takes UTF-8 unless it is told otherwise."""
    running = server(
        "environment:application", "--workers", 1, "--locale", "C", "--env", "PYTHONUTF8=0",
        "--env", "PYTHONCOERCECLOCALE=0")
    running.wait_for_log(r"\[warn\].*file names as ascii.*--locale C\.UTF-8")
    running = server("environment:application", "--workers", 1, "--locale", "C")
    assert "file names" not in running.log_text()


# Priority.


def nice(pid):
    return os.getpriority(os.PRIO_PROCESS, pid)


def test_priority(server):
    running = server("hello:application", "--workers", 1, "--cpu-priority", 7)
    here = nice(0)
    assert {nice(pid) for pid in running.titled("mold") + running.worker_pids()} == {7}
    assert {nice(pid) for pid in [running.pid, *running.titled("front")]} == {here}


@needs_root
def test_priority_above_all_others(server, system_python, readable_copy):
    """It is set while the process is still root."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, nice(0))
        probe = subprocess.run(["nice", "-n", "-3", "true"], capture_output=True, check=False)
        if probe.stderr:
            pytest.skip("root may not do that here")
    except OSError:
        pytest.skip("root may not do that here")
    stage, apps = readable_copy
    running = server(
        "environment:application", "--workers", 1, "--user", "nobody", "--cpu-priority", -3,
        python=system_python, chdir=apps, stage=stage)
    assert {nice(pid) for pid in running.titled("mold") + running.worker_pids()} == {-3}
    assert process_of(running)["uid"] != 0


def test_priority_that_only_root_may_give(readable_copy, system_python):
    stage, apps = readable_copy
    words = [f"{stage}/bin/plimsoll", "serve", "hello", "--check-config", "--cpu-priority", "-3",
             "--python", system_python]
    done = subprocess.run(
        words, cwd=apps, capture_output=True, text=True, timeout=60, user="nobody",
        group="nogroup", extra_groups=[], check=False)
    assert done.returncode == PERMISSION and "--cpu-priority -3: only root" in done.stderr


@pytest.mark.parametrize("value", ["-21", "20", "fast"])
def test_priority_that_is_none(value):
    code, text, _ = run_to_its_end("serve", "hello", "--cpu-priority", value)
    assert code == USAGE and "from -20 to 19" in text
