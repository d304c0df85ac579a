# SPDX-License-Identifier: Apache-2.0
"""RELIABILITY §3.4, the process: draining, reloading, broken configs and logs."""

import os
import signal
import socket
import subprocess
import threading
import time

import pytest

import gateway
import http1
from fronts import CHAT, FRONTS, assert_error, assert_served, assert_stream_error
from gateway import binary, environment, until
from turns import Turn, prelude
from turns import stream as stream_of
from upstream import says

A, B = Turn(text="This is the text of provider a."), Turn(text="This is b.")


def held(back, release):
    """A stream that stands still after some content until `release` is set."""
    listing = stream_of(back, A)
    at = len(prelude(back)) + 1

    def answer(x):
        x.head(200, (), "chunked", "text/event-stream")
        for one in listing[:at]:
            x.data(one)
        while not release.is_set():
            x.pause(0.02)
        for one in listing[at:]:
            x.data(one)
        x.write(b"0\r\n\r\n")

    return answer


def open_streams(w, n, model="m"):
    conns = []
    for i in range(n):
        front = FRONTS[i % 2]
        conn = http1.Conn(w.port)
        conn.request("POST", front.path, front.body(model=model, stream=True), front.auth(None))
        conn.front = front
        conns.append(conn)
    for conn in conns:
        until(lambda: b"This" in conn.buffer or not conn.more(), 10, "the first content")
    return conns


def refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return False
    except ConnectionRefusedError:
        return True


# ---- drain


def test_P1_sigterm_with_live_streams(weir, upstream):
    """Not ready at once, no new connections soon, streams end well; what is left at the end of the
    drain gets an error of its dialect; exit 0."""
    soon, never = threading.Event(), threading.Event()
    a, b = upstream(default=held("openai", soon)), upstream(
        "anthropic", default=held("anthropic", never)
    )
    w = weir(
        a, b, timeouts="idle: 30s", workers=2, extra="drain: { timeout: 3s, lameDuck: 500ms }\n"
    )
    ending, staying = open_streams(w, 160), open_streams(w, 40, "mb")
    assert http1.call(w.port, "GET", "/readyz").status == 200
    w.signal(signal.SIGTERM)
    started = time.monotonic()
    until(lambda: http1.call(w.port, "GET", "/readyz").status == 503, 0.4, "/readyz says no")
    until(lambda: refused(w.port), 2, "the listener is closed")
    soon.set()
    for conn in ending:
        assert_served(conn.front, conn.response(), A.text)
    for conn in staying:
        r = conn.response()
        assert r.complete
        assert_stream_error(conn.front, conn.front.read(r), "unavailable")
        assert conn.ended()
    assert 2.5 < time.monotonic() - started < 6
    assert w.wait_exit(3) == 0


def test_P1_no_live_streams(weir, upstream):
    w = weir(upstream(), extra="drain: { timeout: 30s, lameDuck: 300ms }\n")
    with http1.Conn(w.port) as conn:
        assert conn.call("POST", CHAT.path, CHAT.body()).status == 200
        started = time.monotonic()
        w.signal(signal.SIGTERM)
        assert conn.ended()
    assert w.wait_exit(5) == 0
    assert time.monotonic() - started < 3


def test_P1_keep_alive_clients_are_sent_away(weir, upstream):
    """During lame duck a call is still served; then its connection ends too."""
    w = weir(upstream(), extra="drain: { timeout: 5s, lameDuck: 1s }\n")
    with http1.Conn(w.port) as conn:
        assert conn.call("POST", CHAT.path, CHAT.body()).status == 200
        w.signal(signal.SIGTERM)
        until(lambda: http1.call(w.port, "GET", "/readyz").status == 503, 0.8)
        with http1.Conn(w.port) as late:
            r = late.call("POST", CHAT.path, CHAT.body())
            assert r.status in (200, 503)
            assert late.ended()


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_P2_second_signal_stops_at_once(weir, upstream, second):
    w = weir(
        upstream(default=held("openai", threading.Event())),
        timeouts="idle: 30s",
        extra="drain: 20s\n",
    )
    conns = open_streams(w, 10)
    w.signal(signal.SIGTERM)
    time.sleep(0.2)
    assert w.process.poll() is None
    w.signal(second)
    started = time.monotonic()
    assert w.wait_exit(3) == 0
    assert time.monotonic() - started < 2
    for conn in conns:
        assert b"[DONE]" not in conn.rest()


# ---- reload


class Load(threading.Thread):
    """Calls without a pause until told to stop; what failed is kept."""

    def __init__(self, w, front, keep_alive, expected):
        super().__init__(daemon=True)
        self.w, self.front, self.keep_alive, self.expected = w, front, keep_alive, expected
        self.stopping, self.done, self.failed = False, 0, []

    def run(self):
        conn = None
        while not self.stopping and len(self.failed) < 5:
            try:
                conn = conn or http1.Conn(self.w.port)
                r = conn.call(
                    "POST",
                    self.front.path,
                    self.front.body(stream=self.done % 2 == 0),
                    self.front.auth(None),
                )
                text = self.front.read(r).text if r.status == 200 and r.complete else None
                if text not in self.expected:
                    self.failed.append(repr(r))
                self.done += 1
                if not self.keep_alive or r.get("connection") == "close":
                    conn.close()
                    conn = None
            except (AssertionError, OSError) as broken:
                self.failed.append(f"after {self.done}: {broken!r}")
                conn = None


def test_P3_reload_twenty_times_under_load(weir, upstream):
    """No call fails, on kept and new connections; each is answered by the old or the new config."""
    a, b = upstream(default=says(A)), upstream("anthropic", default=says(B))
    w = weir(a, b, workers=2)
    first = w.conf.read_text()
    second = first.replace(
        "{ name: m, targets: [ { use: a/up } ]", "{ name: m, targets: [ { use: b/up } ]"
    )
    assert first != second
    loads = [Load(w, FRONTS[i % 2], i % 4 < 3, (A.text, B.text)) for i in range(8)]
    for load in loads:
        load.start()
    for n in range(20):
        w.write_config(second if n % 2 == 0 else first)
        w.signal(signal.SIGHUP)
        time.sleep(0.1)
    for load in loads:
        load.stopping = True
    for load in loads:
        load.join(20)
    assert [f for load in loads for f in load.failed] == []
    assert sum(load.done for load in loads) > 100 and a.hits and b.hits


def test_P4_live_streams_keep_their_config(weir, upstream):
    """P15 too: a provider that a reload removes serves its streams to the end; new calls go
    elsewhere."""
    release = threading.Event()
    a, b = upstream(default=held("openai", release)), upstream(default=says(B))
    w = weir(a, b, timeouts="idle: 30s")
    conns = open_streams(w, 20)
    w.write_config(gateway.config(b))
    w.signal(signal.SIGHUP)
    models = lambda: http1.call(w.port, "GET", "/v1/models").text  # noqa: E731
    until(lambda: '"mb"' not in models(), 5, "the new config is live")
    assert_served(CHAT, CHAT.ask(w.port), B.text)
    assert_error(CHAT, CHAT.ask(w.port, model="mb"), "not_found")
    release.set()
    for conn in conns:
        assert_served(conn.front, conn.response(), A.text)
    assert_served(CHAT, CHAT.ask(w.port), B.text)


def test_a_changed_file_is_noticed(weir, upstream):
    """Without a signal too."""
    a, b = upstream(default=says(A)), upstream(default=says(B))
    w = weir(a)
    assert_served(CHAT, CHAT.ask(w.port), A.text)
    w.write_config(gateway.config(b))
    until(lambda: CHAT.read(CHAT.ask(w.port)).text == B.text, 5, "the new config is live")
    w.conf.write_text(w.conf.read_text().replace("name: m,", "name: renamed,"))  # written in place
    until(lambda: CHAT.ask(w.port, model="renamed").status == 200, 5, "the new config is live")


def test_P12_a_bad_config_changes_nothing(weir, upstream):
    a = upstream(default=says(A))
    w = weir(a)
    good = w.conf.read_text()
    for bad in (
        "providers: [",
        good + "nonsense: true\n",
        good.replace("use: a/up", "use: nobody/up"),
        "",
    ):
        w.write_config(bad)
        at = len(w.said())
        w.signal(signal.SIGHUP)
        until(lambda: "weir.yaml" in w.said()[at:] or bad == "", 5, "the fault is in the log")
        assert_served(CHAT, CHAT.ask(w.port), A.text)
    w.conf.unlink()
    w.signal(signal.SIGHUP)
    time.sleep(0.2)
    assert_served(CHAT, CHAT.ask(w.port), A.text)
    w.write_config(good.replace("name: m,", "name: renamed,"))
    w.signal(signal.SIGHUP)
    until(lambda: CHAT.ask(w.port, model="renamed").status == 200, 5, "a good config again")


def test_P12_readyz_tells_of_a_refused_config(weir, upstream):
    w = weir(upstream())
    w.write_config("providers: [")
    w.signal(signal.SIGHUP)
    until(lambda: b"config" in http1.call(w.port, "GET", "/readyz").body, 5, "/readyz tells of it")
    assert http1.call(w.port, "GET", "/readyz").status == 200


# ---- weir check


def check(folder, text, name="weir.yaml", env=None):
    if text is not None:
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    done = subprocess.run(
        [gateway.binary(), "check", "--config", folder / name],
        capture_output=True,
        text=True,
        env=gateway.environment(folder, env),
        timeout=20,
        stdin=subprocess.DEVNULL,
    )
    said = done.stdout + done.stderr
    assert not gateway.SANITIZER.search(said), said
    return done.returncode, said


GOOD = gateway.config(
    ("openai", "http://127.0.0.1:9/v1"), ("anthropic", "http://127.0.0.1:9")
).replace("@PORT@", "3999")


def test_P12_check_says_yes(tmp_path):
    status, said = check(tmp_path, GOOD)
    assert status == 0, said


@pytest.mark.parametrize(
    "text,line,column",
    [
        (GOOD + "nonsense: true\n", GOOD.count("\n") + 1, 1),
        (GOOD.replace("workers: 1", "workers: many"), 2, 10),
        (GOOD.replace("dialect: openai", "dialect: klingon"), 4, None),
        (GOOD.replace("use: a/up", "use: zz/up"), None, None),
        (GOOD + "models: []\n", None, None),
        (GOOD.replace("provider-secret-a", "${NOT_SET_ANYWHERE}"), 4, None),
        (GOOD.replace("listen: 127.0.0.1:3999", "listen: 127.0.0.1:99999"), 1, None),
        ("providers: {", None, None),
        (GOOD.replace("name: mb,", "name: m,"), None, None),
        (GOOD.replace("name: b,", "name: a,"), None, None),
        (b"\xff\xfe" + GOOD.encode(), None, None),
        (GOOD.encode().replace(b"provider-secret-a", b"a\xffb"), 4, None),
        (GOOD.replace("idle: 5s", "idle: 5 parsecs"), 4, None),
        (GOOD + "\tx: y\n", None, None),
        ("[1, 2]", 1, 1),
        (GOOD.replace("http://127.0.0.1:9/v1", "gopher://x"), 4, None),
    ],
    ids=[
        "unknown-key",
        "wrong-type",
        "dialect",
        "target",
        "twice",
        "env",
        "port",
        "cut",
        "model-twice",
        "provider-twice",
        "utf16",
        "bad-utf8",
        "unit",
        "tab",
        "list",
        "scheme",
    ],
)
def test_P12_check_says_where(tmp_path, text, line, column):
    status, said = check(tmp_path, text)
    assert status == 2, said
    where = [w.split(":") for w in said.split() if "weir.yaml:" in w]
    assert where and all(len(w) >= 3 and w[1].isdigit() and w[2].isdigit() for w in where), said
    if line:
        assert any(int(w[1]) == line for w in where), said
    if column:
        assert any(int(w[2]) == column for w in where), said
    assert "provider-secret" not in said


def test_P12_cut_at_any_byte(tmp_path):
    """Whatever is left of a config: accepted, or refused with a place; never a crash."""
    data = GOOD.encode()
    verdicts = set()
    for k in range(0, len(data), 23):
        status, said = check(tmp_path, data[:k])
        assert status in (0, 2), (k, said)
        assert status == 0 or "weir.yaml:" in said, (k, said)
        verdicts.add(status)
    assert 2 in verdicts


def test_P12_unreadable_and_missing(tmp_path):
    assert check(tmp_path, None, "missing.yaml")[0] == 2
    (tmp_path / "folder.yaml").mkdir()
    assert check(tmp_path, None, "folder.yaml")[0] == 2


def test_P13_no_regular_file(tmp_path):
    """A FIFO is not waited for, a 100 MB file not read, a symlink is followed."""
    os.mkfifo(tmp_path / "fifo.yaml")
    started = time.monotonic()
    assert check(tmp_path, None, "fifo.yaml")[0] == 2
    assert time.monotonic() - started < 3
    with open(tmp_path / "large.yaml", "wb") as f:
        f.truncate(100 << 20)
    assert check(tmp_path, None, "large.yaml")[0] == 2
    (tmp_path / "real.yaml").write_text(GOOD)
    (tmp_path / "link.yaml").symlink_to("real.yaml")
    assert check(tmp_path, None, "link.yaml")[0] == 0


def test_P13_renamed_while_it_is_read(weir, upstream):
    """Many replacements in a row: one of them is live at the end, whole."""
    a, b = upstream(default=says(A)), upstream(default=says(B))
    w = weir(a, b)
    first = w.conf.read_text()
    second = first.replace("use: a/up", "use: b/up")
    for n in range(60):
        w.write_config(second if n % 2 else first)
        if n % 3 == 0:
            w.signal(signal.SIGHUP)
    assert_served(
        CHAT,
        until(lambda: (r := CHAT.ask(w.port)).get("x-weir-provider") == "b" and r),
        B.text,
        "b",
    )
    assert "error" not in "".join(r.get("level", "") for r in w.log())


# ---- logs and signals


def test_P11_log_on_a_full_disk(weir, upstream, front):
    """/dev/full takes no byte: calls go on."""
    w = weir(upstream(), extra="log: { to: /dev/full, access: /dev/full }\n")
    for _ in range(200):
        assert front.ask(w.port).status == 200


def test_P27_signals_that_mean_nothing(weir, upstream):
    w = weir(upstream(), workers=2)
    loads = [Load(w, front, True, ("Hello there.",)) for front in FRONTS]
    for load in loads:
        load.start()
    for n in range(300):
        w.signal(
            (signal.SIGPIPE, signal.SIGCHLD, signal.SIGWINCH, signal.SIGCONT, signal.SIGURG)[n % 5]
        )
        time.sleep(0.002)
    for load in loads:
        load.stopping = True
        load.join(10)
    assert [f for load in loads for f in load.failed] == [] and all(load.done for load in loads)


def test_P29_log_rotation(weir, upstream, tmp_path):
    log = tmp_path / "access.log"
    w = weir(upstream(), extra=f"log: {{ access: {log} }}\n")
    first = CHAT.ask(w.port).get("x-weir-request-id")
    until(lambda: log.exists() and first in log.read_text(), what="the first record")
    log.rename(tmp_path / "access.log.1")
    w.signal(signal.SIGUSR1)
    until(log.exists, what="the log is opened anew")
    second = CHAT.ask(w.port).get("x-weir-request-id")
    until(lambda: second in log.read_text(), what="the second record")
    assert first not in log.read_text() and second not in (tmp_path / "access.log.1").read_text()


@pytest.mark.parametrize("how", ["moved", "deleted", "hup", "hup-first"])
def test_P29_a_log_that_was_moved_away(weir, upstream, tmp_path, how):
    """The next record makes the file anew, asked for by a signal or not."""
    log = tmp_path / "access.log"
    w = weir(upstream(), extra=f"log: {{ access: {log} }}\n")
    first = CHAT.ask(w.port).get("x-weir-request-id")
    until(lambda: log.exists() and first in log.read_text(), what="the first record")
    if how == "deleted":
        log.unlink()
    else:
        log.rename(tmp_path / "access.log.1")
    if how.startswith("hup"):
        w.signal(signal.SIGHUP)
    if how == "hup-first":
        until(log.exists, what="the log is opened anew, before there is a record")
    ids = [CHAT.ask(w.port).get("x-weir-request-id") for _ in range(3)]
    until(lambda: log.exists() and ids[-1] in log.read_text(), what="the last record")
    assert all(i in log.read_text() for i in ids) and first not in log.read_text()


def test_check_says_what_takes_a_restart(weir, upstream):
    w = weir(upstream(), extra="log: { access: off }\n")
    check = [str(binary()), "check", "--config", str(w.conf), "--data", str(w.folder / "data")]

    def run():
        return subprocess.run(
            check, env=environment(w.folder), capture_output=True, text=True, timeout=20
        )

    assert "listen, workers and log.access, which take a restart" in run().stderr
    w.write_config(w.conf.read_text().replace("workers: 1", "workers: 2"))
    until(lambda: "workers and log.access take a restart" in w.said(), what="the log says so too")
    w.stop()
    assert "restart" not in run().stderr


def test_P29_a_log_reader_that_stalls(weir, upstream, tmp_path):
    """A FIFO that nobody empties must not hold up a call."""
    fifo = tmp_path / "access.fifo"
    os.mkfifo(fifo)
    keep = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    w = weir(upstream(), extra=f"log: {{ access: {fifo} }}\n")
    with http1.Conn(w.port) as conn:
        for _ in range(600):
            assert conn.call("POST", CHAT.path, CHAT.body()).status == 200
    w.stop()
    os.close(keep)


def test_the_access_record(weir, upstream, front, back):
    w = weir(upstream(back))
    r = front.ask(w.port, stream=True)
    record = w.access(r.get("x-weir-request-id"))
    assert (record["status"], record["provider"], record["model"]) == (200, "a", "m")
    w.stop()
    for line in w.said().splitlines():
        if line.startswith("{"):
            assert "hi" not in line.split('"'), "a body in the log"


@pytest.mark.parametrize("path", ["/health", "/livez", "/readyz", "/metrics", "/v1/models"])
def test_the_small_doors(weir, upstream, path):
    w = weir(upstream())
    r = http1.call(w.port, "GET", path)
    assert r.status == 200 and r.complete, r
    if path == "/health":
        got = r.json
        assert (
            got["status"] == "healthy"
            and got["version"]
            and got["uptime_s"] >= 0
            and got["timestamp"]
        )
        assert "a" in got["providers"] and got["system"]["rss_bytes"] > 0
    elif path == "/metrics":
        assert b"weir_" in r.body and (r.get("content-type") or "").startswith("text/plain")
    elif path == "/v1/models":
        assert [m["id"] for m in r.json["data"]][0] == "m"
    if path != "/metrics":
        h = http1.call(w.port, "HEAD", path)
        assert h.status == 200 and h.body == b""


def test_count_tokens(weir, upstream):
    w = weir(upstream())
    body = {"model": "m", "messages": [{"role": "user", "content": "word " * 200}]}
    r = http1.call(w.port, "POST", "/v1/messages/count_tokens", body)
    assert r.status == 200 and 150 <= r.json["input_tokens"] <= 450, r
