# SPDX-License-Identifier: Apache-2.0
"""RELIABILITY §0.3: no data of one caller is ever seen by another, whatever happens around them;
and what a thousand calls leave behind."""

import random
import threading
import time

import http1
from agent import text_of
from fronts import CHAT, FRONTS
from gateway import sanitized, until
from turns import Tool, Turn, prelude
from turns import stream as stream_of
from upstream import CLOSE, RST, events, refuses, says

WORDS = [c * 40 for c in "abcdefghijklmnopqrstuvwxyz"]


def secret(caller, n):
    """A text that only this call may see: long enough to span reads, and recognisable in pieces."""
    chance = random.Random(caller * 1000 + n)
    return f"<{caller}.{n}>" + "".join(chance.choices(WORDS, k=20)) + f"</{caller}.{n}>"


def echo_or_break(x):
    """Answers with the question as text, as a tool argument, or with a failure of some kind."""
    asked = text_of(x.request.json["messages"][-1]["content"])
    turn = Turn(text=asked, tools=(Tool("call_1", "f", {"echo": asked}),), pieces=37)
    fate = x.request.connection * 7 + len(x.connection.requests)
    if fate % 11 == 3 and x.request.streamed:
        listing = stream_of(x.dialect, turn)[: len(prelude(x.dialect)) + fate % 5]
        return events(listing, (RST, CLOSE)[fate % 2])(x)
    if fate % 13 == 5:
        return refuses(500, asked)(x)
    return says(turn)(x)


class Caller(threading.Thread):
    """Asks one thing after another, sometimes leaving in the middle; keeps what was wrong."""

    def __init__(self, w, number, calls):
        super().__init__(daemon=True)
        self.w, self.number, self.calls = w, number, calls
        self.front = FRONTS[number % 2]
        self.faults, self.whole = [], 0

    def run(self):
        conn = None
        for n in range(self.calls):
            try:
                conn = self.one(conn or http1.Conn(self.w.port), n)
            except (AssertionError, OSError, LookupError, ValueError) as fault:
                self.faults.append(f"{self.number}.{n}: {fault!r}")
                conn = None

    def one(self, conn, n):
        mine = secret(self.number, n)
        body = self.front.body(mine, stream=n % 3 > 0, tools=("f",))
        conn.request("POST", self.front.path, body, self.front.auth(None))
        if n % 10 == 9:
            conn.more()
            conn.reset()
            return None
        r = conn.response()
        if r.status == 200:
            answer = self.front.read(r)
            assert mine.startswith(answer.text), f"another's text: {answer.text!r}"
            if answer.ended:
                assert (answer.text, answer.tools) == (mine, [("call_1", "f", {"echo": mine})])
                self.whole += 1
            else:
                assert answer.error, r
        else:
            assert r.status >= 500 and b"</" not in r.body, r
        if r.get("connection") == "close":
            conn.close()
            return None
        return conn


def test_everyone_gets_their_own(weir, upstream):
    """16 callers of both languages at once, on two workers and providers of both dialects, among
    resets, errors and callers who leave."""
    a, b = upstream("openai", default=echo_or_break), upstream("anthropic", default=echo_or_break)
    w = weir(a, b, workers=2)
    callers = [Caller(w, n, 60) for n in range(16)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(120)
        assert not caller.is_alive()
    assert [f for caller in callers for f in caller.faults] == []
    assert sum(caller.whole for caller in callers) > 300


def test_S_memory_stays_flat(weir, upstream):
    """Two thousand calls of all kinds: memory and descriptors are those of the first hundred."""
    ups = [upstream("openai", default=echo_or_break), upstream("anthropic", default=echo_or_break)]
    w = weir(*ups)

    def calls(n):
        with http1.Conn(w.port) as conn:
            for i in range(n):
                front = FRONTS[i % 2]
                body = front.body(f"question {i}", ("m", "mb")[i % 4 > 1], i % 3 > 0)
                conn.request("POST", front.path, body, front.auth(None))
                conn.response()

    calls(300)
    memory, fds = w.rss(), w.fds()
    calls(1700)
    grown = w.rss() - memory
    assert grown < (12 << 20 if sanitized() else 2 << 20), f"{grown >> 10} KiB more"
    until(lambda: w.fds() <= fds + 2, what=f"{fds} descriptors again (there are {w.fds()})")


def test_large_prompts_in_both_directions(weir, upstream, front, back):
    """Ten megabytes there, five back, streamed and not, beside small calls that don't notice."""
    up = upstream(back, default=says(Turn(text="answer " * 700_000, pieces=100_000)))
    small = upstream("openai", default=says(Turn(text="small")))
    w = weir(up, small)
    slowest, stop = [0.0], threading.Event()

    def others():
        while not stop.is_set():
            started = time.monotonic()
            assert CHAT.read(CHAT.ask(w.port, model="mb")).text == "small"
            slowest[0] = max(slowest[0], time.monotonic() - started)

    beside = threading.Thread(target=others, daemon=True)
    beside.start()
    before = w.rss()
    for stream in (False, True):
        r = front.ask(w.port, text="\u00e9x\n" * 2_500_000, stream=stream)
        answer = front.read(r)
        assert r.status == 200 and answer.ended and answer.text == "answer " * 700_000
    stop.set()
    beside.join(10)
    assert not beside.is_alive() and slowest[0] < (3 if not sanitized() else 10), slowest
    assert w.rss() - before < (100 << 20), f"{(w.rss() - before) >> 20} MiB more"
