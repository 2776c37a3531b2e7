"""A memory control group with a limit, of version 1 or 2, for one server."""

import os
import signal
import time
from pathlib import Path

from driver import Failed

# A shell that moves itself into the group named first, then becomes the server: same number.
ENTER = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
END_SECONDS = 20  # for killed processes to be gone


def mounted():
    """Where the memory controller is, and whether it is of version 2."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, where, kind, options, *_ = line.split()
        if kind == "cgroup" and "memory" in options.split(","):
            return Path(where), False
        controllers = Path(where) / "cgroup.controllers"
        if kind == "cgroup2" and "memory" in controllers.read_text().split():
            return Path(where), True
    raise Failed("This machine has no memory controller in /proc/mounts (cgroup or cgroup2), so "
                 "no limit can be set; in a container, start it with one that may be written.")


class MemoryGroup:
    """What is started with `wrapper` counts in it, children included, and never takes more."""

    def __init__(self, limit_bytes):
        if os.geteuid() != 0:
            raise Failed("Only root can make a memory control group: run this with sudo.")
        self.limit_bytes = limit_bytes
        self.root, self.is_v2 = mounted()
        self.path = self.root / f"plimsoll-spike-{os.getpid()}"
        self.enabled = False
        try:
            self._make()
        except OSError as error:
            self.remove()
            raise Failed(f"The memory control group {self.path} cannot be made "
                         f"({error.strerror}): in a container, let it write to {self.root}.") \
                from None

    def _make(self):
        control = self.root / "cgroup.subtree_control"
        if self.is_v2 and "memory" not in control.read_text().split():
            control.write_text("+memory")
            self.enabled = True
        self.path.mkdir()
        if self.is_v2:
            (self.path / "memory.max").write_text(str(self.limit_bytes))
            swap, most = self.path / "memory.swap.max", 0
        else:
            (self.path / "memory.limit_in_bytes").write_text(str(self.limit_bytes))
            swap, most = self.path / "memory.memsw.limit_in_bytes", self.limit_bytes
        if swap.exists():
            swap.write_text(str(most))

    @property
    def wrapper(self):
        """Words in front of a command that is to run in the group."""
        return ["/bin/sh", "-c", ENTER, str(self.path)]

    def _count(self, name, key):
        for line in (self.path / name).read_text().splitlines():
            word, value = line.split()
            if word == key:
                return int(value)
        return 0

    @property
    def usage_bytes(self):
        """What the kernel counts, files that it could drop included."""
        name = "memory.current" if self.is_v2 else "memory.usage_in_bytes"
        return int((self.path / name).read_text())

    @property
    def oom_kills(self):
        """Processes that the kernel killed because the limit was reached."""
        return self._count("memory.events" if self.is_v2 else "memory.oom_control", "oom_kill")

    @property
    def pids(self):
        return [int(word) for word in (self.path / "cgroup.procs").read_text().split()]

    def remove(self):
        """Ends whatever is left in the group, and removes it."""
        if self.path.exists():
            deadline = time.monotonic() + END_SECONDS
            while (left := self.pids) and time.monotonic() < deadline:
                for pid in left:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                time.sleep(0.1)
            self.path.rmdir()
        if self.enabled:
            (self.root / "cgroup.subtree_control").write_text("-memory")
