"""Objects made before the fork are immortal, and that harms nobody."""

import ast
import os
import re
import shutil
import subprocess

import pytest
from harness import interpreters, processes
from harness.interpreters import REPOSITORY

KIB = 1024
DJANGO = os.path.join(REPOSITORY, "examples", "django-site")
FLASK = os.path.join(REPOSITORY, "examples", "flask-app")


@pytest.fixture(params=interpreters.SUPPORTED)
def python(request):
    return interpreters.find(request.param) or pytest.skip(f"no Python {request.param} here")


@pytest.fixture(params=["3.12", "3.13"])
def knows_immortality(request):
    return interpreters.find(request.param) or pytest.skip(f"no Python {request.param} here")


COUNTS = """
import sys
import weakref

plain = {"key of the dict": ["a list with text", (1000001, 2.5)], 77777.5: b"bytes" * 3}


class Thing:
    pass


class Finalised:
    def __del__(self):
        ended.append("finalised")


ended = []
thing = Thing()
thing.attribute = "text of an instance"
finalised = Finalised()
reference = weakref.ref(thing, lambda _: ended.append("callback"))
suspended = (value for value in [Thing()])
opened = open(__file__)


def application(environ, start_response):
    global finalised
    if environ["PATH_INFO"] == "/drop":
        finalised = None
    values = {
        "dict": plain, "list": plain["key of the dict"], "text": plain["key of the dict"][0],
        "tuple": plain["key of the dict"][1], "float": plain["key of the dict"][1][1],
        "bytes": plain[77777.5], "instance": thing, "function": application,
        "code": application.__code__, "name": thing.attribute, "class": Thing,
        "file": opened, "generator": suspended, "finalised": finalised, "reference": reference,
    }
    text = repr(({name: sys.getrefcount(value) for name, value in values.items()}, ended))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]
"""

COUNTED = {"file", "generator", "finalised", "reference"}


def test_what_is_immortal(server, site, knows_immortality):
    running = server("counts", "--workers", 1, chdir=site(counts=COUNTS), python=knows_immortality)
    counts, _ = ast.literal_eval(running.get("/").body.decode())
    for name, count in counts.items():
        assert (count > 1 << 30) is (name not in COUNTED), (name, count)


def test_finalisers_still_run(server, site, knows_immortality):
    running = server("counts", "--workers", 1, chdir=site(counts=COUNTS), python=knows_immortality)
    assert ast.literal_eval(running.get("/drop").body.decode())[1] == ["finalised"]


def test_switched_off(server, site, knows_immortality):
    running = server("counts", "--workers", 1, "--no-immortal", chdir=site(counts=COUNTS),
                     python=knows_immortality)
    counts, _ = ast.literal_eval(running.get("/").body.decode())
    assert all(count < 1 << 30 for count in counts.values()), counts


def test_interpreter_without_immortality(server, site):
    python = interpreters.find("3.11") or pytest.skip("no Python 3.11 here")
    running = server("counts", "--workers", 1, "--log-level", "info", chdir=site(counts=COUNTS),
                     python=python)
    running.wait_for_log(r"no objects are made immortal, because of Python 3\.11")
    assert running.get("/").status == 200


def test_the_interpreters_own_tests(server, python):
    """Its tests of the collector, of weak references and of containers, in a forked worker."""
    names = ["test_gc", "test_weakref", "test_weakset", "test_dict", "test_set", "test_list"]
    code = "; ".join(f"import test.{name}" for name in names)
    if subprocess.run([python, "-c", code], capture_output=True, check=False).returncode:
        pytest.skip(f"{python} comes without its tests")
    running = server(
        "self_testing:application", "--workers", 1, "--threads", 1, "--timeout", "0",
        "--keep-alive", 100, python=python, SELF_TESTS=" ".join(names))
    assert int(running.get("/frozen").body) > 10_000
    for name in names:
        with running.connect(timeout=100) as connection:
            text = connection.request(target=f"/{name}").body.decode("utf-8", "replace")
        count, rest = re.match(r"(\d+) run\n(.*?)--\n", text, re.S).groups()
        assert int(count) > 10 and not rest.strip(), text[-4000:]


def private_after(running, worker, target, count):
    with running.connect() as connection:
        for _ in range(count):
            assert connection.request(target=target).status == 200
    return processes.private_dirty_bytes(worker)


def level(running, target, settled, last):
    """The growth of a worker's private memory between two numbers of requests."""
    worker = running.worker_pids()[0]
    before = private_after(running, worker, target, settled)
    return private_after(running, worker, target, last - settled) - before


@pytest.fixture
def django(server, tmp_path):
    """Starts the Django site with an interpreter."""

    def start(python, *options):
        site = tmp_path / "site"
        shutil.copytree(DJANGO, site, ignore=shutil.ignore_patterns(
            "static", "media", "db.sqlite3*", "__pycache__"))
        environment = {**os.environ, "SITE_DATA": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
        subprocess.run([python, "manage.py", "migrate", "--verbosity", "0"], cwd=site, check=True,
                       env=environment)
        return server(
            "mysite.wsgi", "--workers", 1, "--threads", 1, "--max-keep-alive-requests", 0,
            "--warm", "/admin/login/", *options, chdir=str(site), python=python,
            SITE_DATA=str(tmp_path))

    return start


def test_memory_stays_level(server):
    """Private pages of a worker from its 2,000th to its 20,000th request: at most 1 MB more."""
    python = interpreters.with_packages("3.13") or interpreters.with_packages("3.12")
    running = server(
        "app:app", "--workers", 1, "--threads", 1, "--max-keep-alive-requests", 0, "--warm", "/",
        chdir=FLASK, python=python or pytest.skip("no Python with Flask here"))
    grown = level(running, "/", 2_000, 20_000)
    print(f"{grown // KIB} KiB more")
    assert grown <= 1024 * KIB


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("version", interpreters.SUPPORTED)
def test_memory_stays_level_for_long(django, version):
    """The same with Django, to the 100,000th request."""
    python = interpreters.with_packages(version) or pytest.skip(f"no Python {version} with Django")
    grown = level(django(python), "/admin/login/", 2_000, 100_000)
    print(f"{grown // KIB} KiB more with {version}")
    assert grown <= 1024 * KIB


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_a_worker_of_django_is_cheap(django, version):
    """Its own memory after 200 requests: at most 3.5 MB."""
    python = interpreters.with_packages(version) or pytest.skip(f"no Python {version} with Django")
    running = django(python, "--mpm", "prefork")
    own = private_after(running, running.worker_pids()[0], "/admin/login/", 200)
    print(f"{own / KIB:.0f} KiB with {version}")
    assert own <= 3584 * KIB


@pytest.mark.long
@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_extension_modules(server, site, tmp_path, version):
    """numpy and lxml, loaded before the fork."""
    base = interpreters.find(version) or pytest.skip(f"no Python {version} here")
    environment = tmp_path / "environment"
    subprocess.run([base, "-m", "venv", str(environment)], check=True)
    python = str(environment / "bin" / "python")
    command = [python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "numpy", "lxml"]
    if subprocess.run(command, check=False, capture_output=True, timeout=300).returncode:
        pytest.skip("numpy and lxml cannot be installed here")
    source = '''
import numpy
from lxml import etree

matrix = numpy.arange(10000.0).reshape(100, 100)
tree = etree.fromstring("<root><a n='1'/><a n='2'/></root>")
transform = etree.XPath("sum(//a/@n)")


def application(environ, start_response):
    product = (matrix @ matrix.T).trace()
    copy = etree.fromstring(etree.tostring(tree))
    copy.append(etree.Element("a", n="3"))
    text = f"{product:.0f} {transform(copy):.0f} {numpy.linalg.norm(matrix[:5]):.3f}"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]
'''
    running = server("numbers_", "--workers", 1, "--threads", 1, "--max-keep-alive-requests", 0,
                     "--warm", "/", chdir=site(numbers_=source), python=python)
    first = running.get("/").body
    assert first.split()[1] == b"6"
    assert level(running, "/", 2_000, 20_000) <= 1024 * KIB
    assert running.get("/").body == first
