# SPDX-License-Identifier: Apache-2.0
"""http1 - a client on a raw socket, so that a test decides about every byte it sends and sees every
byte that comes back. No cleverness: nothing is retried, pooled, decoded or followed."""

import json
import socket
import ssl
import struct

TIMEOUT = 15.0


class Ended(AssertionError):
    """The connection ended where more was due."""


class Response:
    """One response. `complete` tells whether the message ended as its framing promised."""

    def __init__(self, status, reason, headers):
        self.status, self.reason, self.headers = status, reason, headers
        self.body, self.complete, self.trailing = b"", False, b""
        self.trailers = []  # fields behind a chunked body

    def get(self, name, default=None):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return default

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode()

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:600]!r} complete={self.complete}>"


def format_request(method, path, body=None, headers=(), host="127.0.0.1"):
    """A request's bytes. `body` may be bytes, text or a value to write as JSON; headers given by
    the caller replace the usual ones of the same name."""
    if body is not None and not isinstance(body, (bytes, str)):
        body = json.dumps(body)
    data = body.encode() if isinstance(body, str) else body or b""
    usual = [("Host", host)]
    if body is not None:
        usual += [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
    given = {name.lower() for name, _ in headers}
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{n}: {v}" for n, v in usual if n.lower() not in given]
    lines += [f"{n}: {v}" for n, v in headers if v is not None]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + data


class Conn:
    def __init__(self, port, tls=None, timeout=TIMEOUT, receive_buffer=None):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.connect(("127.0.0.1", port))
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost")
        self.host = f"127.0.0.1:{port}"
        self.buffer = b""
        self.eof = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def send(self, data):
        self.sock.sendall(data)

    def send_quietly(self, data):
        """Send to a peer that may already have refused; whether all of it was taken."""
        try:
            self.sock.sendall(data)
            return True
        except (ConnectionError, ssl.SSLError):
            return False

    def request(self, method, path, body=None, headers=()):
        self.send(format_request(method, path, body, headers, self.host))

    def more(self):
        """Read once into the buffer; False at the end of the stream (also when it was reset)."""
        if self.eof:
            return False
        try:
            data = self.sock.recv(262144)
        except (ConnectionError, ssl.SSLEOFError):
            data = b""
        self.eof = not data
        self.buffer += data
        return bool(data)

    def until(self, mark):
        """Take the bytes up to and with `mark`; Ended when the stream ends before it."""
        while mark not in self.buffer:
            if not self.more():
                raise Ended(f"the connection ended before {mark!r}; had {self.buffer[-300:]!r}")
        head, _, self.buffer = self.buffer.partition(mark)
        return head + mark

    def exactly(self, n):
        """Take n bytes, or fewer where the stream ends."""
        while len(self.buffer) < n and self.more():
            pass
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def rest(self):
        while self.more():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def ended(self):
        """The peer closes, sending nothing more."""
        return self.rest() == b""

    def head(self):
        """A response's head; interim answers (100) are skipped."""
        while True:
            lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
            version, status, reason = (lines[0] + "  ").split(" ", 2)
            assert version in ("HTTP/1.1", "HTTP/1.0"), lines[0]
            if status != "100":
                break
        pairs = [line.partition(":") for line in lines[1:] if line]
        return Response(int(status), reason.strip(), [(n, v.strip()) for n, _, v in pairs])

    def chunk(self):
        """One chunk of a chunked body; b"" for the last one, None where the stream was cut."""
        while b"\r\n" not in self.buffer:
            if not self.more():
                return None
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        size = int(line.split(b";")[0], 16)
        if size == 0:
            return self.trailer()
        data = self.exactly(size + 2)
        if len(data) < size + 2:
            self.partial = data[:size]
            return None
        return data[:size]

    def trailer(self):
        """What stands behind the last chunk, up to the blank line; None where that was cut."""
        self.trailers = []
        while True:
            while b"\r\n" not in self.buffer:
                if not self.more():
                    return None
            line, _, self.buffer = self.buffer.partition(b"\r\n")
            if not line:
                return b""
            name, _, value = line.decode("latin-1").partition(":")
            self.trailers.append((name, value.strip()))

    def response(self, method="POST"):
        r = self.head()
        if method == "HEAD" or r.status in (204, 304):
            r.complete = True
        elif (r.get("transfer-encoding") or "").lower() == "chunked":
            self.partial = b""
            while chunk := self.chunk():
                r.body += chunk
            r.body += self.partial
            r.complete = chunk == b""
            if r.complete:
                r.trailers = self.trailers
        elif r.get("content-length") is not None:
            length = int(r.get("content-length"))
            r.body = self.exactly(length)
            r.complete = len(r.body) == length
        else:
            r.body = self.rest()
            r.complete = self.eof
        return r

    def call(self, method, path, body=None, headers=()):
        self.request(method, path, body, headers)
        return self.response(method)


def call(port, method, path, body=None, headers=(), **options):
    """One exchange on a connection of its own."""
    with Conn(port, **options) as conn:
        return conn.call(method, path, body, headers)


def events(data):
    """The (name, text) pairs of a server-sent stream, comments left out. Strict about its form:
    every event must be whole. `name` is None where there is no event line."""
    text = data.decode("utf-8").removeprefix("\ufeff")
    assert text == "" or text.endswith("\n\n"), f"the stream ends inside an event: {text[-200:]!r}"
    found = []
    for block in text.split("\n\n"):
        name, lines = None, []
        for line in block.split("\n"):
            field, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            if field == "event":
                name = value
            elif field == "data":
                lines.append(value)
        if lines:
            found.append((name, "\n".join(lines)))
    return found
