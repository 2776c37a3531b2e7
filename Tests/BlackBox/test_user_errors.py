"""Errors that people make: one clear sentence, and the exit code that the manual gives for it."""

import os
import re
import socket
import sys

import pytest
from harness import interpreters, serving
from harness.serving import free_port, run_to_its_end

USAGE, APPLICATION, BIND, PYTHON, PERMISSION = 2, 3, 4, 5, 6


def serve(*words, chdir=None, python=None, **env):
    """Runs a serve command that should fail: (code, lines of the error log that complain)."""
    port = free_port()
    words = ["serve", *words, "--bind", f"127.0.0.1:{port}", "--python", python or sys.executable]
    code, text, _ = run_to_its_end(*words, chdir=chdir, **env)
    return code, text


def complaint(text, *needles):
    """The one line that explains; it holds every needle, and no other line repeats them all.

    The lines that say at the start what was decided do not count.
    """
    said = [line for line in text.splitlines() if not line.startswith(("  ", "plimsoll 0"))]
    lines = [line for line in said if all(n.lower() in line.lower() for n in needles)]
    assert len(lines) == 1, f"{len(lines)} lines hold {needles}:\n{text}"
    return lines[0]


def no_traceback(text):
    assert "Traceback" not in text, text
    assert "Fatal error" not in text, text


# The application.


def test_module_not_found(site):
    directory = site(mysite="application = None", other="")
    code, text = serve("mysit:application", chdir=directory)
    line = complaint(text, "mysit", "mysite")
    assert code == APPLICATION
    assert str(directory) in line or "--chdir" in line or "directory" in line
    no_traceback(text)


def test_dotted_module_not_found(site):
    directory = site(unrelated="")
    (directory / "package").mkdir()
    (directory / "package" / "__init__.py").write_text("")
    (directory / "package" / "wsgi.py").write_text("")
    code, text = serve("package.wsgy:application", chdir=directory)
    complaint(text, "package.wsgy", "wsgi")
    assert code == APPLICATION
    no_traceback(text)


def test_file_not_found(site):
    directory = site(mysite_wsgi="")
    code, text = serve("mysit.wsgi", chdir=directory)
    complaint(text, "mysit.wsgi", "mysite.wsgi")
    assert code == APPLICATION
    no_traceback(text)


def test_attribute_missing(site):
    directory = site(mysite="def make_app(): pass\ndef aplication(e, s): pass\n")
    code, text = serve("mysite:application", chdir=directory)
    complaint(text, "application", "aplication", "mysite")
    assert code == APPLICATION
    no_traceback(text)


def test_no_callable_of_the_usual_names(site):
    directory = site(mysite="def wsgi(environ, start_response): pass\n")
    code, text = serve("mysite", chdir=directory)
    complaint(text, "mysite", "application")
    assert code == APPLICATION
    no_traceback(text)


@pytest.mark.parametrize("value", ["None", "'text'", "42", "object()"])
def test_not_callable(site, value):
    directory = site(mysite=f"application = {value}\n")
    code, text = serve("mysite:application", chdir=directory)
    complaint(text, "application", "callable")
    assert code == APPLICATION
    no_traceback(text)


def test_import_error(site):
    """A module that the application wants is missing: that is no missing application."""
    directory = site(mysite="import one\n", one="import nonexistent_package\n")
    code, text = serve("mysite:application", chdir=directory)
    assert code == APPLICATION
    assert text.count("\nModuleNotFoundError: No module named 'nonexistent_package'\n") == 1
    assert text.count("Traceback (most recent call last)") == 1
    assert 'one.py", line 1' in text


def test_exception_while_importing(site):
    source = "def configure():\n    raise ValueError('setting is wrong')\nconfigure()\n"
    directory = site(mysite=source)
    code, text = serve("mysite:application", chdir=directory)
    assert code == APPLICATION
    assert text.count("\nValueError: setting is wrong\n") == 1
    assert text.count("Traceback (most recent call last)") == 1
    assert "configure" in text


@pytest.mark.parametrize("ending", ["raise SystemExit(7)", "import sys; sys.exit('no')"])
def test_exit_while_importing(site, ending):
    code, text = serve("mysite:application", chdir=site(mysite=ending + "\n"))
    assert code == APPLICATION and "SystemExit" in text


def test_syntax_error(site):
    directory = site(mysite="x = 1\ndef broken(:\n    pass\n")
    code, text = serve("mysite:application", chdir=directory)
    assert code == APPLICATION
    assert text.count("\nSyntaxError: ") == 1 and 'mysite.py", line 2' in text


def test_one_error_for_many_workers(site):
    """With --no-preload every worker imports by itself; the reason is still not lost."""
    directory = site(mysite="raise ValueError('every worker')\n")
    code, text = serve("mysite:application", "--no-preload", "--workers", "3", chdir=directory)
    assert code in (APPLICATION, 7)
    assert "ValueError: every worker" in text


# Addresses.


def test_port_in_use():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        words = ["serve", "hello", "--bind", f"127.0.0.1:{port}", "--python", sys.executable]
        code, text, _ = run_to_its_end(*words)
    line = complaint(text, str(port), "already listens")
    assert code == BIND
    assert str(os.getpid()) in line, "by whom is knowable here"
    no_traceback(text)


def test_address_of_another_machine():
    words = ["serve", "hello", "--bind", f"192.0.2.1:{free_port()}", "--python", sys.executable]
    code, text, _ = run_to_its_end(*words)
    complaint(text, "192.0.2.1")
    assert code == BIND


def test_unix_socket_in_a_missing_directory(tmp_path):
    words = ["serve", "hello", "--bind", f"unix:{tmp_path}/none/s", "--python", sys.executable]
    code, text, _ = run_to_its_end(*words)
    complaint(text, f"{tmp_path}/none")
    assert code in (BIND, PERMISSION)


def test_unix_socket_of_a_living_server(server):
    running = server("hello:application", "--workers", 1, bind="unix")
    words = ["serve", "hello", "--bind", f"unix:{running.path}", "--python", sys.executable]
    code, text, _ = run_to_its_end(*words)
    complaint(text, running.path, "already listens")
    assert code == BIND
    assert running.get("/").body == b"hello", "the living one keeps its socket"


def test_low_port_without_permission(readable_copy, system_python):
    """Port 80 as nobody: refused with the way out."""
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
        if int(file.read()) <= 80:
            pytest.skip("this machine lets everybody bind port 80")
    stage, apps = readable_copy
    words = [f"{stage}/bin/plimsoll", "serve", "hello", "--bind", "127.0.0.1:80",
             "--python", system_python]
    code, text = run_as_nobody(words, apps)
    complaint(text, ":80", "privilege", "--user")
    assert code in (BIND, PERMISSION)


def run_as_nobody(words, directory):
    import subprocess

    result = subprocess.run(
        words, cwd=directory, capture_output=True, text=True, timeout=60, user="nobody",
        group="nogroup", extra_groups=[], check=False,
    )
    return result.returncode, result.stderr


# Options.


@pytest.mark.parametrize(
    ("word", "meant"),
    [("--worker", "--workers"), ("--thread", "--threads"), ("--binds", "--bind"),
     ("--timout", "--timeout"), ("--access-log", "--access-logfile"), ("--chdri", "--chdir"),
     ("--max-request", "--max-requests"), ("--statik", "--static")])
def test_misspelt_option(word, meant):
    code, text, _ = run_to_its_end("serve", "hello", word, "1")
    line = complaint(text, word, meant)
    assert re.search(re.escape(meant) + r"\b(?!-)", line)
    assert code == USAGE
    no_traceback(text)


@pytest.mark.parametrize("command", ["serv", "server", "start"])
def test_misspelt_command(command):
    code, text, _ = run_to_its_end(command, "hello")
    assert code == USAGE and "serve" in text and command in text


def test_no_application():
    code, text, _ = run_to_its_end("serve")
    assert code == USAGE and text.strip()


BAD_VALUES = [
    ("--workers", "none"), ("--workers", "0"), ("--workers", "-1"), ("--workers", "1.5"),
    ("--threads", "0"), ("--threads", "x"), ("--timeout", "soon"), ("--timeout", "-1"),
    ("--keep-alive", "5x"), ("--bind", "127.0.0.1:99999"), ("--bind", "::1:8000"),
    ("--bind", "unix:"), ("--bind", "localhost:http"), ("--bind", "http://localhost:8000"),
    ("--limit-request-fields", "-1"), ("--limit-request-body", "lots"), ("--umask", "999"),
    ("--log-level", "loud"), ("--static", "static"), ("--static", "nodir=/tmp"),
    ("--env", "NOEQUALS"), ("--request-read-timeout", "header=x"),
    ("--request-read-timeout", "header=20-10,MinRate=500"), ("--user", "no-such-user-here"),
    ("--group", "no-such-group-here"), ("--access-logformat", "%y"), ("--server-tokens", "Full"),
    ("--bind", "unix:/x?moed=0660"), ("--bind", "127.0.0.1:1,127.0.0.1:2"),
    ("--workers", "8-2"), ("--workers", "2-"), ("--policy", "nginx"), ("--mpm", "winnt"),
    ("--preset", "stock"), ("--max-clients", "many"), ("--status-path", "status"),
    ("--status-path", "/?auto"), ("--status-access", "nobody"),
]


@pytest.mark.parametrize(("option", "value"), BAD_VALUES)
def test_bad_value(option, value):
    """The line names the option and the value."""
    code, text, _ = run_to_its_end("serve", "hello", option, value, "--python", sys.executable)
    complaint(text, option, value)
    assert code in (USAGE, PERMISSION)
    no_traceback(text)


CONTRADICTIONS = [
    ("--start-servers 3", "--start-servers", "--policy apache", "--workers"),
    ("--policy apache --workers 3", "--workers", "--max-request-workers"),
    ("--preset stock-event --mpm prefork", "--preset stock-event", "--mpm prefork"),
    ("--preset stock-event --policy loadline", "--preset stock-event", "--policy loadline"),
    ("--policy apache --min-spare-servers 3", "--min-spare-servers", "--min-spare-threads"),
    ("--policy apache --async-request-worker-factor 0", "AsyncRequestWorkerFactor", "positive"),
    ("--policy apache --mpm prefork --max-clients 5000 --server-limit 5000", "4000"),
]


@pytest.mark.parametrize("case", CONTRADICTIONS, ids=lambda case: case[0])
def test_options_that_contradict_each_other(case):
    words, *needles = case
    code, text, _ = run_to_its_end(
        "serve", "hello", *words.split(), "--python", sys.executable)
    complaint(text, *needles)
    assert code == USAGE
    no_traceback(text)


@pytest.mark.parametrize(
    ("option", "advice"),
    [("--worker-class", "--mpm prefork"), ("--processes", "MIN-MAX"),
     ("--server-status", "--status-path"), ("--MaxClients", "--max-clients")])
def test_option_of_another_server(option, advice):
    code, text, _ = run_to_its_end("serve", "hello", option, "1")
    complaint(text, option, advice)
    assert code == USAGE


def test_correction_is_told_and_used():
    """As httpd does it: more requests than ServerLimit allows are no reason not to start."""
    words = ["serve", "hello", "--preset", "stock-prefork", "--max-clients", "300",
             "--python", sys.executable, "--print-config"]
    code, text, output = run_to_its_end(*words)
    complaint(text, "--max-clients", "300", "ServerLimit 256", "using 256")
    assert code == 0
    line = next(line for line in output.splitlines() if line.startswith("max-request-workers "))
    assert re.search(r"= 256 +# corrected: .*300", line)
    assert re.search(r"^mpm += prefork +# decided: --preset stock-prefork$", output, re.MULTILINE)


def test_option_without_value():
    code, text, _ = run_to_its_end("serve", "hello", "--workers")
    complaint(text, "--workers")
    assert code == USAGE


def test_static_directory_missing(tmp_path):
    code, text = serve("hello", "--static", f"/static={tmp_path}/nowhere")
    complaint(text, f"{tmp_path}/nowhere")
    assert code == USAGE
    no_traceback(text)


def test_static_directory_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    code, text = serve("hello", "--static", f"/static={tmp_path}/file")
    complaint(text, f"{tmp_path}/file", "directory")
    assert code == USAGE


def test_chdir_missing(tmp_path):
    code, text = serve("hello", "--chdir", f"{tmp_path}/nowhere")
    complaint(text, f"{tmp_path}/nowhere")
    assert code in (USAGE, APPLICATION)


@pytest.mark.parametrize("option", ["--access-logfile", "--error-logfile", "--pid"])
def test_file_in_a_missing_directory(tmp_path, option):
    code, text = serve("hello", option, f"{tmp_path}/none/file")
    complaint(text, f"{tmp_path}/none/file")
    assert code in (1, USAGE, PERMISSION)
    no_traceback(text)


# Python.


def test_python_not_found(tmp_path):
    code, text = serve("hello", python=f"{tmp_path}/no-python")
    complaint(text, f"{tmp_path}/no-python")
    assert code == PYTHON


def test_python_is_no_python():
    code, text = serve("hello", python="/bin/true")
    complaint(text, "/bin/true")
    assert code == PYTHON


def test_python_too_old():
    python = interpreters.too_old() or pytest.skip("no Python older than 3.11 here")
    code, text = serve("hello", python=python)
    line = complaint(text, python, "3.11")
    assert code == PYTHON and interpreters.version_of(python) in line
    no_traceback(text)


def extension_in(stage):
    found = [
        os.path.join(folder, name)
        for folder, _, names in os.walk(stage) for name in names if name.startswith("_plimsoll")
    ]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("damage", ["missing", "empty", "text"])
def test_unreadable_extension(readable_copy, damage):
    stage, _ = readable_copy
    path = extension_in(stage)
    os.remove(path)
    if damage != "missing":
        with open(path, "wb") as file:
            file.write(b"" if damage == "empty" else b"this is no extension\n")
    code, text, _ = run_to_its_end(
        "serve", "hello", "--bind", f"127.0.0.1:{free_port()}", "--python", sys.executable,
        stage=stage,
    )
    complaint(text, path)
    assert code in (1, PYTHON)


def test_missing_daemon(readable_copy):
    stage, _ = readable_copy
    os.remove(f"{stage}/libexec/plimsoll/plimsolld")
    code, text, _ = run_to_its_end("serve", "hello", "--python", sys.executable, stage=stage)
    complaint(text, "plimsolld")
    assert code == 1


# Help.


@pytest.mark.parametrize("words", [["--help"], ["serve", "--help"], ["--version"]])
def test_help(words):
    code, _, output = run_to_its_end(*words)
    assert code == 0 and output.strip()
    if words[-1] == "--help":
        assert "serve" in output
    if words == ["serve", "--help"]:
        for option in ("--bind", "--workers", "--threads", "--static", "--timeout", "--python"):
            assert option in output


def test_stage_is_relocatable(server, readable_copy):
    """The program finds its parts relative to itself."""
    stage, apps = readable_copy
    assert stage != serving.STAGE
    assert server("hello:application", stage=stage, chdir=apps).get("/").body == b"hello"


# Closed descriptors.


@pytest.mark.parametrize("redirection", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_descriptors(server, tmp_path, redirection):
    """Sockets do not take the numbers of standard input, output and error."""
    log = tmp_path / "error.log"
    wrapper = ("/bin/sh", "-c", f'exec "$0" "$@" {redirection}')
    running = server(
        "hello:application", "--workers", 1, "--error-logfile", log, wrapper=wrapper)
    assert running.get("/").body == b"hello"
    for number in (0, 1, 2):
        target = os.readlink(f"/proc/{running.pid}/fd/{number}")
        assert target.startswith("/") and "memfd" not in target, target


# What may not be read.


@pytest.fixture
def hidden(readable_copy):
    """A directory of applications that nobody may not enter: (plimsoll, directory)."""
    stage, apps = readable_copy
    directory = apps.parent / "hidden"
    directory.mkdir()
    (directory / "mysite.py").write_text("application = None\n")
    os.chmod(directory, 0o700)
    return f"{stage}/bin/plimsoll", directory


@pytest.mark.parametrize("app", ["{0}/mysite.py", "{0}/mysit.wsgi", "{0}/mysite.py:application"])
def test_application_in_an_unreadable_directory(hidden, system_python, app):
    program, directory = hidden
    words = [program, "serve", app.format(directory), "--python", system_python]
    code, text = run_as_nobody(words, "/")
    complaint(text, str(directory), "Permission denied")
    assert code == APPLICATION and "there is no" not in text


def test_unreadable_application(hidden, system_python):
    program, directory = hidden
    os.chmod(directory, 0o755)
    os.chmod(directory / "mysite.py", 0o600)
    words = [program, "serve", f"{directory}/mysite.py", "--python", system_python]
    code, text = run_as_nobody(words, "/")
    complaint(text, f"{directory}/mysite.py", "Permission denied")
    assert code == APPLICATION


@pytest.mark.parametrize("inside", ["", "/below"])
def test_unreadable_chdir(hidden, system_python, inside):
    program, directory = hidden
    words = [program, "serve", "mysite", "--chdir", f"{directory}{inside}",
             "--python", system_python]
    code, text = run_as_nobody(words, "/")
    complaint(text, "--chdir", f"{directory}{inside}", "Permission denied")
    assert code == USAGE


def test_module_in_an_unreadable_directory(hidden, system_python):
    """It can be entered but not listed, so Python finds nothing in it."""
    program, directory = hidden
    os.chmod(directory, 0o711)
    words = [program, "serve", "mysite", "--bind", f"127.0.0.1:{free_port()}",
             "--python", system_python]
    code, text = run_as_nobody(words, directory)
    complaint(text, str(directory), "Permission denied")
    assert code == APPLICATION


def test_deleted_working_directory(tmp_path):
    import subprocess

    gone = tmp_path / "gone"
    gone.mkdir()
    result = subprocess.run(
        ["/bin/sh", "-c", 'rmdir "$PWD" && exec "$0" "$@"', f"{serving.STAGE}/bin/plimsoll",
         "serve", "hello", "--python", sys.executable],
        cwd=gone, capture_output=True, text=True, timeout=60, check=False)
    complaint(result.stderr, "deleted", "--chdir")
    assert result.returncode == USAGE


def test_relative_python_with_chdir(tmp_path):
    """It starts from --chdir; the message says where it looked, and what was meant."""
    (tmp_path / "python").symlink_to(sys.executable)
    (tmp_path / "below").mkdir()
    code, text = serve(
        "hello", "--chdir", "below", chdir=tmp_path, python="./python")
    complaint(text, f"{tmp_path}/below/python", f"give --python {tmp_path}/python")
    assert code == PYTHON


# What is found before the start.


def check(*words):
    """Runs --check-config: (code, what it says)."""
    words = ["serve", "hello", "--check-config", "--python", sys.executable, *words]
    code, text, _ = run_to_its_end(*words)
    return code, text


@pytest.mark.parametrize("look", [serve, check])
def test_static_url_twice(look):
    words = ["--static", "/a=/tmp", "--static", "/%61/=/"]
    code, text = look("hello", *words) if look is serve else look(*words)
    complaint(text, "--static", "/%61/=/")
    assert code == USAGE


@pytest.mark.parametrize("option", ["--user", "--group"])
def test_unknown_account_is_found_by_check_config(option):
    code, text = check(option, "no-such-name-here")
    complaint(text, option, "no-such-name-here", "getent")
    assert code == PERMISSION


def test_other_user_without_being_root(readable_copy, system_python):
    stage, apps = readable_copy
    words = [f"{stage}/bin/plimsoll", "serve", "hello", "--check-config", "--user", "root",
             "--python", system_python]
    code, text = run_as_nobody(words, apps)
    complaint(text, "--user", "only root")
    assert code == PERMISSION


@pytest.mark.parametrize("option", ["--pythonpath", "--reload-extra-file"])
def test_missing_path_is_warned_of(option, tmp_path):
    code, text = check(option, f"{tmp_path}/none")
    complaint(text, option, f"{tmp_path}/none")
    assert code == 0
    code, text = check(option, tmp_path)
    assert code == 0 and str(tmp_path) not in text


def test_bind_twice():
    code, text = check("--bind", "127.0.0.1:8000", "--bind", "127.0.0.1:8000")
    complaint(text, "--bind", "127.0.0.1:8000", "given twice")
    assert code == USAGE


def test_start_says_where_errors_go(tmp_path):
    """The reason is in the file; the terminal says in which."""
    log = tmp_path / "error.log"
    code, text = serve("no_such_module", "--error-logfile", log)
    assert code == APPLICATION and f"  errors   to {log}\n" in text
    assert "no_such_module" in log.read_text()


@pytest.mark.parametrize("kind", ["missing", "file", "unwritable"])
def test_temporary_directory_is_useless(kind, readable_copy, system_python):
    stage, apps = readable_copy
    place = apps.parent / "temp"
    if kind == "file":
        place.write_text("")
    elif kind == "unwritable":
        place.mkdir(0o755)
    words = [f"{stage}/bin/plimsoll", "serve", "hello", "--temp-dir", str(place),
             "--bind", f"127.0.0.1:{free_port()}", "--python", system_python]
    code, text = run_as_nobody(words, apps)
    complaint(text, "--temp-dir", str(place))
    assert code == USAGE
    if kind == "unwritable":
        complaint(text, str(place), "Permission denied")


def test_pid_file_is_not_put_over_something_else(site, tmp_path):
    (tmp_path / "victim.py").write_text("precious = True\n")
    code, text = serve(
        "mysite", "--pid", tmp_path / "victim.py",
        chdir=site(mysite="def application(environ, start_response): pass"),
    )
    assert "--pid" in complaint(text, "victim.py", "no process id")
    assert code == PERMISSION
    assert (tmp_path / "victim.py").read_text() == "precious = True\n"
