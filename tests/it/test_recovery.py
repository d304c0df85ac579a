# SPDX-License-Identifier: Apache-2.0
"""What is lost when providers fail: nothing, as long as somebody can serve. RELIABILITY §7."""

import time

import gateway
import http1
from fronts import CHAT, assert_served
from turns import Turn
from upstream import refuses, says

A = Turn(text="This is a.")


def one_model(*ups, regions=(), options="", extra="", strategy="weighted_round_robin"):
    """A configuration with one model, `m`, on all of these providers, `a`, `b`, …"""
    text, uses = "listen: 127.0.0.1:@PORT@\nworkers: 1\nproviders:\n", []
    for i, up in enumerate(ups):
        name = "abcdefgh"[i]
        row = "timeouts: { connect: 2s, firstByte: 5s, idle: 5s }"
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
