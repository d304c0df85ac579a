# SPDX-License-Identifier: Apache-2.0
"""RELIABILITY U38, D26: TLS towards a provider whose certificate is wrong, and towards clients."""

import re
import signal
import socket
import ssl
import threading
import time

import pytest

import gateway
import http1
from fronts import CHAT, assert_error, assert_served, assert_stream_error
from turns import Turn, prelude
from turns import stream as stream_of
from upstream import events, says

A, B = Turn(text="This is the text of provider a."), Turn(text="This is b.")


def server(certs, name="good", **settings):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs / f"{name}.pem")
    for key, value in settings.items():
        setattr(context, key, value)
    return context


def trusting(certs):
    return f"caFile: {certs}/ca.pem"


# ---- towards providers


def test_U38_a_good_certificate(weir, upstream, certs, front, back):
    up = upstream(back, default=says(A), tls=server(certs))
    w = weir(up, options=trusting(certs))
    for stream in (False, True, True):
        assert_served(front, front.ask(w.port, stream=stream), A.text)
    assert len(up.connections) == 1, "the connection was not kept"
    assert up.requests[0].get("host") == f"localhost:{up.port}"


@pytest.mark.parametrize("name", ["expired", "wrong", "stranger", "self"])
def test_U38_a_bad_certificate(weir, upstream, certs, front, name):
    a, b = upstream(tls=server(certs, name)), upstream(default=says(B))
    alone, backed = weir(a, options=trusting(certs)), weir(a, b, options=trusting(certs))
    r = front.ask(alone.port)
    error = assert_error(front, r, "upstream")
    assert not re.search(
        r"cert|expire|localhost|verif|self", error["message"], re.I
    ), "details belong into the log"
    assert a.hits == 0
    assert_served(front, front.ask(backed.port), B.text, "b")
    reasons = r"expired|hostname mismatch|self.signed|issuer|unable to (get|verify)"
    alone.wait_log(lambda rec: re.search(reasons, repr(rec), re.I), what="the reason is in the log")


def test_U38_the_systems_authorities_are_the_default(weir, upstream, certs):
    up = upstream(tls=server(certs))
    assert_error(CHAT, CHAT.ask(weir(up).port), "upstream")
    assert up.hits == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_U38_old_tls(weir, upstream, certs, front):
    context = server(certs)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    up = upstream(tls=context)
    assert_error(front, front.ask(weir(up, options=trusting(certs)).port), "upstream")
    assert up.hits == 0


@pytest.mark.parametrize("how", ["close", "reset", "garbage", "stall"])
def test_U38_a_handshake_that_breaks(weir, upstream, certs, front, how):
    def accept(connection):
        connection.read(64)
        if how == "garbage":
            connection.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        if how == "stall":
            connection.pause(10)
        (connection.reset if how == "reset" else connection.close)()
        return True

    a, b = upstream(tls=server(certs), on_accept=accept), upstream(default=says(B))
    started = time.monotonic()
    times = "connect: 500ms, tls: 500ms"
    r = front.ask(weir(a, options=trusting(certs), timeouts=times).port)
    (
        assert_error(front, r, "upstream", "timeout")
        if how == "stall"
        else assert_error(front, r, "upstream")
    )
    assert_served(
        front, front.ask(weir(a, b, options=trusting(certs), timeouts=times).port), B.text, "b"
    )
    assert time.monotonic() - started < 8


def test_U38_close_without_notify_in_mid_body(weir, upstream, certs, front, back):
    """The TCP connection ends below TLS: truncation, never a proper end."""
    listing = stream_of(back, A)[: len(prelude(back)) + 2]

    def cut(x):
        socket.socket(fileno=x.connection.sock.detach()).close()
        x.keep = False

    up = upstream(back, default=events(listing, cut, framing="close"), tls=server(certs))
    r = front.ask(weir(up, options=trusting(certs)).port, stream=True)
    assert r.status == 200 and r.complete
    assert_stream_error(front, front.read(r), "upstream")


# ---- towards clients


@pytest.fixture
def secure(weir, upstream, certs):
    """A gateway that listens with TLS, and a client's context that trusts it. Readiness is asked by
    TLS."""
    up = upstream(default=says(A))
    w = weir(
        gateway.config(up) + f"tls: {{ cert: {certs}/good.crt, key: {certs}/good.key }}\n"
        "clientTimeouts: { handshake: 500ms }\n",
        wait=False,
    )
    client = ssl.create_default_context(cafile=certs / "ca.pem")

    def ready():
        assert w.process.poll() is None, w.said()
        try:
            return http1.call(
                w.port, "GET", "/health", tls=client, headers=[("Host", "localhost")]
            ).status
        except OSError:
            return None

    gateway.until(ready, 10, "weir answers /health")
    return w, client


def test_D26_tls_listener(secure, front):
    w, client = secure
    for stream in (False, True):
        r = front.ask(w.port, stream=stream, tls=client)
        assert_served(front, r, A.text)
    with http1.Conn(w.port, tls=client) as conn:
        assert conn.sock.version() in ("TLSv1.2", "TLSv1.3")
        for _ in range(3):
            conn.request("POST", front.path, front.body(), front.auth(None))
            assert_served(front, conn.response(), A.text)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_D26_old_tls_is_refused(secure, version):
    w, _ = secure
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = getattr(ssl.TLSVersion, version)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        http1.Conn(w.port, tls=old)


def test_D26_plain_http_on_the_tls_port(secure):
    w, client = secure
    with http1.Conn(w.port) as conn:
        conn.send(http1.format_request("POST", CHAT.path, CHAT.body()))
        data = conn.rest()
    assert b"200 OK" not in data
    assert_served(CHAT, CHAT.ask(w.port, tls=client), A.text)


def test_D26_a_handshake_has_a_deadline(secure):
    w, client = secure
    with http1.Conn(w.port) as silent, http1.Conn(w.port) as slow:
        started = time.monotonic()
        slow.send(b"\x16\x03\x01\x02\x00\x01")
        assert_served(CHAT, CHAT.ask(w.port, tls=client), A.text)
        assert silent.ended() and (slow.ended() or slow.eof)
        assert time.monotonic() - started < 4


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x48\x00" + b"\x01" * 18432,
        b"\x16\x03\x01\xff\xff" + b"\x01\x00\xff\xff" * 9000,
        b"\x80\x2e\x01\x00\x02",
        b"\x16\x03\x01\x00\x00" * 2000,
        b"\x15\x03\x01\x00\x02\x02\x28",
    ],
    ids=["oversize", "huge", "sslv2", "empty", "alert"],
)
def test_D26_broken_hellos(secure, data):
    w, client = secure
    with http1.Conn(w.port) as conn:
        conn.send_quietly(data)
        conn.rest()
    assert_served(CHAT, CHAT.ask(w.port, tls=client), A.text)


def test_D26_records_of_one_byte(secure):
    """Every byte of the request a TLS record of its own."""
    w, client = secure
    with http1.Conn(w.port, tls=client) as conn:
        for byte in http1.format_request("POST", CHAT.path, CHAT.body(), host="localhost"):
            conn.send(bytes([byte]))
        assert_served(CHAT, conn.response(), A.text)


def test_D27_http2_is_not_offered(secure, certs):
    """ALPN: who speaks both gets HTTP/1.1, who speaks HTTP/2 alone gets no connection."""
    w, _ = secure

    def context(*protocols):
        c = ssl.create_default_context(cafile=certs / "ca.pem")
        c.set_alpn_protocols(protocols)
        return c

    with http1.Conn(w.port, tls=context("h2", "http/1.1")) as conn:
        assert conn.sock.selected_alpn_protocol() == "http/1.1"
        assert conn.call("GET", "/livez", headers=[("Host", "localhost")]).status == 200
    with pytest.raises((ssl.SSLError, ConnectionError)):
        http1.Conn(w.port, tls=context("h2"))


# ---- a certificate is replaced while weir serves


@pytest.fixture
def renewed(weir, upstream, certs, tmp_path):
    """A gateway whose certificate lies in files of its own; a way to replace them as certbot does,
    and to see which one a new connection is shown."""
    live = tmp_path / "live"
    live.mkdir()

    def install(name, kinds=("crt", "key")):
        for kind in kinds:
            new = live / f"new.{kind}"
            new.write_bytes((certs / f"{name}.{kind}").read_bytes())
            new.replace(live / f"weir.{kind}")

    install("good")
    up = upstream(default=says(A))
    text = gateway.config(up, workers=2) + f"tls: {{ cert: {live}/weir.crt, key: {live}/weir.key }}\n"
    w = weir(text, wait=False)
    client = ssl.create_default_context()
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE

    def shown():
        with http1.Conn(w.port, tls=client) as conn:
            return conn.sock.getpeercert(binary_form=True)

    def is_shown(name):
        want = ssl.PEM_cert_to_DER_cert((certs / f"{name}.crt").read_text())
        try:  # on both workers, so more than once
            return all(shown() == want for _ in range(8))
        except OSError:
            return False

    gateway.until(lambda: is_shown("good"), 10, "weir shows its certificate")
    w.install, w.is_shown, w.client, w.live = install, is_shown, client, live
    return w


@pytest.mark.parametrize("how", ["files", "hup"])
def test_D26_P3_a_renewed_certificate(renewed, front, how):
    """New connections are shown the new one, those that are open go on, and none fails meanwhile."""
    w = renewed
    failed, done, stop = [], [], threading.Event()

    def load():
        while not stop.is_set():
            try:
                done.append(front.ask(w.port, tls=w.client).status)
            except (OSError, http1.Ended) as e:
                failed.append(e)

    loads = [threading.Thread(target=load) for _ in range(3)]
    with http1.Conn(w.port, tls=w.client) as kept:
        for one in loads:
            one.start()
        for name in ("self", "good", "stranger"):
            w.install(name)
            if how == "hup":
                w.signal(signal.SIGHUP)
            gateway.until(lambda: w.is_shown(name), 5, f"the certificate {name} is shown")
            kept.request("POST", front.path, front.body(), front.auth(None))
            assert_served(front, kept.response(), A.text)
        stop.set()
        for one in loads:
            one.join(10)
    assert failed == [] and set(done) == {200} and len(done) > 20


def test_D26_P12_a_bad_certificate_changes_nothing(renewed):
    w = renewed

    def ready():
        return http1.call(w.port, "GET", "/readyz", tls=w.client)

    for break_it in (
        lambda: (w.live / "weir.crt").write_text("-----BEGIN CERTIFICATE-----\nno\n"),
        lambda: (w.install("good"), w.install("self", ["key"])),
    ):
        break_it()
        gateway.until(lambda: b"the new certificate was refused" in ready().body, 5, "a word of it")
        assert ready().status == 200 and w.is_shown("good")
        assert "certificate_error" in http1.call(w.port, "GET", "/health", tls=w.client).json
        assert "the old one stays in force" in w.said()
    w.install("self")
    gateway.until(lambda: w.is_shown("self"), 5, "the next good one is shown")
    assert ready().body == b"ready\n"


def test_D26_P12_a_reload_with_a_bad_certificate_is_refused_whole(renewed, certs):
    """Neither its models nor its certificate."""
    w = renewed
    old = w.conf.read_text()
    bad = old.replace("weir.key", "other.key").replace("name: m,", "name: changed,")
    (w.live / "other.key").write_bytes((certs / "self.key").read_bytes())
    w.write_config(bad)
    gateway.until(lambda: "does not belong" in w.said() or "mismatch" in w.said(), 5, "the refusal")
    assert CHAT.ask(w.port, model="changed", tls=w.client).status == 404
    assert_served(CHAT, CHAT.ask(w.port, tls=w.client), A.text)
    assert w.is_shown("good")
    w.write_config(bad.replace("other.key", "weir.key"))
    gateway.until(lambda: CHAT.ask(w.port, model="changed", tls=w.client).status == 200, 5, "it")


@pytest.mark.parametrize("renew", [False, True], ids=["same", "renewed"])
def test_D26_sessions_over_a_reload(renewed, renew):
    """Where the certificate is the same, a reload makes nobody shake hands anew."""
    w = renewed

    def connect(session=None):
        raw = socket.create_connection(("127.0.0.1", w.port), 10)
        with w.client.wrap_socket(raw, server_hostname="localhost", session=session) as s:
            s.sendall(http1.format_request("GET", "/livez", host="localhost"))
            assert b"200" in s.recv(4096)
            return s.session, s.session_reused

    session, _ = connect()
    assert connect(session)[1]
    if renew:
        w.install("self")
        gateway.until(lambda: w.is_shown("self"), 5, "the new certificate")
    else:
        w.signal(signal.SIGHUP)
        gateway.until(lambda: "generation 2" in w.said(), 5, "the reload")
        time.sleep(0.2)
    assert connect(session)[1] == (not renew)
