"""What an application runs as: its user, environment, directories, form and Python."""

import json
import os
import signal
import subprocess
import sys

import pytest
from harness import interpreters, processes
from harness.processes import wait_until
from harness.serving import APPS
from harness.versions import numbered, version_served


def process_of(server):
    return json.loads(server.get("/").body)["*process"]


# Users, environment, directories.


def test_user(server, system_python, readable_copy):
    """As root: the application runs as nobody, while the logs are written where only root may."""
    stage, apps = readable_copy
    private = apps / "private"
    private.mkdir(mode=0o700)
    running = server(
        "environment:application", "--workers", 1, "--user", "nobody",
        "--access-logfile", private / "access.log", "--error-logfile", private / "error.log",
        "--pid", private / "pid", python=system_python, chdir=apps, stage=stage,
    )
    import pwd

    entry = pwd.getpwnam("nobody")
    found = process_of(running)
    assert (found["uid"], found["gid"]) == (entry.pw_uid, entry.pw_gid)
    assert 0 not in found["groups"]
    running.wait_for_log('"GET / HTTP/1.1" 200', text=(private / "access.log").read_text)
    for pid in running.titled("mold") + running.worker_pids():
        assert processes.status_field(pid, "Uid").split() == [str(entry.pw_uid)] * 4
    (private / "access.log").rename(private / "access.old")
    running.signal(signal.SIGUSR2)
    wait_until((private / "access.log").exists, what="the log reopened")
    old = running.worker_pids()
    running.signal(signal.SIGHUP)
    running.wait_for_workers(1, without=old)
    assert process_of(running)["uid"] == entry.pw_uid


def test_group(server, system_python, readable_copy):
    stage, apps = readable_copy
    running = server(
        "environment:application", "--workers", 1, "--user", "nobody", "--group", "daemon",
        python=system_python, chdir=apps, stage=stage,
    )
    import grp

    assert process_of(running)["gid"] == grp.getgrnam("daemon").gr_gid


def test_environment_of_the_user(server, system_python, readable_copy):
    """HOME and the like are not root's; what --env says goes first."""
    import pwd

    stage, apps = readable_copy
    options = ("environment:application", "--workers", 1, "--user", "nobody")
    more = dict(python=system_python, chdir=apps, stage=stage, HOME="/root", USER="root",
                LOGNAME="root", SHELL="/bin/root")
    entry = pwd.getpwnam("nobody")
    found = process_of(server(*options, **more))["os.environ"]
    assert (found["HOME"], found["SHELL"]) == (entry.pw_dir, entry.pw_shell)
    assert found["USER"] == found["LOGNAME"] == "nobody"
    found = process_of(server(*options, "--env", "HOME=/srv/site", **more))["os.environ"]
    assert found["HOME"] == "/srv/site" and found["USER"] == "nobody"
    # Whoever stays who he is keeps what he has.
    found = process_of(server(*options[:3], **more))["os.environ"]
    assert found["HOME"] == "/root" and found["SHELL"] == "/bin/root"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [("pass", ["True", "default"]), ("gc.disable()", ["False", "default"]),
     ("gc.set_threshold(5000, 20, 30)", ["True", "(5000, 20, 30)"]),
     ("gc.set_threshold(0)", ["True", "off"])])
def test_garbage_collector_stays_as_the_application_set_it(server, site, statement, expected):
    source = f"import gc\nDEFAULT = gc.get_threshold()\n{statement}\n"
    source += "def application(e, s):\n    s('200 OK', [('Content-Type', 'text/plain')])\n"
    source += "    return [f'{gc.isenabled()} {DEFAULT} {gc.get_threshold()}'.encode()]\n"
    running = server("collecting", "--workers", 1, chdir=site(collecting=source))
    enabled, rest = running.get("/").text.split(" ", 1)
    default, now = rest.removesuffix(")").split(") (")
    now = f"({now})"
    assert enabled == expected[0]
    if expected[1] == "off":
        assert now.startswith("(0, ")
    elif expected[1] == "default":
        assert now == f"{default})" and not now.startswith("(0, ")
    else:
        assert now == expected[1]


def test_umask(server):
    running = server("environment:application", "--workers", 1, "--umask", "027")
    assert process_of(running)["umask"] == 0o027


def test_env(server):
    running = server(
        "environment:application", "--workers", 1, "--env", "FROM_OPTION=yes",
        "--env", "EQUALS=a=b", "--env", "EMPTY=", INHERITED="too",
    )
    found = process_of(running)["os.environ"]
    assert found["FROM_OPTION"] == "yes" and found["EQUALS"] == "a=b" and found["EMPTY"] == ""
    assert found["INHERITED"] == "too"


def test_pythonpath(server, site, tmp_path):
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "from_library.py").write_text("NAME = 'library'\n")
    directory = site(uses_library="import from_library\n" + numbered(1))
    running = server(
        "uses_library", "--workers", 1, "--pythonpath", tmp_path / "library", chdir=directory
    )
    assert version_served(running) == "1"


def test_chdir(server, tmp_path):
    """The working directory of the application, and where its modules are found."""
    (tmp_path / "where.py").write_text(
        "import os\ndef application(e, s):\n    s('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [os.getcwd().encode()]\n")
    running = server("where", "--workers", 1, chdir=tmp_path)
    assert running.get("/").text == str(tmp_path)


def test_no_preload(server, site):
    """Each worker imports by itself."""
    source = "import os\nIMPORTED_BY = os.getpid()\ndef application(e, s):\n"
    source += "    s('200 OK', [('Content-Type', 'text/plain')])\n"
    source += "    return [f'{IMPORTED_BY} {os.getpid()}'.encode()]\n"
    directory = site(importing=source)
    running = server("importing", "--workers", 2, "--no-preload", chdir=directory)
    for _ in range(10):
        imported_by, pid = running.get("/").text.split()
        assert imported_by == pid
    preloaded = server("importing", "--workers", 2, chdir=directory)
    imported_by, pid = preloaded.get("/").text.split()
    assert imported_by != pid and imported_by == str(preloaded.titled("mold")[0])


# Forms of the application, choice of Python.


FORMS = {
    "module": "pack.mod", "module and callable": "pack.mod:other", "file": "pack/script.wsgi",
    "file and callable": "pack/script.wsgi:other", "python file": "pack/mod.py",
    "python file and callable": "pack/mod.py:other", "name app": "pack.named",
    "file from outside": "{directory}/pack/script.wsgi",
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_the_application(server, tmp_path, form):
    package = tmp_path / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "sibling.py").write_text("NAME = 'sibling'\n")
    source = "def {name}(e, s):\n    s('200 OK', [('Content-Type', 'text/plain')])\n"
    source += "    return [b'{answer}']\n"
    both = source.format(name="application", answer="application")
    both += source.format(name="other", answer="other")
    (package / "mod.py").write_text(both)
    (package / "script.wsgi").write_text("import sibling\nassert __file__\n" + both)
    (package / "named.py").write_text(source.format(name="app", answer="app"))
    chdir = "/" if form == "file from outside" else tmp_path
    running = server(FORMS[form].format(directory=tmp_path), "--workers", 1, chdir=chdir)
    expected = "other" if "callable" in form else "app" if form == "name app" else "application"
    assert running.get("/").text == expected


def make_environment(python, directory):
    subprocess.run([python, "-m", "venv", "--without-pip", directory], check=True)
    return directory


@pytest.mark.parametrize("version", interpreters.SUPPORTED)
@pytest.mark.parametrize("how", ["program", "directory"])
def test_python_versions(server, tmp_path, wrapping, version, how):
    """One build for every version."""
    python = interpreters.find(version) or pytest.skip(f"no Python {version} here")
    given = python
    if how == "directory":
        given = make_environment(python, tmp_path / "environment")
    running = server(f"environment:{wrapping}", "--workers", 2, python=str(given))
    found = process_of(running)
    assert found["version"] == version
    if how == "directory":
        assert found["prefix"] == str(tmp_path / "environment")
    old = running.worker_pids()
    running.signal(signal.SIGHUP)
    running.wait_for_workers(2, without=old)
    assert process_of(running)["version"] == version


def test_active_virtual_environment(server, tmp_path):
    active = make_environment(sys.executable, tmp_path / "active")
    running = server(
        "environment:application", "--workers", 1, python="unset", VIRTUAL_ENV=str(active)
    )
    assert process_of(running)["prefix"] == str(active)


def test_virtual_environment_next_to_the_application(server, tmp_path):
    (tmp_path / "site").mkdir()
    with open(os.path.join(APPS, "environment.py"), encoding="utf-8") as f:
        (tmp_path / "site" / "environment.py").write_text(f.read())
    near = make_environment(sys.executable, tmp_path / "site" / ".venv")
    running = server("environment", "--workers", 1, python="unset", chdir=tmp_path / "site")
    assert process_of(running)["prefix"] == str(near)


def test_python_of_the_path(server, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(os.path.realpath(sys.executable))
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    running = server("environment:application", "--workers", 1, python="unset", PATH=path)
    found = process_of(running)
    assert os.path.realpath(found["executable"]) == os.path.realpath(sys.executable)


def test_processes_of_the_application_can_be_terminated_on_every_thread(server):
    """What a handler thread starts inherits its signal mask."""
    running = server("busy:application", "--workers", 1, "--threads", 2)
    first, second = running.connect(), running.connect()
    for connection in (first, second):
        connection.send(b"GET /terminated HTTP/1.1\r\nHost: x\r\n\r\n")
    for connection in (first, second):
        assert connection.read_response().body == b"-15"
