# SPDX-License-Identifier: Apache-2.0
"""Providers behind an HTTP proxy: a tunnel for https, absolute-form for http, and what a proxy that
fails looks like to the client."""

import base64
import socket
import threading

import pytest

import gateway
from fronts import assert_error, assert_served, assert_stream_error
from test_tls import server, trusting
from turns import Turn, prelude
from turns import stream as stream_of
from upstream import events, says

A = Turn(text="This is the text of provider a.")
LOGIN = "Basic " + base64.b64encode(b"user:proxy-secret").decode()


class Proxy:
    """An HTTP proxy for CONNECT. `refuse` is answered instead of a tunnel where it is set."""

    def __init__(self, refuse=b""):
        self.refuse = refuse
        self.heads = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        head = b""
        while b"\r\n\r\n" not in head:
            data = sock.recv(65536)
            if not data:
                return
            head += data
        head, _, rest = head.partition(b"\r\n\r\n")
        self.heads.append(head.decode())
        if self.refuse:
            sock.sendall(self.refuse)
            sock.close()
            return
        port = self.heads[-1].split(" ")[1].rpartition(":")[2]
        other = socket.create_connection(("127.0.0.1", int(port)))  # whatever the name
        sock.sendall(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n")
        other.sendall(rest)
        threading.Thread(target=pump, args=(other, sock), daemon=True).start()
        pump(sock, other)


def pump(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
    except OSError:
        pass
    for sock in (a, b):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


@pytest.fixture
def proxy():
    made = []

    def make(**options):
        made.append(Proxy(**options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def test_https_goes_through_a_tunnel(weir, upstream, proxy, certs, front, back):
    up, via = upstream(back, default=says(A), tls=server(certs)), proxy()
    where = f'proxy: "http://user:proxy-secret@127.0.0.1:{via.port}"'
    w = weir(up, options=f"{trusting(certs)}, {where}")
    for stream in (False, True, True):
        assert_served(front, front.ask(w.port, stream=stream), A.text)
    assert len(via.heads) == 1, "the tunnel was not kept"
    lines = via.heads[0].split("\r\n")
    assert lines[0] == f"CONNECT localhost:{up.port} HTTP/1.1"
    assert f"proxy-authorization: {LOGIN}".lower() in [line.lower() for line in lines]
    assert "provider-secret" not in via.heads[0]
    assert all(r.get("proxy-authorization") is None for r in up.requests)
    assert "proxy-secret" not in w.said() and LOGIN not in w.said()


def test_http_is_asked_for_in_absolute_form(weir, upstream, front, back):
    """The fake provider is its own proxy here: it sees what a proxy would."""
    up = upstream(back, default=says(A))
    text = f'proxy: "http://user:proxy-secret@127.0.0.1:{up.port}"'
    w = weir(
        (back, "http://provider.test:8080" + ("/v1" if back == "openai" else "")), options=text
    )
    assert_served(front, front.ask(w.port), A.text)
    got = up.requests[0]
    assert got.target.startswith("http://provider.test:8080/v1/")
    assert got.get("host") == "provider.test:8080" and got.get("proxy-authorization") == LOGIN


def test_https_proxy_of_the_environment(weir, upstream, proxy, certs, front):
    """For a name only the proxy can resolve; NO_PROXY, HTTP_PROXY and `none` leave it alone."""
    up, via = upstream(default=says(A), tls=server(certs, "wrong")), proxy()
    where = ("openai", f"https://wrong.test:{up.port}/v1")
    env = {"HTTPS_PROXY": f"http://127.0.0.1:{via.port}", "NO_PROXY": "example.org"}
    w = weir(where, options=trusting(certs), env=env)
    assert_served(front, front.ask(w.port), A.text)
    assert [head.split("\r\n")[0] for head in via.heads] == [
        f"CONNECT wrong.test:{up.port} HTTP/1.1"
    ]
    for options, without in (
        ("", {**env, "NO_PROXY": ".test"}),
        ("", {"HTTP_PROXY": env["HTTPS_PROXY"]}),
        (", proxy: none", env),
    ):
        w = weir(where, options=trusting(certs) + options, env=without, timeouts="connect: 1s")
        assert_error(front, front.ask(w.port), "unavailable", "timeout")
    assert len(via.heads) == 1


def test_the_environments_proxy_is_not_for_loopback(weir, upstream, proxy, front):
    via = proxy()
    env = {
        "http_proxy": f"http://127.0.0.1:{via.port}",
        "https_proxy": f"http://127.0.0.1:{via.port}",
    }
    assert_served(front, front.ask(weir(upstream(default=says(A)), env=env).port), A.text)
    assert via.heads == []


@pytest.mark.parametrize("status", [403, 407, 502])
def test_a_proxy_that_refuses(weir, upstream, proxy, certs, front, status):
    a = upstream(tls=server(certs))
    page = b"<html>proxy.internal.test says no</html>"
    via = proxy(
        refuse=b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n%s" % (status, len(page), page)
    )
    where = f"{trusting(certs)}, proxy: http://127.0.0.1:{via.port}"
    r = front.ask(weir(a, options=where).port)
    error = assert_error(front, r, "upstream", "unavailable")
    assert "internal" not in error["message"]
    assert a.hits == 0


def test_a_dead_proxy(weir, upstream, certs, front):
    up = upstream(tls=server(certs))
    nobody = gateway.free_port()
    w = weir(up, options=f"{trusting(certs)}, proxy: http://127.0.0.1:{nobody}")
    assert_error(front, front.ask(w.port), "unavailable", "upstream")
    assert up.hits == 0


def test_a_tunnel_that_breaks(weir, upstream, proxy, certs, front):
    listing = stream_of("openai", A)[: len(prelude("openai")) + 2]

    def cut(x):
        x.pause(0.3)  # the text reaches the client first
        x.rst()

    up = upstream("openai", default=events(listing, cut), tls=server(certs))
    w = weir(up, options=f"{trusting(certs)}, proxy: http://127.0.0.1:{proxy().port}")
    r = front.ask(w.port, stream=True)
    assert r.status == 200 and r.complete
    assert_stream_error(front, front.read(r), "upstream")
