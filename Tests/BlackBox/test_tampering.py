"""Applications that tamper with what they share with the supervisor, which may be root."""

import os
import signal
import subprocess

from harness.processes import wait_until
from harness.versions import numbered

CUTTING = """
import mmap
import os


def cut(path):
    try:
        with open(path, "r+b") as file:
            os.ftruncate(file.fileno(), 0)
        return "cut"
    except OSError as error:
        return type(error).__name__


def shared_memory():
    for number in os.listdir("/proc/self/fd"):
        path = f"/proc/self/fd/{number}"
        if os.path.lexists(path) and "memfd:plimsoll" in os.readlink(path):
            yield path
    # What is mapped can be opened again, by root.
    with open("/proc/self/maps") as maps:
        for line in maps:
            if "memfd:plimsoll" in line:
                first, last = (int(part, 16) for part in line.split()[0].split("-"))
                yield f"/proc/self/map_files/{first:x}-{last:x}"


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [" ".join(cut(path) for path in shared_memory()).encode()]
"""


def test_shared_memory_that_is_cut_off(server, site):
    """A process that reads beyond the end of such memory is killed; the supervisor reads it."""
    running = server("cutting", "--workers", 1, "--timeout", 1, chdir=site(cutting=CUTTING))
    found = running.get("/").text.split()
    assert found and set(found) <= {"PermissionError", "FileNotFoundError"}
    # The supervisor looks into it to replace a worker.
    worker = running.worker_pids()[0]
    os.kill(worker, signal.SIGKILL)
    running.wait_for_workers(1, without=[worker])
    assert running.get("/").status == 200


FORGING = """
import os
import socket
import stat
import struct

VICTIM = {victim}
FORKED = 7


def forge():
    '''Before the second fork: tells the supervisor of a worker that is none.'''
    if not os.path.exists("forge"):
        return
    os.unlink("forge")
    for number in map(int, os.listdir("/proc/self/fd")):
        try:
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
        except OSError:
            continue
        with socket.socket(fileno=os.dup(number)) as channel:
            if channel.type == socket.SOCK_SEQPACKET:
                for slot in range(10):
                    channel.send(bytes([FORKED]) + struct.pack("<ii", slot, VICTIM))


os.register_at_fork(before=forge)
"""


def test_pid_that_is_no_worker_is_refused(server, site):
    """The supervisor would send signals to it with its own rights."""
    victim = subprocess.Popen(["sleep", "600"])
    try:
        directory = site(forging=FORGING.format(victim=victim.pid) + numbered(1))
        running = server("forging", "--workers", 1, chdir=directory)
        mold = running.titled("mold")[0]
        (directory / "forge").touch()
        worker = running.worker_pids()[0]
        os.kill(worker, signal.SIGKILL)
        running.wait_for_log(rf"\b{mold}\b.*\b{victim.pid}\b")
        running.wait_for_workers(1, without=[worker], deadline=20)
        wait_until(lambda: mold not in running.titled("mold"), what="the mold's end")
        assert running.get("/").status == 200
        running.stop()
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()
