# SPDX-License-Identifier: Apache-2.0
"""What is said of where a request goes: POST /api/v1/explain and `weir explain`."""

import json
import subprocess

import gateway
import http1
from fronts import CHAT
from turns import Turn
from upstream import refuses, says

A, B, C = Turn(text="This is a."), Turn(text="This is b."), Turn(text="This is c.")


def two_and_a_reserve(a, b, c, strategy="priority"):
    """m: a and b; where both fail, n: c."""
    text = gateway.config(a, b, c)
    head = text.split("models:\n")[0] if "models:\n" in text else text[: text.index("\nmodels:") + 1]
    return (
        head
        + f"""models:
  - name: m
    targets: [ {{ use: a/up, weight: 3 }}, {{ use: b/up }} ]
    strategy: {strategy}
    fallback: [ n ]
  - {{ name: n, targets: [ {{ use: c/up }} ] }}
"""
    )


def ask(w, question, path="/api/v1/explain", key=None):
    headers = [("authorization", f"Bearer {key}")] if key else []
    body = question if isinstance(question, bytes) else json.dumps(question).encode()
    headers.append(("content-type", "application/json"))
    return http1.call(w.port, "POST", path, body, headers)


def steps(r):
    assert r.status == 200, r.body
    return [(s["provider"], s["model"], s["fallback"]) for s in r.json["plan"]]


def run(w, *words, stdin=None):
    done = subprocess.run(
        [str(gateway.binary()), "explain", "--config", str(w.conf), *words],
        env=gateway.environment(w.folder),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert not gateway.SANITIZER.search(done.stderr), done.stderr
    return done


def test_the_plan_and_why(weir, upstream):
    ups = [upstream(default=says(t)) for t in (A, B, C)]
    w = weir(two_and_a_reserve(*ups))
    r = ask(w, {"model": "m", "tokens": 1000, "tools": True})
    assert steps(r) == [("a", "up", False), ("b", "up", False), ("c", "up", True)]
    assert r.json["resolved"]["route"] == "m" and r.json["fallbacks"] == ["n"]
    assert 1000 <= r.json["request"]["prompt_tokens"] < 1100
    assert [c["reason"] for c in r.json["candidates"]] == ["fits"] * 3
    assert "priority" in r.json["plan"][0]["why"]
    assert sum(up.hits for up in ups) == 0  # nothing was sent
    w.stop()
    assert not [line for line in w.log() if line.get("path") == "/api/v1/explain"]


def test_what_was_learned_is_told(weir, upstream):
    """A limited target is left out with its reason and its time; the figures are those of the calls."""
    a = upstream(default=refuses(429, headers=[("retry-after", "30")]))
    b, c = upstream(default=says(B)), upstream(default=says(C))
    w = weir(two_and_a_reserve(a, b, c))
    assert http1.call(w.port, "POST", CHAT.path, CHAT.body()).status == 200
    r = ask(w, {"model": "m"})
    assert steps(r) == [("b", "up", False), ("c", "up", True)]
    left = r.json["candidates"][0]
    assert not left["eligible"] and left["reason"] == "cooling"
    assert 20000 < left["keys"][0]["ready_in_ms"] <= 30000
    served = r.json["candidates"][1]
    assert served["figures"]["samples"] == 1 and served["expected"]["ttft_ms"] is not None
    said = run(w, "--model", "m")
    assert said.returncode == 0 and "left out" in said.stdout and "cooling" in said.stdout


TRAITS = {
    "tools": "tools",
    "image": "images",
    "documents": "documents",
    "web_search": "webSearch",
    "thinking": "thinking",
    "structured": "structured",
    "stream": "stream",
}


def test_flags_in_every_language(weir, upstream):
    """What is made up of flags is understood by the front: a rule for each gives it a tag."""
    ups = [upstream() for _ in range(3)]
    rules = [f"{{ when: {{ {t}: true }}, tag: {f}, continue: true }}" for f, t in TRAITS.items()]
    w = weir(two_and_a_reserve(*ups) + f"routing: {{ rules: [ {', '.join(rules)} ] }}\n")

    def tags(front, *flags):
        q = {"model": "m", "front": front, "tokens": 500, "max_tokens": 2000}
        r = ask(w, q | dict.fromkeys(flags, True))
        assert r.status == 200 and "error" not in r.json and r.json["plan"], (front, flags, r.body)
        return r.json["resolved"].get("tags", [])

    for front in ("openai", "anthropic", "responses", "gemini", "bedrock"):
        for flag in TRAITS:
            assert {flag} | {"tools"} >= set(tags(front, flag)) >= {flag}, (front, flag)
        assert tags(front, *TRAITS) == list(TRAITS), front
    assert ask(w, {"model": "m", "front": "ollama"}).status == 400


def test_keys_and_last_resorts(weir, upstream):
    """A key of a pool that refuses is told of; who is asked for want of others isn't left out, too."""

    def one_bad_key(x):
        bad = "key-one" in (x.request.get("authorization") or "")
        (refuses(401) if bad else says(A))(x)

    full = [("x-ratelimit-limit", 2), ("x-ratelimit-remaining", 0), ("x-ratelimit-reset", 30)]
    a, b = upstream(default=one_bad_key), upstream()
    text = two_and_a_reserve(a, b, upstream(default=says(C, headers=full)))
    w = weir(text.replace("apiKey: provider-secret-a", "apiKey: [ key-one, key-two ]"))
    for _ in range(3):
        assert http1.call(w.port, "POST", CHAT.path, CHAT.body()).status == 200
    keys = ask(w, {"model": "m"}).json["candidates"][0]["keys"]
    assert [k["reason"] for k in keys] == ["refused", "fits"]
    said = run(w, "--model", "m").stdout
    assert "keys not at hand" in said and "a/up" in said and "key 1 of 2: refused" in said
    assert http1.call(w.port, "POST", CHAT.path, CHAT.body(model="n")).status == 200
    r = ask(w, {"model": "n"})
    assert [(c["reason"], c["last_resort"]) for c in r.json["candidates"]] == [("limited", True)]
    assert r.json["plan"][0]["why"].startswith("a last resort") and "rate limit" in r.text
    said = run(w, "--model", "n").stdout
    assert "left out" not in said and "a last resort, as nobody else" in said


def test_asking_takes_no_turn(weir, upstream):
    """What is told is what the next call does, however often it is asked."""
    ups = [upstream(default=says(t)) for t in (A, B, C)]
    w = weir(two_and_a_reserve(*ups, strategy="weighted_round_robin"))
    for _ in range(12):
        told = [steps(ask(w, {"model": "m"}))[0][0] for _ in range(3)]
        served = http1.call(w.port, "POST", CHAT.path, CHAT.body()).get("x-weir-provider")
        assert told == [served] * 3
    assert ups[0].hits == 9 and ups[1].hits == 3


def test_a_clients_own_body(weir, upstream, front):
    """Of every front, as it would be sent; its words are guessed where no path says them."""
    ups = [upstream(default=says(t)) for t in (A, B, C)]
    w = weir(two_and_a_reserve(*ups))
    body = front.body("m")
    body = body if isinstance(body, dict) else json.loads(body)
    r = ask(w, {"path": front.path, "headers": {"x-tag": "beta"}, "body": body})
    assert steps(r)[0] == ("a", "up", False)
    assert r.json["request"]["path"] == front.path
    r = ask(w, body)
    assert steps(r)[0] == ("a", "up", False)


def test_what_cannot_be_served(weir, upstream):
    w = weir(two_and_a_reserve(*[upstream() for _ in range(3)]))
    r = ask(w, {"model": "mm"})
    assert r.status == 200 and r.json["error"]["status"] == 404 and r.json["plan"] == []
    for bad in (
        b"{",
        b"[]",
        b"{}",
        b'{"modle":"m"}',
        b'{"model":"m","front":"klingon"}',
        b'{"model":"m","headers":{"x":"a\\r\\nb: c"}}',
        b'{"model":"m","path":"no slash"}',
        b'{"model":"m","tokens":99999999999}',
        b'{"model":"m","key":"nobody"}',
        b'{"model":"m","path":"/providers/a/x"}',
    ):
        r = ask(w, bad)
        assert 400 <= r.status < 500 and r.json["error"]["message"], (bad, r.body)
    assert http1.call(w.port, "PUT", "/api/v1/explain").status == 405


def test_A29_explain_is_the_admins(weir, upstream):
    keys = "keys: [ { name: t, key: client-key, models: [n] } ]\n"
    ups = [upstream() for _ in range(3)]
    w = weir(two_and_a_reserve(*ups) + keys + "admin: { key: admin-secret }\n")
    assert ask(w, {"model": "m"}).status == 401
    assert ask(w, {"model": "m"}, key="client-key").status == 403
    assert len(steps(ask(w, {"model": "m"}, key="admin-secret"))) == 3
    # As the holder of a key would see it.
    r = ask(w, {"model": "m", "key": "t"}, key="admin-secret")
    assert r.json["error"]["status"] == 404
    assert len(steps(ask(w, {"model": "n", "key": "t"}, key="admin-secret"))) == 1
    assert "client-key" not in r.text and run(w, "--model", "m").returncode == 0
    # Without an admin key: this machine alone, under its own name, with no other's page.
    w = weir(two_and_a_reserve(*ups) + keys)
    assert len(steps(ask(w, {"model": "m"}))) == 3
    foreign = b"POST /api/v1/explain HTTP/1.1\r\nhost: evil.example\r\ncontent-length: 0\r\n\r\n"
    with http1.Conn(w.port) as conn:
        conn.send(foreign)
        assert conn.response().status == 403


def test_the_command_without_a_gateway(weir, upstream):
    ups = [upstream() for _ in range(3)]
    w = weir(two_and_a_reserve(*ups))
    w.stop()
    said = run(w, "--model", "m", "--tokens", "2k", "--header", "x-tag: beta", "--json")
    assert said.returncode == 0 and "no weir runs" in said.stderr
    assert [s["provider"] for s in json.loads(said.stdout)["plan"]] == ["a", "b", "c"]
    said = run(w, "-", stdin='{"model":"n","messages":[{"role":"user","content":"x"}]}')
    assert said.returncode == 0 and "c/up" in said.stdout
    for words in ([], ["--nix"], ["--model"], ["--model", "m", "--tokens", "many"], ["/nowhere"]):
        assert run(w, *words).returncode == 2, words
    assert run(w, "--model", "m", "--front", "klingon").returncode == 1
    assert sum(up.hits for up in ups) == 0


def test_a_call_that_is_over(weir, upstream):
    """Why it went where it went, by its id, whichever worker is asked."""
    a, b, c = upstream(default=refuses(500)), upstream(default=says(B)), upstream(default=says(C))
    text = two_and_a_reserve(a, b, c).replace("workers: 1", "workers: 2")
    w = weir(text)
    for _ in range(4):
        r = http1.call(w.port, "POST", CHAT.path, CHAT.body())
        name = r.get("x-weir-request-id")
        assert r.status == 200 and r.get("x-weir-provider") == "b"
        for _ in range(4):
            past = http1.call(w.port, "GET", f"/api/v1/explain?call={name}")
            assert past.status == 200, past.body
            got = past.json
            assert got["call"] == name and got["resolved"]["route"] == "m"
            assert got["strategy"] == "priority" and got["status"] == 200
            assert [x["provider"] for x in got["attempts"]][-1] == "b"
            assert [x["provider"] for x in got["candidates"]] == ["a", "b"]
    first = got["attempts"][0]
    assert first["provider"] == "a" and first["error"] == "upstream" or len(got["attempts"]) == 1
    said = run(w, "--call", name)
    assert said.returncode == 0 and "served after" in said.stdout and "b/up" in said.stdout
    gone = http1.call(w.port, "GET", "/api/v1/explain?call=req_" + "0" * 32)
    assert gone.status == 404 and http1.call(w.port, "GET", "/api/v1/explain").status == 400
    for bad in ("x", "req_zz", "req_" + "f" * 32):
        assert http1.call(w.port, "GET", f"/api/v1/explain?call={bad}").status == 404
    assert run(w, "--call", "req_" + "0" * 32).returncode == 1


def test_a_plain_call_leaves_nothing(weir, upstream):
    """One target that serves: there was no choice to tell of."""
    w = weir(two_and_a_reserve(upstream(), upstream(), upstream(default=says(C))))
    r = http1.call(w.port, "POST", CHAT.path, CHAT.body(model="n"))
    assert r.status == 200
    past = http1.call(w.port, "GET", f"/api/v1/explain?call={r.get('x-weir-request-id')}")
    assert past.status == 404
