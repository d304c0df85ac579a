# SPDX-License-Identifier: Apache-2.0
"""What is lost when providers fail: nothing, as long as somebody can serve. RELIABILITY §7."""

import signal
import time

import gateway
import http1
import pytest
import turns
from fronts import CHAT, assert_served, assert_stream_error
from turns import Tool, Turn
from upstream import RST, events, refuses, says

A = Turn(text="This is a.")


def one_model(
    *ups, regions=(), options="", extra="", strategy="weighted_round_robin", of_provider=""
):
    """A configuration with one model, `m`, on all of these providers, `a`, `b`, …"""
    text, uses = "listen: 127.0.0.1:@PORT@\nworkers: 1\nproviders:\n", []
    for i, up in enumerate(ups):
        name = "abcdefgh"[i]
        row = "timeouts: { connect: 2s, firstByte: 5s, idle: 5s }"
        if of_provider:
            row += f", {of_provider}"
        if regions:
            row += f", region: {regions[i]}"
        text += gateway.provider(name, up, "[up]", row)
        uses.append(f"{{ use: {name}/up }}")
    text += f"models:\n  - {{ name: m, targets: [ {', '.join(uses)} ], strategy: {strategy}"
    return text + (f", {options}" if options else "") + " }\n" + extra


def ask_often(w, times):
    with http1.Conn(w.port) as conn:
        for _ in range(times):
            assert_served(CHAT, conn.call("POST", CHAT.path, CHAT.body()), A.text)


def begin_a_window():
    """Retries are a share of the calls of a window of ten seconds: not at its very end."""
    while time.monotonic() % 10 > 6:
        time.sleep(0.1)


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


# ---- answers that break off in mid-text


WHOLE = Turn(text="The capital of France is Paris, and it has been so for long.", output=17)


def breaks_off(turn, after, end=RST):
    """The beginning of the answer's stream, and then nothing, or worse."""

    def answer(x):
        listing = turns.stream(x.dialect, turn, "up", True)
        events(listing[:after], end=end, kind=turns.stream_type(x.dialect))(x)

    return answer


def begun(request):
    """The text that the provider is asked to go on with."""
    last = request.json["messages"][-1]
    if last["role"] != "assistant":
        return None
    content = last["content"]
    return content if isinstance(content, str) else "".join(p["text"] for p in content)


def goes_on(turn):
    """Says what is missing of it, as a model does: with the blank that the begun part lost."""

    def answer(x):
        said = begun(x.request)
        assert turn.text.startswith(said), said
        rest = Turn(text=turn.text[len(said) :], output=turn.output, input=turn.input)
        says(rest)(x)

    return answer


def rescued(w, front, ups, **fields):
    r = front.ask(w.port, stream=True, **fields)
    a = front.read(r)
    assert r.status == 200 and r.complete, r
    assert a.text == WHOLE.text, (a.text, r.body)
    assert a.ended and not a.error and a.finish == "stop", r.body
    return r, a


@pytest.mark.parametrize("back", ["anthropic", "mistral"])
@pytest.mark.parametrize("after", [5, 7])
def test_U21_a_broken_answer_is_gone_on_with(weir, upstream, front, back, after):
    """The first target dies in mid-text: another one gets what there is and says the rest. One
    answer, whole, with the tokens of both, marked in the stream and in the log."""
    a = upstream(back, default=breaks_off(WHOLE, after))
    b = upstream(back, default=goes_on(WHOLE))
    w = weir(one_model(a, b, strategy="priority", options="rescue: true"))
    r, answer = rescued(w, front, (a, b))
    assert a.hits == 1 and b.hits == 1
    said = begun(b.requests[0])
    assert said and said == said.rstrip() and WHOLE.text.startswith(said)
    assert b": weir-rescued b\n\n" in r.body
    assert answer.usage["input"] > 25 and answer.usage["output"] > WHOLE.output, answer.usage
    log = w.access(r.get("x-weir-request-id"))
    assert log["rescued"] == 1 and log["status"] == 200 and "error" not in log
    assert [t["provider"] for t in log["attempts"]] == ["a", "b"] and "error" in log["attempts"][0]
    assert log["usage"]["output_tokens"] == answer.usage["output"]
    if back == "mistral":
        assert b.requests[0].json["messages"][-1]["prefix"] is True


def test_U21_rescue_crosses_languages(weir, upstream, front):
    """An OpenAI-format provider dies, Anthropic's goes on; and the client's own begun answer stays
    the beginning of what is gone on with."""
    a = upstream("openai", default=breaks_off(WHOLE, 4))
    b = upstream("anthropic", default=goes_on(WHOLE))
    w = weir(one_model(a, b, strategy="priority", options="rescue: true"))
    rescued(w, front, (a, b))
    assert b.hits == 1


def test_U21_who_goes_on_dies_too(weir, upstream, front):
    """A third one says the rest of the rest."""
    a = upstream("anthropic", default=breaks_off(WHOLE, 5))

    def dies_again(x):
        said = begun(x.request)
        breaks_off(Turn(text=WHOLE.text[len(said) :]), 6)(x)

    b = upstream("anthropic", default=dies_again)
    c = upstream("anthropic", default=goes_on(WHOLE))
    w = weir(one_model(a, b, c, strategy="priority", options="rescue: true"))
    r, _ = rescued(w, front, (a, b, c))
    assert (a.hits, b.hits, c.hits) == (1, 1, 1)
    assert w.access(r.get("x-weir-request-id"))["rescued"] == 2


def test_U21_one_that_cannot_go_on_is_passed_over(weir, upstream, front):
    """OpenAI answers a begun answer anew: it is not asked. A refusal to go on leads to the next."""
    a = upstream("anthropic", default=breaks_off(WHOLE, 5))
    b = upstream("openai", default=says(A))
    c = upstream("anthropic", default=refuses(503))
    d = upstream("anthropic", default=goes_on(WHOLE))
    w = weir(one_model(a, b, c, d, strategy="priority", options="rescue: true"))
    rescued(w, front, (a, b, c, d))
    assert (b.hits, c.hits, d.hits) == (0, 1, 1)


def test_U21_nobody_can_go_on(weir, upstream, front):
    """Then the stream ends with the error it would have ended with."""
    a = upstream("openai", default=breaks_off(WHOLE, 4))
    b = upstream("openai", default=says(A))
    w = weir(one_model(a, b, strategy="priority", options="rescue: true"))
    r = front.ask(w.port, stream=True)
    answer = front.read(r)
    assert WHOLE.text.startswith(answer.text) and answer.text
    assert_stream_error(front, answer, "upstream")
    assert b.hits == 0
    assert "rescued" not in w.access(r.get("x-weir-request-id"))


def test_U21_a_call_is_never_split(weir, upstream, front):
    """A tool call was begun: what follows belongs to it, and nobody else can say it."""
    turn = Turn(text="I look it up.", tools=(Tool("call_1", "look", {"what": "the weather"}),))
    for after in (9, 11):
        a = upstream("anthropic", default=breaks_off(turn, after))
        b = upstream("anthropic", default=says(A))
        w = weir(one_model(a, b, strategy="priority", options="rescue: true"))
        answer = front.read(front.ask(w.port, stream=True, tools=("look",)))
        assert_stream_error(front, answer, "upstream")
        assert b.hits == 0


def test_U21_without_the_option_nothing_is_rescued(weir, upstream, front):
    a = upstream("anthropic", default=breaks_off(WHOLE, 5))
    b = upstream("anthropic", default=goes_on(WHOLE))
    w = weir(one_model(a, b, strategy="priority"))
    assert_stream_error(front, front.read(front.ask(w.port, stream=True)), "upstream")
    assert b.hits == 0


def test_U21_rescue_leaves_whole_streams_alone(weir, upstream, front, back):
    """With the option on, an answer that does not break is what it was."""
    up = upstream(back, default=says(WHOLE))
    w = weir(one_model(up, options="rescue: true"))
    r, answer = rescued(w, front, (up,))
    assert answer.usage["output"] == WHOLE.output and b"weir-rescued" not in r.body


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
