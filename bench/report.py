"""Writes the measured figures as a page of Markdown."""

import os
import platform
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

from servers import CONTENDERS, PYTHON, version


def write(options, cores, rounds, failures, memory, seconds, load):
    """The whole page."""
    lines = [
        "# Benchmarks", "",
        "Written by `make bench`; do not edit. Figures of one machine in one run: the ratios mean"
        " something elsewhere, the absolute numbers do not.", "",
        *_circumstances(cores, seconds, load), "",
        "## Hello, world", "",
        f"`examples/hello/hello.py`, {options.connections} kept-alive connections, one process with"
        f" one thread. Medians of {options.rounds} interleaved rounds of {options.seconds} s; every"
        " server is started fresh for each round and warmed for 1 s.", "",
        *table(CONTENDERS, options, rounds, failures), "",
        *legend(CONTENDERS, options), "",
    ]
    if memory:
        lines += ["## Memory", "", *_memory(memory), ""]
    return "\n".join(lines)


def replace_section(page, title, lines):
    """Replaces the section of a page that begins with `title`, or adds it at the end."""
    text = page.read_text() if page.exists() else "# Benchmarks\n"
    before, _, after = text.partition(f"{title}\n")
    following = re.search(r"^## ", after, re.M)
    rest = f"\n{after[following.start():]}" if following else ""
    page.write_text(before.rstrip() + "\n\n" + "\n".join(lines).rstrip() + "\n" + rest)


def sections_of_others(page):
    """The sections of a page that say that another command wrote them, with their titles."""
    text = page.read_text() if page.exists() else ""
    parts = re.split(r"(?m)^(?=## )", text)[1:]
    return [part for part in parts if re.search("Written by `(make bench-memory|bench/)", part)]


def circumstances(seconds, load, command=None, more=()):
    """A table of when, where and on what figures were measured."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    total = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1])
    release = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    command = command or f"bench/{Path(sys.argv[0]).name} {' '.join(sys.argv[1:])}".strip()
    return [
        "| | |", "| --- | --- |",
        f"| when | {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, took {seconds:.0f} s |",
        f"| command | `{command}` |",
        f"| machine | {cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores,"
        f" {total / 1048576:.0f} GiB; load average before the run: {load:.1f}"
        f"{' (busy: expect noise)' if load > 0.5 else ''} |",
        f"| system | {release}, Linux {platform.release()} |",
        *more,
    ]


def _circumstances(cores, seconds, load):
    command = "make bench" + (f" ARGS='{' '.join(sys.argv[1:])}'" if sys.argv[1:] else "")
    return circumstances(seconds, load, command, [
        f"| pinned | server to core {cores[0]}, client to core {cores[1]} |",
        f"| Python | {_first_line([str(PYTHON), '--version'])} for all |",
        f"| Swift | {_first_line(['swift', '--version'])} |",
        f"| client | {_first_line(['wrk', '--version'])}, one thread |",
    ])


def _first_line(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except OSError:
        return "not installed"
    text = (done.stdout + done.stderr).strip()
    return text.splitlines()[0].split(" Copyright")[0] if text else "unknown"


def table(contenders, options, rounds, failures):
    """A line for each server."""
    lines = [
        "| server | requests/s | lowest–highest | Plimsoll is | p50 ms | p99 ms"
        " | CPU ms per 1,000 | PSS MB | processes | at once | errors |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: |",
    ]
    ours = rounds.get("plimsoll", [])
    for key in options.servers:
        name = contenders[key].name
        if key in failures:
            reason = failures[key].replace("|", "\\|").replace("\n", " ")
            lines.append(f"| {name} | not measured: {reason} |" + " |" * 9)
            continue
        turns = rounds[key]

        def median(figure):
            return statistics.median(turn[figure] for turn in turns)

        speeds = [turn["rps"] for turn in turns]
        lines.append(
            f"| {name} | {median('rps'):,.0f} | {min(speeds):,.0f}–{max(speeds):,.0f}"
            f" | {_ratio(key, ours, turns, failures)} | {median('p50_us') / 1000:.2f}"
            f" | {median('p99_us') / 1000:.2f} | {median('cpu_ms'):.2f}"
            f" | {median('pss_kib') / 1024:.1f} | {median('processes'):.0f}"
            f" | {'yes' if all(turn['at_once'] for turn in turns) else 'no'}"
            f" | {sum(turn['errors'] for turn in turns)} |")
    return lines


def _ratio(key, ours, theirs, failures):
    """The median of the rounds' ratios: both sides of each were measured next to each other."""
    if key == "plimsoll" or "plimsoll" in failures or not ours:
        return "–"
    return f"{statistics.median(a['rps'] / b['rps'] for a, b in zip(ours, theirs)):.2f} ×"


def legend(contenders, options):
    """What the columns of the table mean, and how the servers were set up."""
    lines = [
        "- *Plimsoll is*: its requests/s divided by this server's, the median over the rounds.",
        "- *CPU*: user and system time of all processes of the server per 1,000 requests.",
        "- *PSS*: proportional set size of all processes of the server, right after the load.",
        "- *At once*: whether a second connection is answered while a first one is kept alive.",
        "- *Errors*: connect, read, write, status and time-out errors that wrk counted, in all.",
        "", "| server | version | set-up |", "| --- | --- | --- |",
    ]
    for key in options.servers:
        contender = contenders[key]
        lines.append(f"| {contender.name} | {version(contender)} | {contender.note} |")
    return lines


def _memory(memory):
    lines = [
        "| what | anonymous KiB | private dirty KiB | private clean KiB |",
        "| --- | ---: | ---: | ---: |",
        _memory_row("the supervisor, with one worker", memory["supervisor"]),
        _memory_row("what `import _plimsoll` adds to a Python process", memory["extension"]),
        "",
    ]
    connections = memory["connections"]
    if isinstance(connections, str):
        lines.append(f"Idle connections were not measured: {connections}.")
    else:
        lines.append(
            f"An idle kept-alive connection takes **{connections['bytes']:,.0f} bytes** in a"
            " worker: the growth of its anonymous memory over"
            f" {connections['count']:,} connections that were each answered once, divided by their"
            " number. The kernel's own share of a socket is not in it.")
    lines += [
        "",
        "Anonymous and private dirty pages are what a process costs. Private clean pages are pages"
        " of the program's file that no other process maps at that moment; the kernel drops them"
        " when it needs the room, and a second process shares them.",
    ]
    return lines


def _memory_row(name, cost):
    if isinstance(cost, str):
        return f"| {name} | not measured: {cost} | | |"
    return f"| {name} | {cost['anonymous']:.0f} | {cost['dirty']:.0f} | {cost['clean']:.0f} |"
