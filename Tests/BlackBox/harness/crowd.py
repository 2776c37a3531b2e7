"""A crowd of clients whose size changes while it runs, and that counts every lost request."""

import collections
import random
import select
import threading

from .wire import Connection, request_bytes


class Crowd:
    """Clients that ask, pause, ask again on the same connection, and sometimes come back anew.

    A server may close a connection on which nothing is asked: where its end has arrived before the
    request is written, or was announced by `Connection: close`, the request goes over a new
    connection. Whatever else leaves a request without a complete answer is a failure.
    """

    def __init__(self, address, targets, seed, pause=0.1, most_requests=12, timeout=60.0):
        self.address = address
        self.targets = targets
        self.seed = seed
        self.pause = pause  # seconds, at most
        self.most_requests = most_requests  # of one connection
        self.timeout = timeout
        self.failures = []
        self.answers = 0
        self.closed_while_idle = 0
        self.answered_by = collections.Counter()
        self._lock = threading.Lock()
        self._clients = []  # (thread, event that ends it)
        self._ending = []
        self._started = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.resize(0)
        for thread, _ in self._ending:
            thread.join(self.timeout + 10)
            assert not thread.is_alive(), "a client waits for an answer that does not come"

    def resize(self, count):
        """Lets clients come, or go after their present request."""
        while len(self._clients) < count:
            end = threading.Event()
            choice = random.Random(f"{self.seed} {self._started}")
            thread = threading.Thread(target=self._run, args=(end, choice))
            self._started += 1
            self._clients.append((thread, end))
            thread.start()
        while len(self._clients) > count:
            client = self._clients.pop()
            client[1].set()
            self._ending.append(client)

    def _run(self, end, choice):
        connection, left = None, 0
        while not end.is_set():
            target, fresh = choice.choice(self.targets), choice.random() < 0.2
            headers = [("Connection", "close")] if fresh else []
            try:
                if connection is not None and (left == 0 or has_ended(connection)):
                    if left:
                        with self._lock:
                            self.closed_while_idle += 1
                    connection.close()
                    connection = None
                if connection is None:
                    connection = Connection(self.address, timeout=self.timeout)
                    left = choice.randint(1, self.most_requests)
                connection.send(request_bytes("GET", target, headers))
                response = connection.read_response()
                assert response.status == 200, f"status {response.status}"
                left = left - 1 if response.keeps_alive else 0
                with self._lock:
                    self.answers += 1
                    self.answered_by[response.text] += 1
            except (OSError, AssertionError) as error:
                with self._lock:
                    self.failures.append(f"{target}: {type(error).__name__}: {error}")
                if connection is not None:
                    connection.close()
                connection = None
            if not left and connection is not None:
                connection.close()
                connection = None
            end.wait(choice.uniform(0, self.pause))
        if connection is not None:
            connection.close()


def has_ended(connection):
    """Whether the other side has closed a connection on which nothing is under way."""
    ready, _, _ = select.select([connection.socket], [], [], 0)
    return bool(ready)
