# SPDX-License-Identifier: Apache-2.0
"""What crosses threads, all at once: reloads, streams and calls on every worker, figures being read,
then the end. Of most use with the TSan build (script/test tsan); true with any."""

import itertools
import signal
import threading
import time

import gateway
import http1
import turns
from fronts import FRONTS
from turns import Turn
from upstream import RST, events, refuses, says

A, B = Turn(text="This is a. " * 20), Turn(text="This is b. " * 20)


class Client(threading.Thread):
    """Calls on one kept connection, streamed ones in turn with whole ones, until told to stop."""

    def __init__(self, port, front):
        super().__init__(daemon=True)
        self.port, self.front = port, front
        self.stopping, self.done, self.failed = False, 0, []

    def run(self):
        try:
            conn = http1.Conn(self.port, timeout=30)
            while not self.stopping:
                body = self.front.body(stream=self.done % 2 == 0)
                r = conn.call("POST", self.front.path, body)
                answer = self.front.read(r) if r.status == 200 and r.complete else None
                if answer is None or answer.text not in (A.text, B.text):
                    self.failed.append(repr(r))
                    return
                self.done += 1
                if r.get("connection") == "close":
                    return
        except (AssertionError, OSError) as broken:
            self.failed.append(f"after {self.done}: {broken!r}")


def test_reload_load_and_drain(weir, upstream):
    """20 reloads (two of them refused) under 16 connections, then SIGTERM in the middle of it: no
    call fails that had begun, and the process ends well."""
    a, b = upstream(default=says(A, gap=0.002)), upstream("anthropic", default=says(B, gap=0.002))
    w = weir(a, b, workers=4, extra="drain: { timeout: 20s, lameDuck: 200ms }\n")
    first = w.conf.read_text()
    second = first.replace("targets: [ { use: a/up } ]", "targets: [ { use: b/up } ]")
    assert first != second
    clients = [Client(w.port, FRONTS[i % 2]) for i in range(16)]
    for client in clients:
        client.start()
    for n in range(20):
        w.write_config("providers: [" if n in (7, 12) else (second, first)[n % 2])
        w.signal(signal.SIGHUP)
        if n % 5 == 0:
            w.signal(signal.SIGUSR1)
        for path in ("/health", "/metrics", "/readyz", "/v1/models"):
            assert http1.call(w.port, "GET", path, timeout=30).status == 200
        time.sleep(0.05)
    assert [f for c in clients for f in c.failed] == []
    assert sum(c.done for c in clients) >= 32 and a.hits and b.hits
    w.signal(signal.SIGTERM)
    time.sleep(0.1)
    w.signal(signal.SIGHUP)  # too late to matter
    assert w.wait_exit(30) == 0
    for client in clients:
        client.stopping = True
        client.join(10)
    # A kept connection may be closed between two calls; a call that was sent whole is answered.
    assert [f for c in clients for f in c.failed if "after" not in f] == []


def unsteady(turn):
    """Serves, fails, breaks off in mid-text and dawdles, in turn."""
    count = itertools.count()

    def answer(x):
        kind = next(count) % 6
        if kind == 1:
            refuses(503)(x)
        elif kind == 2 and x.request.streamed:
            listing = turns.stream(x.dialect, turn, "up", True)
            events(listing[:9], end=RST, kind=turns.stream_type(x.dialect))(x)
        elif kind == 3:
            x.pause(0.15)
            says(turn)(x)
        else:
            says(turn)(x)

    return answer


def goes_on(turn):
    def answer(x):
        last = x.request.json["messages"][-1]
        said = "".join(p["text"] for p in last["content"]) if last["role"] == "assistant" else ""
        says(Turn(text=turn.text[len(said) :]))(x)

    return answer


class Leaver(threading.Thread):
    """Asks with a long prompt, and leaves in the middle of the answer."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.stopping = port, False

    def run(self):
        body = FRONTS[0].body("long " * 20_000, stream=True)
        while not self.stopping:
            with http1.Conn(self.port, timeout=30) as conn:
                conn.request("POST", FRONTS[0].path, body)
                conn.more()
            time.sleep(0.02)


def test_recovery_on_all_workers(weir, upstream):
    """Retries, hedges, rescues, drains and the memory for replays, on four workers, while figures
    are read and the file is loaded anew: what they share holds, and every call ends well or with an
    error of its own language."""
    ups = [upstream("anthropic", default=unsteady(A)), upstream("anthropic", default=goes_on(A))]
    ups.append(upstream("anthropic", default=goes_on(A)))
    text = gateway.one_model(
        *ups,
        regions=("east", "west", "west"),
        of_provider="onDisconnect: drain, probe: { every: 1s, always: true }",
        options="hedge: { after: 50ms, max: 50% }, rescue: true",
        extra="limits: { replay: 300KiB }\nrouting: { breaker: { open: 200ms } }\n",
    )
    w = weir(text.replace("workers: 1", "workers: 4"))
    clients = [Client(w.port, FRONTS[i % 2]) for i in range(8)]
    leavers = [Leaver(w.port) for _ in range(4)]
    for one in clients + leavers:
        one.start()
    until = time.monotonic() + 3
    while time.monotonic() < until:
        for path in ("/health", "/metrics"):
            assert http1.call(w.port, "GET", path, timeout=30).status in (200, 503)
        w.signal(signal.SIGHUP)
        time.sleep(0.2)
    for one in clients + leavers:
        one.stopping = True
    for one in clients + leavers:
        one.join(30)
    assert sum(c.done for c in clients) >= 16
    # A budget of retries may be spent, and then the first error is the answer.
    odd = [f for c in clients for f in c.failed if "overloaded" not in f and "api_error" not in f]
    assert not [f for f in odd if "server_error" not in f and "service_unavailable" not in f], odd
    metrics = http1.call(w.port, "GET", "/metrics").body.decode()
    for name in ("weir_retries_total", "weir_answers_drained_total"):
        assert f"{name} 0\n" not in metrics, name
