"""What /proc says of the processes of a server under test."""

import os
import time
from dataclasses import dataclass


def wait_until(condition, deadline=10.0, what="the condition"):
    """The first true value of `condition()`; fails after `deadline` seconds.

    For events that nothing announces (a process's death, a log line): asked every few milliseconds.
    """
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline} s in vain for {what}")
        time.sleep(0.01)


@dataclass(frozen=True)
class Process:
    """A process, told from a later one with the same number by its start time."""

    pid: int
    start: int

    @property
    def is_alive(self):
        stat = read_stat(self.pid)
        return stat is not None and stat["start"] == self.start and stat["state"] not in "ZX"


def read_stat(pid):
    """The fields of /proc/PID/stat that the tests look at; None when the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            text = file.read()
    except OSError:
        return None
    parts = text[text.rindex(")") + 2 :].split()
    return {
        "state": parts[0],
        "parent": int(parts[1]),
        "session": int(parts[3]),
        "start": int(parts[19]),
    }


def all_stats():
    """Every process that is visible, by number."""
    stats = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = read_stat(int(name))
            if stat is not None:
                stats[int(name)] = stat
    return stats


def family(root):
    """`root`, what descends from it, and every process of its session, that is not a zombie."""
    stats = all_stats()
    members = {pid for pid, stat in stats.items() if pid == root or stat["session"] == root}
    grown = True
    while grown:
        more = {pid for pid, stat in stats.items() if stat["parent"] in members} - members
        grown = bool(more)
        members |= more
    return {Process(pid, stats[pid]["start"]) for pid in members if stats[pid]["state"] not in "ZX"}


def title(pid):
    """What ps shows: the command line as one text, empty when the process is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").strip().decode("utf-8", "replace")
    except OSError:
        return ""


def status_field(pid, name):
    """One line of /proc/PID/status, without its name; None when the process is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            for line in file:
                if line.startswith(name + ":"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        return None
    return None


def anonymous_bytes(pid):
    """Anonymous memory of a process that is private to it or shared by fork."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
        for line in file:
            if line.startswith("Anonymous:"):
                return int(line.split()[1]) * 1024
    raise AssertionError("/proc/PID/smaps_rollup has no line Anonymous")


def private_dirty_bytes(pid):
    """Memory that exists for this process only; file pages, which the kernel can drop, left out."""
    total = 0
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
        for line in file:
            if line.startswith(("Private_Dirty:", "Swap:")):
                total += int(line.split()[1]) * 1024
    return total


def descriptors(pid):
    """Open descriptors of a process, by number, with what each is."""
    found = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
    return found


def _server_end(server_port, client_port):
    """The kernel's line for the server's end of a loopback connection, in words; None if gone."""
    local, remote = f":{server_port:04X}", f":{client_port:04X}"
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(path, encoding="ascii") as file:
            next(file)
            for line in file:
                parts = line.split()
                if parts[1].endswith(local) and parts[2].endswith(remote):
                    return parts
    return None


def unread_bytes(server_port, client_port):
    """Bytes that the kernel holds for the server's end of a loopback connection; None if gone."""
    parts = _server_end(server_port, client_port)
    return None if parts is None else int(parts[4].split(":")[1], 16)


def is_in_backlog(server_port, client_port):
    """Whether a connection is established, but no process has accepted it: it has no inode yet."""
    parts = _server_end(server_port, client_port)
    return parts is not None and parts[9] == "0"


def descendants(root):
    """What descends from `root`, zombies included: {number: state}."""
    stats = all_stats()
    members = {root}
    while more := {pid for pid, stat in stats.items() if stat["parent"] in members} - members:
        members |= more
    return {pid: stats[pid]["state"] for pid in members - {root} if pid in stats}
