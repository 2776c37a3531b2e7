"""A response whose length nobody knows: each block is visible as soon as it is yielded."""

import time

# Sent at most this often, so that a mistyped URL cannot hold a handler for long.
LIMIT = 100


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    query = environ.get("QUERY_STRING", "")
    count = min(int(query), LIMIT) if query.isascii() and query.isdigit() else 5
    return ticks(count)


def ticks(count):
    for number in range(1, count + 1):
        yield b"tick %d of %d\n" % (number, count)
        if number < count:
            time.sleep(0.1)
