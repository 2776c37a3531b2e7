"""What 150 workers cost the supervisor and the mold: the time from a fork until the worker serves,
and the CPU time of the supervisor. Writes the section of docs/BENCHMARKS.md about it.

The site is the Django example with single-threaded workers. Forks are counted by the server itself
(`plimsoll status --json`, `fork_us`): those of the start, and then one for each worker that is sent
SIGTERM, one after the other.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report
from servers import ROOT, SERVE, CannotStart, Contender, Place, Running, free_port

SITE = ROOT / "examples" / "django-site"
PLIMSOLL = ROOT / "stage" / "bin" / "plimsoll"
TITLE = "## Many workers"
VIEW = "/admin/login/"
MOST = 150
ALIVE = (1, 50, MOST)


class Site:
    """The Django site, served by so many workers; ends with the block."""

    def __init__(self, python, workers, *options, first=False):
        self.workers = workers
        # Scheduled before all others: what else the machine does is not in the figures.
        before = ["chrt", "--fifo", "10"] if first else []
        program = ROOT / f".venv-{python}" / "bin" / "python"
        if not program.exists():
            raise CannotStart(f"{program.parent.parent.name} does not exist")
        self.contender = Contender("Plimsoll", lambda place: [
            *before, *SERVE, "mysite.wsgi", "--chdir", str(SITE),
            "--python", str(program),
            "--mpm", "prefork", "--warm", VIEW, "--bind", f"127.0.0.1:{place.port}", *options], "")

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="plimsoll-bench-")
        self.contender.environment["SITE_DATA"] = self.directory.name
        self.running = Running(self.contender, Place(free_port(), Path(self.directory.name)))
        try:
            self.wait_for(lambda found: serving(found) == self.workers,
                          f"{self.workers} workers to serve")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.running.stop()
        self.directory.cleanup()

    def status(self):
        command = [str(PLIMSOLL), "status", "--json", "--pid", str(self.running.process.pid)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise CannotStart(f"plimsoll status failed: {done.stderr.strip()[:200]}")
        return json.loads(done.stdout)

    def wait_for(self, condition, what, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.status()
            if condition(found):
                return found
            time.sleep(0.05)
        raise CannotStart(f"waited {seconds} s for {what}")

    def cpu_ms(self, pid=None):
        """CPU time of the supervisor, or of another process, in ms, exactly; proc_pid_schedstat."""
        pid = pid or self.running.process.pid
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6

    def mold(self):
        for pid in self.running.pids():
            title = Path(f"/proc/{pid}/cmdline").read_bytes()
            if title.startswith(b"plimsoll: mold"):
                return pid
        raise CannotStart("there is no mold")


def serving(found):
    return sum(worker["phase"] == "serving" for worker in found["workers"])


# MARK: forks


def forks(python, alive, count, first):
    """Times in µs of the forks of the start, and of `count` more with so many workers alive."""
    with Site(python, alive, "--workers", str(alive), first=first) as site:
        start = site.status()
        mold = site.mold()
        began, asked = site.cpu_ms(mold), 0
        while asked < count:
            found = site.status()
            for worker in found["workers"]:
                if asked == count:
                    break
                if worker["pid"] <= 0 or worker["phase"] != "serving":
                    continue
                os.kill(worker["pid"], signal.SIGTERM)
                asked += 1
                # One fork at a time, and time to think for everybody.
                time.sleep(0.02)
            site.wait_for(lambda found: found["fork_us"]["count"] >= alive + asked
                          and serving(found) == alive, f"{asked} forks")
        end = site.status()
        return {
            "python": python, "alive": alive, "start": start["fork_asked_us"],
            "fork": end["fork_us"], "asked": end["fork_asked_us"],
            "mold_ms": (site.cpu_ms(mold) - began) / count,
        }


# MARK: CPU time


def cpu(python, seconds):
    """The supervisor's share of a core in per cent, idle and under load, with both policies."""
    rows = []
    for policy, options in (
        ("loadline", ("--workers", str(MOST))),
        ("apache", ("--policy", "apache", "--max-request-workers", str(MOST),
                    "--start-servers", str(MOST), "--min-spare-servers", "1",
                    "--max-spare-servers", str(MOST))),
    ):
        with Site(python, MOST, *options) as site:
            time.sleep(5)
            began = site.cpu_ms()
            time.sleep(seconds)
            idle = (site.cpu_ms() - began) / seconds / 10
            client = subprocess.Popen(
                ["wrk", "--threads", "1", "--connections", str(MOST), "--duration",
                 f"{seconds + 4}s", f"http://127.0.0.1:{site.running.port}{VIEW}"],
                stdout=subprocess.PIPE, text=True)
            try:
                time.sleep(2)
                began, before = site.cpu_ms(), site.status()["totals"]["requests"]
                time.sleep(seconds)
                load = (site.cpu_ms() - began) / seconds / 10
                requests = site.status()["totals"]["requests"] - before
            finally:
                client.terminate()
                client.communicate()
            rows.append({"policy": policy, "idle": idle, "load": load,
                         "rps": requests / seconds})
    return rows


# MARK: the section


def section(fork_rows, cpu_rows, options, seconds, load):
    """Lines of Markdown."""
    lines = [
        TITLE, "",
        f"Written by `make bench-memory`; do not edit. The Django example, prefork, one thread for"
        f" each worker, up to {MOST} workers.", "",
        *report.circumstances(seconds, load), "",
        "**Fork to ready**: milliseconds from the moment the mold begins to fork until the worker"
        " serves, over the forks of the start and those that replace workers one by one; `plimsoll"
        " status --json` has them. *CPU of the mold* is its own for one fork.", "",
        "| Python | workers alive | forks | p50 | p99 | longest | from the request for it, p50 |"
        " p99 | CPU of the mold ms |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in fork_rows:
        if "error" in row:
            lines.append(f"| {row['python']} | {row['alive']} | not measured: {row['error']} |"
                         + " |" * 6)
            continue
        fork, asked = row["fork"], row["asked"]
        lines.append(
            f"| {row['python']} | {row['alive']} | {fork['count']} | {fork['p50'] / 1000:.2f} |"
            f" {fork['p99'] / 1000:.2f} | {fork['max'] / 1000:.2f} | {asked['p50'] / 1000:.2f} |"
            f" {asked['p99'] / 1000:.2f} | {row['mold_ms']:.2f} |")
    lines += [
        "", f"**The supervisor's CPU time** with {MOST} workers over {options.seconds} s, in per"
        " cent of a core: measuring memory, decisions, messages, all of it. Under load,"
        f" {MOST} clients ask for `{VIEW}` all the time.", "",
        "| policy | idle | under load | requests/s |", "| --- | ---: | ---: | ---: |",
    ]
    for row in cpu_rows:
        lines.append(f"| {row['policy']} | {row['idle']:.2f} | {row['load']:.2f} |"
                     f" {row['rps']:,.0f} |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pythons", default="3.12", help="some of 3.11,3.12,3.13 (%(default)s)")
    parser.add_argument("--forks", type=int, default=200, metavar="N",
                        help="workers to replace for each row (%(default)s)")
    parser.add_argument("--seconds", type=int, default=30,
                        help="length of a measurement of CPU time; 0: none (%(default)s)")
    parser.add_argument("--first", action="store_true",
                        help="schedule the server before all else (chrt): for a busy machine")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "BENCHMARKS.md")
    options = parser.parse_args()
    if options.seconds and not shutil.which("wrk"):
        sys.exit("wrk is not installed; `make bench-memory` installs it.")
    began, load = time.time(), os.getloadavg()[0]
    fork_rows = []
    for python in options.pythons.split(","):
        for alive in ALIVE if options.forks else ():
            try:
                row = forks(python, alive, options.forks, options.first)
                print(f"{python}, {alive:3} workers: fork to ready p50 {row['fork']['p50']} µs,"
                      f" p99 {row['fork']['p99']}, max {row['fork']['max']}; asked to ready p50"
                      f" {row['asked']['p50']}, p99 {row['asked']['p99']}; start of all"
                      f" {row['start']['max']}; CPU of the mold {row['mold_ms']:.2f} ms",
                      flush=True)
            except (CannotStart, OSError, subprocess.SubprocessError) as error:
                row = {"python": python, "alive": alive, "error": str(error)}
                print(f"{python}, {alive:3} workers: not measured, because {error}", flush=True)
            fork_rows.append(row)
    cpu_rows = cpu(options.pythons.split(",")[0], options.seconds) if options.seconds else []
    for row in cpu_rows:
        print(f"supervisor, {row['policy']}: {row['idle']:.2f} % idle, {row['load']:.2f} % at"
              f" {row['rps']:.0f} requests/s", flush=True)
    report.replace_section(
        options.output, TITLE, section(fork_rows, cpu_rows, options, time.time() - began, load))
    print(f"Written: {options.output}")
    return 1 if any("error" in row for row in fork_rows) else 0


if __name__ == "__main__":
    sys.exit(main())
