#!/usr/bin/env python3
"""Compares Plimsoll with other WSGI servers in one run, and writes docs/BENCHMARKS.md.

Rounds are interleaved (A B C A B C ...), so that a machine that changes its mind does so for all.
Every server is started fresh for its turn, pinned to one core, with the client pinned to another.
"""

import argparse
import http.client
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import memory
import processes
import report
from servers import CONTENDERS, HELLO, ROOT, CannotStart, Place, Running, free_port

BODY = b"Hello, world!\n"
BUSY = 0.5  # load average above which others disturb a measurement
ERRORS = ("connect", "read", "write", "status", "timeout")


class WrongAnswer(Exception):
    """What was wrong with a server's answer, in one sentence."""


def check(port):
    """Asserts body and keep-alive; returns whether a kept connection leaves room for another."""
    first = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        for number in (1, 2):
            first.request("GET", "/")
            used = first.sock
            response = first.getresponse()
            body = response.read()
            if response.status != 200 or body != BODY:
                raise WrongAnswer(f"it answered {response.status} with {body[:40]!r}")
            if number == 1 and (response.will_close or first.sock is not used):
                raise WrongAnswer("it closes the connection after a response")
        second = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            second.request("GET", "/")
            return second.getresponse().read() == BODY
        except (OSError, http.client.HTTPException):
            return False
        finally:
            second.close()
    except (OSError, http.client.HTTPException) as error:
        raise WrongAnswer(f"a request failed: {error or type(error).__name__}") from error
    finally:
        first.close()


def wrk(port, seconds, connections, core):
    """Runs the client and returns its figures."""
    command = ["taskset", "-c", str(core), "wrk", "--threads", "1",
               "--connections", str(connections), "--duration", f"{seconds}s",
               "--script", str(ROOT / "bench" / "figures.lua"), f"http://127.0.0.1:{port}/"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    line = re.search(r"^figures (.*)$", done.stdout, re.M)
    if done.returncode or not line:
        raise WrongAnswer(f"wrk failed: {(done.stderr or done.stdout).strip()[:200]}")
    return {name: int(value) for name, value in (pair.split("=") for pair in line[1].split())}


def turn(contender, options, cores):
    """One server's turn in one round: started, checked, warmed, measured, stopped.

    `cores` are the server's, and the client's.
    """
    server_core, client_core = cores
    with tempfile.TemporaryDirectory(prefix="plimsoll-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        running = Running(contender, Place(free_port(), directory), server_core)
        try:
            at_once = check(running.port)
            wrk(running.port, 1, options.connections, client_core)
            pids = running.pids()
            cpu = processes.cpu_seconds(pids)
            figures = wrk(running.port, options.seconds, options.connections, client_core)
            cpu = processes.cpu_seconds(pids) - cpu
            pss = processes.pss_kib(pids)
            if running.process.poll() is not None or running.pids() != pids:
                raise WrongAnswer("one of its processes ended under load")
            requests = max(1, figures["requests"])
            return {
                "at_once": at_once,
                "rps": figures["requests"] / (figures["duration_us"] / 1e6),
                "p50_us": figures["p50_us"],
                "p99_us": figures["p99_us"],
                "cpu_ms": cpu * 1e6 / requests,
                "pss_kib": pss,
                "processes": len(pids),
                "errors": sum(figures[kind] for kind in ERRORS),
            }
        finally:
            running.stop()


def interleave(contenders, options, cores, load):
    """All rounds: the figures of each server, and why some were not measured."""
    rounds = {key: [] for key in options.servers}
    failures = {}
    if load > BUSY:
        print(f"The machine is busy (load average {load:.1f}): expect noise.", file=sys.stderr)
    for number in range(options.rounds):
        for key in options.servers:
            if key in failures:
                continue
            try:
                figures = turn(contenders[key], options, cores)
            except (CannotStart, WrongAnswer, subprocess.TimeoutExpired) as error:
                # Rounds that went well do not hide one that did not.
                failures[key] = str(error)
                print(f"round {number + 1}  {key}: not measured, because {error}", flush=True)
                continue
            rounds[key].append(figures)
            print(f"round {number + 1}  {key:20} {figures['rps']:9.0f} requests/s"
                  f"  p99 {figures['p99_us'] / 1000:8.2f} ms"
                  f"  CPU {figures['cpu_ms']:7.2f} ms per 1,000  errors {figures['errors']}",
                  flush=True)
    return rounds, failures


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="rounds; the median counts (5)")
    parser.add_argument("--seconds", type=int, default=5, help="length of a measurement (5)")
    parser.add_argument("--connections", type=int, default=64, help="kept-alive connections (64)")
    parser.add_argument("--servers", default=",".join(CONTENDERS), help="some of: %(default)s")
    parser.add_argument("--idle", type=int, default=5000, metavar="N",
                        help="idle connections for the memory section; 0 leaves it out (5000)")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "BENCHMARKS.md")
    options = parser.parse_args()
    options.servers = options.servers.split(",")
    unknown = [name for name in options.servers if name not in CONTENDERS]
    if unknown:
        parser.error(f"no server is called {unknown[0]}; known are {', '.join(CONTENDERS)}")
    if min(options.rounds, options.seconds, options.connections) < 1:
        parser.error("--rounds, --seconds and --connections are at least 1")
    return options


def pick_cores():
    """(server, client): two different cores where there are two."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        print("One core: server and client share it, so the figures say little.", file=sys.stderr)
    return cores[1 % len(cores)], cores[0]


def main():
    options = arguments()
    for program in ("wrk", "taskset"):
        if not shutil.which(program):
            sys.exit(f"{program} is not installed; `make bench` installs it.")
    if not (HELLO / "hello.py").exists():
        sys.exit(f"{HELLO / 'hello.py'} is missing; the benchmark serves it.")
    cores = pick_cores()
    began, load = time.time(), os.getloadavg()[0]
    rounds, failures = interleave(CONTENDERS, options, cores, load)
    sections = memory.measure(options.idle) if options.idle else None
    text = report.write(
        options, cores, rounds, failures, sections, seconds=time.time() - began, load=load)
    # What `make bench-memory` wrote stays.
    kept = report.sections_of_others(options.output)
    options.output.write_text("\n".join([text, *kept]).rstrip() + "\n")
    print(f"Written: {options.output}")
    return 1 if "plimsoll" in failures else 0


if __name__ == "__main__":
    sys.exit(main())
