# SPDX-License-Identifier: Apache-2.0
"""Rate limits: what providers say of theirs is heard, what the file allows is kept, and a 429 that
could be foreseen reaches nobody."""

import json
import threading
import time

import gateway
import http1
import pytest
from fronts import CHAT, MESSAGES, assert_served
from gateway import until
from turns import Turn
from upstream import Door, refuses, says

A, B = Turn(text="This is a."), Turn(text="This is b.")


class Limited:
    """An upstream that serves `limit` calls in `seconds`, says in each answer what is left, and
    refuses the rest: as providers do."""

    def __init__(self, limit, seconds, turn=A, style="openai"):
        self.limit, self.seconds, self.turn, self.style = limit, seconds, turn, style
        self.lock, self.times, self.refused, self.served = threading.Lock(), [], 0, 0

    def headers(self, left, reset):
        if self.style == "openai":
            return [
                ("x-ratelimit-limit-requests", self.limit),
                ("x-ratelimit-remaining-requests", left),
                ("x-ratelimit-reset-requests", f"{int(reset * 1000)}ms"),
            ]
        if self.style == "window":  # nothing comes back before the reset: OpenRouter
            return [
                ("X-RateLimit-Limit", self.limit),
                ("X-RateLimit-Remaining", left),
                ("X-RateLimit-Reset", int((time.time() + reset) * 1000) + 1000),
            ]
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + reset + 1))
        return [
            ("anthropic-ratelimit-requests-limit", self.limit),
            ("anthropic-ratelimit-requests-remaining", left),
            ("anthropic-ratelimit-requests-reset", at),
        ]

    def __call__(self, x):
        with self.lock:
            now = time.monotonic()
            self.times = [t for t in self.times if now - t < self.seconds]
            ok = len(self.times) < self.limit
            if ok:
                self.times.append(now)
                self.served += 1
            else:
                self.refused += 1
            left = self.limit - len(self.times)
            reset = self.times[-1] + self.seconds - now
            headers = self.headers(left, reset)
        if ok:
            says(self.turn, headers=headers)(x)
        else:
            refuses(429, headers=[*headers, ("retry-after", int(reset) + 1)])(x)


def pool(ups, strategy="usage", rows=("", ""), workers=1):
    text = f"listen: 127.0.0.1:@PORT@\nworkers: {workers}\nproviders:\n"
    for name, up, row in zip("ab", ups, rows):
        text += gateway.provider(name, up, "[up]", row)
    targets = ", ".join(f"{{ use: {n}/up }}" for n in "ab"[: len(ups)])
    return text + f"models:\n  - {{ name: m, targets: [ {targets} ], strategy: {strategy} }}\n"


def ask_often(port, times, front=CHAT):
    """The statuses of so many calls on one connection."""
    with http1.Conn(port) as conn:
        return [conn.call("POST", front.path, front.body()).status for _ in range(times)]


@pytest.mark.parametrize("style", ["openai", "anthropic"])
def test_usage_goes_where_there_is_room(weir, upstream, style):
    """Two keys of different size fill evenly, and neither is asked beyond its limit."""
    small, large = Limited(10, 60, A, style), Limited(40, 60, B, style)
    w = weir(pool([upstream(default=small), upstream(default=large)]))
    statuses = ask_often(w.port, 40)
    assert statuses == [200] * 40
    assert small.refused + large.refused == 0
    assert 5 <= small.served <= 10 and large.served >= 30, (small.served, large.served)


@pytest.mark.parametrize("strategy", ["usage", "weighted_round_robin", "balanced"])
def test_a_storm_is_foreseen(weir, upstream, strategy):
    """More calls than all may take: each provider is asked once more, for what it said may be
    wrong; then none is, and the caller is told when to come again."""
    a, b = Limited(10, 30, A), Limited(15, 30, B)
    w = weir(pool([upstream(default=a), upstream(default=b)], strategy))
    statuses = ask_often(w.port, 60)
    assert a.served + b.served >= 23
    assert statuses.count(200) == a.served + b.served
    assert set(statuses) == {200, 429}
    assert a.refused + b.refused <= 4, (a.refused, b.refused)
    r = CHAT.ask(w.port)
    assert r.status == 429 and 1 <= int(r.get("retry-after")) <= 45, r.headers


def test_many_at_once(weir, upstream):
    """Calls under way count, for what a provider said of what is left is old at once. Each of the
    ten that are there when nothing is left asks both once, and no call asks after the first 429."""
    a, b = Limited(30, 60, A), Limited(30, 60, B)

    def slowly(limited):
        def answer(x):
            x.pause(0.05)
            limited(x)

        return answer

    w = weir(pool([upstream(default=slowly(a)), upstream(default=slowly(b))]))
    assert ask_often(w.port, 4) == [200] * 4  # now the limits are known
    results = []
    threads = [
        threading.Thread(target=lambda: results.extend(ask_often(w.port, 8))) for _ in range(10)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert set(results) <= {200, 429} and len(results) == 80
    assert results.count(200) >= 40
    assert a.refused + b.refused <= 20, (a.refused, b.refused)


def test_room_comes_back(weir, upstream):
    """A limit that was used up is used again after its reset; one call asked in vain, no more."""
    a = Limited(3, 3.5, style="window")
    w = weir(pool([upstream(default=a)]))
    assert ask_often(w.port, 3) == [200] * 3
    assert CHAT.ask(w.port).status == 429
    gateway.until(lambda: CHAT.ask(w.port).status == 200, what="room")
    assert a.refused <= 1


def test_a_wrong_word_refuses_nobody(weir, upstream):
    """A provider that says nothing is left, and serves: the only one there is. It is asked."""
    left = [("x-ratelimit-limit", 2), ("x-ratelimit-remaining", 0), ("x-ratelimit-reset", 30)]
    w = weir(upstream(default=says(A, headers=left)))
    assert ask_often(w.port, 6) == [200] * 6


def test_silence_ends_a_limit(weir, upstream):
    """A provider whose limit was used up, and that tells none any more, is not held back for a
    minute: after a few good answers it has its callers again, and more of them than it ever let
    through."""
    told = refuses(
        429,
        headers=[
            ("x-ratelimit-limit-requests", 5),
            ("x-ratelimit-remaining-requests", 0),
            ("x-ratelimit-reset-requests", "100ms"),
            ("retry-after-ms", 100),
        ],
    )
    a, b = upstream("openai", told, default=says(A)), upstream(default=says(B))
    w = weir(pool([a, b], "priority"))
    assert CHAT.ask(w.port).status == 200
    assert (a.hits, b.hits) == (1, 1)

    def is_back():
        CHAT.ask(w.port)
        return a.hits > 1

    until(is_back, what="calls at a")
    elsewhere = b.hits
    assert ask_often(w.port, 20) == [200] * 20
    assert b.hits == elsewhere


def test_silence_is_no_limit(weir, upstream):
    a, b = upstream(default=says(A)), upstream(default=says(B))
    assert ask_often(weir(pool([a, b])).port, 20) == [200] * 20
    assert a.hits == b.hits == 10  # in turn, as nobody's room is known


# ---- what the file allows


def test_rpm_of_the_file(weir, upstream, front):
    """`limits.rpm` is kept exactly, and counts for all workers together."""
    a, b = upstream(default=says(A)), upstream(default=says(B))
    w = weir(pool([a, b], "priority", ("limits: { rpm: 5 }", ""), workers=2))
    for _ in range(12):
        assert front.ask(w.port).status == 200
    assert 5 <= a.hits <= 6 and a.hits + b.hits == 12


def test_rpm_of_the_only_one(weir, upstream, front):
    a = upstream(default=says(A))
    w = weir(pool([a], rows=("limits: { rpm: 2 }",)))
    assert [front.ask(w.port).status for _ in range(3)] == [200, 200, 429]
    assert a.hits == 2


def test_tpm_of_the_file(weir, upstream):
    """Tokens as reported count, not the guess that was made before."""
    many = Turn(text="This is a.", input=700, output=400)
    a, b = upstream(default=says(many)), upstream(default=says(B))
    w = weir(pool([a, b], "priority", ("limits: { tpm: 1000 }", "")))
    for _ in range(8):
        assert CHAT.ask(w.port).status == 200
    assert a.hits == 1


def test_concurrency_of_the_file(weir, upstream):
    def slowly(x):
        x.pause(0.4)
        says(A)(x)

    a, b = upstream(default=slowly), upstream(default=says(B))
    w = weir(pool([a, b], "priority", ("limits: { concurrency: 2 }", "")))
    texts = []
    threads = [threading.Thread(target=lambda: texts.append(CHAT.ask(w.port))) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert [r.status for r in texts] == [200] * 6
    assert a.hits <= 2 and a.hits + b.hits == 6
    assert_served(CHAT, CHAT.ask(w.port), A.text)  # it was given back


# ---- waiting for room


def waited(w):
    text = http1.call(w.port, "GET", "/metrics").body.decode()
    return int(text.split("\nweir_calls_waited_total ")[1].split("\n")[0])


def asking(w, answers, text="hi"):
    t = threading.Thread(target=lambda: answers.append(CHAT.ask(w.port, text)))
    t.start()
    return t


def lone(up, wait, limit=1):
    text = pool([up], "priority", (f"limits: {{ concurrency: {limit} }}",))
    return text + f"routing: {{ wait: {wait} }}\n"


def prepared(attempt):
    """What two calls wait for must happen within the two seconds that a call may wait at most. Where
    the machine was too slow for that, and one was refused, nothing is proven: once more."""
    for _ in range(8):
        if attempt():
            return
    pytest.fail("never were both calls served within their wait")


def test_a_call_waits_for_room(weir, upstream):
    """Nobody else could serve it, and one call may be under way: it is the next, not refused."""
    a = upstream()
    w = weir(lone(a, "2s"))

    def attempt():
        a.default, answers = (door := Door(says(A))), []
        hits, others = a.hits, waited(w)
        threads = [asking(w, answers)]
        until(lambda: a.hits == hits + 1, 30)
        threads += [asking(w, answers) for _ in range(2)]
        until(lambda: waited(w) == others + 2, 30, "two wait")
        assert a.hits == hits + 1
        door.open.set()
        for t in threads:
            t.join()
        assert door.most == 1
        if [r.status for r in answers] != [200] * 3:
            return False
        records = [w.access(r.get("x-weir-request-id")) for r in answers]
        assert sorted("waited_ms" in x for x in records) == [False, True, True]
        return True

    prepared(attempt)


def test_room_is_not_waited_for_forever(weir, upstream):
    """It gets the 429 that it would have had at first; with `wait: 0` it has it at first."""
    for wait, least in (("200ms", 0.19), ("0", 0)):
        door = Door(says(A))
        a = upstream(default=door)
        w = weir(lone(a, wait))
        first = asking(w, [])
        until(lambda: a.hits == 1, 5)
        began = time.monotonic()
        r = CHAT.ask(w.port)
        assert r.status == 429 and int(r.get("retry-after")) >= 1, r.body
        assert time.monotonic() - began >= least
        assert waited(w) == (least > 0)
        door.open.set()
        first.join()
        assert a.hits == 1
    a = upstream(default=refuses(500))
    w = weir(lone(a, "1s"))
    for _ in range(8):
        assert CHAT.ask(w.port).status >= 500
    assert waited(w) == 0  # it is broken: that is nothing to wait for


def test_the_newest_goes_first_under_overload(weir, upstream):
    """Once the oldest has waited for half of what it may, who came last is served first: its client
    is still there."""
    a = upstream()
    w = weir(lone(a, "2s"))

    def attempt():
        a.default = door = Door(says(A))
        hits, others, answers = a.hits, waited(w), []
        threads = [asking(w, answers)]
        until(lambda: a.hits == hits + 1, 30)
        for i, word in enumerate(("old", "new")):
            threads.append(asking(w, answers, word))
            until(lambda i=i: waited(w) == others + i + 1, 30)
            time.sleep(1.1 if word == "old" else 0)
        door.open.set()
        for t in threads:
            t.join()
        if [r.status for r in answers] != [200] * 3:
            return False
        assert a.requests[hits + 1].json["messages"][0]["content"] == "new"
        return True

    prepared(attempt)


def test_D2_who_leaves_while_waiting_is_never_sent(weir, upstream):
    door, answers = Door(says(A)), []
    a = upstream(default=door)
    w = weir(lone(a, "2s"))
    first = asking(w, answers)
    until(lambda: a.hits == 1, 5)
    with http1.Conn(w.port) as conn:
        conn.send(http1.format_request("POST", CHAT.path, CHAT.body()))
        until(lambda: waited(w) == 1, 5)
    until(lambda: b"weir_client_gone_total 1" in http1.call(w.port, "GET", "/metrics").body, 5)
    door.open.set()
    first.join()
    assert CHAT.ask(w.port).status == 200 and a.hits == 2


# ---- prompt caches


LONG = "You are a helpful agent. " * 400  # ten thousand characters: a cache takes it


def conversation(who, turns):
    """The messages of a session's turn, as an agent sends them: all that was said before, too."""
    said = [{"role": "system", "content": LONG}]
    for i in range(turns + 1):
        said.append({"role": "user", "content": f"{who} asks {i} " + "please " * 300})
        said.append({"role": "assistant", "content": f"answer {i}"})
    return said[:-1]


class Caching:
    """An upstream that refuses while `down`, and else reports most of a long prompt as cached."""

    def __init__(self, name, cached=2500):
        self.name, self.cached, self.down, self.hits = name, cached, False, 0

    def __call__(self, x):
        self.hits += 1
        if self.down:
            return refuses(503)(x)
        says(Turn(text=f"This is {self.name}.", input=3000 - self.cached, cached=self.cached))(x)


def caching_pool(ups, strategy, prices=("", ""), workers=1):
    text = pool(ups, strategy, workers=workers)
    for price in prices:
        if price:
            text = text.replace("models: [up]", f"models: [ {{ name: up, price: {price} }} ]", 1)
    return text


@pytest.mark.parametrize("workers", [1, 2])
def test_cache_aware_goes_where_it_is_warm(weir, upstream, workers):
    """The first turns of all conversations were served by b, as a was down: there they stay, though
    a is back, and others begin where they like."""
    a, b = Caching("a"), Caching("b")
    w = weir(caching_pool([upstream(default=a), upstream(default=b)], "cache_aware", workers=workers))
    a.down = True
    for who in range(6):
        assert CHAT.ask(w.port, messages=conversation(who, 0)).status == 200
    a.down, a.hits, b.hits = False, 0, 0
    time.sleep(1.1)  # a's one failure is no breaker; workers have told each other
    for turn in (1, 2, 3):
        for who in range(6):
            assert CHAT.ask(w.port, messages=conversation(who, turn)).status == 200
    assert b.hits >= 17, (a.hits, b.hits)


def test_what_is_warm_outlives_a_restart(weir, upstream):
    """A provider's cache does not end with this process."""
    a, b = Caching("a"), Caching("b")
    text = caching_pool([upstream(default=a), upstream(default=b)], "cache_aware", workers=2)
    w = weir(text)
    a.down = True
    for who in range(4):
        assert CHAT.ask(w.port, messages=conversation(who, 0)).status == 200
    w.stop()
    a.down, a.hits, b.hits = False, 0, 0
    w = weir(text, again=w)
    seen = json.loads(http1.call(w.port, "GET", "/api/v1/targets").body)["targets"]
    assert {t["provider"]: t["warm_prefixes"] > 0 for t in seen} == {"a": False, "b": True}
    for who in range(4):
        assert CHAT.ask(w.port, messages=conversation(who, 1)).status == 200
    assert b.hits >= 3, (a.hits, b.hits)


def test_a_cached_prompt_is_cheaper(weir, upstream):
    """lowest_cost counts what is cached at the price of what is cached."""
    a, b = Caching("a"), Caching("b")
    prices = ("{ input: 1, cacheRead: 0.1, output: 1 }", "{ input: 2, cacheRead: 0.1, output: 1 }")
    w = weir(caching_pool([upstream(default=a), upstream(default=b)], "lowest_cost", prices))
    a.down = True
    assert CHAT.ask(w.port, messages=conversation("x", 3)).status == 200
    a.down, a.hits, b.hits = False, 0, 0
    for turn in (4, 5):
        assert CHAT.ask(w.port, messages=conversation("x", turn)).status == 200
    assert (a.hits, b.hits) == (0, 2)
    assert CHAT.ask(w.port, text="a short question").status == 200  # nothing of it is cached
    assert (a.hits, b.hits) == (1, 2)
