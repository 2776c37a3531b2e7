"""At low load one or two workers do the work, and the others keep their memory clean.

In turn, each of the eight would have an eighth. How much more the first ones have depends on
whether they are back asleep when the next client comes: nearly all, but on a machine that is busy
with other things less. So half is what is asked for; docs/operations.md has what was measured.
"""

import collections
import concurrent.futures

import pytest

pytestmark = pytest.mark.embedded("it is about connections that workers accept")

MODELS = [("event", 4), ("event", 1), ("worker", 4), ("worker", 1), ("prefork", 1)]


def ask(running, count):
    """The workers that answered so many clients, one after the other."""
    return collections.Counter(running.get("/pid").text for _ in range(count))


@pytest.mark.parametrize(("mpm", "threads"), MODELS)
def test_one_client_is_served_by_one_worker_or_two(server, mpm, threads):
    running = server(
        "responding:application", "--workers", 8, "--mpm", mpm, "--threads", threads)
    served = ask(running, 200)
    assert sum(count for _, count in served.most_common(2)) > 100, served


@pytest.mark.parametrize(("mpm", "threads"), MODELS)
def test_two_clients_are_served_by_few_workers(server, mpm, threads):
    running = server(
        "responding:application", "--workers", 8, "--mpm", mpm, "--threads", threads)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        served = sum(pool.map(lambda _: ask(running, 150), range(2)), collections.Counter())
    assert sum(count for _, count in served.most_common(3)) > 150, served


def test_the_order_survives_a_crowd_under_prefork(server):
    """After all workers were busy, the same ones serve as before."""
    running = server("responding:application", "--workers", 8, "--mpm", "prefork")
    first = [pid for pid, _ in ask(running, 100).most_common(2)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: ask(running, 30), range(16)))
    served = ask(running, 100)
    assert sum(served[pid] for pid in first) > 50, served
