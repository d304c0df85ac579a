# SPDX-License-Identifier: Apache-2.0
"""RELIABILITY §3.1, streams: before the first content a failure is invisible, after it the client
is told in its own language, nothing is retried, and nothing looks like a proper end."""

import itertools
import json
import re
import threading
import time

import pytest

import http1
from agent import text_of
from fronts import (
    ALL_FRONTS,
    CHAT,
    FRONTS,
    MESSAGES,
    assert_error,
    assert_served,
    assert_stream_error,
)
from turns import Tool, Turn, anthropic_usage, dumps, error, event, prelude, whole
from turns import stream as stream_of
from upstream import CLOSE, RST, drips, events, raw, says

A, B = Turn(text="This is the text of provider a."), Turn(text="This is b.")
PAIRS = [
    pytest.param(f, b, id=f"{f.name}-{b}")
    for f, b in itertools.product(ALL_FRONTS, ("openai", "anthropic"))
]
crossed = pytest.mark.parametrize("front,back", PAIRS)


def head(framing="Transfer-Encoding: chunked"):
    return f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{framing}\r\n\r\n".encode()


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def begun(back, pieces=2):
    """The events of a stream up to and with some content: `8 * pieces` characters of A."""
    return stream_of(back, A)[: len(prelude(back)) + pieces]


def breaking(back, tail, framing, seen):
    """A stream's beginning; once `seen` is set, what `tail` does to it; then its end."""

    def answer(x):
        x.head(200, (), framing, "text/event-stream")
        for one in begun(back):
            x.data(one)
        while not seen.is_set():
            x.pause(0.005)
        tail(x)
        if x.keep:
            if x.chunked:
                x.write(b"0\r\n\r\n")
            else:
                x.close()

    return answer


def ask_and_see(front, w, seen):
    """Ask for a stream, set `seen` when some of its text is here, read on to the end."""
    with http1.Conn(w.port) as conn:
        path = front.path_of("m", True)
        conn.request("POST", path, front.body(stream=True), front.auth(None))
        while A.text[:4].encode() not in conn.buffer and conn.more():
            pass
        seen.set()
        return conn.response()


def broken_after_content(
    front, weir, upstream, back, tail, canonical="upstream", framing="chunked", **options
):
    """The stream breaks after the client has some of its text: what it got is a prefix, then the
    error, in a complete HTTP message; the other provider was not asked."""
    seen = threading.Event()
    a = upstream(back, default=breaking(back, tail, framing, seen))
    b = upstream("openai", default=says(B))
    w = weir(a, b, **options)
    r = ask_and_see(front, w, seen)
    assert r.status == 200 and r.complete, r
    answer = front.read(r)
    assert_stream_error(front, answer, canonical)
    assert answer.text and A.text.startswith(answer.text), answer.text
    assert a.hits == 1 and b.hits == 0, "retried after the commit point"
    return answer, w, a


def broken_in_one_read(front, weir, upstream, back, tail, framing="chunked"):
    """The same in a single segment: nothing has gone to the client yet when the break is seen, so
    another provider may take over; but nobody's text is mixed with another's."""
    seen = threading.Event()
    seen.set()
    pieces = []

    class Gather:
        """The exchange as `breaking` sees it, its writes gathered to one."""

        def __init__(self, x):
            self.x, self.keep, self.chunked = x, True, framing == "chunked"

        def head(self, *args):
            pieces.append(head() if self.chunked else head("Connection: close"))

        def data(self, one):
            pieces.append(chunk(one) if self.chunked else one)

        def write(self, one):
            pieces.append(one)

        def close(self):
            self.keep = False

        rst = close

    def answer(x):
        pieces.clear()
        breaking(back, tail, framing, seen)(Gather(x))
        x.write(b"".join(pieces))
        x.close()

    b = upstream("openai", default=says(B))
    w = weir(upstream(back, default=answer), b)
    r = front.ask(w.port, stream=True)
    assert r.status == 200 and r.complete, r
    got = front.read(r)
    if b.hits:
        assert_served(front, r, B.text, "b")
    else:
        assert A.text.startswith(got.text) and got.text and got.error and not got.ended, r


# ---- cut


def cutting(data):
    """Answers a question "cut K" with the first K bytes of `data` and a break; any other
    faithfully."""

    def answer(x):
        said = text_of(x.request.json["messages"][0]["content"])
        if not said.startswith("cut "):
            return says(A)(x)
        k = int(said[4:])
        return raw(data[:k], RST if k % 2 else CLOSE)(x)

    return answer


def ask_cuts(conn, cuts):
    """Ask for each cut, in both fronts by turns; (cut, front, response). Between them go calls that
    succeed, so that neither the retry budget (one in five) nor the breaker (five in a row) has a
    say.
    """
    for k in cuts:
        front = FRONTS[(k // 2) % 2]
        yield k, front, conn.call("POST", front.path, front.body(f"cut {k}", stream=True))
        conn.send(http1.format_request("POST", CHAT.path, CHAT.body()) * 5)
        for _ in range(5):
            assert_served(CHAT, conn.response(), A.text, "a")


@pytest.mark.parametrize("back", ["openai", "anthropic"])
def test_U20_reset_before_content_at_every_byte(weir, upstream, back):
    """The prelude cut at every byte: each time the other provider answers, unseen."""
    data = head() + b"".join(map(chunk, prelude(back)))
    w = weir(upstream(back, default=cutting(data)), upstream(default=says(B)))
    with http1.Conn(w.port) as conn:
        for k, front, r in ask_cuts(conn, range(len(data))):
            assert_served(front, r, B.text, "b")


@crossed
@pytest.mark.parametrize("end", [RST, CLOSE])
def test_U21_broken_after_content(weir, upstream, front, back, end):
    broken_after_content(front, weir, upstream, back, lambda x: x.end(end))


@pytest.mark.parametrize("back", ["openai", "anthropic"])
def test_U21_cut_at_every_byte(weir, upstream, back):
    """A whole stream cut at every byte: either the other provider's text, or a true prefix and an
    error; never a mix, and a proper end only where the last event was there."""
    listing = stream_of(back, Turn(text="ab", pieces=1))
    data = head() + b"".join(map(chunk, listing)) + b"0\r\n\r\n"
    whole = len(data) - 5  # without the last chunk the events are there, the message is not
    w = weir(upstream(back, default=cutting(data)), upstream(default=says(B)))
    with http1.Conn(w.port) as conn:
        for k, front, r in ask_cuts(conn, range(len(data))):
            assert r.status == 200 and r.complete, (k, r)
            answer = front.read(r)
            if answer.text == B.text:
                assert answer.ended and not answer.error, (k, r)
                assert r.get("x-weir-provider") == "b"
            elif k < whole - len(chunk(listing[-1])) + 1:
                assert answer.text in ("a", "ab") and answer.error and not answer.ended, (k, r)
            else:
                assert answer.text == "ab", (k, r)
                assert bool(answer.error) != answer.ended, (k, r)


@crossed
@pytest.mark.parametrize("framing", ["chunked", "close"])
def test_U22_a_clean_end_without_the_last_event(weir, upstream, front, back, framing):
    broken_after_content(front, weir, upstream, back, lambda x: None, framing=framing)
    broken_in_one_read(front, weir, upstream, back, lambda x: None, framing)


@pytest.mark.parametrize(
    "broken",
    [
        b"5\r\nda",
        b"zz\r\ndata: {}\r\n",
        b"-1\r\n",
        b"5 \r\ndata:\r\n",
        b"0x5\r\ndata:\r\n",
        b"\r\n",
        b"5\ndata:\r\n",
        b"11111111111111111\r\n",
        b"2\r\n\n\nXX0\r\n\r\n",
        b"0\r\nX: " + b"y" * 70000 + b"\r\n\r\n",
        b"1;" + b"e" * 70000 + b"\r\n\n\r\n",
        b"0\r\nbad trailer\r\n\r\n",
    ],
    ids=lambda b: repr(b[:12]),
)
@pytest.mark.parametrize("back", ["openai", "anthropic"])
def test_U23_broken_chunks(weir, upstream, back, broken):
    front = CHAT if back == "anthropic" else MESSAGES

    def tail(x):
        x.write(broken)
        x.close()

    answer, _, _ = broken_after_content(front, weir, upstream, back, tail)
    assert "XX" not in answer.text


@crossed
def test_U24_content_length_longer_than_the_body(weir, upstream, front, back):
    length = len(b"".join(begun(back))) + 100
    broken_after_content(front, weir, upstream, back, lambda x: x.close(), framing=length)


@pytest.mark.parametrize("cut", [-30, -1, 50])
def test_U24_content_length_and_a_json_body(weir, upstream, front, cut):
    body = dumps(whole("openai", A)).encode()
    shown = body if cut > 0 else body[:cut]
    length = len(body) + max(cut, 0) if cut > 0 else len(body)
    a = upstream(
        default=raw(
            f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            f"Content-Length: {length}\r\n\r\n".encode() + shown
        )
    )
    assert_error(front, front.ask(weir(a).port), "upstream")


# ---- the provider says so


@crossed
def test_U26_error_event_in_mid_stream(weir, upstream, front, back):
    kind = "overloaded_error" if back == "anthropic" else "server_error"
    body = error(back, 529, "Overloaded for now", kind)
    one = event(body, "error" if back == "anthropic" else None)
    canonical = "overloaded" if back == "anthropic" else "upstream"
    broken_after_content(front, weir, upstream, back, lambda x: x.data(one), canonical)
    broken_in_one_read(front, weir, upstream, back, lambda x: x.data(one))


@crossed
@pytest.mark.parametrize(
    "data", [b'data: {"choices":[{\n\n', b"data: nonsense\n\n", b"data: [1,2]\n\n"]
)
def test_U31_garbage_after_content(weir, upstream, front, back, data):
    """Skipping it would hide that text is missing."""
    garbage = (b"event: content_block_delta\n" if back == "anthropic" else b"") + data

    def tail(x):
        for one in [garbage] + stream_of(back, A)[len(begun(back)) :]:
            x.data(one)

    broken_after_content(front, weir, upstream, back, tail)
    broken_in_one_read(front, weir, upstream, back, tail)


@crossed
def test_U31_garbage_before_content(weir, upstream, front, back):
    a = upstream(back, default=events(prelude(back) + [b"data: nonsense\n\n"]))
    r = front.ask(weir(a, upstream(default=says(B))).port, stream=True)
    assert_served(front, r, B.text, "b")


# ---- slow


@crossed
def test_U27_pings_keep_a_stream_alive(weir, upstream, front, back):
    listing = stream_of(back, A)
    ping = event({"type": "ping"}, "ping") if back == "anthropic" else b": PROCESSING\n\n"
    at = len(prelude(back)) + 1

    def answer(x):
        x.head(200, (), "chunked", "text/event-stream")
        for one in listing[:at] + [ping] * 10 + listing[at:]:
            x.data(one)
            if one == ping:
                x.pause(0.1)
        x.write(b"0\r\n\r\n")

    w = weir(upstream(back, default=answer), timeouts="firstByte: 2s, idle: 500ms")
    assert_served(front, front.ask(w.port, stream=True), A.text)


@crossed
def test_U29_stall_in_mid_stream(weir, upstream, front, back):
    times = "firstByte: 2s, idle: 300ms"
    started = time.monotonic()
    broken_after_content(
        front, weir, upstream, back, lambda x: x.pause(30), "timeout", timeouts=times
    )
    assert time.monotonic() - started < 5


@crossed
def test_U30_a_drip_without_end(weir, upstream, front, back):
    def drip(x):
        while True:
            x.data(b":")
            x.pause(0.05)

    times = "firstByte: 2s, idle: 1s, total: 800ms"
    started = time.monotonic()
    broken_after_content(front, weir, upstream, back, drip, "timeout", timeouts=times)
    assert time.monotonic() - started < 5


@crossed
def test_drip_of_one_byte_at_a_time(weir, upstream, front, back):
    """J10 in time: every byte of the answer a segment of its own."""
    turn = Turn(
        text="gr\u00fc\u00df \U0001f600",
        thinking="hm",
        tools=(Tool("call_1", "f", {"k": "\u4e2d"}),),
    )
    data = head("Connection: close") + b"".join(stream_of(back, turn))
    a = front.read(front.ask(weir(upstream(back, default=drips(data, 0))).port, stream=True))
    assert a.ended and a.text == turn.text and a.thinking == "hm"
    assert a.tools == [("call_1", "f", {"k": "\u4e2d"})] and a.finish == "tool_calls"


@pytest.mark.parametrize("back", ["openai", "anthropic"])
def test_J10_split_at_every_byte(weir, upstream, back):
    """The same stream in two segments, split at every position: always the same answer."""
    turn = Turn(
        text="\u00fc\U0001f600",
        thinking="h",
        tools=(Tool("call_1", "f", {"k": "\u4e2d\n"}),),
        pieces=2,
    )
    data = b"".join(map(chunk, stream_of(back, turn))) + b"0\r\n\r\n"

    def split(k):
        def answer(x):
            x.write(head() + data[:k])
            x.pause(0.0005)
            x.write(data[k:])

        return answer

    a = upstream(back, *map(split, range(len(data))))
    w = weir(a)
    front = CHAT if back == "anthropic" else MESSAGES
    with http1.Conn(w.port) as conn:
        for k in range(len(data)):
            r = conn.call("POST", front.path, front.body(stream=True))
            got = assert_served(front, r, turn.text)
            assert got.thinking == "h" and got.tools == [("call_1", "f", {"k": "\u4e2d\n"})], (k, r)


# ---- large and strange


@crossed
@pytest.mark.parametrize("kind", ["event", "line"])
def test_U32_an_event_without_end(weir, upstream, front, back, kind):
    """64 MiB without the end of an event, or of a line: cut off early, memory bounded."""

    def flood(x):
        piece = b"x" * 65536 if kind == "line" else (b"data: " + b"x" * 1000 + b"\n") * 64
        for _ in range(1024):
            x.data(piece)

    _, w, a = broken_after_content(front, weir, upstream, back, flood)
    peak = w.peak_rss()
    assert peak - w.first_rss < (48 << 20), f"{(peak - w.first_rss) >> 20} MiB more"
    assert a.connections[0].sent < (40 << 20)


@pytest.mark.parametrize("front", FRONTS, ids=lambda f: f.name)
def test_U33_bytes_pass_untouched_in_the_same_dialect(weir, upstream, front):
    """Escapes and spacing of one's own, unknown fields, lone surrogates: as sent, so received."""
    listing = stream_of(front.dialect, Turn(text="@", thinking=""))
    marked = [
        e.replace(b'"@"', b'"a\\u0000b\\ud800c \\/ \xc3\xa9"').replace(b'":', b'" : ', 1)
        for e in listing
    ]
    a = upstream(front.dialect, default=events(marked))
    r = front.ask(weir(a).port, stream=True)
    assert r.complete and b"a\\u0000b\\ud800c \\/ \xc3\xa9" in r.body

    # The model's name may be the only thing that differs.
    def lines(data):
        return [re.sub(rb'("model"\s*:\s*)"[^"]*"', rb"\1", line) for line in data.split(b"\n")]

    assert set(lines(b"".join(marked))) <= set(lines(r.body))


@pytest.mark.parametrize(
    "front,back",
    [pytest.param(CHAT, "anthropic", id="chat"), pytest.param(MESSAGES, "openai", id="messages")],
)
@pytest.mark.parametrize(
    "bad,good",
    [
        (b"a\xffb", "a\ufffdb"),
        (b"a\\u0000b", "a\u0000b"),
        (b"\\ud83d\\ude00", "\U0001f600"),
        (b"\xef\xbb\xbfx", "\ufeffx"),
    ],
    ids=repr,
)
def test_U33_translated_text_is_always_valid(weir, upstream, front, back, bad, good):
    listing = [e.replace(b'"@"', b'"' + bad + b'"') for e in stream_of(back, Turn(text="@"))]
    r = front.ask(weir(upstream(back, default=events(listing))).port, stream=True)
    assert_served(front, r, good)


@crossed
def test_U33_a_bom_before_the_first_event(weir, upstream, front, back):
    listing = stream_of(back, A)
    a = upstream(back, default=events([b"\xef\xbb\xbf" + listing[0]] + listing[1:]))
    assert_served(front, front.ask(weir(a).port, stream=True), A.text)


@crossed
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_every_line_end(weir, upstream, front, back, end):
    """F20: LF, CRLF and CR alone all end a line."""
    listing = [e.replace(b"\n", end.encode()) for e in stream_of(back, A)]
    r = front.ask(
        weir(
            upstream(back, default=drips(head("Connection: close") + b"".join(listing), 0, 7))
        ).port,
        stream=True,
    )
    assert r.complete and A.text[:8].encode() in r.body
    if front.dialect != back:
        assert_served(front, r, A.text)


# ---- usage and order

USAGES = [
    None,
    "missing",
    {},
    {"in": -5, "out": 3},
    {"in": 2**60, "out": 2**60},
    {"in": "7", "out": "8"},
    {"in": None, "out": None},
    {"in": 1.5, "out": 2},
]


@crossed
@pytest.mark.parametrize("usage", USAGES, ids=str)
@pytest.mark.parametrize("stream", [False, True])
def test_U44_odd_usage(weir, upstream, front, back, usage, stream):
    """Whatever the provider counts, the answer arrives whole, with counts that are numbers >= 0."""
    names = (
        ("input_tokens", "output_tokens")
        if back == "anthropic"
        else ("prompt_tokens", "completion_tokens")
    )

    def odd(value):
        if usage == "missing":
            value.pop("usage", None)
        elif value.get("usage") and usage is not None:
            value["usage"] = dict(zip(names, (usage["in"], usage["out"]))) if usage else {}
        elif "usage" in value:
            value["usage"] = None
        return value

    def answer(x):
        if not stream:
            return x.reply(200, odd(whole(back, A)))
        listing = []
        for one in stream_of(back, A):
            ((name, text),) = http1.events(one)
            if text != "[DONE]":
                value = json.loads(text)
                odd(value)
                if "message" in value:
                    odd(value["message"])
                text = value
            listing.append(event(text, name))
        events(listing)(x)

    w = weir(upstream(back, default=answer))
    r = front.ask(w.port, stream=stream)
    assert r.status == 200 and r.complete, r
    counted = w.access(r.get("x-weir-request-id"))["usage"]
    assert counted["source"] == "estimated" or usage.get("in") == 2**60, counted
    assert counted["input_tokens"] > 0 and counted["output_tokens"] > 0, counted
    if front.dialect != back:
        got = front.read(r)
        assert got.ended and got.text == A.text
        for count in got.usage.values():
            assert isinstance(count, int) and count >= 0, got.usage
    else:
        assert A.text[:4].encode() in r.body


def test_U44_the_last_valid_usage_wins(weir, upstream):
    listing = stream_of("anthropic", A)
    for output in (5, 9):
        delta = {
            "type": "message_delta",
            "delta": {"stop_reason": None, "stop_sequence": None},
            "usage": anthropic_usage(A, output),
        }
        listing.insert(-2, event(delta, "message_delta"))
    r = CHAT.ask(weir(upstream("anthropic", default=events(listing))).port, stream=True)
    assert assert_served(CHAT, r, A.text).usage == {"input": 25, "output": 12}


def test_U48_a_second_message_start(weir, upstream):
    listing = stream_of("anthropic", A)
    r = CHAT.ask(
        weir(upstream("anthropic", default=events([listing[0]] + listing))).port, stream=True
    )
    got = CHAT.read(r)
    assert r.complete and (got.error or (got.ended and got.text == A.text))


@pytest.mark.parametrize("back", ["openai", "anthropic"])
def test_U48_content_after_the_end_is_ignored(weir, upstream, back):
    front = CHAT if back == "anthropic" else MESSAGES
    listing = stream_of(back, A)
    r = front.ask(weir(upstream(back, default=events(listing + begun(back)))).port, stream=True)
    assert_served(front, r, A.text)


def test_U48_gaps_in_the_block_index(weir, upstream):
    turn = Turn(text="one", tools=(Tool("toolu_1", "f", {"a": 1}), Tool("toolu_2", "g", {"b": 2})))
    listing = [
        e.replace(b'"index":2', b'"index":7').replace(b'"index":1', b'"index":4')
        for e in stream_of("anthropic", turn)
    ]
    got = CHAT.read(
        CHAT.ask(weir(upstream("anthropic", default=events(listing))).port, stream=True)
    )
    if not got.error:
        assert got.ended and got.tools == [("toolu_1", "f", {"a": 1}), ("toolu_2", "g", {"b": 2})]


def test_U48_gaps_in_the_tool_index(weir, upstream):
    turn = Turn(tools=(Tool("call_1", "f", {"a": 1}), Tool("call_2", "g", {"b": 2})))
    listing = [
        e.replace(b'"tool_calls":[{"index":1', b'"tool_calls":[{"index":5')
        for e in stream_of("openai", turn)
    ]
    got = MESSAGES.read(
        MESSAGES.ask(weir(upstream("openai", default=events(listing))).port, stream=True)
    )
    if not got.error:
        assert got.ended and got.tools == [("call_1", "f", {"a": 1}), ("call_2", "g", {"b": 2})]


@pytest.mark.parametrize("back", ["openai", "anthropic"])
def test_U48_tool_arguments_that_never_close(weir, upstream, back):
    front = CHAT if back == "anthropic" else MESSAGES
    turn = Turn(tools=(Tool("call_1", "f", '{"a": [1, 2'),))
    r = front.ask(weir(upstream(back, default=says(turn))).port, stream=True)
    assert r.status == 200 and r.complete
    assert r.body.count(b"event: message_start") <= 1


# ---- the faithful way


@crossed
@pytest.mark.parametrize("stream", [False, True])
def test_a_turn_with_everything(weir, upstream, front, back, stream):
    turn = Turn(
        text="Let me add both.",
        thinking="Two sums are asked for.",
        input=40,
        cached=8,
        output=33,
        tools=(Tool("call_1", "add", {"a": 1, "b": '\u00e9\u4e2d\n"q"\\'}), Tool("call_2", "now")),
    )
    up = upstream(back, default=says(turn))
    w = weir(up)
    r = front.ask(w.port, stream=stream, tools=("add", "now"))
    a = assert_served(front, r, turn.text, "a")
    assert a.thinking == turn.thinking
    assert a.tools == [("call_1", "add", turn.tools[0].args), ("call_2", "now", {})]
    assert a.finish == "tool_calls" and a.usage == {"input": 48, "output": 33}
    for name in ("x-weir-request-id", "x-weir-model", "x-weir-overhead-us"):
        assert r.get(name), name
    assert r.get("x-weir-attempts") == "1"
    assert {t.get("name") or t["function"]["name"] for t in up.requests[0].json["tools"]} == {
        "add",
        "now",
    }


def test_usage_only_where_it_was_asked_for(weir, upstream, back):
    """A Chat stream without include_usage carries no usage at all."""
    w = weir(upstream(back, default=says(A)))
    r = CHAT.call(w.port, {**CHAT.body(), "stream": True})
    assert assert_served(CHAT, r, A.text).usage == {}
    assert b'"usage":{' not in r.body.replace(b" ", b"")
