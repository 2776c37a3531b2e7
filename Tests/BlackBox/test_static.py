"""Static files: what is served, how, and what is never served."""

import gzip
import os
import re
from email.utils import formatdate, parsedate_to_datetime

import pytest
from harness.wire import request_bytes

TEXT = b"0123456789" * 100
MODIFIED = 1_700_000_000


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A directory to serve, with things around it that must not be."""
    root = tmp_path_factory.mktemp("static")
    served = root / "served"
    (served / "sub" / "deep").mkdir(parents=True)
    (served / "indexed").mkdir()
    (served / "bare").mkdir()
    (served / ".hidden").mkdir()
    (root / "secret.txt").write_text("secret")
    (root / "served-not").mkdir()
    (root / "served-not" / "file.txt").write_text("secret")
    files = {
        "text.txt": TEXT, "page.html": b"<p>page", "style.css": b"p {}", "code.js": b"1;",
        "data.json": b"{}", "image.png": b"\x89PNG", "image.svg": b"<svg/>", "font.woff2": b"wOF2",
        "module.mjs": b"1;", "unknown.zzz": b"?", "noextension": b"?", "empty.txt": b"",
        "sub/deep/file.txt": b"deep", "indexed/index.html": b"<p>index", "bare/file.txt": b"bare",
        "a b.txt": b"space", "caf\u00e9.txt": b"accent", "100%.txt": b"percent", "q?m.txt": b"mark",
        ".htpasswd": b"secret", ".hidden/file.txt": b"secret", "sub/.env": b"secret",
        "page.html.bak": b"old", "big.css": b"p { color: red }\n" * 1000,
        "two.js": b"plain", "two.js.gz": gzip.compress(b"plain"), "two.js.br": b"not really brotli",
        "large.bin": os.urandom(1_048_576) * 6,
    }
    for name, content in files.items():
        (served / name).write_bytes(content)
        os.utime(served / name, (MODIFIED, MODIFIED))
    (served / "big.css.gz").write_bytes(gzip.compress(files["big.css"]))
    os.utime(served / "big.css.gz", (MODIFIED, MODIFIED))
    (served / "link-inside.txt").symlink_to("text.txt")
    (served / "link-outside.txt").symlink_to(root / "secret.txt")
    (served / "link-directory").symlink_to(root)
    (served / "link-broken").symlink_to("nowhere")
    os.mkfifo(served / "pipe")
    (served / "forbidden.txt").write_bytes(b"secret")
    os.chmod(served / "forbidden.txt", 0)
    return root


@pytest.fixture
def static(shared_server, tree):
    return shared_server(
        "counting:application", "--workers", 1, "--static", f"/static={tree / 'served'}"
    )


def count(server):
    return int(server.get("/count").body)


# What is served.


TYPES = {
    "text.txt": "text/plain", "page.html": "text/html", "style.css": "text/css",
    "code.js": "(text|application)/javascript", "data.json": "application/json",
    "image.png": "image/png", "image.svg": r"image/svg\+xml", "font.woff2": "font/woff2",
    "module.mjs": "(text|application)/javascript", "unknown.zzz": "application/octet-stream",
    "noextension": "application/octet-stream",
}


@pytest.mark.parametrize("name", TYPES)
def test_types(static, tree, name):
    before = count(static)
    response = static.get(f"/static/{name}")
    assert response.status == 200
    assert re.match(TYPES[name] + r"(;|$)", response["Content-Type"])
    assert response.body == (tree / "served" / name).read_bytes()
    assert count(static) == before, "a static file needs no Python"


@pytest.mark.parametrize(
    ("path", "body"),
    [("sub/deep/file.txt", b"deep"), ("empty.txt", b""), ("a%20b.txt", b"space"),
     ("caf%C3%A9.txt", b"accent"), ("100%25.txt", b"percent"), ("q%3Fm.txt", b"mark"),
     ("text.txt?v=1", TEXT), ("%74ext.txt", TEXT), ("page.html.bak", b"old")])
def test_paths(static, path, body):
    response = static.get(f"/static/{path}")
    assert response.status == 200 and response.body == body


def test_fields(static):
    response = static.get("/static/text.txt")
    assert response["Content-Length"] == str(len(TEXT))
    assert re.fullmatch(r'(W/)?"[^"]+"', response["ETag"])
    assert parsedate_to_datetime(response["Last-Modified"]).timestamp() == MODIFIED
    assert response["Accept-Ranges"] == "bytes"
    assert response["Date"] and response["Server"]


def test_large_file(static, tree):
    with static.connect(receive_buffer=8192) as connection:
        response = connection.request(target="/static/large.bin")
        assert response.body == (tree / "served" / "large.bin").read_bytes()
        assert connection.request(target="/static/text.txt").body == TEXT


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_pipelined(static, version):
    fields = {"Connection": "keep-alive"}
    with static.connect() as connection:
        targets = [
            "/static/text.txt", "/count", "/static/nothing", "/static/page.html", "/static/sub",
        ]
        for target in targets:
            connection.send(request_bytes(target=target, headers=fields, version=version))
        found = [connection.read_response().status for _ in targets]
    assert found == [200, 200, 404, 200, 301]


@pytest.mark.parametrize(
    "name", ["text.txt", "indexed/", "nothing", "sub", "large.bin", "empty.txt"])
def test_head(static, name):
    with static.connect() as connection:
        head = connection.request("HEAD", f"/static/{name}")
        get = connection.request("GET", f"/static/{name}")
        assert head.status == get.status and head.body == b""
        for field in ("Content-Length", "Content-Type", "ETag", "Last-Modified", "Location"):
            assert head[field] == get[field]


def test_directories(static):
    assert static.get("/static/indexed/").body == b"<p>index"
    assert static.get("/static/indexed/")["Content-Type"].startswith("text/html")
    for path in ("indexed", "bare"):
        response = static.get(f"/static/{path}?q=1")
        assert response.status == 301
        assert response["Location"].endswith(f"/static/{path}/?q=1")
    assert static.get("/static/bare/").status in (403, 404), "no listing"


def test_redirect_does_not_leave_the_site(static):
    """`//host` as a path would be another host in Location."""
    for target in ("//static/indexed", "/static//indexed", "/static//evil.example/.."):
        response = static.get(target)
        location = response["Location"]
        assert location is None or not location.startswith("//")


@pytest.mark.parametrize(
    "path", ["nothing", "sub/nothing", "text.txt/", "text.txt/more", "nothing/"])
def test_not_found(static, path):
    before = count(static)
    response = static.get(f"/static/{path}")
    assert response.status == 404 and response["Content-Type"].startswith("text/")
    assert count(static) == before


@pytest.mark.parametrize(
    "path", ["/staticfile", "/static-other/text.txt", "/other/static/text.txt", "/"])
def test_other_paths_are_the_applications(static, path):
    before = count(static)
    assert static.get(path).body == b"ran"
    assert count(static) == before + 1


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "FROB"])
def test_other_methods(static, method):
    with static.connect() as connection:
        response = connection.request(method, "/static/text.txt", body=b"hello")
        assert response.status == 405
        assert {"GET", "HEAD"} <= {m.strip() for m in response["Allow"].split(",")}
        if response.keeps_alive:
            assert connection.request(target="/static/page.html").status == 200


# Conditions.


def test_if_none_match(static):
    tag = static.get("/static/text.txt")["ETag"]
    for value in (tag, f'"other", {tag}', "*", f"W/{tag.removeprefix('W/')}"):
        with static.connect() as connection:
            fields = {"If-None-Match": value}
            response = connection.request(target="/static/text.txt", headers=fields)
            assert response.status == 304 and response["ETag"] == tag, value
            assert connection.request(target="/static/page.html").status == 200
    for value in ('"other"', tag.strip('"'), '""'):
        headers = {"If-None-Match": value}
        assert static.request(target="/static/text.txt", headers=headers).status == 200, value


@pytest.mark.parametrize(
    ("field", "shift", "status"),
    [("If-Modified-Since", 0, 304), ("If-Modified-Since", 10, 304), ("If-Modified-Since", -10, 200),
     ("If-Unmodified-Since", 0, 200), ("If-Unmodified-Since", 10, 200),
     ("If-Unmodified-Since", -10, 412)])
def test_dates(static, field, shift, status):
    headers = {field: formatdate(MODIFIED + shift, usegmt=True)}
    assert static.request(target="/static/text.txt", headers=headers).status == status


@pytest.mark.parametrize("value", ["yesterday", "", "1700000000", "Tue, 99 Nov 2023 22:13:20 GMT"])
def test_broken_dates_are_ignored(static, value):
    headers = {"If-Modified-Since": value}
    assert static.request(target="/static/text.txt", headers=headers).status == 200


def test_if_match(static):
    tag = static.get("/static/text.txt")["ETag"]
    if not tag.startswith("W/"):
        assert static.request(target="/static/text.txt", headers={"If-Match": tag}).status == 200
    assert static.request(target="/static/text.txt", headers={"If-Match": '"no"'}).status == 412


def test_none_match_goes_before_modified_since(static):
    """RFC 9110, section 13.2.2."""
    headers = {"If-None-Match": '"other"', "If-Modified-Since": formatdate(MODIFIED, usegmt=True)}
    assert static.request(target="/static/text.txt", headers=headers).status == 200


def test_tag_changes_with_the_file(server, tmp_path):
    (tmp_path / "f.txt").write_text("one")
    running = server("hello:application", "--workers", 1, "--static", f"/s={tmp_path}")
    first = running.get("/s/f.txt")
    (tmp_path / "f.txt").write_text("other")
    second = running.get("/s/f.txt")
    assert (first.body, second.body) == (b"one", b"other")
    assert first["ETag"] != second["ETag"]


# Ranges.


@pytest.mark.parametrize(
    ("value", "start", "end"),
    [("bytes=0-0", 0, 0), ("bytes=0-9", 0, 9), ("bytes=10-19", 10, 19), ("bytes=990-", 990, 999),
     ("bytes=-10", 990, 999), ("bytes=995-2000", 995, 999), ("bytes=-2000", 0, 999),
     ("bytes=0-", 0, 999)])
def test_ranges(static, value, start, end):
    with static.connect() as connection:
        response = connection.request(target="/static/text.txt", headers={"Range": value})
        assert response.status == 206
        assert response["Content-Range"] == f"bytes {start}-{end}/1000"
        assert response.body == TEXT[start : end + 1]
        assert connection.request(target="/static/page.html").status == 200


@pytest.mark.parametrize("value", ["bytes=1000-", "bytes=1000-1001", "bytes=-0"])
def test_ranges_out_of_reach(static, value):
    response = static.request(target="/static/text.txt", headers={"Range": value})
    assert response.status == 416 and response["Content-Range"] == "bytes */1000"


@pytest.mark.parametrize(
    "value", ["bytes=9-0", "bytes=", "bytes=a-b", "items=0-9", "bytes 0-9", "bytes=--5", "bytes=5"])
def test_broken_ranges_are_ignored(static, value):
    response = static.request(target="/static/text.txt", headers={"Range": value})
    assert response.status == 200 and response.body == TEXT


def test_several_ranges(static):
    """One part, several parts, or the whole; but not something else."""
    response = static.request(target="/static/text.txt", headers={"Range": "bytes=0-1,5-6"})
    if response.status == 200:
        assert response.body == TEXT
    else:
        assert response.status == 206
        assert response["Content-Type"].startswith("multipart/byteranges")


def test_many_ranges_are_no_attack(static):
    """The whole file once at most (CVE-2011-3192)."""
    value = "bytes=" + ",".join(f"{i}-" for i in range(500))
    response = static.request(target="/static/text.txt", headers={"Range": value})
    assert response.status in (200, 206, 416) and len(response.body) <= 2 * len(TEXT)


def test_if_range(static):
    tag = static.get("/static/text.txt")["ETag"]
    headers = {"Range": "bytes=0-9", "If-Range": '"other"'}
    assert static.request(target="/static/text.txt", headers=headers).status == 200
    if not tag.startswith("W/"):
        headers["If-Range"] = tag
        assert static.request(target="/static/text.txt", headers=headers).status == 206


def test_range_needs_get(static):
    response = static.request("HEAD", "/static/text.txt", {"Range": "bytes=0-9"})
    assert response.status in (200, 206) and response.body == b""


# Compressed siblings.


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip", "gzip"), ("gzip, deflate, br", "br"), ("br", "br"), ("GZIP", "gzip"),
     ("gzip;q=0.5", "gzip"), ("deflate", None), ("identity", None), ("gzip;q=0", None),
     ("br;q=0, gzip", "gzip"), ("*", "any"), ("", None), (None, None), ("xgzip", None)])
def test_compressed_siblings(static, tree, accepted, coding):
    headers = {} if accepted is None else {"Accept-Encoding": accepted}
    response = static.request(target="/static/two.js", headers=headers)
    assert response.status == 200 and "javascript" in response["Content-Type"]
    assert "accept-encoding" in (response["Vary"] or "").lower()
    if coding != "any":
        assert response["Content-Encoding"] == coding
    suffix = {"gzip": ".gz", "br": ".br", None: ""}[response["Content-Encoding"]]
    assert response.body == (tree / "served" / f"two.js{suffix}").read_bytes()


def test_sibling_of_one_kind(static, tree):
    response = static.request(target="/static/big.css", headers={"Accept-Encoding": "gzip, br"})
    assert response["Content-Encoding"] == "gzip"
    assert gzip.decompress(response.body) == (tree / "served" / "big.css").read_bytes()
    plain = static.get("/static/big.css")
    assert plain["Content-Encoding"] is None and plain["ETag"] != response["ETag"]


def test_compressed_file_itself(static):
    response = static.get("/static/big.css.gz")
    assert response["Content-Encoding"] is None and response.body[:2] == b"\x1f\x8b"


# What is never served.


ATTEMPTS = [
    "/static/../secret.txt", "/static/sub/../../secret.txt", "/static/..", "/static/../",
    "/static/%2e%2e/secret.txt", "/static/%2E%2E/secret.txt", "/static/.%2e/secret.txt",
    "/static/..%2fsecret.txt", "/static/%2e%2e%2fsecret.txt", "/static/sub%2f..%2f..%2fsecret.txt",
    "/static/%252e%252e/secret.txt", "/static/..%5csecret.txt", "/static/..\\secret.txt",
    "/static/....//secret.txt", "/static/..;/secret.txt", "/static/%c0%ae%c0%ae/secret.txt",
    "/static/%c0%ae%c0%ae%c0%afsecret.txt", "/static//../secret.txt", "/static/./../secret.txt",
    "/static/sub/../../../../../../../../etc/passwd", "/static//etc/passwd",
    "/static/%2fetc/passwd", "/static/text.txt%00", "/static/%00", "/static/text.txt%00.html",
    "/static/../served-not/file.txt",
    "/static-not/file.txt", "/static/.htpasswd", "/static/%2ehtpasswd", "/static/.hidden/file.txt",
    "/static/sub/.env", "/static/sub/%2eenv", "/static/.", "/static/./.htpasswd",
    "/static/link-outside.txt", "/static/link-directory/secret.txt", "/static/link-directory/",
    "/static/link-broken", "/static/pipe", "/static/text.txt/../.htpasswd", "/static/%2e",
    "http://localhost/static/../secret.txt", "/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
]


@pytest.mark.parametrize("target", ATTEMPTS)
def test_attempts_to_leave(static, target):
    """By raw paths, as no client library would send them; also after a good request."""
    with static.connect() as connection:
        assert connection.request(target="/static/text.txt").body == TEXT
        response = connection.request(target=target)
    assert b"secret" not in response.body and b"root:" not in response.body
    # The application may be asked for a path that is not below /static when the dots are resolved.
    assert response.status in (301, 400, 403, 404) or response.body == b"ran"
    if response.status == 301:
        assert not response["Location"].startswith("//")


def test_pipe_blocks_nobody(static):
    assert static.get("/static/pipe").status in (403, 404)
    assert static.get("/static/text.txt").status == 200


def test_links_inside_are_refused_too_by_default(static):
    assert static.get("/static/link-inside.txt").status in (403, 404)


def test_links_where_allowed(server, tree):
    running = server(
        "hello:application", "--workers", 1, "--static", f"/static={tree / 'served'}",
        "--static-follow-symlinks",
    )
    assert running.get("/static/link-inside.txt").body == TEXT
    assert running.get("/static/.htpasswd").status in (403, 404)


def test_unreadable_file(server, tree, system_python, readable_copy):
    """As root every file is readable; as nobody this one is not."""
    stage, apps = readable_copy
    served = apps / "files"
    served.mkdir()
    (served / "forbidden.txt").write_text("secret")
    os.chmod(served / "forbidden.txt", 0)
    (served / "open.txt").write_text("open")
    running = server(
        "hello:application", "--workers", 1, "--static", f"/static={served}", "--user", "nobody",
        python=system_python, chdir=apps, stage=stage,
    )
    assert running.get("/static/open.txt").body == b"open"
    assert running.get("/static/forbidden.txt").status in (403, 404)


# Mounts.


def test_several_mounts(server, tree):
    """The longest prefix wins."""
    served = tree / "served"
    running = server(
        "counting:application", "--workers", 1, "--static", f"/a={served / 'sub'}",
        "--static", f"/a/b={served / 'bare'}", "--static", f"/c={served / 'indexed'}",
    )
    assert running.get("/a/deep/file.txt").body == b"deep"
    assert running.get("/a/b/file.txt").body == b"bare"
    assert running.get("/c/").body == b"<p>index"
    assert running.get("/d").body == b"ran"


def test_relative_directory(server, tree):
    """Relative to --chdir."""
    (tree / "hello.py").write_text("from wsgiref.simple_server import demo_app as application\n")
    running = server("hello", "--workers", 1, "--static", "/s=served", chdir=tree)
    assert running.get("/s/text.txt").body == TEXT
