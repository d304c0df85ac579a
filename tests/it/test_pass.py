# SPDX-License-Identifier: Apache-2.0
"""ANY /providers/NAME/…: one provider's own API with our credentials, and nothing besides: where
a call may go (F2, F3), who may make it (F4), what of a head goes through (F7, D22, D24), what is
repeated, and that answers come as they are."""

import gzip
import json
import socket
import time

import pytest

import http1
from fronts import CHAT, MESSAGES, assert_error
from gateway import config, provider, until
from operations import SOUND
from turns import Tool, Turn, stream, whole
from upstream import CLOSE, RST, events, raw, refuses, says

KEYS = (
    "keys:\n  - { name: all, key: all-key }\n"
    "  - { name: star, key: star-key, models: ['a/*'] }\n"
    "  - { name: everything, key: every-key, models: ['*'] }\n"
    "  - { name: few, key: few-key, models: [m, a/up, 'b/*', 'a/u*'] }\n"
)


def echo(x):
    """What arrived, as JSON."""
    r = x.request
    head = {"method": r.method, "target": r.target, "headers": r.headers}
    x.reply(200, {**head, "body": r.body.decode("latin-1")})


def ask(w, method, path, body=None, *headers):
    return http1.call(w.port, method, path, body, headers)


@pytest.fixture
def served(weir, upstream):
    up = upstream(default=echo)
    return weir(up), up


# ---- what goes


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_methods(served, method):
    w, up = served
    body = None if method in ("GET", "OPTIONS") else b"\x00\xffraw"
    headers = [("Content-Type", "application/x-thing")] if body else []
    r = ask(w, method, "/providers/a/files/f-1?limit=2&after=x%20y", body, *headers)
    assert r.status == 200 and r.complete
    got = r.json
    assert (got["method"], got["target"]) == (method, "/v1/files/f-1?limit=2&after=x%20y")
    seen = dict(got["headers"])
    assert seen["host"] == f"127.0.0.1:{up.port}"
    assert seen["authorization"] == "Bearer provider-secret-a"
    assert got["body"].encode("latin-1") == (body or b"")
    assert seen.get("content-type") == ("application/x-thing" if body else None)
    assert ("content-length" in seen) == (body is not None)
    assert r.get("x-weir-provider") == "a" and r.get("x-weir-attempts") == "1"


def test_head_and_no_content(served):
    w, up = served
    up.script.append(lambda x: x.head(200, [("ETag", '"1"')], 5000))
    with http1.Conn(w.port) as conn:
        r = conn.call("HEAD", "/providers/a/files/f-1")
        assert r.status == 200 and r.get("etag") == '"1"' and r.get("content-length") is None
        up.script.append(raw(b"HTTP/1.1 204 No Content\r\nETag: x\r\n\r\n", "keep"))
        r = conn.call("DELETE", "/providers/a/files/f-1")
        assert r.status == 204 and r.body == b"" and r.get("etag") == "x"
        assert conn.call("GET", "/providers/a/x").status == 200  # the connection is in step
    assert up.requests[0].method == "HEAD"


@pytest.mark.parametrize(
    "path, target",
    [
        ("", "/v1/"),
        ("/", "/v1/"),
        ("/models", "/v1/models"),
        ("/v1/models", "/v1/models"),
        ("/v1", "/v1"),
        ("/v10/x", "/v1/v10/x"),
        ("/a%3Ab/c", "/v1/a%3Ab/c"),
        ("/x/", "/v1/x/"),
        ("/x?", "/v1/x"),
        ("/x?a=1&&b", "/v1/x?a=1&&b"),
    ],
)
def test_paths(served, path, target):
    w, up = served
    assert ask(w, "GET", f"/providers/a{path}").json["target"] == target


def test_configured_query(weir, upstream):
    """The configuration's parameters go along, unless the client says another value of one."""
    up = upstream(default=echo)
    w = weir(config(up).replace(up.base, f"{up.base}?api-version=1&x=2"))
    for query, want in (
        ("", "?api-version=1&x=2"),
        ("?b=3", "?b=3&api-version=1&x=2"),
        ("?api-version=9", "?api-version=9&x=2"),
    ):
        assert ask(w, "GET", f"/providers/a/m{query}").json["target"] == "/v1/m" + want


def test_large_bodies_both_ways(weir, upstream):
    data = bytes(range(256)) * (20 << 12)
    up = upstream(default=lambda x: x.reply(200, x.request.body, kind="application/octet-stream"))
    w = weir(up)
    r = ask(w, "PUT", "/providers/a/upload", data, ("Content-Type", "application/octet-stream"))
    assert r.complete and r.body == data


# ---- F2, F3: where

TRICKS = [
    "/providers/http://evil.test/x",
    "/providers/a@evil.test/x",
    "/providers/a.evil.test/x",
    "/providers//evil.test/x",
    "/providers/a//evil.test/x",
    "/providers/a/http://evil.test/x",
    "/providers/a/../../x",
    "/providers/a/..%2f..%2fx",
    "/providers/a/%2e%2e/x",
    "/providers/a/%2E./x",
    "/providers/a/./x",
    "/providers/a/x%2f..%2fy",
    "/providers/a/x%5c..%5cy",
    "/providers/a/x\\..\\y",
    "/providers/%61/../b/x",
    "/providers/a%2fb/x",
    "/providers/a%00/x",
    "/providers/a%0d%0aHost:%20evil/x",
    "/providers/127.0.0.1/x",
    "/providers/[::1]/x",
    "/providers/0x7f.1/x",
    "/providers/169.254.169.254/latest/meta-data",
    "/providers/localhost:TRAP/x",
    "/providers/",
    "/providers",
]
ELSEWHERE = [
    ("Host", "127.0.0.1:TRAP"),
    ("X-Forwarded-Host", "127.0.0.1:TRAP"),
    ("X-Original-URL", "http://127.0.0.1:TRAP/x"),
    ("X-Custom-Host", "http://127.0.0.1:TRAP"),
    ("api_base", "http://127.0.0.1:TRAP"),
    ("Forwarded", "host=127.0.0.1:TRAP"),
]


@pytest.fixture
def trap():
    """A listener that nobody may ever connect to."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    yield listener.getsockname()[1]
    with pytest.raises(TimeoutError):
        listener.accept()
    listener.close()


def test_F2_the_configuration_alone_says_where(weir, upstream, trap):
    """A2: no spelling of a path, query, body or header leads anywhere but to the provider's origin
    and below its base path."""
    up = upstream(default=echo)
    w = weir(up)
    for path in TRICKS:
        with http1.Conn(w.port) as conn:
            path = path.replace("TRAP", str(trap))
            conn.send(f"GET {path} HTTP/1.1\r\nHost: {conn.host}\r\n\r\n".encode())
            r = conn.response()
            if r.status == 200:  # a name of the provider's own API, and no more
                assert r.json["target"].startswith("/v1/"), (path, r)
            else:
                assert r.status in (400, 404), (path, r)
    for name, value in ELSEWHERE:
        r = ask(w, "GET", "/providers/a/x", None, (name, value.replace("TRAP", str(trap))))
        if r.status == 200:
            seen = dict(r.json["headers"])
            assert r.json["target"] == "/v1/x" and seen["host"] == f"127.0.0.1:{up.port}"
            assert str(trap) not in repr(seen)
    where = f"http://127.0.0.1:{trap}"
    r = ask(w, "GET", f"/providers/a/x?base_url={where}&api_base={where}&url={where}")
    assert r.status == 200
    body = {"model": "m", "base_url": where, "api_base": where}
    assert ask(w, "POST", "/providers/a/x", body).status == 200
    with http1.Conn(w.port) as conn:  # absolute-form: of us, or refused
        conn.send(
            f"GET {where}/providers/a/x HTTP/1.1\r\nHost: {conn.host}\r\n\r\n".encode()
        )
        assert conn.response().status in (200, 400)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_F3_redirects_are_never_followed(weir, upstream, trap, status):
    """And their Location, which may hold a key (F25), does not reach the client."""
    where = f"http://127.0.0.1:{trap}/?key=provider-secret-a"
    head = f"HTTP/1.1 {status} Moved\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n"
    up = upstream(default=raw(head.encode()))
    w = weir(up)
    for method in ("GET", "POST"):
        r = ask(w, method, "/providers/a/x", None if method == "GET" else {})
        error = assert_error(CHAT, r, "upstream")
        assert "redirect" in error["message"] and r.get("location") is None
        assert b"provider-secret" not in r.body


def test_unknown_and_demo_providers(weir, upstream):
    w = weir(upstream(default=echo))
    for name in ("b", "zzz", "a%20", "", "demo", "x" * 300, "%ff", "%zz"):
        r = ask(w, "GET", f"/providers/{name}/x" if name else "/providers/")
        assert r.status in (400, 404), (name, r)
    up = upstream(default=echo)
    off = weir(
        "listen: 127.0.0.1:@PORT@\nproviders:\n"
        + provider("a", up, "[]", "enabled: false")
        + provider("b", up, "[]")
    )
    assert ask(off, "GET", "/providers/a/x").status == 404 and up.hits == 0
    assert ask(off, "GET", "/providers/b/x").status == 200


# ---- F4: who


def test_F4_keys(weir, upstream):
    """Without a key nothing; a key with a list of models needs the whole provider on it, whatever
    the path or the body asks for."""
    a, b = upstream(default=echo), upstream(default=echo)
    w = weir(a, b, extra=KEYS)

    def status(key, name, method="GET", body=None):
        return ask(w, method, f"/providers/{name}/x", body, ("x-api-key", key)).status

    assert [status(k, "a") for k in ("all-key", "star-key", "every-key")] == [200] * 3
    assert [status(k, "b") for k in ("all-key", "every-key", "few-key")] == [200] * 3
    before = a.hits
    assert status("few-key", "a") == 403
    assert status("few-key", "A") in (403, 404)
    assert status("few-key", "a", "POST", {"model": "up"}) == 403
    assert status("star-key", "b") == 403
    assert status("few-key", "zzz") == 403  # no word on which providers there are
    assert status("all-key", "zzz") == 404
    assert status("wrong", "a") == 401 and ask(w, "GET", "/providers/a/x").status == 401
    r = ask(w, "GET", "/providers/a/x", None, ("x-api-key", "few-key"))
    error = assert_error(CHAT, r, "forbidden")
    assert '"a/*"' in error["message"]
    assert a.hits == before


def test_F4_every_spelling_of_a_key_and_none_goes_on(weir, upstream):
    a = upstream(default=echo)
    w = weir(a, extra=KEYS)
    for headers, query in (
        ([("Authorization", "Bearer all-key")], ""),
        ([("x-api-key", "all-key")], ""),
        ([("x-goog-api-key", "all-key")], ""),
        ([("x-api-key", "all-key")], "?api_key=all-key&%6bey=all-key&Key=all-key&token=all-key"),
        ([], "?key=all-key&b=1"),
    ):
        r = http1.call(w.port, "GET", f"/providers/a/x{query}", headers=headers)
        assert r.status == 200, r
        assert "all-key" not in r.text, r.text
        seen = dict(r.json["headers"])
        assert seen["authorization"] == "Bearer provider-secret-a"
        assert r.json["target"] == ("/v1/x?b=1" if "b=1" in query else "/v1/x")
    assert "all-key" not in w.said()


def test_F9_D13_no_key_no_body(weir, upstream):
    w = weir(upstream(default=echo), extra=KEYS)
    with http1.Conn(w.port) as conn:
        conn.send(
            f"POST /providers/a/x HTTP/1.1\r\nHost: {conn.host}\r\n"
            "Content-Length: 10000000000\r\n\r\n".encode()
        )
        assert conn.response().status == 401
        assert conn.ended()


@pytest.mark.parametrize(
    "headers", [[("Origin", "http://evil.test")], [("Sec-Fetch-Site", "cross-site")]]
)
def test_F11_pages_of_other_sites(served, headers):
    w, up = served
    assert ask(w, "POST", "/providers/a/x", b"", *headers).status == 403 and up.hits == 0


# ---- F7, D22, D24: heads


def test_D24_only_what_is_on_the_list_goes_on(served):
    w, up = served
    r = ask(
        w,
        "POST",
        "/providers/a/x",
        b"{}",
        ("Connection", "authorization, x-api-key"),
        ("Accept", "application/x-thing"),
        ("Range", "bytes=0-5"),
        ("OpenAI-Beta", "assistants=v2"),
        ("Idempotency-Key", "i-1"),
        ("OpenAI-Organization", "org-evil"),
        ("OpenAI-Project", "proj-evil"),
        ("x-goog-user-project", "evil"),
        ("x-goog-api-key", "evil"),
        ("Cookie", "a=evil"),
        ("Referer", "http://evil"),
        ("X-Forwarded-For", "evil"),
        ("User-Agent", "evil"),
        ("anthropic-beta", "evil"),
        ("Proxy-Authorization", "Basic evil"),
        ("api-key", "evil"),
    )
    seen = dict(r.json["headers"])
    assert "evil" not in repr(seen)
    assert seen["accept"] == "application/x-thing" and seen["range"] == "bytes=0-5"
    assert seen["openai-beta"] == "assistants=v2" and seen["idempotency-key"] == "i-1"
    assert seen["accept-encoding"] == "identity"


def test_F7_only_what_is_on_the_list_comes_back(served):
    w, up = served
    up.script.append(
        lambda x: x.reply(
            206,
            b"part",
            [
                ("Content-Range", "bytes 0-3/9"),
                ("ETag", '"1"'),
                ("Content-Disposition", "attachment; filename=a"),
                ("Set-Cookie", "a=b"),
                ("x-goog-api-key", "provider-secret-a"),
                ("Authorization", "Bearer provider-secret-a"),
                ("x-request-id", "theirs"),
                ("OpenAI-Organization", "org-1"),
                ("x-ratelimit-limit-requests", "500"),
                ("Server", "cloud"),
                ("Alt-Svc", "h3"),
                ("Strict-Transport-Security", "max-age=1"),
                ("Access-Control-Allow-Origin", "*"),
            ],
            kind="text/plain",
        )
    )
    r = ask(w, "GET", "/providers/a/files/1/content")
    assert r.status == 206 and r.body == b"part" and r.get("content-type") == "text/plain"
    assert r.get("content-range") == "bytes 0-3/9" and r.get("etag") == '"1"'
    assert r.get("content-disposition") == "attachment; filename=a"
    names = {n.lower() for n, _ in r.headers}
    assert not names & {
        "set-cookie",
        "x-goog-api-key",
        "authorization",
        "openai-organization",
        "server",
        "alt-svc",
        "strict-transport-security",
        "access-control-allow-origin",
        "x-ratelimit-limit-requests",
    }
    assert r.get("x-request-id") == r.get("x-weir-request-id") != "theirs"
    assert "provider-secret" not in repr(r.headers)


def test_F7_an_error_that_repeats_our_key(served):
    w, up = served
    up.script.append(refuses(401, "bad key provider-secret-a, really provider-secret-a"))
    r = ask(w, "GET", "/providers/a/x")
    assert r.status == 401 and b"provider-secret" not in r.body and r.body.count(b"***") == 2
    assert r.json["error"]["message"] == "bad key ***, really ***"
    until(lambda: "attempts" in w.said(), what="the access record")
    assert "provider-secret" not in w.said()


def test_D21_no_upgrades(served):
    w, up = served
    upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", "x")]
    r = ask(w, "GET", "/providers/a/realtime?model=m", None, *upgrade)
    assert r.status == 426 and r.json["error"]["code"] == "websocket_not_supported"
    assert ask(w, "POST", "/providers/a/x", b"{}", ("Upgrade", "h2c")).status == 426
    for method in ("TRACE", "CONNECT", "PROPFIND"):
        assert ask(w, method, "/providers/a/x").status in (400, 405)
    assert up.hits == 0


# ---- errors, and what is repeated


def test_errors_come_as_they_are(served):
    w, up = served
    for status in (400, 401, 403, 404, 409, 422, 429, 500, 503):
        body = json.dumps({"error": {"odd": status}}, indent=1).encode()
        up.script.append(
            lambda x, s=status, b=body: x.reply(s, b, [("Retry-After", "7")], kind="text/x-odd")
        )
        r = ask(w, "POST", "/providers/a/x", {})
        assert (r.status, r.body) == (status, body)
        assert r.get("content-type") == "text/x-odd" and r.get("retry-after") == "7"
    assert up.hits == 9


def test_our_own_errors_are_in_the_providers_words(weir, upstream):
    up = upstream("anthropic", default=raw(RST))
    w = weir(up)
    assert_error(MESSAGES, ask(w, "POST", "/providers/a/v1/messages", {}), "upstream")


FAULTS = {
    "rst": raw(RST),
    "close": raw(CLOSE),
    "garbage": raw(b"HTTP/9.9 what\r\n\r\n"),
    "503": refuses(503),
    "429": refuses(429, headers=[("Retry-After", "0")]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_safe_methods_are_repeated_and_others_never(weir, upstream, fault):
    """With two keys: GET goes on with the other one, POST, PUT, PATCH and DELETE are sent once."""
    up = upstream(default=echo)
    w = weir(config(up).replace("apiKey: provider-secret-a", "apiKey: [ key-one, key-two ]"))
    for method, sent in (("GET", 2), ("OPTIONS", 2), ("POST", 1), ("PUT", 1), ("DELETE", 1)):
        up.script.append(FAULTS[fault])
        before = up.hits
        r = ask(w, method, f"/providers/a/{method}", {} if sent == 1 else None)
        assert up.hits - before == sent, (method, fault, r)
        assert r.status == 200 if sent == 2 else r.status in (429, 502, 503), (method, r)


def test_U5_idle_race(weir, upstream):
    """A kept connection that dies under a request: GET goes once more, POST is not repeated."""
    for method, status in (("GET", 200), ("POST", 502)):
        up = upstream(default=echo)
        w = weir(up)
        assert ask(w, "GET", "/providers/a/first").status == 200
        up.script.append(raw(RST))
        r = ask(w, method, "/providers/a/x", {} if method == "POST" else None)
        assert r.status == status, (method, r)
        assert up.hits == (3 if method == "GET" else 2)


def test_nothing_sent_is_repeated_for_all(weir, upstream):
    """A provider that can't be connected to has not seen the request."""
    up = upstream(default=echo)
    up.stop()
    w = weir(up, extra="routing: { attempts: 3 }\n")
    r = ask(w, "POST", "/providers/a/x", {})
    assert_error(CHAT, r, "unavailable")
    assert int(r.get("x-weir-attempts")) >= 2


def test_a_refused_path_says_nothing_of_the_credential(weir, upstream):
    """401, 403 and 5xx for what a client chose to ask leave the provider's chats alone."""
    up = upstream(default=says())
    w = weir(up)
    for status in [401, 403, 500, 500, 500, 500, 500, 500, 500]:
        up.script.append(refuses(status))
        ask(w, "POST", "/providers/a/organization/admin", {})
    assert CHAT.ask(w.port).status == 200
    assert CHAT.ask(w.port).status == 200


# ---- answers


def chat(stream_it, **fields):
    body = {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}], **fields}
    return {**body, "stream": True} if stream_it else body


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("stream_it", [True, False])
def test_a_chat_is_metered(weir, upstream, stream_it, asked):
    """Its bytes as they come; its model and usage in the record."""
    turn = Turn(text="Hello.", tools=(Tool("c1", "f", {"a": 1}),))
    up = upstream(default=says(turn))
    w = weir(up)
    fields = {"stream_options": {"include_usage": True}} if asked and stream_it else {}
    r = ask(w, "POST", "/providers/a/chat/completions", chat(stream_it, **fields))
    assert r.status == 200 and up.requests[0].json == chat(stream_it, **fields)
    if stream_it:
        assert CHAT.read_stream(r.body).tools == [("c1", "f", {"a": 1})]
        assert len(http1.events(r.body)) == len(stream("openai", turn, "gpt-x", bool(fields)))
    record = w.access(r.get("x-weir-request-id"))
    assert record["operation"] == "pass-through" and record["model"] == "gpt-x"
    assert record["target_model"] == "gpt-x" == r.get("x-weir-model")
    if fields or not stream_it:
        assert record["usage"]["input_tokens"] == 25 and record["usage"]["output_tokens"] == 12
        assert record["usage"]["source"] == "reported"
    else:
        assert record["usage"]["source"] == "none"


def test_other_languages_are_metered(weir, upstream):
    up = upstream("anthropic", default=says(Turn(text="Hello.")))
    w = weir(up)
    body = {"model": "claude-x", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    r = ask(w, "POST", "/providers/a/v1/messages", body, ("anthropic-beta", "b-1"))
    assert MESSAGES.read(r).text == "Hello."
    assert up.requests[0].get("x-api-key") == "provider-secret-a"
    assert up.requests[0].get("anthropic-version") == "2023-06-01"
    assert up.requests[0].get("anthropic-beta") == "b-1"
    assert w.access(r.get("x-weir-request-id"))["usage"]["input_tokens"] == 25
    r = ask(w, "POST", "/providers/a/v1/messages", {**body, "stream": True})
    assert MESSAGES.read(r).text == "Hello."
    assert w.access(r.get("x-weir-request-id"))["usage"]["output_tokens"] == 12


def test_embeddings_are_metered(served):
    w, up = served
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    up.script.append(lambda x: x.reply(200, {"data": [], "usage": usage}))
    r = ask(w, "POST", "/providers/a/embeddings", {"model": "e", "input": "x"})
    assert w.access(r.get("x-weir-request-id"))["usage"]["input_tokens"] == 3


def test_events_come_at_once(weir, upstream):
    """Nothing waits for the rest: the first piece is here while the provider pauses."""

    def slow(x):
        x.head(200, framing="chunked", kind="text/event-stream")
        x.data(b"data: half an eve")
        x.pause(1.5)
        x.data(b"nt\n\n")
        x.write(b"0\r\n\r\n")

    w = weir(upstream(default=slow))
    with http1.Conn(w.port) as conn:
        conn.request("POST", "/providers/a/anything", {})
        started = time.monotonic()
        assert conn.head().get("content-type") == "text/event-stream"
        assert conn.chunk() == b"data: half an eve" and time.monotonic() - started < 1.2
        assert conn.chunk() == b"nt\n\n" and conn.chunk() == b""


def test_compressed_answers(served):
    """Asked for none, one that comes is undone: bytes are what their head says."""
    w, up = served
    data = gzip.compress(b"plain")
    up.script.append(lambda x: x.reply(200, data, [("Content-Encoding", "gzip")], "text/plain"))
    r = ask(w, "GET", "/providers/a/x")
    assert r.body == b"plain" and r.get("content-encoding") is None and r.complete


def test_an_answer_that_breaks_off(weir, upstream):
    def half(x):
        x.head(200, framing=1000, kind="application/json")
        x.data(b'{"a":')
        x.pause(0.2)
        x.rst()

    up = upstream(default=half)
    w = weir(up)
    r = ask(w, "GET", "/providers/a/x")
    assert r.status == 200 and not r.complete and r.body == b'{"a":' and up.hits == 1
    record = w.access(r.get("x-weir-request-id"))
    assert record["status"] == 200 and record["error"] == "upstream"


def test_D5_slow_reader(weir, upstream):
    sent = [0]

    def flood(x):
        x.head(200, framing="chunked", kind="application/json")
        for _ in range(1600):
            x.data(b" " * 65536)
            sent[0] += 65536
        x.write(b"0\r\n\r\n")

    w = weir(upstream(default=flood))
    with http1.Conn(w.port, receive_buffer=65536) as conn:
        conn.request("GET", "/providers/a/chat/completions")
        conn.head()
        before = w.rss()
        time.sleep(1.5)
        assert sent[0] < 40 << 20 and w.rss() - before < 16 << 20
        total = 0
        while chunk := conn.chunk():
            total += len(chunk)
        assert total == 1600 * 65536


def test_D1_client_gone(weir, upstream):
    def forever(x):
        x.head(200, framing="chunked", kind="audio/mpeg")
        while True:
            x.data(SOUND)
            x.pause(0.02)

    up = upstream(default=forever)
    w = weir(up)
    with http1.Conn(w.port) as conn:
        conn.request("GET", "/providers/a/files/1/content")
        conn.until(SOUND[:100])
        conn.reset()
    up.wait_closed(seconds=2)


def test_D14_body_limit(weir, upstream):
    up = upstream(default=echo)
    w = weir(up, extra="limits: { body: 1MB }\n")
    r = ask(w, "PUT", "/providers/a/x", b"x" * (2 << 20))
    assert_error(CHAT, r, "too_large")
    assert up.hits == 0


def test_whole_recordings(weir, upstream):
    """Any JSON is passed untouched, also one that is not valid where we would read it."""
    odd = (b'{"usage":', b"[]", b'{"a":1,"a":2}', b"\xff\xfe", b"")
    for body in (*odd, whole("openai", Turn(), "m")):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        w = weir(upstream(default=lambda x, d=data: x.reply(200, d)))
        r = ask(w, "POST", "/providers/a/chat/completions", {})
        assert r.status == 200 and r.body == data


def test_events_that_are_none(weir, upstream):
    listing = [b"data: {no}\n\n", b": x\n\n", b"event: error\ndata: {}\n\n", b"data: [DONE]\n\n"]
    w = weir(upstream(default=events(listing)))
    r = ask(w, "POST", "/providers/a/chat/completions", {"stream": True})
    assert r.body == b"".join(listing) and r.complete
