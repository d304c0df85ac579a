# SPDX-License-Identifier: Apache-2.0
"""RELIABILITY §3.2, requests too large, ambiguous, malformed or smuggled: refused with the
right status, the connection closed, nothing of them sent on."""

import gzip
import json
import select

import pytest

import gateway
import http1
from fronts import CHAT, assert_error, assert_served
from turns import Turn
from upstream import says

KEYED = "keys: [ { name: team, key: client-key } ]\n"
BODY = json.dumps(CHAT.body()).encode()


@pytest.fixture
def served(weir, upstream):
    """A gateway and its provider, and the check that it refused something and is well."""

    class Served:
        up = upstream()
        w = weir(up)

        def refuses(self, data, *statuses):
            """`data` on a connection of its own is refused with one of the statuses (or by a close
            without an answer) and the connection closed; the provider saw nothing."""
            hits = self.up.hits
            with http1.Conn(self.w.port) as conn:
                conn.send_quietly(data)
                if not conn.more() and 0 in statuses:
                    return
                r = conn.response()
                assert r.status in statuses, r
                assert conn.ended(), "the connection stays open after a malformed request"
            assert self.up.hits == hits, "a refused request reached the provider"
            return r

        def serves(self, data, text="Hello there."):
            with http1.Conn(self.w.port) as conn:
                conn.send(data)
                return assert_served(CHAT, conn.response(), text)

    return Served()


def post(
    *lines, body=BODY, path=CHAT.path, version="HTTP/1.1", method="POST", host="Host: localhost"
):
    head = [
        f"{method} {path} {version}",
        *([host] if host else []),
        "Content-Type: application/json",
        *lines,
    ]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


LENGTH = f"Content-Length: {len(BODY)}"


def chunked(*sizes, ending=b"0\r\n\r\n"):
    out, at = b"", 0
    for n in sizes or (len(BODY),):
        piece, at = BODY[at : at + n], at + n
        out += b"%x\r\n%s\r\n" % (len(piece), piece)
    return out + ending


# ---- sizes


@pytest.mark.parametrize(
    "data,status",
    [
        (post("X-Pad: " + "x" * 17000, LENGTH), 431),
        (post(*[f"X-{i}: 1" for i in range(120)], LENGTH), 431),
        (post(LENGTH, path=CHAT.path + "?" + "x" * 9000), 414),
        (post("X-Pad: " + "x" * 200000), 431),
    ],
    ids=["17KiB", "120fields", "9KiBpath", "200KiB"],
)
def test_D12_head_too_large(served, data, status):
    served.refuses(data, status)


def test_D13_a_huge_length_without_a_key(weir, upstream, front):
    """401 before any byte of the body is read."""
    up = upstream()
    w = weir(up, extra=KEYED)
    before = w.rss()
    with http1.Conn(w.port) as conn:
        conn.send(
            http1.format_request(
                "POST",
                front.path,
                None,
                [("Content-Length", str(10 << 30)), ("Content-Type", "application/json")],
            )
        )
        assert_error(front, conn.response(), "auth")
        assert conn.ended()
    assert w.rss() - before < (4 << 20) and up.hits == 0


@pytest.mark.parametrize("kind", ["length", "chunked"])
def test_D14_body_over_the_limit(weir, upstream, front, kind):
    up = upstream()
    w = weir(up, extra="limits: { body: 1MiB }\n")
    before = w.rss()
    with http1.Conn(w.port) as conn:
        if kind == "length":
            conn.send(post("Content-Length: 2000000", body=b"", path=front.path))
        else:
            conn.send(post("Transfer-Encoding: chunked", body=b"", path=front.path))
            piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
            while not readable(conn) and conn.send_quietly(piece):
                pass
        assert_error(front, conn.response(), "too_large")
        assert conn.ended()
    assert w.rss() - before < (8 << 20) and up.hits == 0
    r = front.ask(w.port, text="x" * 900000)
    assert_served(front, r, "Hello there.")


def readable(conn):
    return bool(select.select([conn.sock], [], [], 0)[0])


# ---- framing

TE = [
    "xchunked",
    " chunked",
    "chunked ",
    "\tchunked",
    "chunked\t",
    "chunk",
    "Chunked,",
    ",chunked",
    "chunked, chunked",
    "identity",
    "identity, chunked",
    "chunked, identity",
    "gzip",
    "gzip, chunked",
    "chunked;q=1",
    '"chunked"',
    "chunked\x0b",
    "\x00chunked",
    "",
    "cow",
    "chun ked",
]
SAFE = {" chunked", "chunked ", "\tchunked", "chunked\t"}  # blanks around a value are no part of it


@pytest.mark.parametrize("value", [v for v in TE if v not in SAFE], ids=repr)
def test_D16_transfer_encoding_that_is_not_chunked(served, value):
    served.refuses(post(f"Transfer-Encoding: {value}", body=chunked()), 400, 501)


@pytest.mark.parametrize(
    "lines",
    [
        (LENGTH, "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", LENGTH),
        ("Content-Length: 0", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        (LENGTH, "Transfer-Encoding: identity"),
        ("Content-Length : 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding : chunked",),
        ("Transfer-Encoding\t: chunked",),
        (" Transfer-Encoding: chunked",),
        ("X: y\rTransfer-Encoding: chunked", LENGTH),
        ("X: y\nTransfer-Encoding: chunked", LENGTH),
        ("Transfer\x00-Encoding: chunked", LENGTH),
        ("Transfer-Encoding:\n chunked", LENGTH),
        ("Foo: bar", " Transfer-Encoding: chunked"),
    ],
    ids=repr,
)
def test_D16_two_framings(served, lines):
    """CL.TE, TE.CL, TE.TE and their disguises; what stands behind is not taken for a request."""
    served.refuses(post(*lines, body=chunked() + post(LENGTH)), 400, 501)


@pytest.mark.parametrize(
    "value",
    [
        "-1",
        "+5",
        "0x10",
        "1_0",
        "5,5",
        "5, 6",
        " ",
        "",
        "1e3",
        "5 5",
        "٥",
        "99999999999999999999",
        "5;",
        "05x",
        "\x0b5",
    ],
    ids=repr,
)
def test_D16_content_length_that_is_no_number(served, value):
    data = b"".join(
        [
            b"POST ",
            CHAT.path.encode(),
            b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n",
            b"Content-Length: ",
            value.encode(),
            b"\r\n\r\n",
            BODY,
        ]
    )
    served.refuses(data, 400, 413)


def test_D16_two_lengths(served):
    served.refuses(post(LENGTH, LENGTH), 400)
    served.refuses(post(LENGTH, "Content-Length: 5"), 400)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_D16_a_body_where_none_is_expected(served, method):
    """CL.0: the body of a GET must not become the next request."""
    inner = post(LENGTH, "Connection: close")
    data = (
        f"{method} /v1/models HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Length: {len(inner)}\r\n\r\n".encode() + inner
    )
    with http1.Conn(served.w.port) as conn:
        conn.send_quietly(data)
        conn.response(method)
        conn.send_quietly(http1.format_request("GET", "/health", headers=[("Connection", "close")]))
        rest = conn.rest()
    assert rest.count(b"HTTP/1.1 ") <= 1 and b"Hello there" not in rest
    assert served.up.hits == 0


# ---- heads

BAD_HEADS = {
    "bare-LF": post(LENGTH).replace(b"\r\n", b"\n", 1),
    "all-LF": post(LENGTH, body=b"").replace(b"\r\n", b"\n") + BODY,
    "bare-CR": post("X: a\rb", LENGTH),
    "CR-end": post(LENGTH).replace(b"localhost\r\n", b"localhost\r"),
    "obs-fold": post("X: a\r\n b", LENGTH),
    "space-before-colon": post("X : a", LENGTH),
    "NUL-in-value": post("X: a\x00b", LENGTH),
    "NUL-in-name": post("X\x00: b", LENGTH),
    "empty-name": post(": b", LENGTH),
    "high-bit-name": post("X\xe9: b", LENGTH),
    "no-colon": post("Nonsense", LENGTH),
    "blank-in-name": post("X Y: b", LENGTH),
    "no-host": post(LENGTH, host=None),
    "two-hosts": post("Host: localhost", LENGTH),
    "bad-host": post(LENGTH, host="Host: a b"),
    "host-list": post(LENGTH, host="Host: localhost, evil.test"),
    "version-1.2": post(LENGTH, version="HTTP/1.2"),
    "version-2.0": post(LENGTH, version="HTTP/2.0"),
    "version-0.9": post(LENGTH, version="HTTP/0.9"),
    "lower-version": post(LENGTH, version="http/1.1"),
    "no-version": post(LENGTH, version="").replace(b" \r\n", b"\r\n", 1),
    "long-version": post(LENGTH, version="HTTP/1.10"),
    "bad-method": post(LENGTH, method="PO(ST"),
    "empty-method": post(LENGTH, method=""),
    "two-spaces": post(LENGTH).replace(b" /v1", b"  /v1", 1),
    "tab": post(LENGTH).replace(b" /v1", b"\t/v1", 1),
    "blank-first": b" " + post(LENGTH),
    "control-in-value": post("X: a\x01b", LENGTH),
    "DEL-in-value": post("X: a\x7fb", LENGTH),
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 8 + b"\r\n\r\n",
}


@pytest.mark.parametrize("data", BAD_HEADS.values(), ids=BAD_HEADS)
def test_D17_malformed_head(served, data):
    served.refuses(data, 400, 501, 505)


def test_D17_a_well_formed_head_is_not(served):
    """The other side of the strictness: what is allowed passes."""
    served.serves(
        post("X-Empty:", "X-Blanks: \t a b \t", "X-High: caf\xe9", "X-Odd!#$%&'*+.^_`|~: 1", LENGTH)
    )
    served.serves(b"\r\n" + post(LENGTH))
    served.serves(post(LENGTH, "Connection: close", version="HTTP/1.0"))


BAD_CHUNKS = {
    "0x1": b"0x1\r\n{\r\n",
    "plus": b"+1\r\n{\r\n",
    "minus": b"-1\r\n{\r\n",
    "blank": b" 1\r\n{\r\n",
    "underscore": b"1_0\r\n",
    "17-digits": b"11111111111111111\r\n{",
    "empty": b"\r\n{",
    "CR-X": b"1\rX{\r\n",
    "LF": b"1\n{\r\n",
    "no-CRLF-behind": b"1\r\n{X\r\n",
    "LF-behind": b"1\r\n{\n0\r\n\r\n",
    "1MB-extension": b"1;" + b"x" * 1000000 + b"\r\n{\r\n",
    "huge-trailers": b"0\r\n" + b"X: y\r\n" * 20000 + b"\r\n",
    "bad-trailer": b"0\r\nno colon\r\n\r\n",
    "extension-LF": b"1;a\nb\r\n{\r\n",
    "letters": b"g\r\n{\r\n",
    "overflow": b"ffffffffffffffff\r\n{",
}


@pytest.mark.parametrize("data", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
def test_D18_malformed_chunks(served, data):
    served.refuses(post("Transfer-Encoding: chunked", body=data), 400, 413, 431)


def test_D18_well_formed_chunks(served):
    served.serves(post("Transfer-Encoding: chunked", body=chunked()))
    served.serves(post("transfer-encoding: chunked", body=chunked(1, 2, 3, 1000)))
    served.serves(
        post(
            "Transfer-Encoding: chunked", body=chunked(5, 5000, ending=b"0\r\nX-Trailer: 1\r\n\r\n")
        )
    )
    served.serves(
        post("Transfer-Encoding: chunked", body=chunked().replace(b"\r\n", b';ext="v"\r\n', 1))
    )
    served.serves(post("Transfer-Encoding: chunked", body=b"000000" + chunked()))


def test_D19_a_body_of_one_byte_chunks(served):
    text = "x" * (1 << 20)
    body = json.dumps(CHAT.body(text)).encode()
    data = post(
        "Transfer-Encoding: chunked", body=b"".join(b"1\r\n%c\r\n" % b for b in body) + b"0\r\n\r\n"
    )
    used = served.w.cpu()
    with http1.Conn(served.w.port, timeout=60) as conn:
        sent = conn.send_quietly(data)
        r = conn.response()
    assert r.status == 200 and sent or r.status == 400, r
    assert served.w.cpu() - used < (1.0 if not gateway.sanitized() else 6.0)


# ---- Expect, Upgrade, methods


def test_D20_expect_continue(weir, upstream, front):
    up = upstream()
    w = weir(up, extra=KEYED)
    body = json.dumps(front.body()).encode()
    lines = [("Content-Length", str(len(body))), ("Content-Type", "application/json")]

    with http1.Conn(w.port) as conn:  # a good key: 100, then the answer
        conn.send(
            http1.format_request(
                "POST",
                front.path,
                None,
                front.auth("client-key") + lines + [("Expect", "100-continue")],
            )
        )
        assert conn.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        conn.send(body)
        assert_served(front, conn.response(), "Hello there.")
    with http1.Conn(w.port) as conn:  # a client that does not wait
        conn.send(
            http1.format_request(
                "POST",
                front.path,
                None,
                front.auth("client-key") + lines + [("Expect", "100-continue")],
            )
            + body
        )
        assert_served(front, conn.response(), "Hello there.")
    with http1.Conn(w.port) as conn:  # a bad key: no 100
        conn.send(
            http1.format_request(
                "POST", front.path, None, front.auth("wrong") + lines + [("Expect", "100-continue")]
            )
        )
        assert conn.until(b"\r\n").startswith(b"HTTP/1.1 401 ")
    with http1.Conn(w.port) as conn:
        conn.send(
            http1.format_request(
                "POST",
                front.path,
                None,
                front.auth("client-key") + lines + [("Expect", "a-miracle")],
            )
        )
        assert conn.response().status == 417
        assert conn.ended()
    assert up.hits == 2


def test_D21_upgrade_is_ignored(served):
    served.serves(post("Upgrade: foo", "Connection: upgrade", LENGTH))
    served.serves(
        post(
            "Upgrade: h2c",
            "Connection: Upgrade, HTTP2-Settings",
            "HTTP2-Settings: AAMAAABk",
            LENGTH,
        )
    )
    assert all(r.get("upgrade") is None for r in served.up.requests)


def test_D21_upgrade_hides_no_request(served):
    with http1.Conn(served.w.port) as conn:
        conn.send(
            post("Upgrade: foo", "Connection: upgrade", "Content-Length: 2", body=b"{}")
            + post(LENGTH)
        )
        assert conn.response().status == 400
        assert_served(CHAT, conn.response(), "Hello there.")


@pytest.mark.parametrize(
    "data",
    [
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer leak-me\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    ],
    ids=["CONNECT", "TRACE", "PRI"],
)
def test_D21_no_tunnels(served, data):
    r = served.refuses(data, 400, 403, 405, 421, 501, 505)
    assert b"leak-me" not in r.body


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_wrong_method(served, front, method):
    r = http1.call(served.w.port, method, front.path, headers=front.auth(None))
    assert_error(front, r, "method")
    assert "POST" in r.get("allow")


# ---- what may reach the provider


def test_D22_connection_names_no_header_away(served):
    """Hop-by-hop tricks: what `Connection` names changes nothing of the request to the provider."""
    tricks = "Connection: authorization, x-api-key, content-length, host, transfer-encoding"
    served.serves(post(tricks, LENGTH))
    got = served.up.requests[-1]
    assert got.get("authorization") == "Bearer provider-secret-a"
    assert int(got.get("content-length")) == len(got.body) and got.json["model"] == "up"


@pytest.mark.parametrize(
    "path",
    [
        "/v1//chat/completions",
        "/v1/./chat/completions",
        "/v1/chat/../chat/completions",
        "/v1/%63hat/completions",
        "/v1%2fchat/completions",
        "/v1/chat/completions/",
        "/V1/chat/completions",
        "/v1/chat/completions;x",
        "/v1/chat/completions%00",
        "/v1/%2e%2e/v1/chat/completions",
        "/v1/chat/completions.",
        "/v1/chat/%c0%afcompletions",
        "//v1/chat/completions",
        "/v1/chat\\completions",
        "v1/chat/completions",
        "*",
        "http://user:pw@localhost/v1/chat/completions",
        "http://localhost/v1/chat/completions#frag",
        "/v1/chat/completions#x",
    ],
)
def test_D23_only_one_spelling_of_a_path(weir, upstream, path):
    """Whatever else a path may be, it never passes a door that the plain one does not: no key, no
    service."""
    up = upstream()
    w = weir(up, extra=KEYED)
    with http1.Conn(w.port) as conn:
        conn.send_quietly(post(LENGTH, path=path))
        r = conn.response()
    assert r.status in (400, 401, 404, 405), r
    with http1.Conn(w.port) as conn:
        conn.send_quietly(post(LENGTH, "Authorization: Bearer client-key", path=path))
        r = conn.response()
    assert r.status in (400, 404, 405), r
    assert up.hits == 0


def test_D23_absolute_form(served):
    served.serves(post(LENGTH, path="http://localhost/v1/chat/completions"))
    served.refuses(post(LENGTH, path="http://evil.test/v1/chat/completions"), 400, 403, 421)


def test_D24_headers_a_client_may_not_set(weir, upstream, front, back):
    up = upstream(back)
    w = weir(up, extra=KEYED)
    mine = [
        ("x-goog-api-key", "injected-1"),
        ("api-key", "injected-2"),
        ("OpenAI-Organization", "injected-3"),
        ("OpenAI-Project", "injected-4"),
        ("X-Forwarded-For", "injected-5"),
        ("Cookie", "injected-6"),
        ("Proxy-Authorization", "injected-7"),
        ("X-Custom-Host", "injected-8"),
        ("Forwarded", "injected-9"),
        ("Transfer-Encoding-X", "injected-10"),
        ("TE", "trailers"),
        ("Via", "1.1 injected-11"),
    ]
    assert_served(front, front.ask(w.port, key="client-key", headers=mine), "Hello there.")
    sent = repr(up.requests[0].headers)
    assert "injected" not in sent and "client-key" not in sent, sent
    names = [n.lower() for n, _ in up.requests[0].headers]
    assert len(names) == len(set(names)), f"sent twice: {sorted(names)}"


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate", "identity, gzip"])
def test_D25_compressed_request(served, front, coding):
    body = gzip.compress(json.dumps(front.body()).encode())
    r = http1.call(
        served.w.port, "POST", front.path, body, [("Content-Encoding", coding)] + front.auth(None)
    )
    assert r.status == 415 or (coding == "gzip" and r.status == 200), r
    assert r.status == 200 or served.up.hits == 0


def test_not_json(served, front):
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
    ):
        r = front.call(served.w.port, front.body(), headers=[("Content-Type", kind)])
        assert_error(front, r, "media_type")
    for kind in ("application/json", "application/json; charset=utf-8", "Application/JSON"):
        assert_served(
            front,
            front.call(served.w.port, front.body(), headers=[("Content-Type", kind)]),
            "Hello there.",
        )
    assert served.up.hits == 3


def test_unknown_model(weir, upstream, front):
    w = weir(upstream(), extra=KEYED)
    assert_error(front, front.ask(w.port, model="nobody-has-this", key="client-key"), "not_found")


def test_model_names(weir, upstream, front):
    """A logical model, provider/model, provider,model, a bare name that one provider serves."""
    a, b = upstream(default=says(Turn(text="a"))), upstream(default=says(Turn(text="b")))
    text = gateway.config(a, b).replace("[up], timeouts", "[up, only-a], timeouts", 1)
    w = weir(text)
    for name, provider, sent in (
        ("m", "a", "up"),
        ("b/up", "b", "up"),
        ("b,up", "b", "up"),
        ("only-a", "a", "only-a"),
    ):
        assert_served(front, front.ask(w.port, model=name), provider, provider)
        assert (a if provider == "a" else b).requests[-1].json["model"] == sent
    assert_error(front, front.ask(w.port, model="up"), "not_found")


@pytest.mark.parametrize("status", [401, 404])
def test_unknown_paths_answer_in_the_dialect_of_their_prefix(weir, upstream, status):
    w = weir(upstream(), extra=KEYED)
    key = [] if status == 401 else [("Authorization", "Bearer client-key")]
    for path, field in (("/v1/chat/nothing", "type"), ("/v1/messages/nothing", "type")):
        r = http1.call(w.port, "POST", path, {}, key)
        assert r.status in (401, 404) and r.json["error"][field], r
