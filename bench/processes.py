"""What /proc tells of a server's processes: who they are, CPU time, memory."""

import os
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """Fields of /proc/PID/stat after the command's name (proc(5): field 3 is the first)."""
    text = Path(f"/proc/{pid}/stat").read_text()
    return text[text.rindex(")") + 2 :].split()


def tree(root):
    """The process `root` and all below it, or of its session where a parent went away."""
    parents, sessions = {}, {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = _stat(entry)
            except (FileNotFoundError, ProcessLookupError):
                continue
            if fields[0] != "Z":
                parents[int(entry)], sessions[int(entry)] = int(fields[1]), int(fields[3])
    members = {root} if root in parents else set()
    members |= {pid for pid, session in sessions.items() if session == root}
    grown = True
    while grown:
        below = {pid for pid, parent in parents.items() if parent in members}
        grown = not below <= members
        members |= below
    return sorted(members)


def cpu_seconds(pids):
    """User and system time of the processes, in seconds; a process that ended counts nothing."""
    total = 0
    for pid in pids:
        try:
            fields = _stat(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_PER_SECOND


def memory_kib(pid):
    """The lines of /proc/PID/smaps_rollup, in KiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(rest.split()[0]) for name, rest in (line.split(":") for line in lines)}


def pss_kib(pids):
    """Proportional set size of the processes together."""
    total = 0
    for pid in pids:
        try:
            total += memory_kib(pid)["Pss"]
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total


def open_descriptors(pid):
    """How many descriptors a process has open."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except (FileNotFoundError, ProcessLookupError):
        return 0
