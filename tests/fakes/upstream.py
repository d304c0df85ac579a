# SPDX-License-Identifier: Apache-2.0
"""upstream - a provider on a raw socket that does exactly what a test tells it to, byte by byte.

An Upstream listens on a port of its own. Every request that arrives is recorded whole and handed to
an *answer*: a function of one Exchange that writes whatever it likes and may break off, reset,
stall or lie. Answers come from a script (one each, in order), then from the default. Ready-made
ones:

    says(turn)             the faithful answer in this upstream's dialect, streamed if asked for
    refuses(429, headers)  an error in the dialect
    counts(text)           the rest of a text, wherever an answer broke off
    raw(b"...", 0.3, RST)  exact bytes, pauses in seconds, then CLOSE (the default) or RST
    events(list, end)      a stream of the given events with a chosen framing and end

One thread a connection, blocking calls: a script reads top to bottom. Whoever waits (`pause`)
watches the peer meanwhile, so a connection always knows when and how weir let go of it (`closed`,
`how`). Standard library only.
"""

import collections
import json
import select
import socket
import struct
import threading
import time

import turns

CLOSE, RST, KEEP = "close", "rst", "keep"

REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


class Gone(Exception):
    """The peer closed or reset the connection."""


class Request:
    """One request as it arrived: header names keep their case and order."""

    def __init__(self, line, headers, connection):
        self.method, self.target, self.version = line.split(" ", 2)
        self.headers = headers
        self.connection = connection
        self.body = b""
        self.complete = False
        self.at = time.monotonic()

    def get(self, name, default=None):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return default

    def all(self, name):
        return [v for k, v in self.headers if k.lower() == name.lower()]

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def streamed(self):
        """Whether a stream is asked for: by the body, or by the path, as Gemini's and AWS's do."""
        if ":streamGenerateContent" in self.target or self.target.endswith("/converse-stream"):
            return True
        try:
            return bool(self.json.get("stream"))
        except (ValueError, AttributeError):
            return False


class Connection:
    def __init__(self, up, sock, number):
        self.up, self.sock, self.number = up, sock, number
        self.opened = time.monotonic()
        self.closed = None  # when the peer's end was seen
        self.how = None  # "eof" or "rst"
        self.sent = 0
        self.requests = []
        self.rest = b""

    def gone(self, how):
        if self.closed is None:
            self.closed, self.how = time.monotonic(), how
            self.up.note()
        raise Gone(how)

    def write(self, data):
        view = memoryview(data)
        while view:
            try:
                n = self.sock.send(view)
            except (ConnectionResetError, BrokenPipeError, OSError):
                self.gone("rst")
            self.sent += n
            view = view[n:]

    def read(self, limit=65536):
        if self.rest:
            data, self.rest = self.rest[:limit], self.rest[limit:]
            return data
        try:
            data = self.sock.recv(limit)
        except (ConnectionResetError, OSError):
            self.gone("rst")
        if not data:
            self.gone("eof")
        return data

    def pause(self, seconds):
        """Wait; ends early with Gone when the peer closes. What it sends meanwhile is kept."""
        poller = select.poll()
        poller.register(self.sock, select.POLLIN | select.POLLRDHUP)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not poller.poll(min(left, 1.0) * 1000):
                continue
            try:
                data = self.sock.recv(65536)
            except (ConnectionResetError, OSError):
                self.gone("rst")
            if not data:
                self.gone("eof")
            self.rest += data

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    # -- requests

    def _until(self, mark):
        data = b""
        while mark not in data:
            data += self.read()
        head, self.rest = data.split(mark, 1)
        return head

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            data += self.read(n - len(data))
        return data

    def read_head(self):
        lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = [
            (name, value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])
        ]
        request = Request(lines[0], headers, self.number)
        self.requests.append(request)
        return request

    def read_body(self, request):
        if "chunked" in (request.get("transfer-encoding") or "").lower():
            while True:
                size = int(self._until(b"\r\n").split(b";")[0], 16)
                request.body += self._exactly(size)
                self._exactly(2)
                if size == 0:
                    break
        else:
            request.body = self._exactly(int(request.get("content-length") or 0))
        request.complete = True


class Exchange:
    """One request and the hand that writes its answer."""

    def __init__(self, connection, request):
        self.connection, self.request = connection, request
        self.up = connection.up
        self.dialect = self.up.dialect
        self.chunked = False
        self.keep = True
        self.write, self.pause = connection.write, connection.pause

    def rst(self):
        self.keep = False
        self.connection.reset()

    def close(self):
        self.keep = False
        self.connection.close()

    def end(self, how):
        if how == RST:
            self.rst()
        elif how == CLOSE:
            self.close()

    def head(self, status=200, headers=(), framing=None, kind="application/json"):
        """Write a response head. framing: a length, "chunked" or "close"."""
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Answer')}"]
        if kind:
            lines.append(f"Content-Type: {kind}")
        lines += [f"{name}: {value}" for name, value in headers]
        if framing == "chunked":
            lines.append("Transfer-Encoding: chunked")
            self.chunked = True
        elif framing == "close":
            lines.append("Connection: close")
        elif framing is not None:
            lines.append(f"Content-Length: {framing}")
        self.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def data(self, data):
        self.write(b"%x\r\n%s\r\n" % (len(data), data) if self.chunked else data)

    def reply(self, status, body, headers=(), kind="application/json"):
        data = body if isinstance(body, bytes) else turns.dumps(body).encode()
        self.head(status, headers, len(data), kind)
        self.write(data)


# ---- answers


def says(turn=turns.Turn(text="Hello there."), gap=0.0, framing="chunked", headers=()):
    """The faithful answer. `gap`: seconds between the events of a stream."""

    def answer(x):
        model = (x.request.json.get("model") if x.request.body else None) or "m"
        kind = turns.stream_type(x.dialect)
        if not x.request.streamed:
            return x.reply(200, turns.whole(x.dialect, turn, model), headers)
        asked = (x.request.json.get("stream_options") or {}).get("include_usage", False)
        listing = turns.stream(x.dialect, turn, model, asked)
        return events(listing, gap=gap, framing=framing, headers=headers, kind=kind)(x)

    return answer


def begun(request):
    """The text that the provider is asked to go on with; absent: it is asked for an answer."""
    last = request.json["messages"][-1]
    if last["role"] != "assistant":
        return None
    content = last["content"]
    return content if isinstance(content, str) else "".join(p["text"] for p in content)


def counts(text, gap=0.006, pause=0.05):
    """What is missing of the text, a little at a time: for providers that die in mid-answer, and for
    those that go on with it. A look at the server is answered, too."""

    def answer(x):
        if x.request.method == "HEAD":
            return x.head(404, (), 0, None)
        said = begun(x.request) or ""
        assert text.startswith(said), said
        rest = turns.Turn(text=text[len(said) :], pieces=6)
        if not x.request.streamed:
            x.pause(pause)
            return x.reply(200, turns.whole(x.dialect, rest, "up"))
        x.head(200, (), "chunked", turns.stream_type(x.dialect))
        for one in turns.stream(x.dialect, rest, "up"):
            x.data(one)
            x.pause(gap)
        x.write(b"0\r\n\r\n")

    return answer


def refuses(status, message="it failed", kind=None, code=None, headers=()):
    def answer(x):
        x.reply(status, turns.error(x.dialect, status, message, kind, code), headers)

    return answer


def events(
    listing,
    end=None,
    gap=0.0,
    framing="chunked",
    headers=(),
    kind="text/event-stream; charset=utf-8",
):
    """A 200 stream of `listing` (bytes each). end: None for the proper one, or CLOSE, RST, a number
    of seconds to stall, or a function of the exchange."""

    def answer(x):
        length = sum(map(len, listing)) if framing == "length" else framing
        x.head(200, headers, length, kind)
        for one in listing:
            x.data(one)
            if gap:
                x.pause(gap)
        if end is None:
            if x.chunked:
                x.write(b"0\r\n\r\n")
            if framing == "close":
                x.close()
        elif callable(end):
            end(x)
        elif isinstance(end, (int, float)):
            x.pause(end)
            x.close()
        else:
            x.end(end)

    return answer


def raw(*steps):
    """Exact bytes; numbers pause; the last step may be CLOSE (the default), RST or KEEP."""
    end = steps[-1] if steps and steps[-1] in (CLOSE, RST, KEEP) else CLOSE
    todo = [s for s in steps if s not in (CLOSE, RST, KEEP)]

    def answer(x):
        for step in todo:
            if isinstance(step, (int, float)):
                x.pause(step)
            else:
                x.write(step)
        if end != KEEP:
            x.end(end)

    return answer


def drips(data, gap, size=1):
    """Bytes in pieces of `size`, a pause after each."""

    def answer(x):
        for i in range(0, len(data), size):
            x.write(data[i : i + size])
            x.pause(gap)
        x.close()

    return answer


def early(answer, linger=2.0):
    """An answer given as soon as the request's head is there, its body unread. What still arrives
    is taken for `linger` seconds before the close, so that no reset overtakes the answer."""

    def wrapped(x):
        answer(x)
        if x.keep:
            x.connection.sock.shutdown(socket.SHUT_WR)
            x.pause(linger)
            x.close()

    wrapped.early = True
    return wrapped


def stalls(seconds=30.0):
    def answer(x):
        x.pause(seconds)
        x.close()

    return answer


class Door:
    """Answers that wait until the test opens it (`open`); how many were inside together. What a test
    sets up behind it takes as long as the machine needs."""

    def __init__(self, then, seconds=60.0):
        self.then, self.seconds, self.open = then, seconds, threading.Event()
        self.inside = self.most = 0
        self.lock = threading.Lock()

    def __call__(self, x):
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.open.wait(self.seconds)
        with self.lock:
            self.inside -= 1
        self.then(x)


class Upstream:
    """A provider of one dialect, of those that turns.whole() knows. `script` answers go first, one
    each."""

    def __init__(
        self, dialect="openai", *script, default=None, tls=None, on_accept=None, backlog=512
    ):
        self.dialect = dialect
        self.script = collections.deque(script)
        self.default = default or says()
        self.tls = tls
        self.on_accept = on_accept
        self.requests = []
        self.connections = []
        self.changed = threading.Condition()
        self.stopped = False
        self.broken = None
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def base(self):
        """The base URL as a config names it."""
        scheme, host = ("https", "localhost") if self.tls else ("http", "127.0.0.1")
        return f"{scheme}://{host}:{self.port}{turns.BASES.get(self.dialect, '')}"

    @property
    def hits(self):
        return len(self.requests)

    def note(self):
        with self.changed:
            self.changed.notify_all()

    def wait(self, condition, seconds=5.0, what="the upstream's state"):
        """Wait until condition(self) is true; AssertionError when it is not in time."""
        with self.changed:
            assert self.changed.wait_for(
                lambda: condition(self), seconds
            ), f"not within {seconds} s: {what}"

    def wait_hits(self, n, seconds=5.0):
        self.wait(lambda up: up.hits >= n, seconds, f"{n} requests (there are {self.hits})")

    def wait_closed(self, number=-1, seconds=5.0):
        """Wait until weir let go of a connection; the time at which it did."""
        connection = self.connections[number]
        self.wait(lambda _: connection.closed, seconds, "the connection's end")
        return connection.closed

    def die(self):
        """As a process that is killed: nobody listens any more, and each connection is reset."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            try:
                connection.reset()
            except OSError:  # it has ended by itself
                pass

    def live(self):
        """Started again, at the same address."""
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=512)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        """Close everything; a script that went wrong is an error of the test."""
        self.stopped = True
        for sock in [self.listener] + [c.sock for c in self.connections]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()
        if self.broken:
            raise self.broken

    # -- the threads

    def _accept(self):
        while not self.stopped:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self, sock, len(self.connections))
            self.connections.append(connection)
            self.note()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            if self.on_accept and self.on_accept(connection):
                return
            if self.tls:
                connection.sock = self.tls.wrap_socket(connection.sock, server_side=True)
            while self._exchange(connection):
                pass
        except Gone:
            connection.close()
        except (
            OSError,
            ValueError,
        ):  # a failed TLS handshake, or the test's end closing the socket
            connection.close()
        finally:
            self.note()

    def _exchange(self, connection):
        request = connection.read_head()
        with self.changed:
            answer = self.script.popleft() if self.script else self.default
        if not getattr(answer, "early", False):
            connection.read_body(request)
        self.requests.append(request)
        self.note()
        exchange = Exchange(connection, request)
        answer(exchange)
        return exchange.keep and not self.stopped
