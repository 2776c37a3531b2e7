"""A client that sends exactly the bytes it is told to and forgives nothing in the answer."""

import re
import socket
import struct
from dataclasses import dataclass, field

from .processes import unread_bytes, wait_until

STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2}) ([\t\x20-\x7e\x80-\xff]*)")
FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]+")
ONLY_ONCE = {
    "content-length", "transfer-encoding", "date", "server", "location", "etag", "content-type",
}


class Malformed(AssertionError):
    """The server sent something that is not HTTP/1.1."""


class Truncated(AssertionError):
    """The connection ended before the end of the response."""


@dataclass
class Response:
    """A response, complete by its own framing."""

    version: int
    status: int
    reason: str
    fields: list
    body: bytes = b""
    framing: str = "none"  # none, length, chunked or close
    chunks: list = field(default_factory=list)

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def __getitem__(self, name):
        values = self.all(name)
        return values[0] if values else None

    @property
    def text(self):
        return self.body.decode("utf-8")

    @property
    def says_close(self):
        tokens = [t.strip().lower() for value in self.all("Connection") for t in value.split(",")]
        return "close" in tokens

    @property
    def keeps_alive(self):
        if self.framing == "close" or self.says_close:
            return False
        if self.version == 1:
            return True
        return "keep-alive" in (self["Connection"] or "").lower()


class Connection:
    """One connection, TCP (host, port) or Unix (path)."""

    def __init__(self, address, timeout=15.0, receive_buffer=None):
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        else:
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
            self.socket = socket.socket(family, socket.SOCK_STREAM)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.received = bytearray()
        self.ended = False
        try:
            self.socket.connect(address)
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes with a TCP reset instead of an orderly end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # Sending.

    def send(self, data):
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        return self

    def send_as_far_as_possible(self, data):
        """Like `send`, for requests that the server may refuse before it has them whole."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def wait_until_consumed(self):
        """Returns when the server has taken all bytes sent so far out of its socket."""
        server_port = self.socket.getpeername()[1]
        client_port = self.socket.getsockname()[1]
        wait_until(
            lambda: unread_bytes(server_port, client_port) in (0, None),
            what="the server to read what was sent",
        )
        return self

    # Receiving.

    def _more(self):
        """Receives something; false at the end of the stream (a reset counts as one)."""
        if self.ended:
            return False
        try:
            data = self.socket.recv(262_144)
        except ConnectionResetError:
            data = b""
        if not data:
            self.ended = True
            return False
        self.received += data
        return True

    def _line(self):
        while True:
            end = self.received.find(b"\n")
            if end >= 0:
                break
            if len(self.received) > 100_000:
                raise Malformed("a line without end")
            if not self._more():
                raise Truncated(f"the connection ended inside a line: {bytes(self.received)!r}")
        line = bytes(self.received[: end + 1])
        del self.received[: end + 1]
        if not line.endswith(b"\r\n"):
            raise Malformed(f"bare LF: {line!r}")
        return line[:-2]

    def _exactly(self, count):
        while len(self.received) < count:
            if not self._more():
                raise Truncated(f"{len(self.received)} bytes of {count}, then the connection ended")
        data = bytes(self.received[:count])
        del self.received[:count]
        return data

    def read_head(self):
        """The next response head, interim or final; checked to the letter."""
        line = self._line()
        match = STATUS_LINE.fullmatch(line)
        if not match:
            raise Malformed(f"status line {line!r}")
        response = Response(int(match[1]), int(match[2]), match[3].decode("latin-1"), [])
        while True:
            line = self._line()
            if not line:
                break
            match = FIELD_LINE.fullmatch(line)
            if not match:
                raise Malformed(f"field line {line!r}")
            response.fields.append((match[1].decode(), match[2].decode("latin-1")))
        for name in ONLY_ONCE:
            if len(response.all(name)) > 1:
                raise Malformed(f"{name} twice: {response.all(name)}")
        length, coding = response["Content-Length"], response["Transfer-Encoding"]
        if length is not None and coding is not None:
            raise Malformed("Content-Length together with Transfer-Encoding")
        if length is not None and not re.fullmatch("[0-9]+", length):
            raise Malformed(f"Content-Length: {length}")
        if coding is not None and (coding.lower() != "chunked" or response.status < 200):
            raise Malformed(f"Transfer-Encoding: {coding} in a {response.status}")
        return response

    def read_chunk(self):
        """The next chunk of a chunked body; b"" for the last one (its trailers are read, too)."""
        line = self._line()
        size_text = line.split(b";")[0].rstrip()
        if not CHUNK_SIZE.fullmatch(size_text):
            raise Malformed(f"chunk size line {line!r}")
        size = int(size_text, 16)
        if size == 0:
            while self._line():
                pass
            return b""
        data = self._exactly(size)
        if self._exactly(2) != b"\r\n":
            raise Malformed("no CRLF after a chunk")
        return data

    def read_body(self, response, method="GET"):
        length = response["Content-Length"]
        if method == "HEAD" or response.status in (204, 304) or response.status < 200:
            if response.status == 204 and length is not None:
                raise Malformed("204 with Content-Length")
            return response
        if response["Transfer-Encoding"] is not None:
            response.framing = "chunked"
            while chunk := self.read_chunk():
                response.chunks.append(chunk)
            response.body = b"".join(response.chunks)
        elif length is not None:
            response.framing = "length"
            response.body = self._exactly(int(length))
        else:
            response.framing = "close"
            while self._more():
                pass
            response.body = bytes(self.received)
            self.received.clear()
        return response

    def read_response(self, method="GET"):
        """The next final response, complete; interim ones are an error here."""
        response = self.read_head()
        if response.status < 200:
            raise Malformed(f"unexpected interim response {response.status}")
        return self.read_body(response, method)

    def request(self, method="GET", target="/", headers=(), body=b"", version="1.1"):
        """Sends one request and reads its response."""
        self.send(request_bytes(method, target, headers, body, version))
        return self.read_response(method)

    def expect_end(self):
        """Asserts that the server closes the connection without another byte."""
        while self._more():
            pass
        assert not self.received, f"bytes after the last response: {bytes(self.received[:200])!r}"
        return self

    def has_nothing_to_read(self, seconds=0.15):
        """Whether nothing arrives for a moment; for things that must not happen."""
        if self.received:
            return False
        timeout = self.socket.gettimeout()
        self.socket.settimeout(seconds)
        try:
            return not self._more() and not self.ended
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(timeout)


def request_bytes(method="GET", target="/", headers=(), body=b"", version="1.1"):
    """A correct request. Host and Content-Length are added where they are missing."""
    fields = list(headers.items() if isinstance(headers, dict) else headers)
    names = {name.lower() for name, _ in fields}
    if "host" not in names:
        fields.insert(0, ("Host", "localhost"))
    if body and not names & {"content-length", "transfer-encoding"}:
        fields.append(("Content-Length", str(len(body))))
    lines = [f"{method} {target} HTTP/{version}"] + [f"{name}: {value}" for name, value in fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def chunked(*blocks, trailers=""):
    """The chunked coding of some blocks."""
    coded = b"".join(b"%x\r\n%s\r\n" % (len(block), block) for block in blocks)
    return coded + b"0\r\n" + trailers.encode("latin-1") + b"\r\n"
