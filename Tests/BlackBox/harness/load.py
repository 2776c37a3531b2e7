"""Clients that ask without pause, on kept-alive and on new connections, and count what fails."""

import threading
import time
from dataclasses import dataclass

from .wire import Connection, request_bytes


@dataclass
class Failure:
    """One request without a complete, expected answer."""

    when: float
    kind: str
    what: str
    worker: str | None  # the process that answered last on this connection, where known

    def __str__(self):
        return f"{self.kind} connection (last worker {self.worker}): {self.what}"


class Load:
    """`keep_alive` clients that use their connections on, `fresh` clients that do not.

    A connection is used again only where the server said that it stays open; so a server that
    closes one after that without an answer has lost a request. `worker_of` gets the process
    number out of a response. Clients wait for `pause` seconds after each answer.
    """

    def __init__(
        self, address, target="/", keep_alive=3, fresh=2, worker_of=None, accepts=None, pause=0,
    ):
        self.address = address
        self.target = target
        self.pause = pause
        self.worker_of = worker_of or (lambda response: None)
        self.accepts = accepts or (lambda response: response.status == 200)
        self.failures = []
        self.answers = 0
        self.last_answer = time.monotonic()
        self.longest_silence = 0.0
        self.seen = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        kinds = ["kept-alive"] * keep_alive + ["fresh"] * fresh
        self._threads = [threading.Thread(target=self._run, args=(kind,)) for kind in kinds]

    def __enter__(self):
        self.last_answer = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "a client waits for an answer that does not come"

    def expect_only_begun_lost(self, most):
        """In daemon mode: at most so many answers are 502, of requests that a worker had begun."""
        others = [str(one) for one in self.failures if not one.what.startswith("answer 502")]
        assert others == []
        assert len(self.failures) <= most, [str(one) for one in self.failures]

    def wait_for_answers(self, count, deadline=20.0):
        """Returns when `count` more answers have arrived."""
        goal = self.answers + count
        end = time.monotonic() + deadline
        while self.answers < goal:
            assert time.monotonic() < end, f"fewer than {count} answers in {deadline} s"
            self._stop.wait(0.005)
        return self

    def _count(self, response):
        with self._lock:
            now = time.monotonic()
            self.longest_silence = max(self.longest_silence, now - self.last_answer)
            self.last_answer = now
            self.answers += 1
            self.seen.add(response.body)

    def _run(self, kind):
        closing = [] if kind == "kept-alive" else [("Connection", "close")]
        request = request_bytes("GET", self.target, closing)
        connection, worker = None, None
        while not self._stop.is_set():
            try:
                if connection is None:
                    connection, worker = Connection(self.address, timeout=20), None
                response = connection.send(request).read_response()
                worker = self.worker_of(response)
                if self.accepts(response):
                    self._count(response)
                else:
                    self._fail(kind, f"answer {response.status} {response.body[:200]!r}", worker)
                if not response.keeps_alive:
                    connection.close()
                    connection = None
                if self.pause:
                    self._stop.wait(self.pause)
            except (OSError, AssertionError) as error:
                self._fail(kind, f"{type(error).__name__}: {error}", worker)
                if connection is not None:
                    connection.close()
                connection = None
                self._stop.wait(0.02)
        if connection is not None:
            connection.close()

    def _fail(self, kind, what, worker):
        with self._lock:
            self.failures.append(Failure(time.monotonic(), kind, what, worker))
