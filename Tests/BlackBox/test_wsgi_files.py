"""PEP 3333: wsgi.file_wrapper; the right bytes by sendfile and without it."""

import hashlib
import os

import pytest
from harness.processes import wait_until
from harness.wire import Truncated, request_bytes

SMALL = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    directory = tmp_path_factory.mktemp("files")
    (directory / "small").write_bytes(SMALL)
    (directory / "empty").write_bytes(b"")
    large = os.urandom(1_048_576) * 20 + b"end"
    (directory / "large").write_bytes(large)
    return directory


@pytest.fixture
def sending(shared_server, wrapping):
    return shared_server(f"files:{wrapping}", "--workers", 1, "--threads", 2)


KINDS = ["real", "like", "plain"]  # with a descriptor, without one, and open()'s own


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("query", ["", "&length=10240", "&block=100", "&block=1000000"])
def test_whole_file(sending, files, kind, version, query):
    with sending.connect() as connection:
        target = f"/{kind}?path={files / 'small'}{query}"
        response = connection.request(target=target, version=version)
        assert response.status == 200 and response.body == SMALL
        if response.keeps_alive:
            assert connection.request(target=f"/{kind}?path={files / 'small'}").body == SMALL


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("offset", [1, 5000, 10_239, 10_240, 20_000])
def test_from_where_the_file_stands(sending, files, kind, offset):
    response = sending.get(f"/{kind}?path={files / 'small'}&offset={offset}")
    assert response.body == SMALL[offset:]


@pytest.mark.parametrize("kind", KINDS)
def test_shorter_length(sending, files, kind):
    """Not more than the application declared, from its offset on."""
    with sending.connect() as connection:
        target = f"/{kind}?path={files / 'small'}&offset=256&length=1000"
        response = connection.request(target=target)
        assert response.framing == "length" and response.body == SMALL[256:1256]


@pytest.mark.parametrize("kind", KINDS)
def test_longer_length(sending, files, kind):
    """A file shorter than what was declared ends the connection."""
    with sending.connect() as connection:
        connection.send(request_bytes(target=f"/{kind}?path={files / 'small'}&length=20000"))
        try:
            assert connection.read_response().status == 500
        except Truncated:
            pass


@pytest.mark.parametrize("kind", KINDS)
def test_empty_file(sending, files, kind):
    with sending.connect() as connection:
        response = connection.request(target=f"/{kind}?path={files / 'empty'}")
        assert response.status == 200 and response.body == b""
        assert connection.request(target=f"/{kind}?path={files / 'small'}").body == SMALL


@pytest.mark.parametrize("kind", KINDS)
def test_large_file(sending, files, kind):
    """20 MB, read slowly at first."""
    expected = hashlib.sha256((files / "large").read_bytes()).hexdigest()
    with sending.connect(receive_buffer=8192) as connection:
        response = connection.request(target=f"/{kind}?path={files / 'large'}")
        assert hashlib.sha256(response.body).hexdigest() == expected


@pytest.mark.parametrize("kind", ["plain", "raw", "real", "passing", "temporary"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_length_of_a_real_file_is_known(shared_server, files, method, kind):
    """So that the connection can be kept without chunks (also for HEAD)."""
    plain = shared_server("files:application", "--workers", 1, "--threads", 2)
    response = plain.request(method, f"/{kind}?path={files / 'small'}")
    assert response["Content-Length"] == str(len(SMALL))
    assert response.body == (SMALL if method == "GET" else b"")


@pytest.mark.parametrize(
    "kind", ["mirrored", "mirrored-passing", "mirrored-reader", "passing-to-mirrored", "patched",
             "patched-temporary"])
def test_file_with_a_read_of_its_own_is_sent_as_it_reads(sending, files, kind):
    """What stands behind it may be encrypted: the file's own bytes must not go out."""
    response = sending.get(f"/{kind}?path={files / 'small'}")
    assert response.body == bytes(255 - byte for byte in SMALL)


def test_bytes_still_in_the_buffer_of_a_file_are_sent(sending, files):
    response = sending.get(f"/changed?path={files / 'small'}")
    assert response.body == b"changed" + SMALL[7:]


@pytest.mark.parametrize("kind", ["real", "like"])
@pytest.mark.parametrize("how", ["GET", "HEAD", "leave"])
def test_file_is_closed_once(sending, files, wrapping, kind, how):
    name = f"{wrapping}-{kind}-{how}"
    target = f"/{kind}?path={files / 'large'}&name={name}"
    with sending.connect(receive_buffer=8192) as connection:
        if how == "leave":
            connection.send(request_bytes(target=target)).read_head()
            connection.reset()
        else:
            connection.request(how, target)
    wait_until(lambda: sending.get(f"/closed?name={name}").body == b"1", what="close()")


def test_stalled_download_holds_no_thread(server, files):
    """One thread: the file is sent by the event loop."""
    running = server("files:application", "--workers", 1, "--threads", 1)
    with running.connect(receive_buffer=4096) as stalled:
        stalled.send(request_bytes(target=f"/plain?path={files / 'large'}"))
        head = stalled.read_head()
        for _ in range(3):
            assert running.get(f"/plain?path={files / 'small'}").body == SMALL
        assert len(stalled.read_body(head).body) == 20 * 1_048_576 + 3


def test_no_descriptor_stays_open(sending, files):
    pid = sending.worker_pids()[0]

    def open_files():
        found = []
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
            except OSError:
                continue
        return [path for path in found if path.startswith(str(files))]

    for _ in range(30):
        assert sending.get(f"/plain?path={files / 'small'}").body == SMALL
    wait_until(lambda: not open_files(), what="the files to be closed")
