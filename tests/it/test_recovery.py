# SPDX-License-Identifier: Apache-2.0
"""What is lost when providers fail: nothing, as long as somebody can serve. RELIABILITY §7."""

import signal
import time

import gateway
import http1
import pytest
import turns
from fronts import CHAT, assert_served
from gateway import begin_a_window, one_model
from turns import Turn
from upstream import refuses, says

A = Turn(text="This is a.")


def ask_often(w, times):
    with http1.Conn(w.port) as conn:
        for _ in range(times):
            assert_served(CHAT, conn.call("POST", CHAT.path, CHAT.body()), A.text)


def test_U14_a_region_goes_and_comes_back(weir, upstream):
    """Three targets of one region go dark together: long before each of them has failed five
    times, all of it is left alone. When it is back, one probe opens it again for all."""
    east = [upstream(default=says(A)) for _ in range(3)]
    west = [upstream(default=says(A)) for _ in range(2)]
    regions = ["east"] * 3 + ["west"] * 2
    w = weir(one_model(*east, *west, regions=regions))
    begin_a_window()
    ask_often(w, 40)
    before = [up.hits for up in east]
    assert min(before) >= 7
    for up in east:
        up.default = refuses(503)
    ask_often(w, 40)
    asked = [up.hits - n for up, n in zip(east, before)]
    assert 4 <= sum(asked) <= 12 and max(asked) <= 4, asked
    asked = [up.hits for up in east]
    for up in east:
        up.default = says(A)
    ask_often(w, 10)
    assert [up.hits for up in east] == asked  # it has ten seconds of rest

    def back():
        ask_often(w, 10)
        return all(up.hits > before + 2 for up, before in zip(east, asked))

    gateway.until(back, 15, "the region serves again")


def test_U14_brownout(weir, upstream):
    """Two of four targets fail in every third call, never five times in a row: no client sees an
    error. (The retries are within the route's budget.)"""
    ups = [upstream(default=says(A)) for _ in range(4)]
    for up in ups[:2]:
        up.default = every_third_fails()
    w = weir(one_model(*ups))
    ask_often(w, 120)
    assert sum(up.hits for up in ups) <= 120 * 1.2 + 3


def every_third_fails():
    count = 0

    def answer(x):
        nonlocal count
        count += 1
        (refuses(500) if count % 3 == 0 else says(A))(x)

    return answer


def test_U18_the_operator_is_told_of_a_refused_key(weir, upstream):
    """Once, and without the key; the metric counts."""
    a, b = upstream(default=refuses(401)), upstream(default=says(A))
    w = weir(one_model(a, b, strategy="priority"))
    ask_often(w, 5)
    assert a.hits == 1
    said = [x for x in w.said().splitlines() if "provider a refuses the key" in x]
    assert len(said) == 1 and "status 401" in said[0] and "provider-secret" not in w.said()
    metrics = http1.call(w.port, "GET", "/metrics").body.decode()
    assert 'weir_provider_keys_refused_total{provider="a"} 1' in metrics, metrics


# ---- a second attempt beside a slow one


def slow(seconds, answer):
    def late(x):
        x.pause(seconds)
        answer(x)

    return late


def slow_to_speak(seconds, turn):
    """A stream whose head and prelude come at once, and then nothing for a while."""

    def answer(x):
        listing = turns.stream(x.dialect, turn, "up", True)
        n = len(turns.prelude(x.dialect))
        x.head(200, (), "chunked", turns.stream_type(x.dialect))
        for one in listing[:n]:
            x.data(one)
        x.pause(seconds)
        for one in listing[n:]:
            x.data(one)
        x.write(b"0\r\n\r\n")

    return answer


B = Turn(text="This is b.")


@pytest.mark.parametrize("stream", [False, True])
def test_U28_the_hedge_wins(weir, upstream, front, back, stream):
    """The first target says nothing for 300 ms: the second is asked too, and answers. The first
    one's connection is closed, and the log tells what it cost."""
    a = upstream(back, default=slow(5, says(A)))
    b = upstream(back, default=says(B))
    w = weir(one_model(a, b, strategy="priority", options="hedge: 300ms"))
    began = time.monotonic()
    r = front.ask(w.port, stream=stream)
    assert time.monotonic() - began < 3
    assert_served_any(front, r, B.text)
    assert r.get("x-weir-provider") == "b" and r.get("x-weir-attempts") == "2"
    gateway.until(lambda: a.connections[0].closed, 2, "the loser's connection is closed")
    log = w.access(r.get("x-weir-request-id"))
    assert [t["provider"] for t in log["attempts"]] == ["a", "b"]
    assert log["attempts"][0].get("lost") is True and "lost" not in log["attempts"][1]
    assert log["hedge_tokens"] > 0 and log["provider"] == "b"
    assert log["hedge_usd"] is None and log["cost_usd"] is None  # of a model without a price


def test_U28_a_stream_that_begins_and_says_nothing(weir, upstream, front, back):
    a = upstream(back, default=slow_to_speak(5, A))
    b = upstream(back, default=says(B))
    w = weir(one_model(a, b, strategy="priority", options="hedge: { after: 300ms }"))
    assert_served_any(front, front.ask(w.port, stream=True), B.text)


@pytest.mark.parametrize("stream", [False, True])
def test_U28_the_hedge_loses(weir, upstream, front, back, stream):
    """The first one answers after all, before the second."""
    a = upstream(back, default=slow(0.7, says(A)))
    b = upstream(back, default=slow(5, says(B)))
    w = weir(one_model(a, b, strategy="priority", options="hedge: 200ms"))
    r = front.ask(w.port, stream=stream)
    assert_served_any(front, r, A.text)
    assert r.get("x-weir-provider") == "a" and b.hits == 1
    gateway.until(lambda: b.connections[0].closed, 2, "the loser's connection is closed")
    log = w.access(r.get("x-weir-request-id"))
    assert [t["provider"] for t in log["attempts"]] == ["b", "a"]
    assert log["attempts"][0].get("lost") is True


@pytest.mark.parametrize("dies", ["first", "second", "both"])
def test_U28_one_of_two_fails(weir, upstream, front, dies):
    """Whoever is left goes on alone; when both fail, so does the call, after the third."""
    broken = slow(0.5, lambda x: x.rst())
    a = upstream(default=slow(1.2, says(A)) if dies == "second" else broken)
    b = upstream(default=slow(0.9, says(B)) if dies == "first" else broken)
    c = upstream(default=says(A))
    w = weir(one_model(a, b, c, strategy="priority", options="hedge: 100ms"))
    r = front.ask(w.port, stream=True)
    assert_served_any(front, r, B.text if dies == "first" else A.text)
    want = {"first": ["a", "b"], "second": ["b", "a"], "both": ["a", "b", "c"]}[dies]
    log = w.access(r.get("x-weir-request-id"))
    assert [t["provider"] for t in log["attempts"]] == want, log
    assert r.get("x-weir-attempts") == str(len(want))


def test_U28_each_attempt_keeps_what_was_seen_of_it(weir, upstream, front):
    """The first one comes late with somebody's page: its record tells of it, though the call went on
    as the second's."""

    def page(x):
        body = b"<html>please log in</html>"
        x.head(200, (), len(body), "text/html")
        x.write(body)

    a, b = upstream(default=slow(0.4, page)), upstream(default=slow(1.5, says(B)))
    w = weir(one_model(a, b, strategy="priority", options="hedge: 100ms"))
    r = front.ask(w.port, stream=True)
    assert_served_any(front, r, B.text)
    log = w.access(r.get("x-weir-request-id"))
    assert [t["provider"] for t in log["attempts"]] == ["a", "b"]
    assert "please log in" in log["attempts"][0]["answer"] and "answer" not in log["attempts"][1]


def test_U28_a_refusal_of_the_request_ends_both(weir, upstream, front):
    a = upstream(default=slow(5, says(A)))
    b = upstream(default=refuses(400))
    w = weir(one_model(a, b, strategy="priority", options="hedge: 100ms"))
    r = front.ask(w.port)
    assert r.status == 400 and r.get("x-weir-attempts") == "2"


def test_D5_the_client_leaves_both(weir, upstream):
    """Both connections are closed when the client goes."""
    ups = [upstream(default=slow(20, says(A))) for _ in range(2)]
    w = weir(one_model(*ups, strategy="priority", options="hedge: 100ms"))
    with http1.Conn(w.port) as conn:
        conn.request("POST", CHAT.path, CHAT.body(stream=True))
        gateway.until(lambda: ups[1].hits == 1, 3, "the second attempt")
    gateway.until(lambda: all(u.connections[0].closed for u in ups), 3, "both are closed")
    log = w.wait_log(lambda r: r.get("status") == 499, what="the record of the call")
    assert len(log["attempts"]) == 2


def test_hedges_are_few(weir, upstream):
    """§7: two in a hundred calls, and one in any window."""
    a, b = upstream(default=slow(0.25, says(A))), upstream(default=says(A))
    w = weir(one_model(a, b, strategy="priority", options="hedge: 100ms"))
    begin_a_window()
    ask_often(w, 10)
    assert b.hits == 1


def test_hedge_max_and_what_a_loser_costs(weir, upstream):
    """§7: the loser's cost is booked as the hedge's, apart from what the call is charged with; the
    share of calls that are hedged is the operator's to say."""
    a, b = upstream(default=slow(5, says(A))), upstream(default=says(A))
    text = one_model(a, b, strategy="priority", options="hedge: { after: 50ms, max: 50% }")
    price = "{ name: up, price: { input: 1000, output: 1000 } }"
    w = weir(text.replace("models: [up]", f"models: [ {price} ]"))
    a.default = slow(0.5, says(A))
    begin_a_window()
    ask_often(w, 6)
    assert 2 <= b.hits <= 4, b.hits  # one, and every second call; or so, where a window ends
    log = w.wait_log(lambda r: r.get("hedge_tokens"), what="a hedged call")
    assert 0 < log["hedge_usd"] < 1 and log["cost_usd"] > 0
    lost = [t.get("lost") for t in log["attempts"]]
    assert lost == [True, None]
    metrics = http1.call(w.port, "GET", "/metrics").body.decode()
    assert 'weir_hedge_cost_usd_total{provider="a",model="up"} 0.' in metrics, metrics


def assert_served_any(front, r, text):
    """Whole, in either form."""
    answer = front.read(r)
    assert r.status == 200 and r.complete and answer.text == text, (r, answer)
    assert answer.ended and not answer.error


# ---- active probes


def answers_probes(answer, probe, seen):
    """Calls get the one answer, anything else the other: what was asked goes to `seen`."""

    def either(x):
        if x.request.method == "POST":
            answer(x)
            return
        seen.append(x.request)
        probe(x)

    return either


def found(x):
    x.reply(200, {"data": []})


def nothing_here(x):
    x.head(404, (), 0, None)


@pytest.mark.parametrize("path", ["", "/v1/models"])
def test_U14_an_active_probe_brings_it_back(weir, upstream, path):
    """Its breaker is open for 30 seconds; a probe sees within two that it answers again, and the
    next calls serve. No model is asked, and without a path no key is shown."""
    seen = []
    a, b = upstream(default=says(A)), upstream(default=says(A))
    probe = f"probe: {{ every: 1s{', path: ' + path if path else ''} }}"
    w = weir(one_model(a, b, of_provider=probe))
    begin_a_window()
    ask_often(w, 30)
    a.default = refuses(503)
    ask_often(w, 30)
    down = a.hits
    assert down <= 15 + 8
    a.default = answers_probes(says(A), found if path else nothing_here, seen)
    time.sleep(2.5)
    ask_often(w, 10)
    assert sum(r.method == "POST" for r in a.requests) >= down + 4, "it serves again"
    probes = [r for r in a.requests if r.method != "POST"]
    assert probes and all(r.method == ("GET" if path else "HEAD") for r in probes)
    assert all((r.get("authorization") is not None) == bool(path) for r in probes)
    assert all(r.target == (path or "/") for r in probes)
    assert all(r.method == "POST" for r in b.requests), "it is well: nobody looks"


def test_U14_probes_see_that_nobody_is_there(weir, upstream):
    """With `always` an origin that is gone is left before a call has found out."""
    seen = []
    a = upstream(default=answers_probes(says(A), found, seen))
    b = upstream(default=says(A))
    w = weir(
        one_model(a, b, of_provider="probe: { every: 1s, path: /v1/models, always: true }")
    )
    ask_often(w, 4)
    gateway.until(lambda: len(seen) >= 1, 4, "a probe in good times")
    a.default = lambda x: x.rst()
    gateway.until(
        # Each one is sent twice: the first time its connection may just have been idle too long.
        lambda: sum(r.method == "GET" for r in a.requests) >= len(seen) + 4,
        6,
        "two bad ones",
    )
    time.sleep(0.1)
    before = [r.method for r in a.requests].count("POST")
    ask_often(w, 10)
    assert [r.method for r in a.requests].count("POST") == before


def test_probes_stop_with_their_configuration(weir, upstream):
    """A reload without them ends them, and a probe that hangs is in nobody's way."""
    seen = []

    def hangs(x):
        x.pause(30)

    a = upstream(default=answers_probes(says(A), hangs, seen))
    w = weir(one_model(a, of_provider="probe: { every: 1s, always: true }"))
    gateway.until(lambda: seen, 4, "a probe")
    ask_often(w, 3)
    w.write_config(one_model(a))
    w.signal(signal.SIGHUP)
    gateway.until(lambda: "generation 2" in w.said(), 5, "the reload")
    n = len(seen)
    time.sleep(2.2)
    assert len(seen) == n
    ask_often(w, 3)
