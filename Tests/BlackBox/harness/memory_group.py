"""A memory control group of version 1, with a limit, for one server under test."""

import os
import threading

from .processes import wait_until

CONTROLLER = "/sys/fs/cgroup/memory"
MIB = 1 << 20
# A shell that moves itself into the group named first, then becomes the server: same number.
ENTER = 'echo $$ > "$0/cgroup.procs" && exec "$@"'


def why_not():
    """Why no group can be made here, for people; None where one can."""
    if os.getuid() != 0:
        return "only root makes memory control groups"
    if not os.path.exists(f"{CONTROLLER}/memory.limit_in_bytes"):
        return f"no memory controller of version 1 at {CONTROLLER}"
    if not os.access(CONTROLLER, os.W_OK):
        return f"{CONTROLLER} cannot be written"
    return None


class MemoryGroup:
    """One group: everything started with `wrapper` counts in it, children included."""

    def __init__(self, limit_bytes):
        self.limit_bytes = limit_bytes
        self.path = f"{CONTROLLER}/plimsoll-test-{os.getpid()}-{id(self):x}"
        os.mkdir(self.path)
        try:
            self._write("memory.limit_in_bytes", limit_bytes)
        except BaseException:
            os.rmdir(self.path)
            raise

    @property
    def wrapper(self):
        """Words in front of a command that is to run in the group."""
        return ("/bin/sh", "-c", ENTER, self.path)

    def _read(self, name):
        with open(f"{self.path}/{name}", encoding="ascii") as file:
            return file.read()

    def _write(self, name, value):
        with open(f"{self.path}/{name}", "w", encoding="ascii") as file:
            file.write(str(value))

    def _count(self, name, key):
        lines = (line.split() for line in self._read(name).splitlines())
        return next(int(value) for word, value in lines if word == key)

    @property
    def usage_bytes(self):
        return int(self._read("memory.usage_in_bytes"))

    @property
    def peak_bytes(self):
        """The most that the kernel ever counted, files that it could drop at once included."""
        return int(self._read("memory.max_usage_in_bytes"))

    @property
    def anonymous_bytes(self):
        """What cannot be dropped: the memory of processes, and shared memory without a file."""
        return self._count("memory.stat", "rss") + self._count("memory.stat", "shmem")

    @property
    def oom_kills(self):
        return self._count("memory.oom_control", "oom_kill")

    @property
    def pids(self):
        return [int(word) for word in self._read("cgroup.procs").split()]

    def remove(self):
        """Removes the group, once the last process in it is gone."""
        wait_until(lambda: not self.pids, 10, "the processes of the memory group to end")
        os.rmdir(self.path)


class Watch:
    """The most anonymous memory that a group was seen to hold, asked for all the time."""

    def __init__(self, group, every=0.02):
        self.group = group
        self.every = every
        self.most_bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._stop.wait(self.every):
            self.most_bytes = max(self.most_bytes, self.group.anonymous_bytes)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
