"""Process groups: several applications, each with processes, a Python and a fate of its own."""

import concurrent.futures
import contextlib
import json
import re
import signal
import sys

import pytest
from harness import interpreters
from harness.load import Load
from harness.processes import wait_until
from harness.serving import run_to_its_end
from harness.versions import numbered
from prometheus_client.parser import text_string_to_metric_families

USAGE, APPLICATION = 2, 3
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
            group("one", "--python", python("3.11"), "--timeout", 1, "--interrupt-timeout", 1),
            group("two", "--python", python("3.12")), group("three", "--python", python("3.13"))])


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
        assert metric(three, "plimsoll_deaths_total", group=name, process="worker") == 0
    assert metric(three, "plimsoll_deaths_total", group="one", cause="signal") == 3
    assert metric(three, "plimsoll_deaths_total", group="one", cause="exit") == 1
    causes = after["one"]["deaths_by_cause"]["worker"]
    assert (causes["signal"], causes["exit"], after["one"]["deaths"]) == (3, 1, 4)
    (pid,) = before["one"]["pids"]
    three.wait_for_log(rf"worker 0 of one \(pid {pid}\) was killed by SIGABRT")
    three.wait_for_log(r"worker 0 of one \(pid \d+\) exited with code 7")


def test_one_group_is_stuck(three):
    before = status(three)
    with undisturbed(three, "/two", "/three"):
        # What can be interrupted costs no worker.
        assert three.get("/one/stuck").status == 504
        assert who(three, "/one/")["pid"] in before["one"]["pids"]
        assert three.get("/one/stubborn?secret=1").status in (502, 504)
        assert who(three, "/one/")["pid"] not in before["one"]["pids"]
    after = wait_until(
        lambda: (now := status(three))["one"]["deaths"] == 1 and now, 15, "the death to count")
    assert after["one"]["deaths_by_cause"]["worker"]["timeout"] == 1
    assert after["one"]["interrupted"] == 2
    assert metric(
        three, "plimsoll_deaths_total", group="one", process="worker", cause="timeout") == 1
    assert metric(three, "plimsoll_interrupted_requests_total", group="one") == 2
    for name in ("two", "three"):
        assert after[name]["pids"] == before[name]["pids"] and after[name]["deaths"] == 0
        assert metric(three, "plimsoll_deaths_total", group=name) == 0
    three.wait_for_log(
        r"worker 0 of one \(pid \d+\) was killed: .*longer than --timeout.*; 1 request was lost: "
        r"\[[0-9a-f]{16}\] GET /one/stubborn after \d+\.\d s$")
    assert "secret" not in three.log_text()


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


def test_a_death_names_what_was_lost(three, gate):
    (pid,) = status(three)["two"]["pids"]
    door = gate()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(three.get, "/two/gate", [("X-Gate", door.path)])
        door.wait_for_visitor()
        assert three.get("/two/abort?password=secret").status == 502
        assert waiting.result(20).status == 502
    line = three.wait_for_log(rf"worker 0 of two \(pid {pid}\) was killed by SIGABRT.*").group()
    found = re.search(
        r"; 2 requests were lost: \[([0-9a-f]{16})\] GET /two/gate after \d+\.\d s, "
        r"\[([0-9a-f]{16})\] GET /two/abort after \d+\.\d s$", line)
    assert found, line
    # The front's lines have the same numbers.
    for number, path in zip(found.groups(), ("gate", "abort"), strict=True):
        three.wait_for_log(
            rf"\[{number}\] GET /two/{path}: the worker with pid {pid} ended before it answered")
    assert "secret" not in three.log_text()


# Restarts.


def ctl(running, *words):
    return run_to_its_end("ctl", *words, "--pid", running.pid)


def test_one_group_is_restarted(three):
    before = status(three)
    with undisturbed(three, "/one", "/two", "/three"):
        code, text, output = ctl(three, "graceful", "--process-group", "one")
        assert code == 0 and "generation 2 of one serves" in output, text
        wait_until(
            lambda: not set(status(three)["one"]["pids"]) & set(before["one"]["pids"]), 20,
            "the old worker to go")
    after = status(three)
    assert [g["generation"] for g in after.values()] == [2, 1, 1]
    for name in ("two", "three"):
        assert after[name]["pids"] == before[name]["pids"]
        assert after[name]["generations_served"] == 1
    three.wait_for_log(r"process group one: graceful restart: SIGRTMIN\+4 from plimsoll")
    assert not re.search("process group (two|three): graceful restart", three.log_text())


def test_all_groups_are_restarted_and_waited_for(three):
    code, text, output = ctl(three, "graceful")
    assert code == 0, text
    for name in ("one", "two", "three"):
        assert f"generation 2 of {name}" in output
    assert [g["generation"] for g in status(three).values()] == [2, 2, 2]


def test_a_group_that_does_not_exist_is_not_restarted(three):
    code, text, _ = ctl(three, "graceful", "--process-group", "nine")
    assert code == USAGE and text.count("\n") == 1
    assert 'has no process group "nine"; give one of one, two, three' in text
    # The signal without a number means none.
    three.signal(signal.SIGRTMIN + 4)
    three.wait_for_log(r"\[warn\].*SIGRTMIN\+4 from .* means no process group")
    assert [g["generation"] for g in status(three).values()] == [1, 1, 1]


def test_a_restart_of_one_group_fails(grouped, site):
    directory = site(blog=numbered(1), shop=numbered(1))
    running = grouped(
        "--workers=1", groups=[
            group("blog", app="blog:application"), group("shop", app="shop:application")],
        chdir=directory)
    before = status(running)
    (directory / "blog.py").write_text("raise RuntimeError('half a deployment')")
    with undisturbed(running, "/blog", "/shop"):
        code, text, _ = ctl(running, "graceful", "--process-group", "blog")
    assert code == APPLICATION, text
    assert "generation 2 of blog failed and generation 1 still serves" in text
    after = status(running)
    for name in ("blog", "shop"):
        assert after[name]["pids"] == before[name]["pids"] and after[name]["state"] == "serving"
    assert [g["generations_failed"] for g in after.values()] == [1, 0]


def test_a_group_that_cannot_start_is_tried_again(server, site):
    directory = site(good=numbered(1), bad="raise RuntimeError('no database')")
    running = server(
        None, "--mode", "daemon", "--workers=1", "--metrics", "/metrics", "--queue-timeout", "1",
        *group("good", app="good:application"), *group("bad", app="bad:application"),
        chdir=directory)
    for seconds in (1, 2):
        running.wait_for_log(
            r"\[crit\].*process group bad: cannot start: the application cannot be imported; .*; "
            rf"the other groups go on, and this one is tried again in {seconds} s, or at once by: "
            "plimsoll ctl graceful --process-group bad$")
    with undisturbed(running, "/good"):
        assert running.get("/bad").status == 503
        wait_until(lambda: status(running)["bad"]["state"] == "failed", 20, "it to be given up")
        code, text, _ = ctl(running, "graceful", "--process-group", "bad")
        assert code == APPLICATION and "of bad failed and none has served yet" in text, text
        assert status(running)["bad"]["generations_failed"] >= 3
        assert metric(running, "plimsoll_failed_generations_total", group="bad") >= 3
        assert metric(running, "plimsoll_shed_requests_total", group="bad") >= 1
        # Repaired: a restart does not wait for the next try.
        (directory / "bad.py").write_text(numbered(2))
        code, text, output = ctl(running, "graceful", "--process-group", "bad")
        assert code == 0 and "of bad serves" in output, text
    assert running.get("/bad").text.split()[0] == "2"
    groups = status(running)
    assert [g["state"] for g in groups.values()] == ["serving", "serving"]
    assert groups["good"]["generation"] == 1


# Scripts.


def test_a_touched_script_restarts_its_group_only(grouped, site):
    directory = site(blog_wsgi=numbered(1), shop_wsgi=numbered(1), wiki_wsgi=numbered(1))
    running = grouped(
        "--workers=1", groups=[
            group("blog", app=directory / "blog.wsgi"), group("shop", app=directory / "shop.wsgi"),
            group("wiki", "--no-script-reloading", app=directory / "wiki.wsgi")])

    def version(name):
        return running.get(f"/{name}").text.split()[0]

    with undisturbed(running, "/blog", "/shop", "/wiki"):
        (directory / "wiki.wsgi").write_text(numbered(2))
        # A group looks once a second: after two restarts of another, all have looked.
        for number in ("2", "3"):
            (directory / "blog.wsgi").write_text(numbered(number))
            wait_until(lambda number=number: version("blog") == number, 30, "the new code")
    running.wait_for_log(r"process group blog: graceful restart: .*blog\.wsgi was changed")
    assert (version("shop"), version("wiki")) == ("1", "1")
    generations = {name: group["generation"] for name, group in status(running).items()}
    assert generations == {"blog": 3, "shop": 1, "wiki": 1}
    # What is not reloaded by itself is reloaded by command.
    assert ctl(running, "graceful", "--process-group", "wiki")[0] == 0
    assert version("wiki") == "2"


# Sleep.


def test_a_group_sleeps_and_wakes(grouped):
    running = grouped(
        "--workers=1", groups=[group("one", "--inactivity-timeout", "1"), group("two")])
    before = status(running)

    def asleep():
        now = status(running)["one"]
        return now["state"] == "asleep" and not now["pids"]

    for _ in range(2):
        with undisturbed(running, "/two"):
            wait_until(asleep, 30, "the group to sleep")
            assert metric(running, "plimsoll_group_state", group="one", state="asleep") == 1
            assert metric(running, "plimsoll_group_state", group="two", state="serving") == 1
            # Nobody who looks wakes it, a request does.
            assert asleep()
            found = who(running, "/one/")
        now = status(running)
        assert found["pid"] not in before["one"]["pids"]
        assert now["one"]["deaths"] == 0 and now["one"]["generation"] == 1
        assert now["two"]["pids"] == before["two"]["pids"]


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
