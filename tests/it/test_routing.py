# SPDX-License-Identifier: Apache-2.0
"""Where a call goes, how often, and what arrives there: targets, weights, fallback, health."""

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import gateway
import pytest
import http1
from fronts import CHAT, MESSAGES, assert_error, assert_served
from turns import Turn
from upstream import refuses, says

A, B = Turn(text="This is a."), Turn(text="This is b.")


def test_attempts_are_bounded(weir, upstream, front):
    """RELIABILITY §7: at most three attempts, whatever the list of targets."""
    ups = [upstream(default=refuses(500)) for _ in range(6)]
    r = front.ask(weir(*ups).port)
    assert r.status >= 500
    assert sum(up.hits for up in ups) <= 3
    assert r.get("x-weir-attempts") == str(sum(up.hits for up in ups))


def test_fallback_switched_off(weir, upstream, front):
    a, b = upstream(default=refuses(500)), upstream(default=says(B))
    r = front.ask(weir(a, b, extra="routing: { fallback: false }\n").port)
    assert r.status in (500, 502) and b.hits == 0


def test_targets_of_one_model_back_each_other(weir, upstream, front):
    """Not only fallback models: another target of the same model takes over too."""
    a, b = upstream(default=refuses(500)), upstream(default=says(B))
    text = gateway.config(a, b).replace(
        "{ use: a/up } ]", "{ use: a/up, weight: 50 }, { use: b/up, weight: 50 } ]"
    )
    w = weir(text)
    for _ in range(6):
        assert_served(front, front.ask(w.port), B.text, "b")


def test_weights_share_the_calls(weir, upstream):
    a, b = upstream(default=says(A)), upstream(default=says(B))
    text = gateway.config(a, b).replace(
        "{ use: a/up } ]", "{ use: a/up, weight: 75 }, { use: b/up, weight: 25 } ]"
    )
    w = weir(text)
    with http1.Conn(w.port) as conn:
        for _ in range(80):
            assert conn.call("POST", CHAT.path, CHAT.body()).status == 200
    assert a.hits + b.hits == 80 and 45 <= a.hits <= 74, (a.hits, b.hits)


def targets(*ups, strategy):
    """One logical model with these targets and a way to choose among them."""
    names = [f"{{ use: {chr(97 + i)}/up }}" for i in range(len(ups))]
    lists = f"targets: [ {', '.join(names)} ], strategy: {strategy}"
    text = gateway.config(*ups).replace("targets: [ { use: a/up } ]", lists, 1)
    assert lists in text
    return text


def ask_often(w, times):
    with http1.Conn(w.port) as conn:
        for _ in range(times):
            assert conn.call("POST", CHAT.path, CHAT.body()).status == 200


def test_strategies_in_turn(weir, upstream):
    for strategy, least, most in (("round_robin", 20, 20), ("priority", 40, 40), ("random", 8, 32)):
        a, b = upstream(default=says(A)), upstream(default=says(B))
        ask_often(weir(targets(a, b, strategy=strategy)), 40)
        assert least <= a.hits <= most and a.hits + b.hits == 40, (strategy, a.hits, b.hits)


def slow(seconds, turn):
    def answer(x):
        x.pause(seconds)
        says(turn)(x)

    return answer


@pytest.mark.parametrize("strategy", ["lowest_latency", "balanced"])
def test_strategies_that_learn(weir, upstream, strategy):
    """The slower target is tried, and then hardly any more."""
    a, b = upstream(default=slow(0.06, A)), upstream(default=says(B))
    w = weir(targets(a, b, strategy=strategy))
    ask_often(w, 60)
    assert a.hits >= 1 and b.hits >= 45, (a.hits, b.hits)


def test_lowest_cost(weir, upstream):
    """Own prices in the configuration decide; what has none is no bargain."""
    a, b, c = upstream(default=says(A)), upstream(default=says(B)), upstream(default=says(A))
    text = targets(a, b, c, strategy="lowest_cost")
    for dollars in (5, 1):
        price = f"{{ name: up, price: {{ input: {dollars}, output: {dollars} }} }}"
        text = text.replace("models: [up]", f"models: [ {price} ]", 1)
    ask_often(weir(text), 20)
    assert (a.hits, b.hits, c.hits) == (0, 20, 0)


def test_the_request_that_arrives(weir, upstream, front, back):
    """What the provider gets: its own model name and key, one length, nothing of the client's."""
    up = upstream(back)
    w = weir(up)
    assert_served(front, front.ask(w.port, key="client-key"), "Hello there.")
    got = up.requests[0]
    assert got.json["model"] == "up" and got.get("host") == f"127.0.0.1:{up.port}"
    assert int(got.get("content-length")) == len(got.body) and got.all("transfer-encoding") == []
    assert got.target.endswith("/v1/messages" if back == "anthropic" else "/v1/chat/completions")
    if back == "anthropic":
        assert got.get("x-api-key") == "provider-secret-a" and got.get("anthropic-version")
    else:
        assert got.get("authorization") == "Bearer provider-secret-a"
    assert "client-key" not in repr(got.headers)


# ---- health


def test_U14_a_broken_provider_is_left_alone(weir, upstream):
    """One of three targets answers 500: the clients see nothing, and soon it is asked no more."""
    a, b, c = upstream(default=refuses(500)), upstream(default=says(A)), upstream(default=says(A))
    text = gateway.config(a, b, c).replace(
        "{ use: a/up } ]", "{ use: a/up }, { use: b/up }, { use: c/up } ]", 1
    )
    w = weir(text)
    with http1.Conn(w.port) as conn:
        for _ in range(100):
            assert_served(CHAT, conn.call("POST", CHAT.path, CHAT.body()), A.text)
    assert 5 <= a.hits <= 12, a.hits
    assert abs(b.hits - c.hits) < 30, (b.hits, c.hits)


def test_U15_all_broken(weir, upstream, front):
    """Everything answers 503: fast errors, hardly more load on the providers than was offered,
    recovery."""
    ups = [upstream(default=refuses(503)) for _ in range(3)]
    w = weir(*ups)
    started = time.monotonic()
    with http1.Conn(w.port) as conn:
        for _ in range(60):
            conn.request("POST", front.path, front.body(), front.auth(None))
            assert_error(front, conn.response(), "overloaded", "unavailable", "upstream")
    assert time.monotonic() - started < 10
    assert sum(up.hits for up in ups) <= 60 * 1.2 + 6, [up.hits for up in ups]


def test_U15_the_budget_of_retries_is_the_routes_own(weir, upstream, front):
    """§7: with three retries of `m` under way its next call has none, while `n` has its own; a
    reload forgets nothing."""
    over = threading.Event()

    def waits(x):
        over.wait(25)
        refuses(500)(x)

    a, b = upstream(default=refuses(500)), upstream(default=waits)
    c, d = upstream(default=refuses(500)), upstream(default=says(A))
    n = "  - { name: n, targets: [ { use: c/up } ], fallback: [ md ] }\n"
    patient = "connect: 2s, firstByte: 30s, idle: 30s"
    text = gateway.config(a, b, c, d, extra=n, timeouts=patient)
    w = weir(text.replace("[ mb, mc, md ]", "[ mb ]"))

    def attempts(model="m"):
        r = front.ask(w.port, model=model)
        assert r.get("x-weir-attempts"), r
        return r, int(r.get("x-weir-attempts"))

    with ThreadPoolExecutor(3) as pool:
        first = [pool.submit(attempts) for _ in range(3)]
        gateway.until(lambda: b.hits == 3, 20, "three retries under way")
        r, tried = attempts()
        assert r.status >= 500 and tried == 1
        r, tried = attempts("n")
        assert_served(front, r, A.text)
        assert tried == 2
        w.signal(signal.SIGHUP)
        gateway.until(lambda: "generation 2" in w.said(), 10, "the reload")
        assert attempts()[1] == 1
        # Named directly, it is the provider's budget.
        r, tried = attempts("c/up")
        assert r.status >= 500 and tried == 2
        over.set()
        assert min(f.result()[1] for f in first) >= 2


# ---- sessions


def sticky(*ups, by="session"):
    return targets(*ups, strategy=f"sticky, stickyBy: '{by}'")


def served_by(r):
    assert r.status == 200, r.body
    return r.get("x-weir-provider")


def test_sticky_holds_a_session(weir, upstream, front):
    """Each session stays, all targets have some; the same on two workers and after a restart."""
    ups = [upstream(default=says(A)) for _ in range(3)]
    homes = {}
    for _ in range(2):
        w = weir(sticky(*ups).replace("workers: 1", "workers: 2"))
        for turn in range(3):
            for i in range(24):
                home = served_by(front.ask(w.port, headers=[("x-weir-session", f"s{i}")]))
                assert homes.setdefault(i, home) == home, (turn, i)
    assert set(homes.values()) == {"a", "b", "c"}


def test_the_log_says_what_belongs_together(weir, upstream):
    """A stand-in for the session, where routing looked at it: replays know what is warm by it."""
    w = weir(sticky(upstream(default=says(A)), upstream(default=says(B))))
    seen = []
    for name in ("one", "two", "one"):
        r = CHAT.ask(w.port, headers=[("x-weir-session", name)])
        seen.append(w.access(r.get("x-weir-request-id"))["session"])
    assert seen[0] == seen[2] != seen[1] and "one" not in seen[0], seen
    plain = weir(upstream(default=says(A)))
    assert "session" not in plain.access(CHAT.ask(plain.port).get("x-weir-request-id"))


def test_sticky_by_what_the_client_says(weir, upstream):
    """Nobody names a session: the beginning of the conversation is one. Claude Code's body is one,
    and so is OpenAI's cache key."""
    ups = [upstream(default=says(A)) for _ in range(3)]
    w = weir(sticky(*ups))
    first = [{"role": "user", "content": "one"}]
    more = [*first, {"role": "assistant", "content": "1"}, {"role": "user", "content": "two"}]
    for n in range(6):
        first[0]["content"] = f"conversation {n}"
        assert served_by(CHAT.ask(w.port, messages=first)) == served_by(
            CHAT.ask(w.port, messages=more)
        )
    for n in range(6):
        user = {"user_id": f"user_1_account__session_{n}"}
        homes = {served_by(MESSAGES.ask(w.port, f"q{i}", metadata=user)) for i in range(4)}
        assert len(homes) == 1
        homes = {served_by(CHAT.ask(w.port, f"q{i}", prompt_cache_key=f"k{n}")) for i in range(4)}
        assert len(homes) == 1


def test_sticky_by_a_conversation_of_openais(weir, upstream):
    """Its messages are kept there, so each turn is another text."""
    ups = [upstream("openai-responses", default=says(A)) for _ in range(3)]
    w = weir(sticky(*ups))
    for n in range(8):
        homes = set()
        for i in range(4):
            body = {"model": "m", "input": f"turn {i}", "conversation": f"conv_{n}"}
            homes.add(served_by(http1.call(w.port, "POST", "/v1/responses", body)))
        assert len(homes) == 1


def test_sticky_by_header_and_user(weir, upstream):
    ups = [upstream(default=says(A)) for _ in range(3)]
    w = weir(sticky(*ups, by="header:x-tenant"))
    for n in range(8):
        homes = {
            served_by(CHAT.ask(w.port, f"q{i}", headers=[("X-Tenant", f"t{n}")])) for i in range(4)
        }
        assert len(homes) == 1
    w = weir(sticky(*ups, by="user"))
    for n in range(8):
        homes = {served_by(CHAT.ask(w.port, f"q{i}", user=f"u{n}")) for i in range(4)}
        assert len(homes) == 1


@pytest.mark.parametrize("by", ["metadata:who.tenant", "body:/metadata/who/tenant", "body:/x~1y/0"])
def test_sticky_by_any_field(weir, upstream, by):
    """A member of the metadata by its path, or any field by a JSON pointer; who has none is held by
    the conversation."""
    ups = [upstream(default=says(A)) for _ in range(3)]
    w = weir(sticky(*ups, by=by))
    homes = {}
    for n in range(8):
        fields = {"metadata": {"who": {"tenant": f"t{n}"}}, "x/y": [f"t{n}", "no"]}
        got = {served_by(CHAT.ask(w.port, f"q{i}", **fields)) for i in range(4)}
        assert len(got) == 1
        homes[n] = got.pop()
    assert set(homes.values()) == {"a", "b", "c"}
    assert len({served_by(CHAT.ask(w.port, f"q{i}")) for i in range(24)}) == 3


def test_a_turn_by_its_id_is_of_the_same_session(weir, upstream):
    """previous_response_id: the provider keeps the conversation, so the turn has none of its words."""
    ups = [upstream("openai-responses", default=says(A)) for _ in range(3)]
    w = weir(sticky(*ups))
    for n in range(6):
        seen, last = set(), {}
        for turn in range(3):
            body = {"model": "m", "input": f"{n}: turn {turn}", **last}
            r = http1.call(w.port, "POST", "/v1/responses", body)
            record = w.access(r.get("x-weir-request-id"))
            seen.add((served_by(r), record["session"]))
            last = {"previous_response_id": r.json["id"]}
        assert len(seen) == 1, seen
    body = {"model": "m", "input": "q", "previous_response_id": "resp_of_another_day"}
    homes = {served_by(http1.call(w.port, "POST", "/v1/responses", body)) for _ in range(4)}
    assert len(homes) == 1


def test_sticky_leaves_a_dead_target_and_comes_back(weir, upstream):
    """Not one call is lost, only the dead one's sessions move, and each comes home."""
    ups = {name: upstream(default=says(A)) for name in "abc"}
    w = weir(sticky(*ups.values()))

    def home(i):
        return served_by(CHAT.ask(w.port, headers=[("x-session-id", f"s{i}")]))

    homes = {i: home(i) for i in range(30)}
    assert set(homes.values()) == {"a", "b", "c"}
    ups["b"].default = refuses(429, headers=[("retry-after", "1")])
    for _ in range(2):
        moved = {i: home(i) for i in range(30)}
        assert "b" not in moved.values()
        assert all(moved[i] == homes[i] for i in homes if homes[i] != "b")
    ups["b"].default = says(A)
    gateway.until(lambda: all(home(i) == homes[i] for i in homes), 60, "all sessions are back")
