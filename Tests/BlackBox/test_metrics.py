"""`--metrics`: what Prometheus reads, with the parser of its own client library."""

import concurrent.futures
import json
import os
import re
import signal

import pytest
from harness.processes import wait_until
from harness.serving import run_to_its_end
from harness.wire import Truncated
from prometheus_client.parser import text_string_to_metric_families

USAGE = 2
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BIG = 4_000_000
MODES = (("--mode", "embedded"), ("--mode", "daemon"))


def families(running):
    """The metrics by name; the parser takes `_total` from the names of counters."""
    response = running.get("/metrics")
    assert response.status == 200 and response["Content-Type"] == CONTENT_TYPE
    return lint(response.text)


def lint(text):
    """What promtool would say, and what the parser lets pass."""
    declared = re.findall(r"^# (HELP|TYPE) (\S+) (.+)$", text, re.MULTILINE)
    helps = [name for kind, name, _ in declared if kind == "HELP"]
    types = {name: rest for kind, name, rest in declared if kind == "TYPE"}
    assert len(helps) == len(set(helps)) and set(helps) == set(types)
    assert text.endswith("\n") and "NaN" not in text
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation and family.documentation.endswith("."), family.name
        assert family.type in ("counter", "gauge", "histogram"), family.name
        assert family.samples, f"{family.name} has no sample"
        assert family.name not in found, f"{family.name} comes twice"
        declared_as = family.name + ("_total" if family.type == "counter" else "")
        assert types[declared_as] == family.type
        assert re.fullmatch(r"plimsoll_[a-z_]+", declared_as)
        assert not re.search(r"_(ms|us|kb|mb|percent|milliseconds|kilobytes)(_|$)", declared_as)
        seen = set()
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in seen, f"{key} comes twice"
            seen.add(key)
            assert sample.value >= 0
            assert all(value for label, value in sample.labels.items() if label != "title")
            if family.type == "counter":
                assert sample.name.endswith("_total")
            elif family.type == "gauge":
                assert not sample.name.endswith("_total")
        if family.type == "histogram":
            for group in {s.labels["group"] for s in family.samples}:
                lint_histogram([s for s in family.samples if s.labels["group"] == group])
        found[family.name] = family
    assert len(found) == len(types)
    return found


def lint_histogram(samples):
    buckets = [s for s in samples if s.name.endswith("_bucket")]
    bounds = [float(s.labels["le"]) for s in buckets]
    assert bounds == sorted(bounds) and bounds[-1] == float("inf")
    counts = [s.value for s in buckets]
    assert counts == sorted(counts)
    (count,) = [s.value for s in samples if s.name.endswith("_count")]
    assert count == counts[-1]
    assert len([s for s in samples if s.name.endswith("_sum")]) == 1


def value(found, name, **labels):
    """The sum of the samples of a metric that have these labels."""
    return sum(
        sample.value for sample in found[name].samples
        if not sample.name.endswith(("_bucket", "_sum", "_created"))
        and labels.items() <= sample.labels.items())


def cumulative(found):
    """Everything that may never fall, by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in found.values() if family.type in ("counter", "histogram")
        for sample in family.samples}


def assert_nothing_fell(before, after):
    assert set(before) <= set(after)
    fallen = {key: (old, after[key]) for key, old in before.items() if after[key] < old}
    assert not fallen, fallen


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode[1])
def test_what_it_tells(server, mode):
    running = server("hello", "--workers", 2, "--threads", 3, "--metrics", "/metrics", *mode)
    for _ in range(20):
        assert running.get("/").status == 200
    found = wait_until(
        lambda: value(found := families(running), "plimsoll_requests", group="main") >= 20
        and found, 10, "the requests to count")
    (info,) = found["plimsoll_info"].samples
    assert info.labels["title"] == "hello" and info.labels["software"].startswith("plimsoll/")
    assert value(found, "plimsoll_request_duration_seconds") >= 20
    assert value(found, "plimsoll_response_bytes") > 20 * len("hello")
    assert value(found, "plimsoll_workers", phase="serving") == 2
    assert value(found, "plimsoll_workers_max") == 2
    assert value(found, "plimsoll_forks") == 2
    assert value(found, "plimsoll_fork_duration_seconds") == 2
    assert value(found, "plimsoll_deaths") == 0 and len(found["plimsoll_deaths"].samples) == 18
    assert value(found, "plimsoll_generation") == 1 == value(found, "plimsoll_generations")
    assert value(found, "plimsoll_fronts") == (1 if mode[1] == "daemon" else 0)
    assert value(found, "plimsoll_connections") >= 1
    assert value(found, "plimsoll_memory_budget_bytes") > 0
    assert sum(s.value for s in found["plimsoll_workers_bound"].samples) == 1


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode[1])
def test_bytes_count_once(server, tmp_path, mode):
    """Also those that a front passes on, and those that it sends from a file."""
    (tmp_path / "file").write_bytes(b"x" * BIG)
    running = server(
        "responding:application", "--workers", 1, "--metrics", "/metrics", "--static",
        f"/s={tmp_path}", *mode)
    for path in (f"/sized?size={BIG}", "/s/file"):
        before = value(families(running), "plimsoll_response_bytes")
        assert len(running.get(path).body) == BIG
        after = wait_until(
            lambda start=before: (now := value(families(running), "plimsoll_response_bytes"))
            >= start + BIG and now, 10, "the bytes to count")
        assert BIG <= after - before < 1.5 * BIG, path


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode[1])
def test_counters_never_fall(server, mode):
    """Neither over a restart nor over deaths, also for a reader that asks all the time."""
    running = server("responding:application", "--workers", 2, "--metrics", "/metrics", *mode)
    for _ in range(10):
        assert running.get("/pid").status == 200
    last = cumulative(families(running))

    def reached(condition):
        nonlocal last
        found = families(running)
        now = cumulative(found)
        assert_nothing_fell(last, now)
        last = now
        return condition(found) and found

    # The client's own connection may be the killed worker's: that one is asked once more.
    victim = running.worker_pids()[0]
    os.kill(victim, signal.SIGKILL)

    def died(found):
        return (
            value(found, "plimsoll_deaths", process="worker") == 1
            and value(found, "plimsoll_workers", phase="serving") == 2)

    def until(condition, what):
        def look():
            try:
                return reached(condition)
            except (ConnectionError, Truncated):
                return None
        return wait_until(look, 20, what)

    found = until(died, "the death to count")
    assert value(found, "plimsoll_deaths", process="worker", cause="signal") == 1
    running.signal(signal.SIGHUP)
    found = until(
        lambda found: value(found, "plimsoll_generation") == 2
        and value(found, "plimsoll_workers", phase="serving") == 2
        and value(found, "plimsoll_workers") == 2, "the restart")
    assert value(found, "plimsoll_generations") == 2
    assert value(found, "plimsoll_requests") > 10


def test_a_front_that_died_counts(server):
    running = server("hello", "--workers", 1, "--mode", "daemon", "--metrics", "/metrics")
    before = families(running)
    # Not from the status, in which a front that is just made has the pid 0: that is ourselves.
    (pid,) = running.titled("front")
    os.kill(pid, signal.SIGKILL)
    wait_until(
        lambda: any(f["pid"] not in (pid, 0) for f in fronts(running)), 20, "another front")
    running.wait_for_log(rf"front 0 \(pid {pid}\) was killed")

    def look():
        try:
            return families(running)
        except (ConnectionError, Truncated):
            return None

    after = wait_until(look, 20, "the new front to answer")
    assert value(after, "plimsoll_deaths", process="front", cause="signal") == 1
    assert_nothing_fell(cumulative(before), cumulative(after))


GROUPS = (
    "--process-group", "blog", "--mount", "/blog=busy", "--threads", 1,
    "--process-group", "shop", "--mount", "/shop=grouped")


def grouped(server, *options):
    """A server of two groups that both serve."""
    running = server(
        None, "--mode", "daemon", "--workers=1", "--refork-after", 0, "--metrics", "/metrics",
        *options, *GROUPS)
    wait_until(
        lambda: value(families(running), "plimsoll_group_state", state="serving") == 2, 20,
        "both groups to serve")
    return running


def test_every_group_has_its_own(server):
    running = grouped(server)
    for _ in range(3):
        assert running.get("/shop").status == 200
    found = wait_until(
        lambda: value(found := families(running), "plimsoll_requests", group="shop") == 3
        and found, 10, "the requests to count")
    for name, family in found.items():
        groups = {sample.labels.get("group") for sample in family.samples}
        assert groups in ({None}, {"blog", "shop"}), name
    for sample in found["plimsoll_queue_duration_seconds"].samples:
        if sample.name.endswith("_count"):
            assert sample.value == (3 if sample.labels["group"] == "shop" else 0)
    urls = {s.labels["group"]: s.labels["urls"] for s in found["plimsoll_group_info"].samples}
    assert urls == {"blog": "/blog", "shop": "/shop"}
    for group in ("blog", "shop"):
        assert value(found, "plimsoll_forks", group=group) == 1
        assert value(found, "plimsoll_generations", group=group) == 1
        assert value(found, "plimsoll_memory_molds_bytes", group=group) > 0
    assert len(found["plimsoll_memory_budget_bytes"].samples) == 1


def test_a_queue_tells_its_length_and_age(server, gate):
    running = grouped(server)
    door = gate()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        held = pool.submit(running.get, "/blog/gate", [("X-Gate", door.path)])
        door.wait_for_visitor()
        waiting = [pool.submit(running.get, "/blog/") for _ in range(2)]
        found = wait_until(
            lambda: value(found := families(running), "plimsoll_waiting_requests") == 2
            and value(found, "plimsoll_oldest_waiting_request_seconds") > 0.1 and found, 20,
            "the queue to show")
        assert value(found, "plimsoll_waiting_requests", group="blog") == 2
        assert value(found, "plimsoll_waiting_requests", group="shop") == 0
        assert value(found, "plimsoll_oldest_waiting_request_seconds", group="shop") == 0
        assert value(found, "plimsoll_handlers", group="blog", state="busy") == 1
        assert running.get("/shop").status == 200
        door.open()
        assert all(one.result(20).status == 200 for one in (held, *waiting))
    found = families(running)
    assert value(found, "plimsoll_waiting_requests") == 0
    assert value(found, "plimsoll_oldest_waiting_request_seconds") == 0
    waits = {
        sample.name.rsplit("_", 1)[1]: sample.value
        for sample in found["plimsoll_queue_duration_seconds"].samples
        if sample.labels["group"] == "blog" and "le" not in sample.labels}
    assert waits["count"] == 3 and waits["sum"] > 0.1


def test_counters_of_groups_never_fall(server):
    """Neither over a restart nor over deaths of workers, of a mold or of the front."""
    running = grouped(server, "--fronts", 2)
    for path in ("/blog/", "/shop", "/blog/", "/nowhere"):
        running.get(path)
    last = cumulative(families(running))

    def reached(condition):
        nonlocal last
        try:
            found = families(running)
        except (ConnectionError, Truncated):
            return None  # the front was killed that had the connection
        assert_nothing_fell(last, now := cumulative(found))
        last = now
        return condition(found) and found

    def died(process, group):
        return lambda found: value(
            found, "plimsoll_deaths", process=process, group=group, cause="signal") == 1

    for process, title, group in (
        ("worker", "worker 0 shop", "shop"), ("front", "front 1", "blog"), ("mold", "mold blog",
        "blog"), ("front", "front 0", None),
    ):
        (pid,) = running.titled(title)
        os.kill(pid, signal.SIGKILL)
        if group:
            condition = died(process, group)
        else:
            condition = lambda found: value(found, "plimsoll_deaths", process="front") == 2
        wait_until(lambda check=condition: reached(check), 20, f"the death of {title} to count")
    running.signal(signal.SIGHUP)
    wait_until(
        lambda: reached(
            lambda found: value(found, "plimsoll_generation", group="shop") == 2
            # Its new mold may have been the second.
            and value(found, "plimsoll_generation", group="blog") in (2, 3)
            and value(found, "plimsoll_workers") == 2), 30, "the restart")
    found = families(running)
    assert value(found, "plimsoll_requests", group="shop") == 1
    counts = {
        s.labels["group"]: s.value for s in found["plimsoll_queue_duration_seconds"].samples
        if s.name.endswith("_count")}
    assert counts == {"blog": 2, "shop": 1}


def fronts(running):
    code, text, output = run_to_its_end("status", "--json", "--pid", running.pid)
    assert code == 0, text
    return json.loads(output)["fronts"]


def connections_of(found):
    return sum(front["connections"]["total"] for front in found)


def test_the_status_shows_fronts(server):
    running = server("hello", "--workers", 1, "--mode", "daemon", "--fronts", 2)
    with running.connect() as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.read_response().status == 200
        found = wait_until(
            lambda: connections_of(found := fronts(running)) == 1 and found, 10,
            "the connection to count")
        assert [f["number"] for f in found] == [0, 1]
        code, _, table = run_to_its_end("status", "--pid", running.pid)
        assert code == 0
        assert len(re.findall(r"^  front [01]    pid \d+, connections [01] \(", table, re.M)) == 2
        assert "; connections 1" in table


def test_the_title_is_a_label(server):
    title = 'a "b" \\ c\\n'
    running = server("hello", "--workers", 1, "--metrics", "/metrics", "--name", title)
    (info,) = families(running)["plimsoll_info"].samples
    assert info.labels["title"] == title


def test_who_may_see_it(server):
    running = server("hello:application", "--workers", 1, "--metrics", "/metrics")
    for name in ("Forwarded", "X-Forwarded-For", "Via"):
        assert running.get("/metrics", [(name, "for=192.0.2.1")]).status == 403
    post = running.request("POST", "/metrics", body=b"x")
    assert post.status == 405 and post["Allow"] == "GET, HEAD"
    head = running.request("HEAD", "/metrics")
    assert head.status == 200 and head.body == b"" and head["Cache-Control"] == "no-store"
    for path in ("/metrics/x", "/metric", "/server-status"):
        assert running.get(path).body == b"hello"


def test_off_unless_asked_for(server):
    running = server("hello:application", "--workers", 1)
    assert running.get("/metrics").body == b"hello"


def test_two_reports_at_one_path():
    code, text, _ = run_to_its_end(
        "serve", "hello", "--metrics", "/a", "--status-path", "/a/")
    assert code == USAGE and "--metrics" in text and "--status-path" in text
