"""SQLAlchemy and psycopg, loaded and used before the fork, under load with the default mold."""

import json
import os
import pwd
import shutil
import subprocess

import pytest
from harness import interpreters, processes
from harness.load import Load

KIB = 1024

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module", params=interpreters.SUPPORTED)
def python(request, tmp_path_factory):
    """An interpreter with SQLAlchemy and psycopg."""
    base = interpreters.find(request.param) or pytest.skip(f"no Python {request.param} here")
    environment = tmp_path_factory.mktemp("databases") / "environment"
    subprocess.run([base, "-m", "venv", str(environment)], check=True)
    python = str(environment / "bin" / "python")
    command = [python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "sqlalchemy",
               "psycopg[binary]"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"SQLAlchemy and psycopg cannot be installed here: {done.stderr[-300:]}")
    return python


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory):
    """The URL of a database of its own, on a Unix socket."""
    found = sorted(os.scandir("/usr/lib/postgresql"), key=lambda entry: int(entry.name)) \
        if os.path.isdir("/usr/lib/postgresql") else []
    initdb = f"{found[-1].path}/bin/initdb" if found else shutil.which("initdb")
    if not initdb or not os.access(initdb, os.X_OK):
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    account = {}
    if os.geteuid() == 0:  # It does not run as root.
        try:
            account = {"user": pwd.getpwnam("postgres").pw_uid}
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    # Not below pytest's directory: that is root's alone, and too long for the path of a socket.
    directory = subprocess.run(["mktemp", "-d", "/tmp/plimsoll-pg-XXXXXX"], check=True,
                               capture_output=True, text=True, **account).stdout.strip()
    options = {"cwd": "/", "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, **account}
    done = subprocess.run([initdb, "--auth=trust", "--no-sync", "--username=plimsoll",
                           f"{directory}/data"], check=False, **options)
    if done.returncode:
        pytest.skip(f"initdb failed: {done.stderr[-300:]}")
    server = subprocess.Popen(
        [os.path.join(os.path.dirname(initdb), "postgres"), "-D", f"{directory}/data",
         "-c", "listen_addresses=", "-c", f"unix_socket_directories={directory}",
         "-c", "fsync=off", "-c", "max_connections=60"], **{**options, "stderr": None})
    try:
        processes.wait_until(lambda: os.path.exists(f"{directory}/.s.PGSQL.5432.lock") and ready(
            initdb, directory), 60, "PostgreSQL to accept connections")
        yield f"postgresql+psycopg://plimsoll@/postgres?host={directory}"
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(directory)


def ready(initdb, directory):
    command = [os.path.join(os.path.dirname(initdb), "pg_isready"), "-q", "-h", directory]
    return subprocess.run(command, check=False).returncode == 0


SHIPS = '''
import json
import os

import psycopg  # noqa: F401, its C code is loaded before the fork
from sqlalchemy import ForeignKey, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Ship(Base):
    __tablename__ = "ship"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    loads: Mapped[list["Load"]] = relationship(back_populates="ship")


class Load(Base):
    __tablename__ = "load"
    id: Mapped[int] = mapped_column(primary_key=True)
    tons: Mapped[int]
    ship_id: Mapped[int] = mapped_column(ForeignKey("ship.id"))
    ship: Mapped[Ship] = relationship(back_populates="loads")


engine = create_engine(os.environ["DATABASE"])
Base.metadata.create_all(engine)
with Session(engine) as session:  # Opened and used while the application is imported.
    for number in () if session.scalar(select(func.count(Ship.id))) else range(10):
        session.add(Ship(name=f"ship {number}", loads=[Load(tons=n) for n in range(number)]))
    session.commit()
importer = os.getpid()


def application(environ, start_response):
    with Session(engine) as session:
        number = int(environ["PATH_INFO"].strip("/") or 4)
        ship = session.scalars(select(Ship).where(Ship.name == f"ship {number}")).one()
        total = session.scalar(select(func.sum(Load.tons)).where(Load.ship_id == ship.id)) or 0
        backend = None
        if engine.dialect.name == "postgresql":
            backend = session.scalar(select(func.pg_backend_pid()))
        answer = {"loads": len(ship.loads), "tons": total, "backend": backend,
                  "importer": importer, "worker": os.getpid()}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]
'''


def check(response):
    answer = json.loads(response.body)
    return (response.status == 200 and answer["loads"] == 7 and answer["tons"] == 21
            and answer["importer"] != answer["worker"])


def private(running):
    return {pid: processes.private_dirty_bytes(pid) for pid in running.worker_pids()}


def serve_under_load(running, requests):
    """Right answers only; memory of each worker level after a fifth of them. Returns answers."""
    with Load(running.address, "/7", keep_alive=6, fresh=2, accepts=check) as load:
        load.wait_for_answers(requests // 5, 200)
        before = private(running)
        load.wait_for_answers(requests - requests // 5, 400)
        after = private(running)
    assert not load.failures, [str(failure) for failure in load.failures[:5]]
    assert set(before) == set(after), "a worker was replaced"
    grown = {pid: (after[pid] - before[pid]) // KIB for pid in after}
    print(f"KiB more: {grown}")
    assert all(kib <= 2048 for kib in grown.values())
    assert "Traceback" not in running.log_text()
    return [json.loads(body) for body in load.seen]


def start(server, site, python, database, *options):
    return server("ships", "--workers", 3, "--threads", 2, "--max-keep-alive-requests", 0,
                  "--warm", "/7", *options, chdir=site(ships=SHIPS), python=python,
                  DATABASE=database)


def test_sqlalchemy_with_sqlite(server, site, python, tmp_path):
    running = start(server, site, python, f"sqlite:///{tmp_path}/ships.db")
    answers = serve_under_load(running, 5_000)
    assert len({answer["worker"] for answer in answers}) >= 2


def test_postgresql(server, site, python, postgresql):
    """No two processes speak on one connection, though one was open at the import."""
    running = start(server, site, python, postgresql)
    answers = serve_under_load(running, 5_000)
    owners = {}
    for answer in answers:
        owners.setdefault(answer["backend"], set()).add(answer["worker"])
    assert owners and all(len(workers) == 1 for workers in owners.values()), owners


def test_postgresql_over_graceful_restarts(server, site, python, postgresql):
    running = start(server, site, python, postgresql, "--no-immortal")
    with Load(running.address, "/7", keep_alive=4, fresh=2) as load:
        for generation in (2, 3):
            running.signal(1)
            running.wait_for_log(rf"serving generation {generation} ", deadline=60)
            load.wait_for_answers(200, 60)
    assert not load.failures, [str(failure) for failure in load.failures[:5]]
