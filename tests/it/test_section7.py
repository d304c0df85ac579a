# SPDX-License-Identifier: Apache-2.0
"""RELIABILITY §7 by its sentences: what a second attempt needs, and how long each stage may take.
What its table says of the phases of a failure is in test_upstream.py (U1 to U25), budgets are in
test_routing.py (U15), hedges and probes in test_recovery.py, rescue in test_rescue.py."""

import socket
import time

import gateway
import http1
import pytest
import turns
from fronts import (
    ALL_FRONTS,
    CHAT,
    FRONTS,
    MESSAGES,
    assert_error,
    assert_served,
    assert_stream_error,
)
from gateway import one_model
from turns import Turn
from upstream import RST, Door, raw, refuses, says

A = Turn(text="This is a.")
B = Turn(text="This is b.")
LONG = Turn(text="one two three four five six seven eight nine ten", pieces=4)


def slow(seconds, answer):
    def late(x):
        x.pause(seconds)
        answer(x)

    return late


def stalls_in_mid_text(x):
    x.head(200, (), "chunked", turns.stream_type(x.dialect))
    for one in turns.stream(x.dialect, A, "up", True)[:3]:
        x.data(one)
    x.pause(10)


def two(weir, a, b, options="", **more):
    return weir(one_model(a, b, strategy="priority", options=options, **more))


# ---- "Deadlines"


def test_S7_read_timeout_of_the_sdks_caps_silence(weir, upstream, front):
    """x-stainless-read-timeout: no longer for a first byte, and no longer between two. It is the
    client's own patience: the provider is not blamed, whoever comes next may use it."""
    a = upstream(default=slow(5, says(A)))
    w = weir(a, timeouts="connect: 2s, firstByte: 20s, idle: 20s")
    hurry = [("x-stainless-read-timeout", "0.3")]
    for _ in range(6):  # five failures would open its breaker
        began = time.monotonic()
        assert_error(front, front.ask(w.port, headers=hurry), "timeout")
        assert time.monotonic() - began < 4
    a.default = says(A)
    assert_served(front, front.ask(w.port), A.text)
    a.default = stalls_in_mid_text
    began = time.monotonic()
    answer = front.read(front.ask(w.port, stream=True, headers=hurry))
    assert_stream_error(front, answer, "timeout")
    assert time.monotonic() - began < 4


def test_S7_a_silence_that_nobody_bears_is_the_providers(weir, upstream, front):
    """Where the SDK says what the gateway says too (60 s are the default of both), a hang is the
    provider's: somebody else is asked, and it counts."""
    a, b = upstream(default=slow(5, says(A))), upstream(default=says(B))
    text = one_model(a, b, strategy="priority").replace("firstByte: 5s", "firstByte: 1s")
    w = weir(text)
    same = [("x-stainless-read-timeout", "1.0")]
    r = front.ask(w.port, headers=same)
    assert_served(front, r, B.text)
    assert [t.get("error") for t in w.access(r.get("x-weir-request-id"))["attempts"]] == [
        "timeout",
        None,
    ]


def test_S7_read_timeout_is_not_the_total(weir, upstream, front):
    """Twelve pieces, each well within it, and together well beyond."""
    a = upstream(default=says(LONG, gap=0.15))
    w = weir(a)
    hurry = [("x-stainless-read-timeout", "1.0")]
    began = time.monotonic()
    r = front.ask(w.port, stream=True, headers=hurry)
    assert_served(front, r, LONG.text)
    assert time.monotonic() - began > 1.2


@pytest.mark.parametrize("who", ["model", "key", "all"])
def test_S7_the_shortest_total_counts(weir, upstream, who):
    """The key's, the model's, the file's: and once somebody has said it, it ends streams, too."""
    a = upstream(default=says(LONG, gap=0.4))
    text = one_model(a, options="timeouts: { total: 1s }" if who == "model" else "")
    text += "timeouts: { total: 1s }\n" if who == "all" else "timeouts: { total: 20s }\n"
    timeout = ", timeout: 1s" if who == "key" else ""
    w = weir(text + f"keys: [ {{ name: k, key: client-key-000000000000000{timeout} }} ]\n")
    began = time.monotonic()
    r = CHAT.ask(w.port, stream=True, key="client-key-000000000000000")
    answer = CHAT.read(r)
    assert_stream_error(CHAT, answer, "timeout")
    assert answer.text and time.monotonic() - began < 4


def test_S7_first_byte_of_one_model(weir, upstream):
    """"TTFT (60 s default, per model)": a model's own counts instead of its provider's, and the
    next target is tried as after any silence."""
    a, b = upstream(default=slow(10, says(A))), upstream(default=says(A))
    w = two(weir, a, b, "timeouts: { firstByte: 300ms }")
    r = CHAT.ask(w.port)
    assert_served(CHAT, r, A.text, "b")


def test_S7_a_fallback_wants_a_quarter_of_the_deadline(weir, upstream):
    """A failure after four fifths of it is the end; after one fifth it is not. Both kinds of
    fallback: another target, and another model."""
    a = upstream()
    b = upstream(default=says(A))
    w = weir(a, b, timeouts="connect: 2s, firstByte: 5s, idle: 5s")  # b stands behind a as a model
    v = two(weir, a, b)
    for gate in (w, v):
        hits = b.hits
        a.default = slow(1.7, refuses(503))
        r = CHAT.ask(gate.port, headers=[("x-request-timeout", "2")])
        assert r.status in (503, 504) and b.hits == hits
        a.default = slow(0.1, refuses(503))
        r = CHAT.ask(gate.port, headers=[("x-request-timeout", "4")])
        assert_served(CHAT, r, A.text, "b")


def test_S7_connecting_has_a_limit_of_its_own(weir, upstream):
    """A host that takes no connection costs its three seconds (here less), not the deadline."""
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        full = []
        for _ in range(4):  # the queue of a listener that accepts nothing is full
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(hole.getsockname())
            full.append(s)
        a = ("openai", f"http://127.0.0.1:{hole.getsockname()[1]}/v1")
        b = upstream(default=says(A))
        w = weir(one_model(a, b, strategy="priority").replace("connect: 2s", "connect: 400ms"))
        began = time.monotonic()
        assert_served(CHAT, CHAT.ask(w.port), A.text, "b")
        assert time.monotonic() - began < 4
        for s in full:
            s.close()


# ---- "When a second attempt is allowed"


def test_S7_x_should_retry_false(weir, upstream, front):
    """A provider that says so is obeyed, though its 503 would be retried; and once our own attempts
    were spent on what repeating cannot mend, we say so."""
    no = [("x-should-retry", "false")]
    a, b = upstream(default=refuses(503, headers=no)), upstream(default=says(A))
    w = two(weir, a, b)
    r = front.ask(w.port)
    assert r.status >= 500 and (a.hits, b.hits) == (1, 0)
    a.default = refuses(400)
    assert front.ask(w.port).get("x-should-retry") == "false" and b.hits == 0


def test_S7_each_attempt_is_a_row_and_one_is_charged(weir, upstream, front):
    """Two attempts fail, the third serves: three rows, the charge of one."""
    a = upstream(default=refuses(500))
    b = upstream(default=refuses(503))
    c = upstream(default=says(Turn(text=A.text, input=1000, output=100)))
    text = one_model(a, b, c, strategy="priority")
    w = weir(text.replace("models: [up]", "models: [ { name: up, price: { input: 1, output: 10 } } ]"))
    r = front.ask(w.port)
    assert_served(front, r, A.text, "c")
    log = w.access(r.get("x-weir-request-id"))
    rows = [(t["provider"], t["status"], t.get("error") is not None) for t in log["attempts"]]
    assert rows == [("a", 500, True), ("b", 503, True), ("c", 200, False)], log
    assert log["cost_usd"] == 0.002 and log["usage"]["source"] == "reported"
    metrics = http1.call(w.port, "GET", "/metrics").body.decode()
    charged = [x for x in metrics.splitlines() if x.startswith("weir_charged_calls_total{")]
    assert charged == ['weir_charged_calls_total{provider="c",model="up"} 1'], charged


def test_S7_a_fallback_widens_no_permission(weir, upstream):
    """The key may call m, and not the model that stands behind it: that one is passed over."""
    a, b = upstream(default=refuses(503)), upstream(default=says(A))
    key = "client-key-000000000000000"
    w = weir(a, b, extra=f"keys: [ {{ name: k, key: {key}, models: [ m ] }} ]\n")
    for front in FRONTS:
        r = front.ask(w.port, key=key)
        assert r.status >= 500 and r.get("x-weir-provider") == "a"
        r = front.ask(w.port, key=key, headers=[("x-weir-fallback", "mb")])
        assert r.status >= 400
    assert b.hits == 0


def test_S7_a_fallback_widens_no_region(weir, upstream):
    """Neither another target nor another model may lie outside of the regions of the model asked
    for, or of the key; also when everything within has failed."""
    a, b = upstream(default=refuses(503)), upstream(default=says(A))
    c = upstream(default=says(A))
    text = one_model(a, b, regions=("eu-west", "us"), options="regions: [eu], fallback: [ spare ]")
    text += "  - { name: spare, targets: [ { use: c/up } ] }\n"
    w = weir(text.replace("models:\n", gateway.provider("c", c, "[up]", "region: us") + "models:\n", 1))
    r = MESSAGES.ask(w.port)
    assert r.status >= 500 and (b.hits, c.hits) == (0, 0)
    assert a.hits >= 1


def test_S7_what_counts_against_a_target(weir, upstream):
    """"A mid-stream reset counts as failure; client aborts count as nothing": five resets in
    mid-answer open the breaker, ten clients that leave do not."""
    a, b = upstream(default=says(SAID, gap=0.5)), upstream(default=says(A))
    w = two(weir, a, b)
    for n in range(10):
        conn = leaves(w, CHAT, after=b"one")
        conn.close()
        gateway.until(lambda i=n: a.connections[i].closed, 5, "it was let go")
    assert a.hits == 10
    a.default = breaks_in_mid_text
    for _ in range(5):
        assert_stream_error(CHAT, CHAT.read(CHAT.ask(w.port, stream=True)), "upstream")
    assert_served(CHAT, CHAT.ask(w.port), A.text, "b")
    assert a.hits == 15


def breaks_in_mid_text(x):
    x.head(200, (), "chunked", turns.stream_type(x.dialect))
    for one in turns.stream(x.dialect, A, "up", True)[:3]:
        x.data(one)
    x.pause(0.05)
    x.rst()


# ---- what is kept to be sent again


def test_S7_no_room_to_replay(weir, upstream):
    """limits.replay: a body that does not fit is sent, once. Nothing was sent where there was no
    connection, so that is retried; and small bodies always are."""
    a, b = upstream(default=refuses(503)), upstream(default=says(A))
    text = one_model(a, b, strategy="priority", extra="limits: { replay: 100KiB }\n")
    w = weir(text)
    big = "long " * 30_000  # 150 KB
    r = CHAT.ask(w.port, big)
    assert r.status == 503 and (a.hits, b.hits) == (1, 0)
    assert_served(CHAT, CHAT.ask(w.port), A.text, "b")
    middling = "long " * 16_000  # 80 KB, which fits
    assert_served(CHAT, CHAT.ask(w.port, middling), A.text, "b")
    assert_served(MESSAGES, MESSAGES.ask(w.port, middling), A.text, "b")  # and was given back
    metrics = http1.call(w.port, "GET", "/metrics").body.decode()
    assert "weir_requests_unreplayable_total 1\n" in metrics
    a.stop()
    assert_served(CHAT, CHAT.ask(w.port, big), A.text, "b")


def test_S7_no_room_is_no_matter_in_an_idle_race(weir, upstream):
    """U5 is no retry: the bytes are there until an answer's head is, whatever their size."""
    a = upstream("openai", says(A), raw(RST), default=says(A))
    w = weir(one_model(a, extra="limits: { replay: 100KiB }\n"))
    for _ in range(2):
        assert_served(CHAT, CHAT.ask(w.port, "long " * 30_000), A.text, "a")
    assert [r.connection for r in a.requests] == [0, 0, 1]


def test_S7_the_room_to_replay_is_one_for_all_workers(weir, upstream):
    """Four calls wait at a provider that hangs, on whatever worker: the second finds it full."""
    a = upstream(default=(door := Door(refuses(503))))
    b = upstream(default=says(A))
    text = one_model(a, b, strategy="priority", extra="limits: { replay: 250KiB }\n")
    text = text.replace("firstByte: 5s", "firstByte: 60s")
    w = weir(text.replace("workers: 1", "workers: 2"))
    body = CHAT.body("long " * 30_000)
    conns = [http1.Conn(w.port) for _ in range(4)]
    for i, conn in enumerate(conns):
        conn.request("POST", CHAT.path, body)
        gateway.until(lambda n=i: a.hits == n + 1, 20, "it waits")
    door.open.set()
    answers = [conn.response() for conn in conns]
    assert [r.status for r in answers] == [200, 503, 503, 503], answers
    assert b.hits == 1
    for conn in conns:
        conn.close()
    a.default = refuses(503)
    assert_served(CHAT, CHAT.ask(w.port, "long " * 30_000), A.text, "b")


# ---- "Cancellation"


SAID = Turn(text="one two three four five six seven eight", pieces=4, input=31, output=77)


def leaves(w, front, after=None, **fields):
    """A client that goes away when it has read so much of the answer, or at once."""
    conn = http1.Conn(w.port)
    stream = after is not None
    conn.request("POST", front.path_of("m", stream), front.body(stream=stream, **fields))
    if after:
        conn.until(after)
    return conn


def gone(w):
    return w.wait_log(lambda r: r.get("status") == 499, what="the record of who left")


@pytest.mark.parametrize("front", ALL_FRONTS, ids=lambda f: f.name)
@pytest.mark.parametrize("back", ["openai", "anthropic"])
def test_S7_drained_for_its_usage(weir, upstream, front, back):
    """onDisconnect: drain. The answer is read to its usage event, and the connection serves on."""
    up = upstream(back, default=says(SAID, gap=0.05))
    w = weir(one_model(up, of_provider="onDisconnect: drain"))
    leaves(w, front, after=b"one").close()
    log = gone(w)
    assert log["drained"] is True and log["error"] == "client_gone"
    want = {"input_tokens": 31, "output_tokens": 77, "source": "reported"}
    assert want.items() <= log["usage"].items(), log
    up.default = says(A)
    assert_served(front, front.ask(w.port), A.text)
    assert len(up.connections) == 1, "the connection was not closed"
    metrics = http1.call(w.port, "GET", "/metrics").body.decode()
    assert "weir_answers_drained_total 1\n" in metrics and "weir_requests_in_flight 0\n" in metrics


def test_S7_drained_before_it_began_and_not_streamed(weir, upstream, front):
    """All of an answer that is no stream is billed: it is waited for."""
    for stream in (False, True):
        up = upstream(default=slow(0.5, says(SAID)))
        w = weir(one_model(up, of_provider="onDisconnect: drain"))
        conn = leaves(w, front, after=b"" if stream else None)
        gateway.until(lambda u=up: u.hits == 1, 5, "the request is there")
        conn.close()
        log = gone(w)
        assert log["drained"] is True and log["usage"]["source"] == "reported"
        assert log["usage"]["output_tokens"] == 77


def test_S7_a_long_body_is_not_drained(weir, upstream):
    """It would be gathered in memory, for nobody: its connection is closed. A stream is not."""

    def answer(x):
        x.head(200, (), 8 << 20)
        x.data(b" " * (3 << 19))
        x.pause(30)

    up = upstream(default=answer)
    w = weir(one_model(up, of_provider="onDisconnect: drain").replace("idle: 5s", "idle: 60s"))
    conn = leaves(w, CHAT)
    gateway.until(lambda: up.hits == 1, 5, "the request is there")
    conn.close()
    gateway.until(lambda: up.connections[0].closed, 10, "the provider's connection is closed")
    assert gone(w)["usage"]["source"] != "reported"


def goes_on_for_long(x):
    """The beginning of an answer, and half a minute in which only its reader can end it."""
    x.head(200, (), "chunked", turns.stream_type(x.dialect))
    for one in turns.stream(x.dialect, SAID, "up", True)[:4]:
        x.data(one)
    x.pause(30)


def test_S7_cancelled_by_default(weir, upstream, front):
    """The connection is closed at once, and what came is counted. Where the provider is
    known to bill all of it anyway, the record says that."""
    for name, bills_on in (("a", None), ("groq", True)):
        up = upstream(default=goes_on_for_long)
        text = one_model(up).replace("name: a,", f"name: {name},").replace("a/up", f"{name}/up")
        w = weir(text.replace("idle: 5s", "idle: 60s"))
        leaves(w, front, after=b"one").close()
        gateway.until(lambda u=up: u.connections[0].closed, 8, "the provider's connection is closed")
        log = gone(w)
        assert "drained" not in log and log.get("billed_on") == bills_on, log
        assert log["usage"]["source"] in ("estimated", "counted") and log["usage"]["output_tokens"]


def test_S7_a_drain_ends_with_the_process(weir, upstream):
    """It is not waited for when the gateway stops, and what is known by then is settled."""
    up = upstream(default=says(SAID, gap=5))
    w = weir(one_model(up, of_provider="onDisconnect: drain"))
    conn = leaves(w, MESSAGES, after=b"")
    gateway.until(lambda: up.hits == 1, 5, "the request is there")
    time.sleep(0.2)
    conn.close()
    gateway.until(lambda: "weir_answers_drained_total 1" in metrics_of(w), 5, "it is drained")
    began = time.monotonic()
    w.stop()
    assert time.monotonic() - began < 5 and up.connections[0].closed


def metrics_of(w):
    return http1.call(w.port, "GET", "/metrics").body.decode()
