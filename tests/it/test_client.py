# SPDX-License-Identifier: Apache-2.0
"""RELIABILITY §3.2, clients that come and go: closing early or late, reading slowly or not at all,
sending slowly or nothing, in numbers, and what each of them costs."""

import socket
import threading
import time

import pytest

import http1
from fronts import CHAT, assert_error, assert_served
from turns import Turn, dumps, whole
from turns import stream as stream_of
from upstream import refuses, says, stalls
from gateway import sanitized, until

LONG = Turn(text="word " * 400, pieces=5)
A = Turn(text="This is a.")


def open_stream(w, front, **options):
    conn = http1.Conn(w.port, **options)
    conn.request("POST", front.path, front.body(stream=True), front.auth(None))
    conn.until(b"word")
    return conn


@pytest.mark.parametrize("how", ["close", "reset"])
def test_D1_client_goes_in_mid_stream(weir, upstream, front, back, how):
    up = upstream(back, default=says(LONG, gap=0.02))
    w = weir(up)
    conn = open_stream(w, front)
    left = time.monotonic()
    getattr(conn, how)()
    assert up.wait_closed(0) - left < 1.0
    record = w.wait_log(lambda r: r.get("status") == 499, what="an access record with status 499")
    assert record["provider"] == "a"
    up.default = says(A)
    assert_served(front, front.ask(w.port), A.text)
    assert (
        len(up.connections) == 2
    ), "a connection whose answer was not read to its end was used again"


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("stream", [False, True])
def test_D2_client_goes_before_the_first_token(weir, upstream, front, how, stream):
    up = upstream(default=stalls())
    w = weir(up)
    conn = http1.Conn(w.port)
    conn.request("POST", front.path, front.body(stream=stream), front.auth(None))
    up.wait_hits(1)
    left = time.monotonic()
    getattr(conn, how)()
    assert up.wait_closed(0) - left < 1.0


def test_D2_client_goes_before_its_body_is_there(weir, upstream):
    up = upstream()
    w = weir(up)
    with http1.Conn(w.port) as conn:
        conn.send(http1.format_request("POST", CHAT.path, CHAT.body())[:-5])
    assert_served(CHAT, CHAT.ask(w.port), "Hello there.")
    assert up.hits == 1


@pytest.mark.parametrize("stream", [False, True])
def test_D3_half_closed_client_is_served(weir, upstream, front, stream):
    up = upstream(default=says(A, gap=0.05) if stream else lambda x: (x.pause(0.3), says(A)(x)))
    w = weir(up)
    with http1.Conn(w.port) as conn:
        conn.request("POST", front.path, front.body(stream=stream), front.auth(None))
        conn.half_close()
        assert_served(front, conn.response(), A.text)


def test_D4_client_closes_after_the_last_byte(weir, upstream, front):
    w = weir(upstream(default=says(A)))
    for _ in range(5):
        with http1.Conn(w.port) as conn:
            conn.request("POST", front.path, front.body(stream=True), front.auth(None))
            r = conn.response()
        assert w.access(r.get("x-weir-request-id"))["status"] == 200
    assert not [r for r in w.log() if r.get("status") == 499]


def test_D5_a_reader_that_stops(weir, upstream, front, back):
    """100 MB for a client that takes nothing: the provider is held back, memory stays flat."""

    def flood(x):
        x.head(200, (), "chunked", "text/event-stream")
        listing = stream_of(back, Turn(text="word" * 2500, pieces=10000))
        body = listing[-4] if back == "anthropic" else listing[1]
        for one in listing[: 3 if back == "anthropic" else 1]:
            x.data(one)
        for _ in range(10000):
            x.data(body)

    up = upstream(back, default=flood)
    w = weir(up, timeouts="firstByte: 5s, idle: 2s")
    before = w.rss()
    conn = open_stream(w, front, receive_buffer=4096)
    until(
        lambda: up.connections[0].sent == (time.sleep(0.3), up.connections[0].sent)[1],
        10,
        "the provider is held back",
    )
    sent = up.connections[0].sent
    grown = w.rss() - before
    assert sent < (24 << 20), f"{sent >> 20} MiB were taken for a client that reads nothing"
    assert grown < (8 << 20 if not sanitized() else 24 << 20), f"{grown >> 20} MiB more"
    # `idle` counts the provider's silence, not ours: held back for longer, it goes on.
    time.sleep(2.2)
    while up.connections[0].sent == sent:
        assert conn.more() and len(conn.buffer) < (64 << 20)
    left = time.monotonic()
    conn.close()
    assert up.wait_closed(0) - left < 1.0


def read_all(conn):
    """The rest of a chunked answer, in one go: 20 MB in a small window are many reads."""
    parts = [conn.buffer]
    while not parts[-1].endswith(b"\r\n0\r\n\r\n"):
        parts.append(conn.sock.recv(1 << 20))
        assert parts[-1], "the answer was cut"
        if len(parts[-1]) < 7 and len(parts) > 1:
            parts[-2:] = [parts[-2] + parts[-1]]
    conn.buffer = b"".join(parts)


def test_D5_U46_a_made_stream_larger_than_any_queue(weir, upstream, front, back):
    """20 MB of JSON for a client that asked for a stream and reads slowly: it comes whole, and what
    waits for the client waits once."""
    big = Turn(text="sixteen letters." * (20 << 16))
    answer = dumps(whole(back, big)).encode()
    up = upstream(back, default=lambda x: x.reply(200, answer))
    w = weir(up)

    def ask():
        conn = http1.Conn(w.port, receive_buffer=4096)
        conn.request("POST", front.path, front.body(stream=True), front.auth(None))
        assert conn.more()
        return conn

    ask().reset()
    w.wait_log(lambda r: r.get("status") == 499)
    before = w.rss()
    conn = ask()
    time.sleep(0.5)
    if not sanitized():
        assert w.rss() - before < (30 << 20), f"{w.rss() - before >> 20} MiB more"
    for _ in range(10):
        assert conn.more()
        time.sleep(0.05)
    read_all(conn)
    r = conn.response()
    assert_served(front, r, big.text)
    assert w.access(r.get("x-weir-request-id"))["status"] == 200
    if not sanitized():
        until(lambda: w.rss() - before < (12 << 20), 5, "the memory goes back")


def test_D5_a_reader_without_progress_is_cut(weir, upstream):
    up = upstream(
        default=lambda x: (
            x.head(200, (), "chunked", "text/event-stream"),
            [
                x.data(
                    b'data: {"choices":[{"index":0,"delta":{"content":"'
                    + b"word" * 4000
                    + b'"}}]}\n\n'
                )
                for _ in range(4000)
            ],
        )
    )
    w = weir(up, extra="clientTimeouts: { write: 500ms }\n")
    conn = open_stream(w, CHAT, receive_buffer=4096)
    started = time.monotonic()
    assert up.wait_closed(0, 8) - started < 6
    conn.close()


def test_D6_stalled_readers_beside_normal_ones(weir, upstream, front):
    up = upstream(default=says(Turn(text="word" * 5000, pieces=2000)))
    w = weir(up, workers=2)
    stalled = []
    for _ in range(50):
        conn = http1.Conn(w.port, receive_buffer=4096)
        conn.request("POST", front.path, front.body(stream=True), front.auth(None))
        stalled.append(conn)
    up.default = says(A)
    started = time.monotonic()
    for _ in range(100):
        assert_served(front, front.ask(w.port, stream=True), A.text)
    assert time.monotonic() - started < 10
    for conn in stalled:
        r = conn.response()
        assert r.complete and front.read(r).ended
        conn.close()


QUICK = "clientTimeouts: { header: 500ms, bodyGrace: 500ms, bodyTotal: 2s, keepAlive: 500ms }\n"


def test_D7_slow_header(weir, upstream):
    """A deadline for the whole head, not for each byte."""
    w = weir(upstream(), extra=QUICK)
    with http1.Conn(w.port) as conn:
        started = time.monotonic()
        conn.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n")
        while conn.send_quietly(b"X-A: b\r\n") and time.monotonic() - started < 5:
            if CHAT.ask(w.port).status != 200:
                raise AssertionError("not served beside a slow client")
            time.sleep(0.05)
        assert time.monotonic() - started < 3
        data = conn.rest()
        assert data == b"" or data.startswith(b"HTTP/1.1 408"), data


def test_D7_blank_lines_are_no_beginning(weir, upstream):
    """A client may send a few before its request; not without end, and they buy no time."""
    w = weir(upstream(), extra=QUICK)
    with http1.Conn(w.port) as conn:
        started = time.monotonic()
        while conn.send_quietly(b"\r\n") and time.monotonic() - started < 5:
            time.sleep(0.02)
        assert time.monotonic() - started < 3
    with http1.Conn(w.port) as conn:
        started = time.monotonic()
        conn.send_quietly(b"\r\n" * 5000)
        conn.rest()
        assert time.monotonic() - started < 3


def test_D8_slow_body(weir, upstream, front):
    w = weir(upstream(), extra=QUICK)
    with http1.Conn(w.port) as conn:
        data = http1.format_request("POST", front.path, front.body("x" * 10000), front.auth(None))
        started = time.monotonic()
        at = len(data) - 9000
        conn.send(data[:at])
        while (
            at < len(data)
            and conn.send_quietly(data[at : at + 5])
            and time.monotonic() - started < 6
        ):
            at += 5
            time.sleep(0.02)
        r = conn.response()
        assert_error(front, r, "request_timeout")
        assert time.monotonic() - started < 4
        assert conn.ended()


def test_D8_a_body_that_stops(weir, upstream):
    up = upstream()
    w = weir(up, extra=QUICK)
    with http1.Conn(w.port) as conn:
        conn.send(http1.format_request("POST", CHAT.path, CHAT.body())[:-5])
        started = time.monotonic()
        assert_error(CHAT, conn.response(), "request_timeout")
        assert time.monotonic() - started < 3
    assert up.hits == 0


def test_D9_silent_connections(weir, upstream):
    """Connections that never say a word cost little, end at their time, and hinder nobody."""
    w = weir(upstream(), extra=QUICK)
    before = w.rss()
    silent = [http1.Conn(w.port) for _ in range(300)]
    assert_served(CHAT, CHAT.ask(w.port), "Hello there.")
    assert w.rss() - before < (300 * 20000 if not sanitized() else 24 << 20)
    assert all(conn.ended() for conn in silent)
    until(lambda: w.fds() < 60, what="the descriptors are given back")


def test_D9_an_idle_keep_alive_connection_ends(weir, upstream):
    w = weir(upstream(), extra=QUICK)
    with http1.Conn(w.port) as conn:
        assert conn.call("POST", CHAT.path, CHAT.body()).status == 200
        started = time.monotonic()
        assert conn.ended()
        assert 0.3 < time.monotonic() - started < 3


def test_D10_no_descriptors_left(weir, upstream):
    """Accepting pauses without a busy loop; live streams go on; all is well once there are some
    again."""
    up = upstream(default=says(LONG, gap=0.005))
    w = weir(up, prefix=("prlimit", "--nofile=64:64"))
    live = open_stream(w, CHAT)
    more = []
    for _ in range(100):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", w.port))
        more.append(sock)
    time.sleep(0.3)
    used = w.cpu()
    time.sleep(1.0)
    # The live stream costs something too: 200 events a second.
    assert w.cpu() - used < (
        0.15 if not sanitized() else 0.4
    ), f"{w.cpu() - used} s of CPU in one second"
    assert b"data: [DONE]" in live.until(b"[DONE]")
    for sock in more:
        sock.close()
    up.default = says(A)
    assert_served(CHAT, CHAT.ask(w.port), A.text)
    until(lambda: w.fds() < 50, what="the descriptors are given back")


def test_D11_connections_over_the_limit(weir, upstream):
    w = weir(upstream(), extra="limits: { connections: 20 }\n")
    conns = [http1.Conn(w.port) for _ in range(60)]
    for conn in conns:
        conn.send_quietly(http1.format_request("POST", CHAT.path, CHAT.body()))
    served = 0
    for conn in conns:
        try:
            r = conn.response()
        except (AssertionError, OSError):  # closed at once
            continue
        assert r.status in (200, 503), r
        served += r.status == 200
    assert 1 <= served <= 20, served
    for conn in conns:
        conn.close()
    assert_served(CHAT, CHAT.ask(w.port), "Hello there.")


def test_D15_pipelined_requests(weir, upstream):
    """1,000 in one write: answered in order, one at a time upstream."""
    inside, most = [0], [0]
    lock = threading.Lock()

    def answer(x):
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        says(Turn(text=x.request.json["messages"][0]["content"]))(x)
        with lock:
            inside[0] -= 1

    w = weir(upstream(default=answer))
    with http1.Conn(w.port) as conn:
        data = b"".join(
            http1.format_request("POST", CHAT.path, CHAT.body(f"number {i}")) for i in range(1000)
        )
        sender = threading.Thread(target=conn.send_quietly, args=(data,))
        sender.start()
        for i in range(1000):
            assert_served(CHAT, conn.response(), f"number {i}")
        sender.join()
    assert most[0] == 1


def test_D30_junk_dates_are_ignored(weir, upstream, front):
    w = weir(upstream())
    for date in ("Thu, 01 Jan 1970 00:00:00 GMT", "junk", "Fri, 31 Dec 9999 23:59:59 GMT", ""):
        headers = [("Date", date), ("If-Modified-Since", date)]
        assert_served(front, front.ask(w.port, headers=headers), "Hello there.")


def test_F18_cancelled_calls_leave_nothing_behind(weir, upstream, front):
    up = upstream(default=says(LONG, gap=0.01))
    w = weir(up)
    assert front.ask(w.port, stream=False).status == 200
    until(lambda: w.fds() <= 40, what="the first descriptors")
    fds = w.fds()
    for n in range(120):
        conn = http1.Conn(w.port)
        conn.request("POST", front.path, front.body(stream=n % 3 != 0), front.auth(None))
        if n % 2:
            conn.until(b"HTTP/1.1")
        (conn.reset if n % 4 < 2 else conn.close)()
    until(lambda: w.fds() <= fds + 2, 10, f"descriptors are back at {fds} (now {w.fds()})")
    until(lambda: all(c.closed for c in up.connections[1:]), 5, "all upstream connections closed")
    assert_served(front, front.ask(w.port, stream=False), LONG.text)


def test_D28_clients_are_not_called_back_together(weir, upstream, front):
    """Retry-After is a provider's word at the least, and not the same for everyone; where nobody
    said how long, our own guess varies too."""
    busy = upstream(default=refuses(429, headers=[("Retry-After", "40")]))
    odd = upstream(default=lambda x: x.reply(200, b"no JSON"))
    w = weir(busy, odd, extra="routing: { fallback: false }\n")
    waits, guesses = [], []
    with http1.Conn(w.port) as conn:
        for _ in range(30):
            r = conn.call("POST", front.path, front.body(), front.auth(None))
            assert_error(front, r, "rate_limited")
            seconds, ms = int(r.get("retry-after")), int(r.get("retry-after-ms"))
            assert 37 <= seconds <= 50 and (seconds - 1) * 1000 < ms <= seconds * 1000
            waits.append(ms)
        for _ in range(4):
            r = conn.call("POST", front.path, front.body(model="mb"), front.auth(None))
            assert_error(front, r, "upstream")
            assert r.get("retry-after") == "1" and 750 <= int(r.get("retry-after-ms")) <= 1000
            guesses.append(r.get("retry-after-ms"))
    assert max(waits) - min(waits) > 4000 and len(set(waits)) > 20, waits
    assert len(set(guesses)) > 1, guesses


# ---- D27: HTTP/2 is not spoken to clients


def test_D27_http2_is_refused_in_plain(weir, upstream, front):
    """Neither by prior knowledge nor by an upgrade, which HTTP/1.1 lets a server ignore."""
    w = weir(upstream(default=says(A)))
    with http1.Conn(w.port) as conn:
        conn.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9 * 1000))
        r = conn.response()
        assert 400 <= r.status < 600 and conn.ended()
    h2c = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABk")]
    assert_served(front, front.ask(w.port, headers=h2c), A.text)
    assert_served(front, front.ask(w.port), A.text)
