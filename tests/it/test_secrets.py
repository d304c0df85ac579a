# SPDX-License-Identifier: Apache-2.0
"""Keys and doors: who may come in (F4, F11, A10-A13), where a call may go (F2, F3), and that no
secret leaves by any way out (F7)."""

import signal
import subprocess

import pytest

import gateway
import http1
from fronts import CHAT, MESSAGES, assert_error, assert_served
from turns import Turn
from upstream import CLOSE, events, refuses, says

PREFIX = "k" * 63
KEYED = f"keys: [ {{ name: one, key: {PREFIX}1 }}, {{ name: two, key: {PREFIX}2 }} ]\n"


# ---- who may come in


def spellings(key):
    return {
        "bearer": ([("Authorization", f"Bearer {key}")], ""),
        "bearer-lower": ([("authorization", f"bearer {key}")], ""),
        "x-api-key": ([("x-api-key", key)], ""),
        "x-goog-api-key": ([("x-goog-api-key", key)], ""),
        "query": ([], f"?key={key}"),
    }


@pytest.mark.parametrize("how", spellings(""))
def test_F4_every_spelling_of_a_key(weir, upstream, front, how):
    up = upstream()
    w = weir(up, extra=KEYED)

    def ask(key):
        headers, query = spellings(key)[how]
        return http1.call(w.port, "POST", front.path + query, front.body(), headers)

    assert_served(front, ask(PREFIX + "1"), "Hello there.")
    assert_served(front, ask(PREFIX + "2"), "Hello there.")
    for wrong in (
        PREFIX + "3",
        PREFIX,
        PREFIX + "11",
        "",
        "'%20OR%20'1'='1",
        "x" * 4000,
        PREFIX.upper() + "1",
    ):
        assert_error(front, ask(wrong), "auth")
    assert up.hits == 2
    assert all(PREFIX not in r.target and PREFIX not in repr(r.headers) for r in up.requests)


def test_F4_no_key(weir, upstream, front):
    up = upstream()
    w = weir(up, extra=KEYED)
    for headers in (
        [],
        [("Authorization", "")],
        [("Authorization", "Bearer")],
        [("Authorization", "Basic a2V5Og==")],
        [("x-api-key", "")],
        [("Cookie", f"key={PREFIX}1")],
    ):
        r = http1.call(w.port, "POST", front.path, front.body(), headers)
        assert_error(front, r, "auth")
    assert up.hits == 0


@pytest.mark.parametrize(
    "key",
    [b"\xff\xfe\x00", b"a\x00b", b"' OR '1'='1' --", b"x" * 12000, "\u4e2d".encode()],
    ids=repr,
)
def test_A1_junk_as_a_key(weir, upstream, key):
    w = weir(upstream(), extra=KEYED)
    for name in (b"x-api-key", b"Authorization"):
        value = key if name == b"x-api-key" else b"Bearer " + key
        with http1.Conn(w.port) as conn:
            conn.send(
                b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: application/json\r\n"
                b"Content-Length: 2\r\n%s: %s\r\n\r\n{}" % (name, value)
            )
            assert conn.response().status in (400, 401)


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1/messages/count_tokens", "/metrics", "/v1/nothing"]
)
def test_F4_other_routes_want_a_key_too(weir, upstream, path):
    w = weir(upstream(), extra=KEYED + "admin: { key: admin-secret-key }\n")
    method = "POST" if "count" in path else "GET"
    r = http1.call(w.port, method, path, MESSAGES.body() if method == "POST" else None)
    assert r.status in (401, 403, 404), r
    assert b"provider-secret" not in r.body and b"weir_" not in r.body


@pytest.mark.parametrize("keyed", [False, True], ids=["open", "keyed"])
def test_A29_figures_are_the_admins(weir, upstream, front, keyed):
    """Where there is an admin key, /metrics and all details are for it alone; it opens no model, and
    a client's key opens none of that."""
    up = upstream()
    w = weir(up, extra="admin: { key: admin-secret-key }\n" + (KEYED if keyed else ""))

    def get(path, key=None):
        return http1.call(w.port, "GET", path, headers=front.auth(key))

    for key in (None, "wrong", PREFIX + "1", "admin-secret-ke", "admin-secret-keyy"):
        r = get("/metrics", key)
        assert r.status == (403 if keyed and key == PREFIX + "1" else 401), (key, r)
        assert r.json["error"]["message"] and b"weir_" not in r.body
        health = get("/health", key)
        assert health.status == 200 and set(health.json) == {"status", "timestamp"}, health
        assert get("/livez", key).status == get("/readyz", key).status == 200
    for how in spellings("admin-secret-key").values():
        r = http1.call(w.port, "GET", "/metrics" + how[1], headers=how[0])
        assert r.status == 200 and b"weir_requests_total" in r.body
    assert get("/health", "admin-secret-key").json["providers"]["a"]["status"] == "healthy"
    assert front.ask(w.port, key="admin-secret-key").status == (401 if keyed else 200)
    # A client's key, as before, for all that is not a figure.
    assert get("/v1/models", PREFIX + "1").status == 200
    assert get("/v1/models", "admin-secret-key").status == (401 if keyed else 200)


def test_A29_without_an_admin_key(weir, upstream, front):
    """As open as the calls themselves: a key where one is asked for, and no key's name in it."""
    w = weir(upstream(), extra=KEYED)
    assert_served(front, front.ask(w.port, key=PREFIX + "2"), "Hello there.")
    assert http1.call(w.port, "GET", "/metrics").status == 401
    assert set(http1.call(w.port, "GET", "/health").json) == {"status", "timestamp"}
    r = http1.call(w.port, "GET", "/metrics", headers=front.auth(PREFIX + "2"))
    assert r.status == 200 and b"weir_requests_total" in r.body and b'"two"' not in r.body
    assert "providers" in http1.call(w.port, "GET", "/health", headers=front.auth(PREFIX + "2")).json


def test_A29_status_shows_the_details(weir, upstream):
    """`weir status` reads the admin key out of the configuration."""
    w = weir(upstream(default=refuses(500)), extra=KEYED + "admin: { key: admin-secret-key }\n")
    for _ in range(3):
        assert CHAT.ask(w.port, key=PREFIX + "2").status >= 500
    r = subprocess.run(
        [str(gateway.binary()), "status", "--config", str(w.conf), "--data", str(w.folder / "data")],
        env=gateway.environment(w.folder),
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert r.returncode == 0 and " calls, " in r.stdout, r
    assert "its breaker is open" in r.stdout and "out of the plans, of all workers: 1 open" in r.stdout
    assert "admin-secret-key" not in r.stdout + r.stderr


def test_F4_a_key_for_some_models_only(weir, upstream, front):
    """A model the key may not call is answered like one that is not there."""
    a, b = upstream(), upstream(default=says(Turn(text="b")))
    w = weir(a, b, extra="keys: [ { name: t, key: client-key, models: [mb] } ]\n")
    assert_served(front, front.ask(w.port, model="mb", key="client-key"), "b")
    refused = front.ask(w.port, model="m", key="client-key")
    unknown = front.ask(w.port, model="zzzzzz", key="client-key")
    assert_error(front, refused, "not_found")
    assert_error(front, unknown, "not_found")
    assert a.hits == 0
    listed = http1.call(w.port, "GET", "/v1/models", headers=front.auth("client-key")).json
    assert [m["id"] for m in listed["data"]] == ["mb"]


def test_F4_a_key_that_a_reload_takes_out(weir, upstream):
    """It is refused from then on, also on the connection that was let in with it; what a key may
    call is that of the new configuration."""
    a, b = upstream(), upstream(default=says(Turn(text="b")))
    w = weir(a, b, extra=KEYED)
    with http1.Conn(w.port) as one, http1.Conn(w.port) as two:

        def ask(conn, key, model="m"):
            return conn.call("POST", CHAT.path, CHAT.body(model=model), CHAT.auth(PREFIX + key))

        for _ in range(3):
            assert_served(CHAT, ask(one, "1"), "Hello there.")
            assert_served(CHAT, ask(two, "2"), "Hello there.")
        w.write_config(
            w.conf.read_text().replace(
                KEYED, f"keys: [ {{ name: two, key: {PREFIX}2, models: [mb] }} ]\n"
            )
        )
        w.signal(signal.SIGHUP)
        gateway.until(lambda: "generation 2" in w.said(), 10, "the reload")
        assert_error(CHAT, ask(one, "1"), "auth")
        assert_served(CHAT, ask(two, "2", "mb"), "b")
        assert_error(CHAT, ask(two, "2"), "not_found")


def test_A15_no_key_and_not_loopback(weir, upstream, tmp_path):
    """A non-loopback bind without a key refuses to start."""
    text = gateway.config(upstream()).replace("listen: 127.0.0.1:", "listen: 0.0.0.0:")
    w = gateway.Gateway(tmp_path, text, wait=False)
    assert w.wait_exit() == 2
    assert "weir.yaml:1:" in w.said() and "key" in w.said()


# ---- browsers

FOREIGN = [
    [("Origin", "http://evil.test")],
    [("Origin", "null")],
    [("Sec-Fetch-Site", "cross-site")],
    [
        ("Origin", "https://evil.test"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "no-cors"),
    ],
    [("Origin", "http://localhost:1")],
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize("kind", ["application/json", "text/plain", None])
def test_A10_a_page_of_another_site(weir, upstream, front, headers, kind):
    up = upstream()
    w = weir(up)
    r = front.call(w.port, front.body(), headers=headers + [("Content-Type", kind)])
    assert r.status in (403, 415), r
    assert not [h for h in r.headers if h[0].lower().startswith("access-control")], r
    assert up.hits == 0


def test_A12_no_cors(weir, upstream, front):
    up = upstream()
    w = weir(up)
    r = http1.call(
        w.port,
        "OPTIONS",
        front.path,
        headers=[
            ("Origin", "http://evil.test"),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "content-type,x-api-key"),
        ],
    )
    assert r.status in (403, 404, 405)
    ok = front.ask(w.port)
    for one in (r, ok):
        assert not [h for h in one.headers if h[0].lower().startswith("access-control")], one


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "evil.test:3456",
        "127.0.0.1.evil.test",
        "127.evil.test",
        "localhost.evil.test",
        "192.168.1.1",
        "0x7f000001.evil.test",
        "[::2]",
        "169.254.169.254",
    ],
)
@pytest.mark.parametrize("path", ["data", "health", "models"])
def test_A13_dns_rebinding(weir, upstream, host, path):
    """Host names not of this machine: a page that had its name pointed here gets nothing."""
    up = upstream()
    w = weir(up)
    if path == "data":
        r = CHAT.call(w.port, CHAT.body(), headers=[("Host", host)])
    else:
        r = http1.call(
            w.port, "GET", "/v1/models" if path == "models" else "/health", headers=[("Host", host)]
        )
    assert r.status in (403, 421) or (
        path == "health" and r.status == 200 and b"providers" not in r.body
    ), r
    assert up.hits == 0


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST", "127.0.0.2"])
def test_A13_this_machines_names(weir, upstream, host):
    w = weir(upstream())
    r = CHAT.call(w.port, CHAT.body(), headers=[("Host", f"{host}:{w.port}")])
    assert_served(CHAT, r, "Hello there.")
    r = CHAT.call(
        w.port,
        CHAT.body(),
        headers=[("Host", f"{host}:{w.port}"), ("Origin", f"http://{host}:{w.port}")],
    )
    assert_served(CHAT, r, "Hello there.")


# ---- where a call may go


def test_F2_the_caller_names_no_destination(weir, upstream, front, back):
    trap, up = upstream(), upstream(back)
    w = weir(up)
    where = f"http://127.0.0.1:{trap.port}"
    body = {
        **front.body(),
        **{
            k: where
            for k in ("api_base", "base_url", "baseURL", "base_path", "custom_host", "endpoint")
        },
    }
    headers = [
        (n, where)
        for n in (
            "x-portkey-custom-host",
            "x-custom-host",
            "Helicone-Target-URL",
            "X-Forwarded-Host",
            "x-api-base",
            "x-target-url",
            "x-stainless-base-url",
        )
    ]
    r = front.call(w.port, body, headers=headers)
    if r.status == 200:
        assert up.hits == 1
    for path in ("?api_base=" + where, "?base_url=" + where):
        http1.call(w.port, "POST", front.path + path, body, headers)
    assert not trap.connections, "a connection to a destination the caller named"


# ---- secrets


def test_F7_no_canary_leaves(weir, upstream, front, back):
    """A canary in every secret, a provider that echoes what it was sent, all kinds of endings: no
    canary in any answer, log, metric or file."""
    canaries = [
        "canary-provider-key-a",
        "canary-provider-key-b",
        "canary-client-key",
        "canary-admin-key",
        "canary-cookie",
        "canary-wrong-key",
    ]

    def echoes(status):
        def answer(x):
            said = " ".join(f"{n}: {v}" for n, v in x.request.headers)
            leaks = [
                (f"x-echo-{i}", v)
                for i, (n, v) in enumerate(x.request.headers)
                if "key" in n.lower() or n.lower() == "authorization"
            ]
            leaks += [
                (n, v) for n, v in x.request.headers if n.lower() in ("x-api-key", "authorization")
            ]
            if status == 200:
                return says(Turn(text="fine"), headers=leaks + [("Set-Cookie", "canary-cookie=1")])(
                    x
                )
            refuses(status, said, headers=leaks)(x)

        return answer

    a = upstream(
        back,
        echoes(200),
        echoes(400),
        echoes(401),
        echoes(500),
        events([], CLOSE),
        default=echoes(200),
    )
    text = gateway.config(a).replace(
        "provider-secret-a", "[canary-provider-key-a, canary-provider-key-b]"
    )
    text += "keys: [ { name: t, key: canary-client-key } ]\nadmin: { key: canary-admin-key }\n"
    text += "log: { level: debug }\n"
    w = weir(text)
    seen = b""
    extra = [("Cookie", "session=canary-cookie"), ("User-Agent", "test canary-nothing")]

    def take(r):
        nonlocal seen
        seen += repr(r.headers).encode() + r.body

    for n in range(8):
        take(front.ask(w.port, stream=n % 2 == 1, key="canary-client-key", headers=extra))
    take(front.ask(w.port, key="canary-wrong-key"))
    take(http1.call(w.port, "POST", front.path + "?key=canary-client-key", front.body()))
    take(front.call(w.port, "{broken", key="canary-client-key"))
    for path in (
        "/health",
        "/metrics",
        "/v1/models",
        "/readyz",
        "/api/v1/status",
        "/api/v1/config",
    ):
        for key in ("canary-client-key", "canary-admin-key"):
            take(http1.call(w.port, "GET", path, headers=[("Authorization", f"Bearer {key}")]))
    w.stop()
    assert a.hits >= 5
    for place, data in [("an answer", seen), ("the log", w.output.read_bytes())] + [
        (str(p), p.read_bytes()) for p in (w.folder / "data").rglob("*") if p.is_file()
    ]:
        for canary in canaries:
            assert canary.encode() not in data, f"{canary} in {place}"


def test_F7_answer_headers_pass_an_allow_list(weir, upstream, front, back):
    odd = [
        ("Set-Cookie", "a=b"),
        ("Server", "secret-box"),
        ("Location", "http://x/"),
        ("X-Internal", "1"),
        ("Via", "1.1 x"),
        ("Strict-Transport-Security", "max-age=1"),
        ("Access-Control-Allow-Origin", "*"),
        ("Alt-Svc", "h3"),
        ("x-goog-api-key", "echoed"),
        ("openai-organization", "org-1"),
        ("anthropic-organization-id", "org-2"),
    ]
    w = weir(upstream(back, default=says(headers=odd)))
    for stream in (False, True):
        names = {n.lower() for n, _ in front.ask(w.port, stream=stream).headers}
        assert not names & {n.lower() for n, _ in odd}, names


def test_A19_one_line_one_record(weir, upstream, front):
    """What a client sends can't break or forge a line of the log."""
    w = weir(upstream())
    evil = 'm\n{"status":200,"id":"forged"}\r\x1b[31m\u2028\u0000"\\'
    assert_error(front, front.ask(w.port, model=evil), "not_found")
    r = http1.call(
        w.port, "POST", "/v1/nothing%0a%7b%22status%22", {}, [("User-Agent", 'a\x1b[2J"b')]
    )
    assert r.status in (400, 404)
    assert_served(front, front.ask(w.port), "Hello there.")
    w.stop()
    lines = [line for line in w.output.read_bytes().split(b"\n") if line]
    assert all(c >= 32 for line in lines for c in line), "a control byte in the log"
    assert not [r for r in w.log() if r.get("id") == "forged"]
    assert b"\xe2\x80\xa8" not in w.output.read_bytes()


def test_A19_lines_that_only_some_readers_see(weir, upstream, front):
    """U+2028, U+2029 and the C1 controls (NEL, CSI) in a logged text are escaped, and mean the same."""
    evil = "x\u2028\u2029\u0085\u009b31m\u0080 \u00a0\u00e9\u2030\u4e2d"
    w = weir(upstream())
    r = front.ask(w.port, model="a/" + evil)
    record = w.access(r.get("x-weir-request-id"))
    assert record["target_model"] == evil and record["model"] == "a/" + evil
    line = next(x for x in w.output.read_text().split("\n") if r.get("x-weir-request-id") in x)
    assert not [c for c in line if c in "\u2028\u2029" or "\x7f" <= c < "\xa0"]
    assert "\u00e9\u2030\u4e2d" in line  # and nothing else is touched
