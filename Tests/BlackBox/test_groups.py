"""Process groups: several applications, each with processes, a Python and a fate of its own."""

import contextlib
import json
import sys

import pytest
from harness import interpreters
from harness.load import Load
from harness.processes import wait_until
from harness.serving import run_to_its_end
from prometheus_client.parser import text_string_to_metric_families

USAGE = 2
APP = "grouped:validated"


def python(version):
    """An interpreter of this version, else the one that runs the tests."""
    return interpreters.with_packages(version) or interpreters.find(version) or sys.executable


def group(name, *options, url=None, app=APP):
    """The words for one more process group, at /NAME."""
    return ("--process-group", name, "--mount", f"{url or '/' + name}={app}", *options)


@pytest.fixture
def grouped(server):
    """Starts a server with these groups, once each of them serves."""

    def start(*words, app=None, groups=(), **more):
        running = server(
            app, "--mode", "daemon", "--threads", 2, "--refork-after", 0, "--metrics", "/metrics",
            *words,
            *[word for one in groups for word in one], **more)
        wait_until(
            lambda: all(g["state"] == "serving" for g in status(running).values()), 30,
            "every group to serve")
        return running

    return start


def status(running):
    """What `plimsoll status` says of each group, by its name."""
    code, text, output = run_to_its_end("status", "--json", "--pid", running.pid)
    assert code == 0, text
    found = json.loads(output)
    groups = {group["name"]: group for group in found["groups"]}
    for one in groups.values():
        one["pids"] = sorted(
            worker["pid"] for worker in found["workers"] if worker["group"] == one["name"])
    return groups


def who(running, target, **options):
    response = running.get(target, **options)
    assert response.status == 200, (response.status, response.text)
    return json.loads(response.text)


def metric(running, name, **labels):
    """The sum of the samples of a metric that have these labels."""
    families = text_string_to_metric_families(running.get("/metrics").text)
    return sum(
        sample.value for family in families for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items())


# Where requests go.


def test_each_group_has_its_python(grouped):
    running = grouped(
        "--workers=1", app=APP, python=python("3.11"), groups=[
            group("blog", "--python", python("3.12"), "--env", "WHO=b"),
            group("shop", "--python", python("3.13"), "--env", "WHO=s")])
    found = [who(running, target) for target in ("/", "/blog/", "/shop/x?y=1")]
    expected = [interpreters.version_of(python(v)) for v in ("3.11", "3.12", "3.13")]
    assert [one["python"] for one in found] == expected
    assert [one["name"] for one in found] == ["", "b", "s"]
    assert len({one["pid"] for one in found}) == 3
    groups = status(running)
    assert list(groups) == ["main", "blog", "shop"]
    for one, name in zip(found, groups, strict=True):
        assert groups[name]["pids"] == [one["pid"]]
    assert groups["blog"]["python"] == python("3.12") and groups["shop"]["urls"] == "/shop"
    assert [g["generation"] for g in groups.values()] == [1, 1, 1]
    code, _, table = run_to_its_end("status", "--pid", running.pid)
    assert code == 0 and all(len(line) <= 100 for line in table.splitlines())
    for name in groups:
        assert f"\n  {name} " in table and f"\n  {name}:\n" in table


def test_the_url_is_split_where_the_application_is(grouped, tmp_path):
    (tmp_path / "page").write_text("a file")
    running = grouped(
        "--workers=1", "--static", f"/blog/static={tmp_path}", groups=[
            group("blog"), group("admin", url="/blog/admin"), group("coffee", url="/caf%C3%A9%20x"),
            group("two", "--mount", f"/deux={APP}")])
    # Both sides of the split as PEP 3333 wants them: bytes as latin-1.
    cafe = "/caf\u00c3\u00a9 x"
    for target, script, path in (
        ("/blog", "/blog", ""),
        ("/blog/", "/blog", "/"),
        ("/blog/a/b", "/blog", "/a/b"),
        ("/blog/a%2Fb%20c", "/blog", "/a/b c"),
        ("/%62log/a", "/blog", "/a"),
        ("/blog/admin", "/blog/admin", ""),
        ("/blog/admin/x?y=z", "/blog/admin", "/x"),
        ("/blog/administration", "/blog", "/administration"),
        ("/caf%C3%A9%20x/1", cafe, "/1"),
        ("/caf%c3%a9%20%78", cafe, ""),
        ("/two/1", "/two", "/1"),
        ("/deux/1", "/deux", "/1"),
    ):
        found = who(running, target)
        assert (found["script"], found["path"]) == (script, path), target
    assert who(running, "/two")["pid"] == who(running, "/deux")["pid"]
    assert running.get("/blog/static/page").text == "a file"
    assert running.get("/blog/static/none").status == 404
    for target in ("/", "/blogger", "/bl", "/BLOG", "/caf", "/twotwo", "/admin"):
        assert running.get(target).status == 404, target


def test_what_stands_before_the_first_group_holds_for_all(grouped):
    running = grouped(
        "--workers=1", "--env", "WHO=everybody", groups=[
            group("blog"), group("shop", "--env", "WHO=shop", "--workers=2")])
    assert who(running, "/blog")["name"] == "everybody" and who(running, "/shop")["name"] == "shop"
    groups = status(running)
    assert list(groups) == ["blog", "shop"]
    assert [len(g["pids"]) for g in groups.values()] == [1, 2]


# What goes wrong in one does not disturb the others.


@contextlib.contextmanager
def undisturbed(running, *targets):
    """Load on these URLs, in which every request has to be answered."""
    loads = [Load(running.address, target, keep_alive=1, fresh=1, pause=0.01) for target in targets]
    with contextlib.ExitStack() as stack:
        for load in loads:
            stack.enter_context(load)
            load.wait_for_answers(5)
        yield
        for load in loads:
            load.wait_for_answers(20)
    for load in loads:
        assert [str(failure) for failure in load.failures] == [], load.target


@pytest.fixture
def three(grouped):
    """Three groups, of which two are to be left alone."""
    return grouped(
        "--workers=1", "--memory", "300M", groups=[
            group("one", "--python", python("3.11"), "--timeout", 1),
            group("two", "--python", python("3.12")), group("three", "--python", python("3.13"))])


def settled(running, name):
    """The group's state, once it has a worker that serves and was not there before."""
    return lambda: (one := status(running)[name])["pids"] and one


def test_one_group_crashes(three):
    before = status(three)
    with undisturbed(three, "/two", "/three"):
        for _ in range(3):
            assert three.get("/one/abort?secret=1").status == 502
            assert who(three, "/one/")["script"] == "/one"
        assert three.get("/one/exit").status == 502
    after = status(three)
    for name in ("two", "three"):
        assert after[name]["pids"] == before[name]["pids"]
        assert after[name]["deaths"] == 0 and after[name]["generation"] == 1
    causes = after["one"]["deaths_by_cause"]["worker"]
    assert (causes["signal"], causes["exit"], after["one"]["deaths"]) == (3, 1, 4)
    (pid,) = before["one"]["pids"]
    three.wait_for_log(rf"worker 0 of one \(pid {pid}\) was killed by SIGABRT")
    three.wait_for_log(r"worker 0 of one \(pid \d+\) exited with code 7")


def test_one_group_is_stuck(three):
    before = status(three)
    with undisturbed(three, "/two", "/three"):
        assert three.get("/one/stuck").status in (502, 504)
        assert who(three, "/one/")["script"] == "/one"
    after = wait_until(
        lambda: (now := status(three))["one"]["deaths"] == 1 and now, 15, "the death to count")
    assert after["one"]["deaths_by_cause"]["worker"]["timeout"] == 1
    for name in ("two", "three"):
        assert after[name]["pids"] == before[name]["pids"] and after[name]["deaths"] == 0
    three.wait_for_log(r"worker 0 of one .*longer than --timeout 1")


def test_one_group_leaks(three):
    before = status(three)
    (pid,) = before["one"]["pids"]

    def leak_until_it_goes():
        assert three.get("/one/leak").status == 200
        return pid not in status(three)["one"]["pids"]

    with undisturbed(three, "/two", "/three"):
        wait_until(leak_until_it_goes, 30, "the worker to be replaced")
        assert who(three, "/one/")["pid"] != pid
    three.wait_for_log(
        rf"worker 0 of one \(pid {pid}\) took .* more memory since it began to serve")
    after = status(three)
    # It had its word, and lost no request: that is no death.
    assert after["one"]["deaths"] == 0 and after["one"]["forks"] >= 2
    for name in ("two", "three"):
        assert after[name]["pids"] == before[name]["pids"]


# Words that cannot be meant.


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((*group("a"), "--bind", "127.0.0.1:1"), "--bind is about the whole server"),
        ((*group("a"), *group("a", url="/b")), "there is a group of that name already"),
        ((*group("a"), *group("b", url="/a")), "the URL /a is given to the process groups a and b"),
        ((*group("a"), *group("b", url="/%61/")), "is given to the process groups a and b"),
        (("hello", *group("a", url="/")), "the URL / is given to the process groups main and a"),
        (("--process-group", "a"), "--process-group a has no application"),
        ((*group("a"), "--process-group", "b"), "--process-group b has no application"),
        (("--mode", "embedded", "hello", *group("a")), "--process-group a needs --mode daemon"),
        (("hello", *group("a b", url="/a")), "a b"),
        (("hello", *group("main", url="/a")), "--process-group main: there is a group"),
        (("hello", *group("a"), "shop"), "\"shop\" stands behind --process-group a"),
        (("hello", "--process-group"), "--process-group has no value"),
    ],
    ids=lambda value: None if isinstance(value, tuple) else value[:40])
def test_words_that_do_not_fit(words, expected):
    mode = () if "--mode" in words else ("--mode", "daemon")
    code, text, _ = run_to_its_end("serve", *mode, *words)
    assert code == USAGE and expected in text, text
    assert len(text.splitlines()) == 1
