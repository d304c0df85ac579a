# SPDX-License-Identifier: Apache-2.0
"""The way of a call where its parts meet: waits, pings, retries and cuts at their worst moments."""

import time

import gateway
import http1
from fronts import CHAT, MESSAGES, assert_error, assert_served
from gateway import until
from turns import Turn, dumps, error, event, prelude, whole
from turns import stream as stream_of
from upstream import RST, events, refuses, says, stalls

A, B = Turn(text="This is a."), Turn(text="This is b.")
PING = b'event: ping\ndata: {"type": "ping"}\n\n'


def one_after_the_other(*answers):
    """Each call gets the next answer, the last one stays."""
    left = list(answers)

    def answer(x):
        return (left.pop(0) if len(left) > 1 else left[0])(x)

    return answer


def test_a_slow_reader_of_a_whole_answer_gets_no_ping(weir, upstream):
    """U27 meets D5: the answer was given, its bytes still wait, and the time for a ping comes."""
    text = "x" * (7 << 20)
    a = upstream(default=lambda x: x.reply(200, whole("openai", Turn(text=text))))
    w = weir(a, timeouts="connect: 2s, firstByte: 30s, idle: 30s")
    with http1.Conn(w.port, timeout=40, receive_buffer=4096) as conn:
        conn.request("POST", CHAT.path, CHAT.body(stream=True))
        conn.head()
        time.sleep(17)
        assert w.process.poll() is None, w.said()[-2000:]
        total = len(conn.buffer)
        while not conn.buffer.endswith(b"0\r\n\r\n") and conn.more():
            total = len(conn.buffer)
        assert total > len(text) and b": ping" not in conn.buffer


def test_a_long_prelude_loses_nothing(weir, upstream):
    """What is held and what follows in the same read may be more than can be held together."""
    for back, front in (("anthropic", MESSAGES), ("anthropic", CHAT)):
        for short in (60, 400, 1500):
            listing, at = stream_of(back, A), len(prelude(back))
            pad = (256 * 1024 - short - sum(map(len, listing[:at]))) // len(PING) - 100
            burst = b"".join(listing[:at]) + PING * pad
            a = upstream(back, default=events([burst, PING * 99 + b"".join(listing[at:])]))
            assert_served(front, front.ask(weir(a).port, stream=True), A.text)


def test_streams_that_are_always_cut_open_the_breaker(weir, upstream):
    listing, at = stream_of("openai", A), len(prelude("openai")) + 1
    a, b = upstream(default=events(listing[:at], end=RST)), upstream(default=says(B))
    w = weir(a, b)
    for _ in range(5):
        assert "error" in CHAT.ask(w.port, stream=True).text
    hits = a.hits
    assert_served(CHAT, CHAT.ask(w.port, stream=True), B.text, "b")
    assert a.hits == hits


def test_a_hasty_client_closes_no_provider_to_others(weir, upstream):
    a = upstream(default=one_after_the_other(*[stalls(2)] * 8, says(A)))
    w = weir(a)
    for _ in range(8):
        r = CHAT.ask(w.port, headers=[("x-request-timeout", "0.05")])
        assert_error(CHAT, r, "timeout")
    assert_served(CHAT, CHAT.ask(w.port), A.text)


def test_a_retry_goes_where_it_was_meant_to(weir, upstream):
    """The fallback's plan holds nobody: the wait is for the first target, and so is the retry."""
    a = upstream(default=one_after_the_other(refuses(429, headers=[("Retry-After", "1")]), says(A)))
    b = upstream(default=refuses(429, headers=[("Retry-After", "50")]))
    w = weir(a, b)
    assert_error(CHAT, CHAT.ask(w.port, model="mb"), "rate_limited")
    r = CHAT.ask(w.port)
    assert_served(CHAT, r, A.text, "a")
    assert r.get("x-weir-fallback") is None and r.get("x-weir-attempts") == "2"
    assert (a.hits, b.hits) == (2, 1)


def test_an_endless_error_ends(weir, upstream):
    def answer(x):
        x.head(500, (), "chunked")
        while True:
            x.data(b"no" * 8192)

    w = weir(upstream(default=answer))
    started = time.monotonic()
    assert CHAT.ask(w.port).status >= 500
    assert time.monotonic() - started < 5


def test_F7_the_key_in_an_event(weir, upstream):
    """The provider's message goes to the client, without the key it was shown."""
    said = error(
        "anthropic", 400, "bad: provider-secret-a, twice provider-secret-a", "invalid_request_error"
    )
    a = upstream("anthropic", default=events([event(said, "error")]))
    r = MESSAGES.ask(weir(a).port, stream=True)
    assert "bad" in r.text and "provider-secret" not in r.text


def test_names_of_any_length(weir, upstream):
    """They go into headers, messages and the log: refused in a line, and the line is there."""
    w = weir(upstream(default=says(A)), extra="routing: { scenarios: { default: m } }\n")
    r = CHAT.ask(w.port, model="n" * 300_000)
    assert_error(CHAT, r, "not_found")
    assert w.access(r.get("x-weir-request-id"))["status"] == 404
    for model in ('q"uote\\', "line\r\nx-evil: 1", "\x1b[2J\x7f", "ü" * 128):
        r = CHAT.ask(w.port, model=model)
        assert_served(CHAT, r, A.text)
        assert r.get("x-evil") is None
        assert w.access(r.get("x-weir-request-id"))["model"] == model
        assert_served(CHAT, CHAT.ask(w.port, model=model, stream=True), A.text)


def test_the_log_says_how_attempts_ended(weir, upstream):
    listing, at = stream_of("openai", A), len(prelude("openai")) + 1
    a = upstream(
        default=one_after_the_other(events(listing[:at], end=20), events(listing[:at], end=RST))
    )
    w = weir(a)
    with http1.Conn(w.port) as conn:
        conn.request("POST", CHAT.path, CHAT.body(stream=True))
        until(lambda: b"This" in conn.buffer or not conn.more(), 5, "content")
    gone = w.wait_log(lambda r: r.get("status") == 499)
    assert [t["error"] for t in gone["attempts"]] == ["client_gone"]
    r = CHAT.ask(w.port, stream=True)
    cut = w.access(r.get("x-weir-request-id"))
    assert [t["error"] for t in cut["attempts"]] == ["upstream"] and cut["error"] == "upstream"
    health = http1.call(w.port, "GET", "/health").json
    assert health["providers"]["a"]["in_flight"] == 0 and health["system"]["in_flight"] == 0
    assert health["system"]["streams"] == 0


def test_overhead_is_ours_alone(weir, upstream):
    """The provider's pause between its head and its first word is not."""
    listing, at = stream_of("openai", A), len(prelude("openai"))

    def answer(x):
        x.head(200, (), "chunked", "text/event-stream")
        for one in listing[:at]:
            x.data(one)
        x.pause(1.0)
        for one in listing[at:]:
            x.data(one)
        x.write(b"0\r\n\r\n")

    def slow_body(x):
        body = dumps(whole("openai", A)).encode()
        x.head(200, (), len(body))
        x.write(body[:10])
        x.pause(1.0)
        x.write(body[10:])

    w = weir(upstream(default=one_after_the_other(answer, slow_body)))
    for stream in (True, False):
        r = CHAT.ask(w.port, stream=stream)
        assert_served(CHAT, r, A.text)
        assert int(r.get("x-weir-overhead-us")) < 500_000, stream


def test_every_reply_has_our_headers(weir, upstream):
    """Replies that reached no provider, too: no attempts, our time, and the model that was asked for
    once it is known and can stand in a header."""
    w = weir(upstream(default=says(A)), extra="keys: [ { name: k, key: a-client-key } ]\n")

    def chat(model, key="a-client-key"):
        return CHAT.ask(w.port, model=model, key=key)

    def post(path, body, key="a-client-key"):
        return http1.call(w.port, "POST", path, body, [("authorization", f"Bearer {key}")])

    def get(path):
        return http1.call(w.port, "GET", path, headers=[("authorization", "Bearer a-client-key")])

    def sent(data):
        with http1.Conn(w.port) as conn:
            conn.send(data)
            return conn.response()

    counted = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    gemini = "/v1beta/models/nope:generateContent"
    for got, status, model in (
        (chat("nope"), 404, "nope"),
        (chat("n\u00f6"), 404, None),
        (chat("x" * 257), 404, None),
        (chat("a\r\nx-weir-provider: b"), 404, None),
        (chat("m", key="wrong"), 401, None),
        (post(gemini, {"contents": [{"parts": [{"text": "hi"}]}]}), 404, "nope"),
        (post(gemini, "{", key="wrong"), 400, "nope"),
        (post("/v1/chat/completions", "{"), 400, None),
        (post("/v1/embeddings", {"model": "nope", "input": "a"}), 404, "nope"),
        (post("/v1/messages/count_tokens", counted), 200, "m"),
        (get("/v1/chat/completions"), 405, None),
        (get("/health"), 200, None),
        (get("/nowhere"), 404, None),
        (sent(b"POST /v1/messages HTTP/1.1\r\nbad header\r\n\r\n"), 400, None),
        (sent(b"GET / HTTP/7.7\r\nHost: h\r\n\r\n"), 505, None),
    ):
        assert got.status == status, got
        assert got.get("x-weir-request-id") and got.get("x-weir-attempts") == "0", got
        assert 0 <= int(got.get("x-weir-overhead-us")) < 5_000_000, got
        assert got.get("x-weir-model") == model and got.get("x-weir-provider") is None, got
    got = chat("m")
    assert got.get("x-weir-attempts") == "1" and got.get("x-weir-provider") == "a"
    assert got.get("x-weir-model") == "up" and got.get("x-weir-overhead-us")


def test_health_tells_details_to_whom_it_knows(weir, upstream):
    w = weir(upstream(default=says(A)), extra="keys: [ { name: k, key: a-client-key } ]\n")
    assert "providers" not in http1.call(w.port, "GET", "/health").json
    for key in ("wrong", "provider-secret-a"):
        got = http1.call(w.port, "GET", "/health", headers=[("x-api-key", key)])
        assert got.status == 200 and "providers" not in got.json
    got = http1.call(w.port, "GET", "/health", headers=[("authorization", "Bearer a-client-key")])
    assert got.json["providers"]["a"]["status"] == "healthy"


def test_readyz_and_a_long_list_of_faults(weir, upstream):
    """A node whose new configuration was refused goes on serving, so it stays ready."""
    w = weir(upstream(default=says(A)), extra="keys: [ { name: k, key: a-client-key } ]\n")
    w.write_config(
        "providers:\n" + "".join(f"  - {{ name: p{i}, wrong{i}: 1 }}\n" for i in range(400))
    )
    w.signal(gateway.signal.SIGHUP)
    until(lambda: b"refused" in http1.call(w.port, "GET", "/readyz").body, 5, "the refusal")
    stranger = http1.call(w.port, "GET", "/readyz")
    assert stranger.status == 200 and b"wrong" not in stranger.body
    known = http1.call(w.port, "GET", "/readyz", headers=[("x-api-key", "a-client-key")])
    assert known.status == 200 and b"wrong" in known.body


def test_json_in_the_log_is_json(weir, upstream):
    """A19 for the path, which no handler takes."""
    w = weir(upstream(default=says(A)))
    r = http1.call(w.port, "GET", "/nothing/" + "p" * 3000)
    assert r.status == 404
    assert w.access(r.get("x-weir-request-id"))["path"].startswith("/nothing/ppp")
