# SPDX-License-Identifier: Apache-2.0
"""routing.rules: each condition and each action, with a real weir, in the clients' languages."""

import json
from concurrent.futures import ThreadPoolExecutor

import http1
import pytest

import gateway
from fronts import ALL_FRONTS, CHAT, MESSAGES, assert_served
from turns import Turn
from upstream import refuses, says

A, B = Turn(text="This is a."), Turn(text="This is b.")


@pytest.fixture(params=ALL_FRONTS, ids=lambda f: f.name)
def any_front(request):
    return request.param


def config(a, b, *rules, extra="", providers=""):
    """The model `m` on a, `n` on b, and these rules, each a line of YAML."""
    text = "listen: 127.0.0.1:@PORT@\nworkers: 1\nproviders:\n"
    text += gateway.provider("a", a, "[ up ]") + gateway.provider("b", b, "[ up ]")
    text += "models:\n  - { name: m, targets: [ a/up ] }\n  - { name: n, targets: [ b/up ] }\n"
    text += "routing:\n  rules:\n" + "".join(f"    - {r}\n" for r in rules)
    return text + extra


def asks(front, w, headers=(), key=None, **fields):
    body = {**front.body(), **fields}
    head = front.auth(key) + list(headers)
    return http1.call(w.port, "POST", front.path_of("m"), body, head)


def metrics(w):
    lines = http1.call(w.port, "GET", "/metrics").text.splitlines()
    return {n: float(v) for n, v in (x.rsplit(" ", 1) for x in lines if not x.startswith("#"))}


@pytest.fixture
def pair(weir, upstream):
    """weir with these rules, and its two providers."""

    def make(*rules, **options):
        a, b = upstream(default=says(A)), upstream(default=says(B))
        return weir(config(a, b, *rules, **options)), a, b

    return make


PICTURE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PICTURE}}]}]
LONG = [{"role": "user", "content": "word " * 3000}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}

# condition, a Chat request that meets it (headers, fields), one that does not
CONDITIONS = {
    "header": ("header.x-tag: beta", ([("X-Tag", "Beta")], {}), ([("x-tag", "alpha")], {})),
    "header is there": ('header.x-tag: "*"', ([("x-tag", "1")], {}), ([], {})),
    "one of": ('header.x-tag: [ a, "b*d", "e?" ]', ([("x-tag", "bcd")], {}), ([("x-tag", "e")], {})),
    "tag": ("tag: big", ([("x-weir-tags", "small, big")], {}), ([("x-weir-tags", "small")], {})),
    "model": ('model: "claude-*"', ([], {"model": "claude-x"}), ([], {"model": "m"})),
    "tokens": ('tokens: "> 1k"', ([], {"messages": LONG}), ([], {})),
    "tools": ("tools: true", ([], {"tools": [TOOL]}), ([], {})),
    "no tools": ("tools: false", ([], {}), ([], {"tools": [TOOL]})),
    "images": ("images: true", ([], {"messages": IMAGE}), ([], {})),
    "thinking": ("thinking: true", ([], {"reasoning_effort": "high"}), ([], {})),
    "structured": ("structured: true", ([], {"response_format": SCHEMA}), ([], {})),
    "metadata": (
        "metadata.tier: gold",
        ([], {"metadata": {"tier": "gold"}}),
        ([], {"metadata": {"tier": "tin"}}),
    ),
    "user": ("user: ann", ([], {"user": "ann"}), ([], {"user": "bob"})),
    "all of them": (
        "header.x-tag: beta, tools: true",
        ([("x-tag", "beta")], {"tools": [TOOL]}),
        ([("x-tag", "beta")], {}),
    ),
    "any": (
        "any: [ { header.x-tag: beta }, { tools: true } ]",
        ([], {"tools": [TOOL]}),
        ([], {}),
    ),
    "not": ("not: { header.x-tag: beta }", ([], {}), ([("x-tag", "beta")], {})),
    "front": ("front: openai", ([], {}), None),
    "another front": ("front: anthropic", None, ([], {})),
    "path": ('path: "/v1/chat/*"', ([], {}), None),
    "no time at all": ("time: { weekdays: mon-sun, hours: '00:00-24:00' }", ([], {}), None),
    "share of all": ("share: 100%", ([], {}), None),
    "share of nothing": ("share: 0%", None, ([], {})),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions(pair, name):
    when, met, missed = CONDITIONS[name]
    w, a, b = pair(f"{{ when: {{ {when} }}, use: n }}")
    for request, up in ((met, b), (missed, a)):
        if request is None:
            continue
        headers, fields = request
        r = asks(CHAT, w, headers, **{"model": "m", **fields})
        assert r.status == 200, r.body
        assert up.hits == 1, (name, request, a.hits, b.hits)
        assert r.get("x-weir-route") == ("rule:rule 1" if up is b else None)


def test_every_front_meets_rules(pair, any_front):
    """The same rule says the same of each language; streams too."""
    w, a, b = pair(
        "{ name: beta, when: { header.x-tag: beta, model: m }, use: n, tag: [ x, y ] }",
    )
    assert any_front.read(asks(any_front, w)).text == A.text
    r = asks(any_front, w, [("x-tag", "beta"), ("x-weir-tags", "nobodys")])
    assert any_front.read(r).text == B.text
    assert r.get("x-weir-route") == "rule:beta"
    assert b.requests[-1].get("x-weir-tags") == "nobodys, x, y"
    assert a.requests[-1].get("x-weir-tags") is None
    record = w.access(r.get("x-weir-request-id"))
    assert record["tags"] == ["nobodys", "x", "y"] and record["routed_by"] == "rule:beta"
    numbers = metrics(w)
    tokens = record["usage"]["input_tokens"] + record["usage"]["output_tokens"]
    for tag in "xy":
        assert numbers[f'weir_tagged_calls_total{{tag="{tag}"}}'] == 1
        assert numbers[f'weir_tagged_tokens_total{{tag="{tag}"}}'] == tokens > 0
    assert numbers['weir_routed_calls_total{by="rule",name="beta"}'] == 1
    assert not [n for n in numbers if "nobodys" in n]  # a caller's own word is no label


def test_stream_condition(pair, front):
    w, a, b = pair("{ when: { stream: true }, use: n }")
    assert front.read(front.ask(w.port)).text == A.text
    assert front.read(front.ask(w.port, stream=True)).text == B.text


def test_key_condition(pair, front):
    keys = "keys: [ { name: team-a, key: ka }, { name: team-b, key: kb } ]\n"
    w, a, b = pair('{ when: { key: "team-b*" }, use: n }', extra=keys)
    assert front.read(front.ask(w.port, key="ka")).text == A.text
    assert front.read(front.ask(w.port, key="kb")).text == B.text


def test_a_rule_opens_nothing(pair):
    """It sends calls somewhere; the right to be there comes from the key."""
    keys = "keys: [ { name: k, key: kk, models: [ m ] } ]\n"
    w, a, b = pair("{ use: n, tag: x }", "{ tag: y }", extra=keys)
    r = asks(CHAT, w, key="kk")
    assert r.status == 200 and (a.hits, b.hits) == (1, 0)
    assert w.access(r.get("x-weir-request-id"))["tags"] == ["y"]


def test_first_match_wins_unless_it_goes_on(pair):
    w, a, b = pair(
        "{ when: { header.x-one: '*' }, use: n, tag: one, continue: true }",
        "{ when: { tag: one }, use: m, tag: two }",
        "{ use: n, tag: three }",
    )
    r = asks(CHAT, w, [("x-one", "1")])
    assert w.access(r.get("x-weir-request-id"))["tags"] == ["one", "two"]
    assert b.hits == 1  # the first that chose a model has the word
    r = asks(CHAT, w)
    assert w.access(r.get("x-weir-request-id"))["tags"] == ["three"] and b.hits == 2


def test_use_of_one_target_and_of_unknown_names(pair, front):
    """A rule may take a name that nobody knows, and lead to a target without a logical model."""
    w, a, b = pair("{ when: { model: 'gpt-*' }, use: b/up }")
    assert_served(front, front.ask(w.port, model="gpt-9"), B.text, "b")


def test_split(pair):
    w, a, b = pair("{ when: { header.x-tag: '*' }, split: { m: 75, n: 25 } }")
    with http1.Conn(w.port) as conn:
        for _ in range(128):
            r = conn.call("POST", CHAT.path, CHAT.body(), [("x-tag", "1")])
            assert r.status == 200
    assert abs(b.hits - 32) <= 2 and a.hits + b.hits == 128, (a.hits, b.hits)


def test_split_is_sticky(pair):
    w, a, b = pair("{ split: { m: 50, n: 50 }, sticky: user }")
    seen = set()
    with http1.Conn(w.port) as conn:
        for user in range(24):
            texts = set()
            for _ in range(4):
                r = conn.call("POST", CHAT.path, CHAT.body(user=f"user-{user}"))
                texts.add(CHAT.read(r).text)
            assert len(texts) == 1, user
            seen |= texts
    assert seen == {A.text, B.text}


def test_edits_and_headers(pair):
    w, a, b = pair(
        "{ when: { header.x-cool: '*' }, set: { temperature: 0.1 }, delete: [ user ], "
        "atMost: { max_tokens: 10 }, headers: { x-team: red } }"
    )
    asks(CHAT, w, [("x-cool", "1")], user="ann", max_tokens=100, temperature=1)
    got = a.requests[-1]
    assert got.json["temperature"] == 0.1 and got.json["max_tokens"] == 10
    assert "user" not in got.json and got.get("x-team") == "red"
    asks(CHAT, w, user="ann", max_tokens=100)
    assert a.requests[-1].json["max_tokens"] == 100 and a.requests[-1].get("x-team") is None


@pytest.mark.parametrize("status", (400, 401, 403, 404, 413, 429, 503))
def test_deny(pair, status):
    w, a, b = pair(f"{{ deny: {{ status: {status}, message: Not today. }} }}")
    for front in (CHAT, MESSAGES):
        r = asks(front, w)
        assert r.status == status and b"Not today." in r.body, r.body
    assert a.hits + b.hits == 0


def test_deny_speaks_every_language(pair, any_front):
    w, a, b = pair("{ when: { header.x-bad: '*' }, deny: Go away. }")
    r = asks(any_front, w, [("x-bad", "1")])
    assert r.status == 403 and b"Go away." in r.body
    assert asks(any_front, w).status == 200


def test_deny_holds_for_calls_that_are_no_chat(pair):
    w, a, b = pair("{ when: { path: '/v1/embeddings' }, deny: No vectors. }")
    r = http1.call(w.port, "POST", "/v1/embeddings", {"model": "m", "input": "x"})
    assert r.status == 403 and b"No vectors." in r.body


CANARY = "canary: { use: n, percent: 50, steps: [ 100 ], hold: 1ms, minCalls: 10, maxSlowdown: 0 }"


def news(w):
    """What the access log tells of trials."""
    return [r["canary"]["news"] for r in w.log() if "news" in r.get("canary", {})]


def test_canary_is_promoted(pair):
    w, a, b = pair(f"{{ name: trial, {CANARY} }}")
    with http1.Conn(w.port) as conn:
        for _ in range(100):
            assert conn.call("POST", CHAT.path, CHAT.body()).status == 200
    hits = a.hits
    with http1.Conn(w.port) as conn:
        for _ in range(10):
            assert conn.call("POST", CHAT.path, CHAT.body()).status == 200
    assert a.hits == hits  # all of it by now
    gateway.until(lambda: news(w) == ["the next step", "promoted"])


def test_canary_is_taken_back(weir, upstream):
    a, b = upstream(default=says(A)), upstream(default=refuses(500))
    w = weir(config(a, b, f"{{ name: trial, {CANARY} }}"))
    with http1.Conn(w.port) as conn:  # what it fails at, the model asked for serves
        got = [conn.call("POST", CHAT.path, CHAT.body()) for _ in range(40)]
    assert [r.status for r in got] == [200] * 40
    hits = b.hits
    assert [r.get("x-weir-fallback") for r in got].count("m") >= hits
    assert 0 < hits < 30
    with http1.Conn(w.port) as conn:
        for _ in range(20):
            assert conn.call("POST", CHAT.path, CHAT.body()).status == 200
    assert b.hits == hits
    gateway.until(lambda: news(w) == ["rolled back: it failed too often"])
    numbers = metrics(w)
    assert numbers['weir_canary_share{rule="trial",model="n"}'] == 0
    assert numbers['weir_canary_step_failed{rule="trial",model="n",arm="canary"}'] == 4
    # a reload changes nothing about it
    w.write_config(w.conf.read_text() + "\n# another generation\n")
    w.signal(1)
    gateway.until(lambda: CHAT.ask(w.port).status == 200)
    for _ in range(10):
        assert CHAT.ask(w.port).status == 200
    assert b.hits == hits


def test_a_canary_is_everybodys_and_outlives_a_restart(weir, upstream):
    """Four failures end it, on whichever workers they fall; the next process knows."""
    a, b = upstream(default=says(A)), upstream(default=refuses(500))
    text = config(a, b, f"{{ name: trial, {CANARY} }}").replace("workers: 1", "workers: 3")
    w = weir(text)
    for _ in range(60):  # a connection each: the kernel spreads them
        CHAT.ask(w.port)
    gateway.until(lambda: news(w) == ["rolled back: it failed too often"])
    hits = b.hits
    assert hits <= 4 * 3  # an attempt each, and at most two retries
    w.stop()
    kept = json.loads((w.folder / "data" / "canaries.json").read_text())
    assert [(k["rule"], k["model"], k["state"]) for k in kept] == [("trial", "n", "rolled_back")]
    again = gateway.Gateway(w.folder, text)
    try:
        for _ in range(20):
            assert CHAT.ask(again.port).status == 200
        assert b.hits == hits
    finally:
        again.stop()


def test_a_canary_loses_no_call_of_many_at_once(weir, upstream):
    """More of them fail together than the budget of retries would let go; streams are like the rest."""
    a, b = upstream(default=says(A)), upstream(default=lambda x: x.rst())
    w = weir(config(a, b, "{ name: trial, " + CANARY + " }", extra="  scenarios: { default: m }\n"))
    with ThreadPoolExecutor(24) as pool:
        asked = range(96)
        got = list(pool.map(lambda i: CHAT.ask(w.port, stream=i % 2 > 0, model="nobodys"), asked))
    assert [r.status for r in got] == [200] * 96 and all(CHAT.read(r).text == A.text for r in got)
    led = [r for r in got if r.get("x-weir-fallback") == "m"]
    assert len(led) >= 4 and all(r.get("x-weir-route") == "rule:trial" for r in led)


def test_canary_that_nobody_can_serve_is_taken_back(weir, upstream):
    """Its key cools down before enough attempts have failed: what is refused then counts too."""
    a, b = upstream(default=says(A)), upstream(default=refuses(429))
    w = weir(config(a, b, "{ name: trial, " + CANARY.replace("minCalls: 10", "minCalls: 40") + " }"))
    with http1.Conn(w.port) as conn:
        got = [conn.call("POST", CHAT.path, CHAT.body()).status for _ in range(60)]
    assert got == [200] * 60
    gateway.until(lambda: news(w) == ["rolled back: it failed too often"])


@pytest.mark.parametrize("status", [400, 404])
def test_what_a_canary_refuses_the_usual_model_serves(weir, upstream, status):
    """What both refuse is the caller's fault, and no news of the canary."""
    a, b = upstream(default=says(A)), upstream(default=refuses(status))
    rule = "{ name: trial, use: m, " + CANARY.replace("percent: 50", "percent: 90") + " }"
    w = weir(config(a, b, rule, extra="  attempts: 2\n"))
    a.default = refuses(status)
    assert [asks(CHAT, w).status for _ in range(8)] == [status] * 8 and b.hits
    a.default = says(A)
    asked = http1.call(w.port, "POST", "/api/v1/explain", {"model": "m"}).json
    assert asked["plan"][-1]["provider"] == "a"
    with http1.Conn(w.port) as conn:
        got = [conn.call("POST", CHAT.path, CHAT.body()).status for _ in range(20)]
    assert got == [200] * 20
    gateway.until(lambda: news(w) == ["rolled back: it failed too often"])


def test_calls_past_the_models_are_no_trial(pair):
    w, _, b = pair(f"{{ name: trial, {CANARY} }}")
    for _ in range(5):
        r = http1.call(w.port, "GET", "/providers/a/v1/models")
        assert r.get("x-weir-route") is None
    gateway.until(lambda: len(w.log()) == 5)
    assert not b.hits and not any("canary" in line for line in w.log())


def test_who_only_asks_takes_no_turn(pair):
    """Of 128 calls exactly half go either way, whatever is explained between them."""
    w, a, b = pair("{ name: ab, split: { m: 1, n: 1 } }")
    with http1.Conn(w.port) as conn:
        for i in range(128):
            if i % 5 < 2 or i < 32:
                got = conn.call("POST", "/api/v1/explain", {"model": "m"})
                assert got.status == 200, got.text
            assert conn.call("POST", CHAT.path, CHAT.body()).status == 200
    assert (a.hits, b.hits) == (64, 64)
