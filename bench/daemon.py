#!/usr/bin/env python3
"""Compares daemon mode with other servers that have a process before the one with Python.

Rounds are interleaved. The processes of each server may use both cores of two, and so may the
client, unless --cores says otherwise: which process runs where is the kernel's choice, for each
server the same. So nobody is helped by a layout that suits it.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import report
from daemon_servers import CONTENDERS
from run import interleave
from servers import ROOT

TITLE = "## Daemon mode"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="rounds; the median counts (5)")
    parser.add_argument("--seconds", type=int, default=5, help="length of a measurement (5)")
    parser.add_argument("--connections", type=int, default=64, help="kept-alive connections (64)")
    parser.add_argument("--cores", metavar="SERVER:CLIENT", help="as taskset takes them (all)")
    parser.add_argument("--servers", default=",".join(CONTENDERS), help="some of: %(default)s")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "BENCHMARKS.md")
    options = parser.parse_args()
    options.servers = options.servers.split(",")
    unknown = [name for name in options.servers if name not in CONTENDERS]
    if unknown:
        parser.error(f"no server is called {unknown[0]}; known are {', '.join(CONTENDERS)}")
    return options


def pick_cores(text):
    """(server's, client's): two cores that everybody shares, as taskset takes them."""
    if text:
        return tuple(text.split(":"))
    both = ",".join(str(core) for core in sorted(os.sched_getaffinity(0))[:2])
    return both, both


def section(options, cores, rounds, failures, seconds, load):
    """The section of the page."""
    command = f"bench/daemon.py {' '.join(sys.argv[1:])}".strip()
    return [
        TITLE, "",
        "Written by `bench/daemon.py`, which `make bench` runs. The same application behind a"
        " process without Python, which has the clients: each server with one such process and one"
        f" process of Python. {options.connections} kept-alive connections; medians of"
        f" {options.rounds} interleaved rounds of {options.seconds} s.", "",
        *report.circumstances(seconds, load, command, [
            f"| pinned | all processes of a server to cores {cores[0]}, the client to {cores[1]};"
            " which of them runs where is the kernel's choice |",
        ]), "",
        *report.table(CONTENDERS, options, rounds, failures), "",
        *report.legend(CONTENDERS, options), "",
    ]


def main():
    options = arguments()
    cores = pick_cores(options.cores)
    began, load = time.time(), os.getloadavg()[0]
    rounds, failures = interleave(CONTENDERS, options, cores, load)
    lines = section(options, cores, rounds, failures, time.time() - began, load)
    report.replace_section(options.output, TITLE, lines)
    print(f"Written: {options.output}")
    return 1 if "plimsoll" in failures else 0


if __name__ == "__main__":
    sys.exit(main())
