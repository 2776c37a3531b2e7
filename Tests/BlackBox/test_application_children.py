"""Processes that the application starts for itself: they are no part of the server."""

import os
import signal

import pytest
from harness.processes import wait_until

FORKING = """
import multiprocessing
import os
import signal
import time

FORK = multiprocessing.get_context("fork")


def terminated():
    child = FORK.Process(target=time.sleep, args=(60,))
    child.start()
    child.terminate()
    child.join(5)
    code = child.exitcode
    if child.is_alive():
        child.kill()
        child.join()
    return code


def ended_by(number):
    pid = os.fork()
    if pid == 0:
        time.sleep(5)
        os._exit(0)
    os.kill(pid, number)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def all_ends():
    numbers = [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1,
               signal.SIGUSR2]
    return [terminated()] + [ended_by(number) for number in numbers]


AT_IMPORT = all_ends() if IMPORTING else []


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    ends = AT_IMPORT or all_ends()
    return [" ".join(str(int(code if code is not None else 99)) for code in ends).encode()]
"""

ENDS = [-signal.SIGTERM, -signal.SIGTERM, -signal.SIGINT, -signal.SIGQUIT, -signal.SIGHUP,
        -signal.SIGUSR1, -signal.SIGUSR2]


def test_signals_end_forked_children_of_a_request(server, site):
    """And leave the worker alone, which has handlers for them."""
    directory = site(forking=FORKING.replace("IMPORTING", "False"))
    running = server("forking", "--workers", 1, chdir=directory)
    worker = running.worker_pids()
    assert [int(code) for code in running.get("/").text.split()] == ENDS
    assert running.get("/").status == 200
    assert running.worker_pids() == worker


def test_signals_end_forked_children_of_the_import(server, site):
    directory = site(forking=FORKING.replace("IMPORTING", "True"))
    running = server("forking", "--workers", 1, chdir=directory)
    assert [int(code) for code in running.get("/").text.split()] == ENDS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_signals_to_the_whole_group_stop_the_server_once(server, number):
    """Ctrl-C reaches molds and workers too: they wait for what the supervisor says."""
    running = server("hello:application", "--workers", 2)
    os.killpg(running.pid, number)
    assert running.wait() == 0
    assert signal.Signals(number).name in running.log_text()
    assert "killed by" not in running.log_text()


def test_worker_drains_at_its_own_term(server):
    running = server("hello:application", "--workers", 1)
    worker = running.worker_pids()[0]
    os.kill(worker, signal.SIGTERM)
    running.wait_for_workers(1, without=[worker])
    wait_until(lambda: running.get("/").status == 200, what="an answer")
    assert "killed" not in running.log_text()
