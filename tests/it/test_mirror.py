# SPDX-License-Identifier: Apache-2.0
"""Rules' `mirror`: a copy for another model that nobody sees, compared, counted, bounded; the caller's
own call is as it would be without it, whatever becomes of the copy."""

import re

import pytest

import gateway
import http1
from fronts import ALL_FRONTS, CHAT, MESSAGES, assert_served
from gateway import until
from turns import Tool, Turn
from upstream import raw, refuses, says, stalls

ANSWER = Turn(text="Caf\u00e9 & \u20ac.", input=30, output=9)
OTHER = Turn(text="Another answer altogether.", input=40, output=20)
CALLS = Turn(tools=(Tool("t1", "look", '{"at":"here","n":1}'),))
SAME_CALLS = Turn(tools=(Tool("t9", "look", '{ "n": 1.0, "at": "here" }'),))
OTHER_CALLS = Turn(tools=(Tool("t9", "look", '{"at":"there"}'),))


def config(a, b, mirror="n", more=""):
    """The model `m` on a, `n` on b; all calls for `m` are copied to n."""
    text = "listen: 127.0.0.1:@PORT@\nworkers: 1\nproviders:\n"
    price = "[ { name: up, price: { input: 2, output: 4 } } ]"
    text += gateway.provider("a", a, price) + gateway.provider("b", b, price, more)
    text += "models:\n  - { name: m, targets: [ a/up ] }\n  - { name: n, targets: [ b/up ] }\n"
    does = f"mirror: {mirror}, tag: seen, headers: {{ x-team: red }}"
    rule = f"{{ name: shadow, when: {{ model: m }}, {does} }}"
    return text + f"routing: {{ rules: [ {rule} ] }}\n"


@pytest.fixture
def pair(weir, upstream):
    def make(answer, copy, back="openai", **options):
        a, b = upstream(default=answer), upstream(back, default=copy)
        return weir(config(a, b, **options)), a, b

    return make


def record(w, response):
    """The line that tells of the copy of this call."""
    request_id = response.get("x-weir-request-id")
    return w.wait_log(lambda r: r.get("mirror_of") == request_id, 10, "the record of the copy")


def metric(w, name, **labels):
    text = http1.call(w.port, "GET", "/metrics").text
    for line in text.splitlines():
        found = re.fullmatch(r"(\w+)\{(.*)\} (\S+)", line)
        if found and found[1] == name and dict(re.findall(r'(\w+)="(.*?)"', found[2])) == labels:
            return float(found[3])
    return 0.0


@pytest.mark.parametrize("back", ["openai", "anthropic", "gemini"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("front", ALL_FRONTS, ids=lambda f: f.name)
def test_a_copy_in_any_language_is_alike(pair, front, stream, back):
    w, a, b = pair(says(ANSWER), says(ANSWER), back)
    r = front.ask(w.port, stream=stream)
    assert_served(front, r, ANSWER.text)
    assert r.get("x-weir-provider") == "a"
    line = record(w, r)
    assert (line["rule"], line["outcome"], line["differs"]) == ("shadow", "same", [])
    mine, copy = line["caller"], line["copy"]
    assert (mine["provider"], copy["provider"]) == ("a", "b")
    assert (mine["status"], copy["status"]) == (200, 200)
    assert mine["text_bytes"] == copy["text_bytes"] == len(ANSWER.text.encode())
    assert copy["input_tokens"] == 30 and copy["output_tokens"] == 9
    assert copy["cost_usd"] == pytest.approx(96e-6)
    assert a.hits == b.hits == 1
    assert a.requests[0].streamed == b.requests[0].streamed == stream


def test_a_copy_has_one_target_or_none(weir, upstream):
    """The caller wants nobody who would not be told all of his request, and the copy's target has no
    place for a container: nobody is asked for a copy, and none of its model's fallbacks is."""
    a, b = upstream("anthropic", default=says(ANSWER)), upstream("openai", default=says(ANSWER))
    text = config(a, b).replace("targets: [ b/up ]", "targets: [ b/up ], fallback: [ m ]")
    w = weir(text)
    r = MESSAGES.ask(w.port, container="box", provider={"require_parameters": True})
    assert_served(MESSAGES, r, ANSWER.text)
    line = record(w, r)
    assert line["outcome"] == "failed" and line["copy"]["error"] == "unsupported", line
    assert (a.hits, b.hits) == (1, 0)


def test_who_only_asks_is_told_and_nothing_is_copied(pair):
    w, a, b = pair(says(ANSWER), says(ANSWER))
    got = http1.call(w.port, "POST", "/api/v1/explain", {"model": "m"}).json["resolved"]
    assert (got["rules"], got["tags"], got["mirror"]) == (["shadow"], ["seen"], "n")
    assert CHAT.ask(w.port, model="n").status == 200
    assert a.hits == 0 and b.hits == 1


def test_what_differs_is_told_and_counted(pair):
    answers = iter([OTHER, SAME_CALLS, OTHER_CALLS, Turn(text=ANSWER.text, stop="length")])
    mine = iter([ANSWER, CALLS, CALLS, ANSWER])
    w, _, b = pair(lambda x: says(next(mine))(x), lambda x: says(next(answers))(x), "anthropic")
    wanted = [("text", ["text"]), ("same", []), ("tools", ["arguments"]), ("finish", ["finish"])]
    for outcome, differs in wanted:
        line = record(w, MESSAGES.ask(w.port, tools=("look",)))
        assert (line["outcome"], line["differs"]) == (outcome, differs)
    # the edits of the rule and its tags go along; who called does not
    assert b.requests[0].get("x-team") == "red" and b.requests[0].get("x-weir-tags") == "seen"
    assert metric(w, "weir_mirror_total", rule="shadow", outcome="text") == 1
    assert metric(w, "weir_mirror_total", rule="shadow", outcome="same") == 1
    assert metric(w, "weir_mirror_compared_total", rule="shadow", side="copy") == 4
    assert metric(w, "weir_mirror_tokens_total", rule="shadow", side="caller") > 0
    assert metric(w, "weir_mirror_cost_usd_total", rule="shadow", side="copy") > 0
    # nothing of it in anybody's accounts
    assert metric(w, "weir_charged_calls_total", provider="b", model="up") == 0
    assert metric(w, "weir_provider_attempts_total", provider="b") == 0
    assert metric(w, "weir_input_tokens_total", provider="b") == 0
    assert metric(w, "weir_charged_calls_total", provider="a", model="up") == 4


def test_what_becomes_of_the_copy_is_nobodys_matter(pair):
    """It is refused, garbled, cut; and its target serves callers after as many failures as any
    breaker would open at."""
    bad = [refuses(500), refuses(401), refuses(429), raw(b"HTTP/1.1 200 OK\r\n\r\nno JSON")] * 2
    script = iter(bad)
    w, _, b = pair(says(ANSWER), lambda x: next(script, says(ANSWER))(x))
    for _ in bad:
        r = CHAT.ask(w.port)
        assert_served(CHAT, r, ANSWER.text)
        line = record(w, r)
        assert line["outcome"] == "failed" and line["caller"]["status"] == 200
        assert "error" in line["copy"]
    assert b.hits == len(bad)  # one try each
    r = CHAT.ask(w.port, model="n")
    assert_served(CHAT, r, ANSWER.text)
    assert r.get("x-weir-provider") == "b" and r.get("x-weir-attempts") == "1"
    assert metric(w, "weir_mirror_total", rule="shadow", outcome="failed") == len(bad)
    assert metric(w, "weir_provider_errors_total", provider="b") == 0


def test_the_callers_own_failure_is_compared_too(pair):
    w, _, _ = pair(refuses(400), says(ANSWER))
    assert CHAT.ask(w.port).status == 400
    line = w.wait_log(lambda r: "mirror_of" in r, 10)
    assert line["outcome"] == "caller_failed" and line["caller"]["status"] == 400


def test_a_dead_or_slow_copy_delays_nobody_and_is_bounded(pair):
    """Nobody waits; no more than `atOnce` are under way; a stop does not wait for them either."""
    w, _, b = pair(says(ANSWER), stalls(60), mirror="{ use: n, atOnce: 2 }")
    for _ in range(5):
        assert_served(CHAT, CHAT.ask(w.port), ANSWER.text)
    until(lambda: metric(w, "weir_mirror_total", rule="shadow", outcome="over_cap") == 3)
    b.wait_hits(2)
    # a reload takes none away that is under way, nor its place
    w.write_config(w.conf.read_text() + "# another generation\n")
    w.signal(1)
    until(lambda: "(generation 2)" in w.said())
    for _ in range(3):
        assert_served(CHAT, CHAT.ask(w.port), ANSWER.text)
    until(lambda: metric(w, "weir_mirror_total", rule="shadow", outcome="over_cap") == 6)
    w.signal(15)
    assert w.wait_exit(20) == 0
    lines = [r for r in w.log() if "mirror_of" in r]
    assert [r["outcome"] for r in lines] == ["cancelled"] * 2
    assert b.hits == 2


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_what_the_caller_got_is_compared_whoever_gave_it(weir, upstream, stream):
    """The first target is slow, another is asked beside it and answers; or it fails and another does."""
    a, b, c = upstream(default=stalls(20)), upstream(default=says(ANSWER)), upstream(default=says(ANSWER))
    text = config(a, c).replace("targets: [ a/up ]", "hedge: 100ms, targets: [ a/up, other/up ]")
    text = text.replace("models:\n", gateway.provider("other", b, "[ up ]") + "models:\n")
    w = weir(text.replace("strategy", "strategy"))
    r = CHAT.ask(w.port, stream=stream)
    assert_served(CHAT, r, ANSWER.text)
    line = record(w, r)
    assert line["outcome"] == "same" and line["caller"]["provider"] == "other"
    a.default = refuses(500)
    r = CHAT.ask(w.port, stream=stream)
    assert_served(CHAT, r, ANSWER.text)
    assert record(w, r)["outcome"] == "same"


def test_a_share_of_the_calls_is_copied(pair):
    """Of 128 half, whatever becomes of them."""
    w, _, b = pair(says(ANSWER), says(ANSWER), mirror="{ use: n, percent: 50 }")
    with http1.Conn(w.port) as conn:
        for _ in range(128):
            assert conn.call("POST", CHAT.path, CHAT.body()).status == 200

    def copies():
        text = http1.call(w.port, "GET", "/metrics").text
        return sum(float(n) for n in re.findall(r"^weir_mirror_total\{.*\} (\S+)$", text, re.M))

    until(lambda: copies() == 64)


def test_who_gets_no_copy(pair):
    """A caller who rules the provider out, one who is no chat."""
    w, _, b = pair(says(ANSWER), says(ANSWER))
    r = CHAT.ask(w.port, headers=[("x-weir-ignore", "b")])
    assert_served(CHAT, r, ANSWER.text)
    assert record(w, r)["outcome"] in ("no_target", "failed")
    r = http1.call(w.port, "POST", "/v1/embeddings", {"model": "m", "input": "x"})
    until(lambda: metric(w, "weir_mirror_total", rule="shadow", outcome="unfit") == 1)
    assert not b.hits
