"""The memory of one more single-threaded worker, measure by measure."""

import contextlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import processes
from servers import HELLO, ROOT, SERVE, CannotStart, Contender, Place, Running, free_port

SITE = ROOT / "examples" / "django-site"
REQUESTS = 200
FEW, MANY = 2, 20

# Measures taken before the fork, by the names that MoldPreparation knows, each row with those of
# the row above it.
LADDER = [
    ("each imports the application", ["--no-preload"], ""),
    ("forked after the import", [], "none"),
    ("+ frozen", [], "freeze"),
    ("+ warmed", ["--warm"], "freeze,warm"),
    ("+ immortal", ["--warm"], "freeze,warm,immortal"),
    ("+ sealed", ["--warm"], "freeze,warm,immortal,seal"),
    ("+ code gathered (all)", ["--warm"], "all"),
    ("+ merged (--merge-pages)", ["--warm", "--merge-pages"], "all"),
]
KSM = Path("/sys/kernel/mm/ksm")
KSM_FAST = {"pages_to_scan": "20000", "sleep_millisecs": "10", "run": "1"}
RMAP_ITEM_BYTES = 64  # what the kernel takes for each page that it has looked at, on x86-64

VIEWS = {
    "Django, /admin/login/": ("mysite.wsgi", SITE, "/admin/login/"),
    "trivial view": ("hello.py", HELLO, "/"),
}


@contextlib.contextmanager
def merging(is_wanted):
    """ksmd at work, faster than anyone would have it; afterwards as it was before."""
    if not is_wanted:
        yield
        return
    try:
        before = {name: (KSM / name).read_text() for name in KSM_FAST}
        for name, value in KSM_FAST.items():
            (KSM / name).write_text(value)
    except OSError as error:
        raise CannotStart(f"root and a kernel with KSM are needed: {error}") from error
    try:
        yield
    finally:
        for name, value in before.items():
            (KSM / name).write_text(value)


def _settle(seconds=180):
    """Waits until ksmd finds nothing more to merge: two rounds in a row within one per cent."""
    end = time.monotonic() + seconds
    last, quiet = 0, 0
    while quiet < 3:
        scans = int((KSM / "full_scans").read_text())
        while int((KSM / "full_scans").read_text()) < scans + 2:
            if time.monotonic() > end:
                raise CannotStart(f"ksmd has not settled after {seconds} s")
            time.sleep(0.1)
        now = int((KSM / "pages_sharing").read_text())
        quiet = quiet + 1 if abs(now - last) <= now / 100 else 0
        last = now


def _ksm_kib(pids):
    """KiB that the kernel takes for what it knows of the processes' pages."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/ksm_stat").read_text().splitlines():
                name, _, value = line.partition(" ")
                if name == "ksm_rmap_items":
                    total += int(value) * RMAP_ITEM_BYTES // 1024
    return total


def marginal(view, version, options, measures, requests=REQUESTS, keep=None):
    """KiB of one more worker: PSS of the whole server, and private dirty pages of a worker."""
    few = _sum(view, version, options, measures, FEW, requests)
    many = _sum(view, version, options, measures, MANY, requests)
    return {
        "pss": (many["pss"] - few["pss"]) / (MANY - FEW),
        "private": many["private"], "base": few["pss"],
        "ksm": (many["ksm"] - few["ksm"]) / (MANY - FEW),
        "areas": many["areas"],
    }


def _sum(view, version, options, measures, workers, requests):
    application, directory, path = VIEWS[view]
    python = ROOT / f".venv-{version}" / "bin" / "python"
    if not python.exists():
        raise CannotStart(f"{python.parent.parent.name} does not exist")
    words = [word for option in options
             for word in (["--warm", path] if option == "--warm" else [option])]
    contender = Contender(
        "Plimsoll", lambda place: [
            *SERVE, application,
            "--chdir", str(directory), "--python", str(python), "--mpm", "prefork",
            "--workers", str(workers), "--keep-alive", "60", "--refork-after", "0",
            "--bind", f"127.0.0.1:{place.port}", *words], "",
        environment={"PLIMSOLL_MOLD": measures} if measures else {})
    is_merging = "--merge-pages" in options
    with (merging(is_merging), tempfile.TemporaryDirectory(prefix="plimsoll-bench-") as name):
        running = Running(contender, Place(free_port(), Path(name)))
        try:
            _wait_for_workers(running, workers)
            connections = _load(running.port, path, workers, requests)
            if is_merging:
                _settle()
            pids = running.pids()
            own = [pid for pid in pids if _title(pid).startswith("plimsoll: worker")]
            figures = [processes.memory_kib(pid) for pid in own]
            result = {
                "pss": processes.pss_kib(pids),
                "private": statistics.median(
                    one["Private_Dirty"] + one["Private_Clean"] for one in figures),
                "areas": areas(own[len(own) // 2]), "ksm": _ksm_kib(pids),
            }
            for connection in connections:
                connection.close()
            return result
        finally:
            running.stop()


def _title(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def _wait_for_workers(running, count, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = [p for p in running.pids() if _title(p).startswith("plimsoll: worker")]
        if len(found) == count:
            return
        time.sleep(0.05)
    raise CannotStart(f"there are not {count} workers after {seconds} s")


def _load(port, path, workers, requests):
    """As many kept connections as workers: with prefork each worker holds one of them."""
    connections = [socket.create_connection(("127.0.0.1", port), 30) for _ in range(workers)]
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n".encode()
    for _ in range(requests):
        for connection in connections:
            connection.sendall(request)
        for connection in connections:
            _read(connection)
    return connections


def _read(connection):
    data = bytearray()
    while b"\r\n\r\n" not in data:
        block = connection.recv(65536)
        if not block:
            raise CannotStart("the server closed a connection")
        data += block
    head, _, body = bytes(data).partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise CannotStart(head.split(b"\r\n", 1)[0].decode())
    length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
    missing = length - len(body)
    while missing > 0:
        missing -= len(connection.recv(65536))


def areas(pid):
    """Private dirty KiB of a process by what is mapped there."""
    found = {}
    name = ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split()
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            name = words[5] if len(words) > 5 else "anonymous"
            name = name.rsplit("/", 1)[-1]
        elif words[0] == "Private_Dirty:" and int(words[1]):
            found[name] = found.get(name, 0) + int(words[1])
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def main(arguments):
    """`memory.py [VERSION …] [--rows TEXT,…] [--views TEXT]`: prints the table."""
    versions = [word for word in arguments if word[0].isdigit()] or ["3.11", "3.12", "3.13"]
    rows = next((w.partition("=")[2].split(",") for w in arguments if w.startswith("--rows=")), [])
    views = next((w.partition("=")[2] for w in arguments if w.startswith("--views=")), "")
    for view in VIEWS:
        if views and views not in view:
            continue
        print(f"\n{view}: KiB of one more worker (PSS) / private / base of {FEW} workers")
        for label, options, measures in LADDER:
            if rows and not any(row in label for row in rows):
                continue
            cells = []
            for version in versions:
                try:
                    cost = marginal(view, version, options, measures)
                    cells.append(f"{version}: {cost['pss']:7.0f} /{cost['private']:7.0f} /"
                                 f"{cost['base']:7.0f}")
                    if cost["ksm"]:
                        cells.append(f"(and {cost['ksm']:.0f} in the kernel, for ksmd)")
                    if "--areas" in arguments:
                        cells.append(str(cost["areas"]))
                except (CannotStart, OSError, subprocess.SubprocessError) as error:
                    cells.append(f"{version}: {error}")
            print(f"  {label:26}", "   ".join(cells), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
