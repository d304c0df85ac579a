# SPDX-License-Identifier: Apache-2.0
"""The fake providers themselves, asked directly: what the other tests stand on must hold."""

import time

import pytest

import fronts
import http1
from fronts import CHAT, FRONTS
from turns import Tool, Turn, prelude, stream
from upstream import RST, early, events, raw, refuses, says, stalls

FULL = Turn(
    text="Let me see.",
    thinking="The user asks for two sums.",
    input=40,
    cached=8,
    output=33,
    tools=(Tool("call_1", "add", {"a": 1, "b": '\u00e9\u4e2d\n"q"'}), Tool("call_2", "now")),
)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("front", FRONTS, ids=lambda f: f.name)
def test_a_faithful_answer_reads_back(upstream, front, streamed):
    up = upstream(front.dialect, says(FULL))
    r = front.ask(up.port, stream=streamed)
    a = front.read(r)
    assert r.complete and a.ended
    assert (a.text, a.thinking, a.finish) == (FULL.text, FULL.thinking, "tool_calls")
    assert a.tools == [("call_1", "add", FULL.tools[0].args), ("call_2", "now", {})]
    assert a.usage == {"input": 48, "output": 33}
    assert up.requests[0].json["model"] == "m"


@pytest.mark.parametrize("front", FRONTS, ids=lambda f: f.name)
def test_errors_and_cuts_show(upstream, front):
    up = upstream(
        front.dialect,
        refuses(429, headers=[("retry-after", "7")]),
        events(prelude(front.dialect), RST),
        raw(b"HTTP/1.1 200 OK\r\nContent-Le", RST),
    )
    r = front.ask(up.port)
    assert (r.status, r.get("retry-after")) == (429, "7") and r.json["error"]["message"]
    r = front.ask(up.port, stream=True)
    assert r.status == 200 and not r.complete
    with pytest.raises(AssertionError, match="ended before"):
        front.ask(up.port)
    assert up.hits == 3


def test_keep_alive_and_the_clients_end_are_seen(upstream):
    up = upstream("openai", default=says(Turn(text="x" * 4000), gap=0.02))
    with http1.Conn(up.port) as conn:
        assert conn.call("POST", CHAT.path, CHAT.body()).status == 200
        conn.request("POST", CHAT.path, CHAT.body(stream=True))
        conn.until(b"assistant")
        at = time.monotonic()
    assert up.wait_closed() - at < 0.5
    assert len(up.connections) == 1 and up.hits == 2


def test_an_early_answer_leaves_the_body_unread(upstream):
    up = upstream("openai", early(refuses(413)), stalls())
    with http1.Conn(up.port) as conn:
        conn.send(http1.format_request("POST", "/", headers=[("Content-Length", "1000000")]))
        assert conn.response().status == 413


def test_a_stream_that_is_not_whole_is_refused_by_the_reader():
    data = b"".join(stream("openai", Turn(text="hi")))
    assert fronts.CHAT.read_stream(data).ended
    with pytest.raises(AssertionError):
        http1.events(data[:-1])
    with pytest.raises(AssertionError):
        fronts.CHAT.read_stream(data + b"data: {}\n\n")
