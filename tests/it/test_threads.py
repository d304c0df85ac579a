# SPDX-License-Identifier: Apache-2.0
"""What crosses threads, all at once: reloads, streams and calls on every worker, figures being read,
then the end. Of most use with the TSan build (script/test tsan); true with any."""

import signal
import threading
import time

import http1
from fronts import FRONTS
from turns import Turn
from upstream import says

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
