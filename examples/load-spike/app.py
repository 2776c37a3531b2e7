"""A site whose import is as heavy as a real one's, and whose page waits as if for a database.

Set from outside, so that one file can be many sites:

SPIKE_IMPORT_SECONDS  CPU time that the import takes (0.5)
SPIKE_IMPORT_MB       memory that it fills with Python objects (30)
SPIKE_VIEW_MS         how long a page waits (50)
SPIKE_IMPORT_LOG      file that each import writes its CPU time to, while it runs (none)
"""

import os
import time

IMPORT_SECONDS = float(os.environ.get("SPIKE_IMPORT_SECONDS", "0.5"))
IMPORT_BYTES = float(os.environ.get("SPIKE_IMPORT_MB", "30")) * 1_000_000
VIEW_SECONDS = float(os.environ.get("SPIKE_VIEW_MS", "50")) / 1000
IMPORT_LOG = os.environ.get("SPIKE_IMPORT_LOG")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
STEP_SECONDS = 0.02  # CPU time between two lines of the log

# What importing a framework is made of: source that becomes classes, functions and tables.
SOURCE = "\n".join(
    f"class Model{number}:\n"
    f"    fields = {{'name{number}': [{number}, 'text {number}'], 'other': ({number}, None)}}\n"
    f"    def view{number}(self, request):\n"
    f"        return [request, self.fields['name{number}'], {number} * len(request)]\n"
    for number in range(20)
)


def resident_bytes():
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * PAGE_BYTES


def import_heavily():
    """Compiles and runs source until both the time and the memory are used up; what it made."""
    log = os.open(IMPORT_LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666) if IMPORT_LOG else None
    goal = resident_bytes() + IMPORT_BYTES
    made, reported = [], 0.0
    begun = time.process_time()

    def report(state):
        nonlocal reported
        used = time.process_time() - begun
        if log is not None:
            # One short write at the end of the file: lines of many processes do not mix.
            line = f"{time.monotonic():.3f} {os.getpid()} {used - reported:.4f} {state}\n"
            os.write(log, line.encode())
        reported = used

    report("begin")
    # Memory grows with the time, as it does where module after module comes in.
    while (used := time.process_time() - begun) < IMPORT_SECONDS or resident_bytes() < goal:
        namespace = {}
        exec(compile(SOURCE, "model.py", "exec"), namespace)
        share = min(1.0, used / IMPORT_SECONDS) if IMPORT_SECONDS else 1.0
        while resident_bytes() < goal - (1 - share) * IMPORT_BYTES:
            made.append([namespace, *([number, str(number)] for number in range(1000))])
        if used - reported >= STEP_SECONDS:
            report("runs")
    report("end")
    if log is not None:
        os.close(log)
    return made


SITE = import_heavily()


def application(environ, start_response):
    time.sleep(VIEW_SECONDS)
    body = f"{os.getpid()}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
