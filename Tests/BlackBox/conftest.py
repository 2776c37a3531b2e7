"""Fixtures of the black-box tests: servers of the real program, for a file or for one test."""

import os
import pathlib
import re
import resource
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from harness import interpreters, serving  # noqa: E402
from harness.gate import Gate  # noqa: E402

LONG = os.environ.get("PLIMSOLL_LONG") == "1"
_running = []


def pytest_configure(config):
    """Thousands of connections need descriptors, here and in the servers that inherit the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("long") and not LONG:
            item.add_marker(pytest.mark.skip(reason="soak test; set PLIMSOLL_LONG=1"))
        embedded = item.get_closest_marker("embedded")
        if embedded and serving.DAEMON:
            item.add_marker(pytest.mark.skip(reason=f"not with fronts: {embedded.args[0]}"))


def pytest_sessionstart(session):
    program = os.path.join(serving.STAGE, "bin", "plimsoll")
    if not os.access(program, os.X_OK) and not session.config.option.collectonly:
        pytest.exit(f"{program} is missing: run `make build`, or set PLIMSOLL_STAGE.", 2)


def pytest_runtest_setup(item):
    for server in _running:
        server.logged_before = len(server.log_text())


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Shows what the servers logged during a test that failed."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for server in _running:
            text = server.log_text()[server.logged_before :][-4000:]
            if text:
                report.sections.append((" ".join(server.command[1:]), text))


def _start(directory, app, *options, **more):
    server = serving.Server(app, *options, directory=directory, **more)
    _running.append(server)
    return server


def _end(servers):
    """Stops servers; each is asked to, even where one of them fails to do it properly."""
    errors = []
    for server in servers:
        try:
            server.stop()
            text = server.log_text()
            assert "garbage collected without being closed" not in text, text[-3000:]
        except AssertionError as error:
            errors.append(error)
        finally:
            _running.remove(server)
    if errors:
        raise errors[0]


@pytest.fixture
def server(tmp_path):
    """Starts servers for one test: `server(app, *options, python=None, bind=None, **env)`."""
    started = []

    def start(app, *options, **more):
        started.append(_start(tmp_path / f"server-{len(started)}", app, *options, **more))
        return started[-1]

    yield start
    _end(started)


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory):
    """Starts servers that the tests of a file share: the same words give the same server."""
    started = {}

    def start(app, *options, **more):
        key = (app, options, tuple(sorted(more.items())))
        if isinstance(started.get(key), Exception):
            raise started[key]  # it would not start the next time either
        if key not in started or started[key].process.poll() is not None:
            try:
                started[key] = _start(tmp_path_factory.mktemp("server"), app, *options, **more)
            except serving.DidNotStart as error:
                started[key] = error
                raise
        return started[key]

    yield start
    _end([one for one in started.values() if not isinstance(one, Exception)])


@pytest.fixture(params=["application", "validated"])
def wrapping(request):
    """Each test application as it is, and inside wsgiref.validate."""
    return request.param


@pytest.fixture
def gate(tmp_path):
    """Makes gates that an application waits at: `gate()`."""
    made = []

    def make():
        made.append(Gate(tmp_path / f"gate-{len(made)}"))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def site(tmp_path):
    """Writes an application into a directory of its own: `site(name="source")`; the directory."""
    directory = tmp_path / "site"
    directory.mkdir()

    def write(**sources):
        for name, source in sources.items():
            path = directory / re.sub("_wsgi$", ".wsgi", name)
            (path if path.suffix else path.with_suffix(".py")).write_text(source)
        return directory

    return write


@pytest.fixture
def system_python():
    """An interpreter that the user nobody may run."""
    if os.getuid() != 0:
        pytest.skip("only root can change the user")
    return interpreters.system_python() or pytest.skip("no /usr/bin/python3 from 3.11 on")


@pytest.fixture
def readable_copy():
    """The staged program and the test applications where all users can read them: (stage, apps)."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="plimsoll-test-"))
    os.chmod(directory, 0o755)
    try:
        shutil.copytree(serving.STAGE, directory / "stage")
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(serving.APPS, directory / "apps", ignore=ignored)
        yield str(directory / "stage"), directory / "apps"
    finally:
        shutil.rmtree(directory)
