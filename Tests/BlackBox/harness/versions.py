"""An application that says which version of it answered, and restarts that install the next one."""

import signal

from .processes import wait_until

NUMBERED = """
import os

VERSION = "{version}"


def application(environ, start_response):
    body = f"{{VERSION}} {{os.getpid()}}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""


def numbered(version):
    return NUMBERED.format(version=version)


def version_served(server):
    return server.get("/").text.split()[0]


def restart(server, directory, version, name="numbered"):
    """Installs a version, restarts, and returns when fresh connections get it from new workers."""
    old = server.worker_pids()
    (directory / f"{name}.py").write_text(numbered(version))
    server.signal(signal.SIGHUP)
    server.wait_for_notification("RELOADING=1")
    server.wait_for_notification("READY=1", 30)
    wait_until(lambda: version_served(server) == str(version), 20, f"version {version}")
    server.wait_for_workers(len(old), without=old, deadline=40)
