"""Apache's policy in the real server: how many processes there are in a total stall, and after it.

The unit tests of `ApachePolicy` derive the numbers; here the scoreboard of a running server shows
them, read as anybody reads it, with `plimsoll status --json`.
"""

import contextlib
import json

import pytest
from harness.processes import wait_until
from harness.serving import run_to_its_end
from harness.wire import request_bytes

pytestmark = pytest.mark.embedded("it is about connections that workers accept")

# Twice MaxRequestWorkers of the stock blocks. As many do not stall event, where a process takes
# more connections than it has threads, as in httpd (AsyncRequestWorkerFactor).
CLIENTS = 300
ATTEMPTS = 3
# For each block how the processes grow in a total stall, and shrink when all handlers are idle.
BLOCKS = {
    "stock-prefork": ([5, 6, 8, 12, 20, 36, 68, 100, 132, 150], [150, 149, 148, 147, 146]),
    "stock-worker": ([2, 3, 5, 6], [6, 5, 4, 3]),
    "stock-event": ([2, 3, 5, 6], [6, 5, 4, 3]),
}
MAXIMUM = "server reached MaxRequestWorkers setting"


class TooSlow(Exception):
    """New processes were not at work yet when the policy looked the next time."""


def look(running):
    """How many processes stay, and whether all of their handlers are in a request."""
    code, text, output = run_to_its_end("status", "--json", "--pid", running.pid)
    assert code == 0, text
    workers = [
        one for one in json.loads(output)["workers"] if one["phase"] in ("starting", "serving")]
    letters = {handler["state"] for one in workers for handler in one["handlers"]}
    return len(workers), letters <= {"W"}


def watch(running, expected, in_stall):
    """Returns when the number of processes has gone through all that is expected, and no other.

    The policy looks once a second. In a stall it sees a total one only where all handlers were busy
    before the number changed; on a machine that needs longer to bring processes to work it is right
    to do something else.
    """
    counts, was_stalled = [expected[0]], False

    def moved():
        now = look(running)
        # The slots of one tick are filled one after the other: what changes was seen in between.
        while (again := look(running))[0] != now[0]:
            now = again
        return again if again != (counts[-1], was_stalled) else None

    while len(counts) < len(expected):
        count, is_stalled = wait_until(moved, 20, f"more than {counts}")
        if count != counts[-1]:
            if in_stall and not was_stalled:
                raise TooSlow(f"{counts}, then {count} before all were busy")
            counts.append(count)
            assert counts == expected[: len(counts)]
        was_stalled = is_stalled
    print(counts)


def begin_a_stall(running, stack, path):
    connections = [stack.enter_context(running.connect()) for _ in range(CLIENTS)]
    for connection in connections:
        connection.send(
            request_bytes(target=f"/gate?path={path}", headers=[("Connection", "close")]))
    return connections


def stalled_server(server, gate, preset, stack):
    """A server that has grown as expected, its clients and the gate that holds them."""
    growth, _ = BLOCKS[preset]
    for _ in range(ATTEMPTS):
        running, held = server("responding:application", "--preset", preset), gate()
        running.wait_for_workers(growth[0])
        connections = begin_a_stall(running, stack, held.path)
        try:
            watch(running, growth, in_stall=True)
            return running, connections, held
        except TooSlow as error:
            print(error)
            held.open_for_good()
            running.stop()
    return pytest.skip("this machine takes more than a second to bring processes to work")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("preset", BLOCKS)
def test_a_total_stall_makes_a_snowball(server, gate, preset):
    with contextlib.ExitStack() as stack:
        running, connections, held = stalled_server(server, gate, preset, stack)
        running.wait_for_log(MAXIMUM)
        wait_until(lambda: look(running)[1], 20, "the last processes to be at work")
        held.open_for_good()
        for connection in connections:
            assert connection.read_response().body == b"passed"
            connection.close()
        watch(running, BLOCKS[preset][1], in_stall=False)
    assert running.log_text().count(MAXIMUM) == 1
