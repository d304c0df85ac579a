# SPDX-License-Identifier: Apache-2.0
"""Alerts that act: they fire on what really happens, send calls elsewhere, and let them come back;
they are shown, remembered over a restart, and told to a webhook."""

import http.server
import json
import subprocess
import threading

import pytest

import gateway
import http1
from fronts import CHAT, assert_served
from gateway import until
from turns import Turn
from upstream import refuses, says, stalls

A, B, C = Turn(text="This is a."), Turn(text="This is b."), Turn(text="This is c.")
FAST = "window: 2s, hold: 1s"


def alerts(w):
    r = http1.call(w.port, "GET", "/api/v1/alerts")
    assert r.status == 200, r.body
    return r.json


def state(w, provider, name=None):
    rows = [
        x
        for x in alerts(w)["data"]
        if x.get("provider") == provider and (name is None or x["name"] == name)
    ]
    assert len(rows) == 1, rows
    return rows[0]["state"]


def two_targets(a, b, strategy="priority", extra=""):
    """One model on two providers, and a fallback model on whoever comes third."""
    text = gateway.config(a, b, extra=extra)
    wanted = f"targets: [ {{ use: a/up }}, {{ use: b/up }} ], strategy: {strategy}"
    return text.replace("targets: [ { use: a/up } ], fallback: [ mb ]", wanted).replace(
        "targets: [ { use: a/up } ]", wanted, 1
    )


def errors(threshold=0.2, action="switch_provider", more=FAST):
    return f"alerts: {{ error_rate: {{ threshold: {threshold}, action: {action}, {more} }} }}\n"


def fails_at_times(turn):
    """Each fourth call: what the budget of retries can bear, and no breaker opens."""
    calls = []

    def answer(x):
        calls.append(x)
        (refuses(500) if len(calls) % 4 == 0 else says(turn))(x)

    return answer


def test_a_failing_provider_is_taken_out_and_comes_back(weir, upstream):
    """More fails than may; the others serve alone, and when it is well again it serves again."""
    a, b = upstream(default=fails_at_times(A)), upstream(default=says(B))
    w = weir(two_targets(a, b, extra=errors(0.05)))
    with http1.Conn(w.port) as conn:

        def call():
            r = conn.call("POST", CHAT.path, CHAT.body())
            assert r.status == 200, r.body
            return r.get("x-weir-provider")

        until(lambda: call() and state(w, "a") == "firing", 10, "the alert of a fires")
        assert state(w, "b") == "ok"
        until(lambda: call() == "b", 5, "b serves")
        before = a.hits
        for _ in range(10):
            assert call() == "b"
        assert a.hits == before
        a.default = says(A)
        until(lambda: call() == "a" and state(w, "a") == "ok", 15, "a is back")
    assert "alert error_rate of provider a fires" in w.said()
    assert "alert error_rate of provider a is over" in w.said()


def test_one_failure_is_no_alert(weir, upstream):
    a = upstream("openai", says(A), refuses(500), default=says(A))
    b = upstream(default=says(B))
    w = weir(two_targets(a, b, extra=errors(0.05)))
    for _ in range(8):
        assert CHAT.ask(w.port).status == 200
    until(lambda: alerts(w)["data"][0]["samples"] >= 8, 5, "they are counted")
    assert state(w, "a") == "ok"


def test_fallback_answers_from_the_fallback_model(weir, upstream):
    """Not from the next target: from the model below, while it lasts."""
    a, b = upstream(default=fails_at_times(A)), upstream(default=says(B))
    c = upstream(default=says(C))
    text = gateway.config(a, b, c, extra=errors(0.05, action="fallback"))
    text = text.replace("targets: [ { use: a/up } ]", "targets: [ { use: a/up }, { use: b/up } ]", 1)
    text = text.replace("fallback: [ mb, mc ]", "strategy: priority, fallback: [ mc ]")
    w = weir(text)

    def served():
        r = CHAT.ask(w.port)
        assert r.status == 200
        return r

    until(lambda: served() and state(w, "a") in ("firing", "recovering"), 10, "it fires")
    r = until(lambda: (x := served()).get("x-weir-provider") == "c" and x, 5, "c serves")
    assert r.get("x-weir-fallback") == "mc"


def test_the_last_one_serves_whatever_alerts_say(weir, upstream):
    """An alert sends calls elsewhere; where there is no elsewhere they are tried all the same."""
    a = upstream(default=says(A, gap=0.002))
    w = weir(a, extra="alerts: { ttft: { threshold: 0, action: switch_provider, " + FAST + " } }\n")

    def call():
        r = http1.call(w.port, "POST", CHAT.path, CHAT.body(stream=True))
        assert r.status == 200, r.body
        return True

    until(lambda: call() and state(w, "a") != "ok", 10, "it fires")
    for _ in range(5):
        assert call()


def test_a_slow_call_is_rescued(weir, upstream):
    """response_time with `fallback`: who has not begun to answer by then is not waited for, where
    another can be asked; and one after another they make the alert fire."""
    a, b = upstream(default=stalls(4)), upstream(default=says(B))
    w = weir(
        a,
        b,
        extra="alerts: { response_time: { threshold: 300, action: fallback, minCalls: 3, "
        + FAST
        + " }, error_rate: { threshold: 0.01, action: notify, minCalls: 1 } }\n",
    )
    r = CHAT.ask(w.port)
    assert_served(CHAT, r, B.text, "b")
    record = w.access(r.get("x-weir-request-id"))
    assert 250 <= record["attempts"][0]["ms"] < 2000, record
    slow, wrong = "response_time", "error_rate"
    until(lambda: CHAT.ask(w.port).status == 200 and state(w, "a", slow) == "firing", 10, "it fires")
    assert row(w, name=wrong, provider="a")["value"] in (0, None)  # it was cut off, and did not fail
    assert state(w, "a", wrong) == "ok"


def test_a_slow_call_that_is_alone_is_waited_for(weir, upstream):
    def slow(x):
        x.pause(0.8)
        says(A)(x)

    w = weir(
        upstream(default=slow),
        extra="alerts: { response_time: { threshold: 300, action: fallback } }\n",
    )
    assert_served(CHAT, CHAT.ask(w.port), A.text, "a")


@pytest.fixture
def hook():
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        fails = 1

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            bad = Handler.fails > 0
            Handler.fails -= 1
            if not bad:
                got.append((self.path, json.loads(body)))
            self.send_response(503 if bad else 204)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port, got
    server.shutdown()
    server.server_close()


def test_a_webhook_is_told(weir, upstream, hook):
    """Also when it fails at first; its path, which is what gives access to it, is never logged."""
    port, got = hook
    more = f'{FAST}, name: trouble, webhook: "http://127.0.0.1:{port}/hook/secret-path?x=1"'
    a, b = upstream(default=refuses(500)), upstream(default=says(B))
    w = weir(two_targets(a, b, extra=errors(more=more)))
    until(lambda: CHAT.ask(w.port).status == 200 and got, 15, "the webhook is called")
    path, body = got[0]
    assert path == "/hook/secret-path?x=1"
    assert body["name"] == "trouble" and body["state"] == "firing" and body["provider"] == "a"
    assert "trouble of provider a fires" in body["text"] and body["action"] == "switch_provider"
    assert body["value"] > body["threshold"] == 0.2
    assert "secret-path" not in w.said()


def test_history_survives_a_restart(weir, upstream, tmp_path):
    a, b = upstream(default=refuses(500)), upstream(default=says(B))
    text = two_targets(a, b, extra=errors())
    w = weir(text)
    until(lambda: CHAT.ask(w.port).status == 200 and alerts(w)["history"], 10, "history")
    first = alerts(w)["history"][-1]
    w.stop()
    (w.folder / "data" / "alerts.history").open("a").write("no json\n{}\n")
    again = gateway.Gateway(w.folder, text)
    try:
        kept = alerts(again)["history"]
        assert first in kept and kept[0] == {}
    finally:
        again.stop()


def test_a_reload_keeps_what_fires(weir, upstream):
    a, b = upstream(default=refuses(500)), upstream(default=says(B))
    text = two_targets(a, b, extra=errors(more="window: 2s, hold: 60s"))
    w = weir(text)
    until(lambda: CHAT.ask(w.port).status == 200 and state(w, "a") == "firing", 10, "it fires")
    since = alerts(w)["data"][0]["since"]
    w.write_config(text + "timeouts: { total: 99s }\n")
    until(lambda: "generation 2" in w.said(), 5, "the reload")
    assert state(w, "a") == "firing" and alerts(w)["data"][0]["since"] == since
    assert CHAT.ask(w.port).get("x-weir-provider") == "b"
    w.write_config(text.replace("threshold: 0.2", "threshold: 0.3"))
    until(lambda: "generation 3" in w.said(), 5, "the reload")
    until(lambda: state(w, "a") == "ok", 5, "another rule begins anew")


def test_a_model_as_its_clients_see_it(weir, upstream):
    """`scope: model`: what was retried away is no failure; what was not is."""
    a, b = upstream(default=fails_at_times(A)), upstream(default=says(B))
    rule = f"{{ metric: error_rate, threshold: 0.1, scope: model, {FAST} }}"
    w = weir(a, b, extra=f"alerts: [ {rule} ]\n")
    for _ in range(8):
        assert CHAT.ask(w.port).status == 200
    until(lambda: alerts(w)["data"][0]["samples"] >= 8, 5, "they are counted")
    row = next(x for x in alerts(w)["data"] if x["model"] == "m")
    assert row["state"] == "ok"
    a.default = b.default = refuses(500)
    until(
        lambda: CHAT.ask(w.port).status >= 500
        and next(x for x in alerts(w)["data"] if x["model"] == "m")["state"] == "firing",
        10,
        "it fires",
    )


def test_a29_alerts_are_the_admins(weir, upstream):
    w = weir(upstream(), extra="admin: { key: the-admin }\nkeys: [ { key: a-key } ]\n")
    assert http1.call(w.port, "GET", "/api/v1/alerts").status in (401, 403)
    bad = http1.call(w.port, "GET", "/api/v1/alerts", headers=[("Authorization", "Bearer a-key")])
    assert bad.status in (401, 403)
    good = http1.call(
        w.port, "GET", "/api/v1/alerts", headers=[("Authorization", "Bearer the-admin")]
    )
    assert good.status == 200 and good.json == {"data": [], "history": []}


def test_a29_without_an_admin_key_alerts_are_this_machines(weir, upstream):
    w = weir(upstream(), extra="keys: [ { key: a-key } ]\n")
    assert alerts(w) == {"data": [], "history": []}
    foreign = [("Host", "weir.example"), ("Authorization", "Bearer a-key")]
    assert http1.call(w.port, "GET", "/api/v1/alerts", headers=foreign).status == 403


# ---- single targets and keys


def bad_key(turn, marks=("key-one",), answer=refuses(401)):
    """`answer` for calls with one of these keys, which must not be found out by their text."""

    def reply(x):
        bad = any(m in (x.request.get("authorization") or "") for m in marks)
        (answer if bad else says(turn))(x)

    return reply


def two_keys(text):
    return text.replace("apiKey: provider-secret-a", "apiKey: [ key-one, key-two ]")


def row(w, **want):
    found = [x for x in alerts(w)["data"] if all(x.get(k) == v for k, v in want.items())]
    assert len(found) == 1, (want, alerts(w)["data"])
    return found[0]


def test_a_target_alone_is_taken_out(weir, upstream):
    """scope: target. One model of a provider fails: that goes elsewhere, its neighbour stays."""
    often = fails_at_times(A)
    a = upstream(default=lambda x: (often if x.request.json["model"] == "up" else says(A))(x))
    b = upstream(default=says(B))
    rule = f"{{ metric: error_rate, threshold: 0.05, scope: target, action: switch_provider, {FAST} }}"
    text = two_targets(a, b, extra=f"alerts: [ {rule} ]\n").replace("[up]", "[up, next]")
    text = text.replace(
        "models:\n  - ",
        "models:\n  - { name: n, targets: [ { use: a/next }, { use: b/next } ], "
        "strategy: priority }\n  - ",
    )
    w = weir(text)
    with http1.Conn(w.port) as conn:

        def call(model="m"):
            r = conn.call("POST", CHAT.path, CHAT.body(model=model))
            assert r.status == 200, r.body
            return r.get("x-weir-provider")

        until(lambda: call() and row(w, target="a/up")["state"] == "firing", 10, "it fires")
        assert row(w, target="a/up")["provider"] == "a"
        until(lambda: call() == "b", 5, "b serves")
        assert [call("n") for _ in range(5)] == ["a"] * 5
        assert row(w, target="a/next")["state"] == "ok"
        a.default = says(A)
        until(lambda: call() == "a" and row(w, target="a/up")["state"] == "ok", 15, "it is back")
    assert "alert error_rate of target a/up fires" in w.said()


def test_a_key_alone_is_taken_out(weir, upstream):
    """scope: key. It fails with one key of two: the other serves, and nobody else is asked."""
    a = upstream(default=bad_key(A, answer=fails_at_times(A)))
    b = upstream(default=says(B))
    rule = f"{{ metric: error_rate, threshold: 0.05, scope: key, only: [a], action: switch_provider, {FAST} }}"
    w = weir(two_keys(two_targets(a, b, extra=f"alerts: [ {rule} ]\n")))
    with http1.Conn(w.port) as conn:

        def call():
            r = conn.call("POST", CHAT.path, CHAT.body())
            assert r.status == 200, r.body
            return r.get("x-weir-provider")

        def key_of_next():
            assert call() == "a"
            return a.requests[-1].get("authorization")[-7:]

        until(lambda: call() and row(w, key="a#1")["state"] == "firing", 15, "it fires")
        assert row(w, key="a#2")["state"] == "ok"
        until(lambda: key_of_next() == "key-two" == key_of_next(), 5, "the other key serves")
        assert [key_of_next() for _ in range(6)] == ["key-two"] * 6
    assert "key-one" not in w.said() and "alert error_rate of key a#1 fires" in w.said()


def metrics(w):
    return http1.call(w.port, "GET", "/metrics").body.decode()


FIRING = 'weir_alert_firing{alert="%s",scope="key",subject="a#1"} 1'


def test_U18_a_refused_key_is_an_alert(weir, upstream, hook):
    """Without a word in the file it is listed, told and kept; named by its place, never shown. It is
    over when the file has another one there."""
    port, got = hook
    a, b = upstream(default=bad_key(A)), upstream(default=says(B))
    text = two_keys(two_targets(a, b))
    w = weir(text)
    for _ in range(4):
        assert_served(CHAT, CHAT.ask(w.port), A.text, "a")  # with the other key
    seen = until(lambda: alerts(w)["data"], 5, "the alert")
    assert len(seen) == 1
    assert seen[0]["name"] == "key_refused" and seen[0]["state"] == "firing"
    assert (seen[0]["scope"], seen[0]["key"], seen[0]["provider"]) == ("key", "a#1", "a")
    assert "status 401" in seen[0]["why"] and seen[0]["since"]
    until(lambda: FIRING % "key_refused" in metrics(w), 5, "the metric")
    assert alerts(w)["history"][0]["state"] == "firing"
    assert "alert key_refused of key a#1 fires: provider a refuses the key (key 1 of 2" in w.said()
    done = subprocess.run(
        [gateway.binary(), "status", "--config", w.conf, "--data", w.folder / "data"],
        env=gateway.environment(w.folder),
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert "\nalert key_refused of key a#1: firing since 20" in done.stdout, done
    # A rule of the file says who is told from now on; what fires goes on.
    hook_of = f'alerts: {{ key_refused: {{ name: bad-key, webhook: "http://127.0.0.1:{port}/h" }} }}\n'
    w.write_config(text + hook_of)
    until(lambda: "generation 2" in w.said(), 5, "the reload")
    until(lambda: FIRING % "bad-key" in metrics(w), 5, "by its new name")
    assert alerts(w)["data"][0]["since"] == seen[0]["since"]
    # Another key in its place: over, and asked at once.
    w.write_config((text + hook_of).replace("key-one", "key-three"))
    until(lambda: got, 15, "the webhook")
    assert got[0][1]["name"] == "bad-key" and got[0][1]["state"] == "ok"
    assert "not in the configuration any more" in got[0][1]["text"]
    assert alerts(w)["data"] == [] and "weir_alert_firing{" not in metrics(w)
    for _ in range(2):
        assert_served(CHAT, CHAT.ask(w.port), A.text, "a")
    assert any("key-three" in (x.get("authorization") or "") for x in a.requests)
    told = json.dumps([got, alerts(w)]) + w.said() + metrics(w)
    assert not any(key in told for key in ("key-one", "key-two", "key-three"))


def test_U18_a_probe_brings_a_refused_key_back(weir, upstream):
    """Where `probe.path` shows the key it is tried again once that is answered, before its minute is
    over; a call is the judge, and ends the alert."""
    a, b = upstream(default=refuses(403)), upstream(default=says(B))
    text = two_targets(a, b).replace(
        "apiKey: provider-secret-a", "apiKey: provider-secret-a, probe: { every: 1s, path: /models }"
    )
    w = weir(text)
    assert_served(CHAT, CHAT.ask(w.port), B.text, "b")
    until(lambda: alerts(w)["data"], 5, "the alert")
    until(lambda: any(x.method == "GET" for x in a.requests), 5, "a probe")
    assert_served(CHAT, CHAT.ask(w.port), B.text, "b")  # that was refused as well
    a.default = says(A)
    until(lambda: CHAT.ask(w.port).get("x-weir-provider") == "a", 10, "a serves again")
    until(lambda: not alerts(w)["data"], 5, "it is over")
    assert "alert key_refused of key a#1 is over: its provider takes it again" in w.said()
    assert [x["state"] for x in alerts(w)["history"]] == ["ok", "firing"]


def test_U18_a_key_that_is_refused_still_after_a_restart(weir, upstream):
    """What is kept of it keeps it from being asked; the alert is there again when it is."""

    def knows_the_key_and_refuses(x):
        if x.request.method == "GET":
            return x.reply(200, {"data": []})
        return refuses(403)(x)

    a, b = upstream(default=knows_the_key_and_refuses), upstream(default=says(B))
    text = two_targets(a, b).replace(
        "apiKey: provider-secret-a", "apiKey: provider-secret-a, probe: { every: 1s, path: /models }"
    )
    w = weir(text)
    assert_served(CHAT, CHAT.ask(w.port), B.text, "b")
    until(lambda: alerts(w)["data"], 5, "the alert")
    w.stop()
    before = sum(x.method == "POST" for x in a.requests)
    w = weir(text, again=w)
    assert_served(CHAT, CHAT.ask(w.port), B.text, "b")
    assert sum(x.method == "POST" for x in a.requests) == before
    until(lambda: CHAT.ask(w.port).status == 200 and alerts(w)["data"], 15, "a probe, and a call")


def test_the_original_snippet(weir, upstream):
    """The words of the first description as they stand: 5 % of errors switch the provider, five
    seconds without an answer fall back."""
    snippet = """
metrics: [ response_time, error_rate, cost_per_token ]
alerts:
  error_rate: { threshold: 0.05, action: "switch_provider" }
  response_time: { threshold: 5000, action: "fallback" }
"""
    a, b = upstream(default=fails_at_times(A)), upstream(default=says(B))
    c = upstream(default=stalls(20))
    text = gateway.config(a, b, c, extra=snippet, timeouts="connect: 2s, firstByte: 30s, idle: 30s")
    text = text.replace(
        "targets: [ { use: a/up } ], fallback: [ mb, mc ]",
        "targets: [ { use: a/up }, { use: b/up } ], strategy: priority",
    ).replace("targets: [ { use: c/up } ]", "targets: [ { use: c/up } ], fallback: [ mb ]")
    w = weir(text)

    def fires():
        assert CHAT.ask(w.port).status == 200
        return row(w, name="error_rate", provider="a")["state"] == "firing"

    until(fires, 15, "the error rate of a")
    until(lambda: CHAT.ask(w.port).get("x-weir-provider") == "b", 5, "b serves")
    r = CHAT.ask(w.port, model="mc")
    assert_served(CHAT, r, B.text, "b")
    assert r.get("x-weir-fallback") == "mb"
    took = w.access(r.get("x-weir-request-id"))["attempts"][0]["ms"]
    assert 4900 <= took < 15000, took


def test_money_of_single_targets_and_keys(weir, upstream):
    """What a call cost is its target's and its key's, and nobody else's."""
    a = upstream(default=says(Turn(text="This is a.", input=600, output=400)))
    b = upstream(default=says(B))
    watch = [
        "{ metric: spend, threshold: 0.001, scope: key, window: 60s }",
        "{ metric: cost_per_token, threshold: 0.0005, scope: target, minCalls: 2, window: 60s }",
    ]
    text = two_keys(two_targets(a, b, extra=f"alerts: [ {', '.join(watch)} ]\n"))
    w = weir(text.replace("[up]", "[ { name: up, price: { input: 1000, output: 1000 } } ]", 1))
    for _ in range(4):  # a dollar each, and the keys take turns
        assert_served(CHAT, CHAT.ask(w.port), A.text, "a")

    def fires(**what):
        return row(w, **what)["state"] == "firing"

    until(lambda: fires(key="a#1") and fires(key="a#2"), 5, "both keys")
    until(lambda: fires(target="a/up"), 5, "the target")
    values = [row(w, key=f"a#{n}")["value"] for n in (1, 2)]
    assert values == [2, 2] and row(w, key="b#1")["value"] == 0
    assert abs(row(w, target="a/up")["value"] - 0.001) < 1e-9
    assert row(w, target="b/up")["value"] is None
