"""Many clients that do different things at once: every answer is right, on every connection."""

import random
import threading
import time

import pytest

SECONDS = 6


def exchange(connection, choice):
    """One random thing on a kept-alive connection; asserts the answer.

    Returns whether the connection goes on. Only the last answer of a pipeline may end it: what is
    on its way already must not be lost.
    """
    what = choice.randrange(6)
    if what == 0:
        count = choice.randrange(1, 8)
        connection.send(b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n" * count)
        for _ in range(count):
            answer = connection.read_response()
            assert answer.body == b"plain"
    elif what == 1:
        pause = choice.randrange(0, 30)
        connection.send(b"GET /sleep?%d HTTP/1.1\r\nHost: x\r\n\r\n" % pause)
        answer = connection.read_response()
        assert answer.body == b"%d" % pause
    elif what == 2:
        body = choice.randbytes(choice.choice([0, 1, 100, 5_000, 70_000, 300_000]))
        request = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        cut = choice.randrange(len(request))
        connection.send(request[:cut])
        connection.send(request[cut:] + b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = connection.read_response()
        assert answer.body == body
        if answer.keeps_alive:  # The second request may have been on its way still.
            answer = connection.read_response()
            assert answer.body == b"plain"
    elif what == 3:
        parts = [choice.randbytes(choice.randrange(1, 9_000)) for _ in range(choice.randrange(20))]
        connection.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for part in parts:
            connection.send(b"%x\r\n" % len(part) + part + b"\r\n")
        connection.send(b"0\r\n\r\n")
        answer = connection.read_response()
        assert answer.body == b"".join(parts)
    elif what == 4:
        count = choice.randrange(0, 400)
        connection.send(b"GET /stream?%d HTTP/1.1\r\nHost: x\r\n\r\n" % count)
        expected = b"".join(b"%d," % number for number in range(count))
        answer = connection.read_response()
        assert answer.body == expected
    else:
        size = choice.choice([0, 10, 9_000, 200_000, 3_000_000])
        connection.send(b"GET /large?%d HTTP/1.1\r\nHost: x\r\n\r\n" % size)
        answer = connection.read_response()
        assert answer.body == b"x" * size
    return answer.keeps_alive


@pytest.mark.parametrize("workers, threads", [(1, 1), (1, 3), (2, 2)])
def test_every_answer_belongs_to_its_request(server, workers, threads):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    running = server(
        "busy:application", "--workers", workers, "--threads", threads,
        "--max-keep-alive-requests", 0,
    )
    end = time.monotonic() + SECONDS
    wrong, counts = [], []

    def client(number):
        choice = random.Random(seed + number)
        done = 0
        try:
            while time.monotonic() < end:
                with running.connect() as connection:
                    for _ in range(choice.randrange(1, 40)):
                        goes_on = exchange(connection, choice)
                        done += 1
                        if not goes_on:
                            break
        except Exception as error:  # noqa: BLE001 - told by the main thread
            wrong.append(f"client {number} after {done}: {type(error).__name__}: {error}"[:300])
        counts.append(done)

    clients = [threading.Thread(target=client, args=(number,)) for number in range(12)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    assert not wrong, wrong
    assert sum(counts) > 100
    assert len(running.worker_pids()) == workers
