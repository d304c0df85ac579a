# SPDX-License-Identifier: Apache-2.0
"""RELIABILITY §3.1, before the commit point: a provider fails before it gave any content. The
client sees nothing of it where another target is left, else one error in its own language."""

import contextlib
import gzip
import socket
import threading
import time
import zlib

import pytest

from fronts import ALL_FRONTS, CHAT, assert_error, assert_served
from turns import Turn, dumps, error, event, prelude, stream_type, whole
from turns import stream as stream_of
from upstream import CLOSE, KEEP, RST, early, events, raw, refuses, says, stalls

A, B = Turn(text="This is a."), Turn(text="This is b.")
# The languages of providers that a row about what their answers look like runs in.
BACKS = ("openai", "anthropic", "openai-responses", "gemini", "bedrock", "cohere", "ollama")
every = pytest.mark.parametrize("front", ALL_FRONTS, ids=lambda f: f.name)


def json_reply(body, *headers):
    head = "".join(f"{line}\r\n" for line in headers)
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{head}\r\n".encode() + body


def good(dialect="openai", turn=A):
    body = dumps(whole(dialect, turn)).encode()
    return json_reply(body, f"Content-Length: {len(body)}")


@contextlib.contextmanager
def black_hole():
    """A port that drops connection attempts: its queue is full and nobody accepts."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        yield ("openai", f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
        for filler in fillers:
            filler.close()


def both_ways(
    front, weir, upstream, answer, canonical, back="openai", hits=1, stream=False, **options
):
    """The answer makes a call fail with `canonical` when there is nothing else, after at most
    `hits` tries there; and makes it fall back, unseen, when there is."""
    a, b = upstream(back, default=answer), upstream("openai", default=says(B))
    alone, backed = weir(a, **options), weir(a, b, **options)
    r = front.ask(alone.port, stream=stream)
    canonical = (canonical,) if isinstance(canonical, str) else canonical
    found = assert_error(front, r, *canonical)
    assert 1 <= a.hits <= hits, a.hits
    a.requests.clear()
    r = front.ask(backed.port, stream=stream)
    assert_served(front, r, B.text, "b")
    assert 1 <= a.hits <= hits and b.hits == 1
    assert int(r.get("x-weir-attempts")) >= 2
    return found


# ---- no connection


def test_U1_connect_refused(weir, upstream, front):
    dead, b = upstream(), upstream(default=says(B))
    dead.stop()
    started = time.monotonic()
    assert_error(front, front.ask(weir(dead).port), "unavailable")
    assert_served(front, front.ask(weir(dead, b).port, stream=True), B.text, "b")
    assert time.monotonic() - started < 5 and b.hits == 1


def test_U2_connect_timeout(weir, upstream, front):
    b = upstream(default=says(B))
    with black_hole() as hole:
        alone = weir(hole, timeouts="connect: 200ms")
        backed = weir(hole, b, timeouts="connect: 200ms")
        started = time.monotonic()
        assert_error(front, front.ask(alone.port), "timeout")
        assert 0.15 < time.monotonic() - started < 3
        assert_served(front, front.ask(backed.port), B.text, "b")


def test_U3_reset_after_accept(weir, upstream, front):
    a = upstream(on_accept=lambda connection: connection.reset() or True)
    b = upstream(default=says(B))
    assert_error(front, front.ask(weir(a).port), "unavailable", "upstream")
    assert_served(front, front.ask(weir(a, b).port), B.text, "b")


# ---- a connection that dies


@pytest.mark.parametrize("end", [RST, CLOSE])
def test_U4_no_answer_on_a_fresh_connection(weir, upstream, front, end):
    both_ways(front, weir, upstream, raw(end), "upstream")


def test_U4_replay_never(weir, upstream):
    a, b = upstream(default=raw(RST)), upstream(default=says(B))
    w = weir(a, b, extra="routing: { replay: never }\n")
    assert_error(CHAT, CHAT.ask(w.port), "upstream")
    assert (a.hits, b.hits) == (1, 0)


@pytest.mark.parametrize("end", [RST, CLOSE])
def test_U5_idle_race_on_a_reused_connection(weir, upstream, front, end):
    a = upstream("openai", says(A), raw(end), default=says(A))
    w = weir(a)
    for _ in range(2):
        assert_served(front, front.ask(w.port), A.text, "a")
    assert a.hits == 3 and len(a.connections) == 2
    assert [r.connection for r in a.requests] == [0, 0, 1]


def test_U5_never_a_second_reused_connection(weir, upstream):
    """Two idle connections, both dead: the repeat goes to a fresh one, so the call succeeds."""
    gate = threading.Barrier(2)

    def together(x):
        gate.wait(5)
        says(A)(x)

    a = upstream("openai", together, together, raw(RST), says(A))
    w = weir(a)
    threads = [threading.Thread(target=CHAT.ask, args=(w.port,)) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    a.default = raw(RST)  # what the second old connection would meet
    assert_served(CHAT, CHAT.ask(w.port), A.text, "a")
    assert a.requests[-1].connection == 2


def test_U5_not_repeated_once_an_answer_began(weir, upstream, front):
    a = upstream("openai", says(A), raw(b"HTTP/1.1 200 OK\r\nContent-Ty", RST), default=says(A))
    w = weir(a)
    assert_served(front, front.ask(w.port), A.text)
    assert_error(front, front.ask(w.port), "upstream")
    assert a.hits == 2


@pytest.mark.parametrize("end", [RST, CLOSE])
def test_U6_half_a_head(weir, upstream, front, end):
    both_ways(
        front, weir, upstream, raw(b"HTTP/1.1 200 OK\r\nContent-Type: appli", end), "upstream"
    )


# ---- an answer that is no HTTP, or not ours


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param([f"X-Pad-{i}: {'p' * 400}" for i in range(50)], id="20KiB"),
        pytest.param([f"X-{i}: 1" for i in range(150)], id="150fields"),
        pytest.param([f"X-Pad: {'p' * (1 << 20)}"], id="1MiBfield"),
    ],
)
def test_U7_header_too_large(weir, upstream, front, fields):
    a = upstream(default=raw(json_reply(b"{}", *fields, "Content-Length: 2")))
    w = weir(a)
    before = w.rss()
    assert_error(front, front.ask(w.port), "upstream")
    assert a.hits == 1
    assert w.rss() - before < (8 << 20)


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/0.9 200 OK",
        b"HTTP/2.0 200 OK",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 abc OK",
        b"HTTP/1.1  200 OK",
        b"HTTP/1.1200 OK",
        b"ICY 200 OK",
        b"http/1.1 200 OK",
        b" HTTP/1.1 200 OK",
        b"<html>It works</html>",
        b"HTTP/1.1 000 OK",
        b"HTTP/1.1 200 O\x00K",
        b"HTTP/1.1\t200 OK",
        b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64",
    ],
    ids=repr,
)
def test_U8_bad_status_line(weir, upstream, line):
    a = upstream(
        default=raw(line + b"\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
    )
    assert_error(CHAT, CHAT.ask(weir(a).port), "upstream")
    assert a.hits == 1


FRAMINGS = [
    ("Content-Length: %d", "Transfer-Encoding: chunked"),
    ("Content-Length: %d", "Content-Length: 3"),
    ("Content-Length: %d, %d",),
    ("Transfer-Encoding: blegh",),
    ("Transfer-Encoding: gzip, chunked",),
    ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    ("Content-Length: -1",),
    ("Content-Length: 0x10",),
    ("Content-Length: 1_0",),
    ("Content-Length: +%d",),
    ("Content-Length:",),
    ("Content-Length: 99999999999999999999",),
    ("Content-Length : %d",),
]


@pytest.mark.parametrize("fields", FRAMINGS, ids=" & ".join)
def test_U9_ambiguous_framing(weir, upstream, fields):
    body = good().split(b"\r\n\r\n", 1)[1]
    lines = [f.replace("%d", str(len(body))) for f in fields]
    a = upstream("openai", raw(json_reply(body, *lines), KEEP), default=says(A))
    w = weir(a)
    assert_error(CHAT, CHAT.ask(w.port), "upstream")
    assert_served(CHAT, CHAT.ask(w.port), A.text)
    assert len(a.connections) == 2, "the connection was used again"


def test_U9_falls_back(weir, upstream, front):
    both_ways(
        front,
        weir,
        upstream,
        raw(json_reply(b"{}", "Content-Length: 2", "Content-Length: 2")),
        "upstream",
    )


@pytest.mark.parametrize("delay", [0, 0.1])
def test_U10_bytes_behind_a_complete_answer(weir, upstream, front, delay):
    poison = good(turn=Turn(text="poison"))
    steps = (good(), delay, poison) if delay else (good() + poison,)
    a = upstream("openai", raw(*steps, KEEP), default=says(B))
    w = weir(a)
    assert_served(front, front.ask(w.port), A.text)
    time.sleep(2 * delay)
    assert_served(front, front.ask(w.port), B.text)
    assert [r.connection for r in a.requests] == [0, 1]


# ---- statuses


@pytest.mark.parametrize(
    "value,low,high",
    [
        ("30", 23, 38),
        ("3600", 2700, 3600),
        ("Wed, 21 Oct 2065 07:28:00 GMT", 2700, 3600),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1, 3600),
        ("-1", 1, 3600),
        ("1e9", 1, 3600),
        ("NaN", 1, 3600),
        ("9" * 8000, 1, 3600),
        ("86400", 2700, 3600),
    ],
    ids=lambda v: str(v)[:12],
)
def test_U11_rate_limited(weir, upstream, front, value, low, high):
    a = upstream(default=refuses(429, headers=[("Retry-After", value)]))
    started = time.monotonic()
    r = front.ask(weir(a).port)
    assert_error(front, r, "rate_limited")
    assert time.monotonic() - started < 4, "waited in line"
    assert low <= int(r.get("retry-after")) <= high, r.get("retry-after")
    if value in ("30", "3600"):
        assert a.hits == 1


@pytest.mark.parametrize("form", ["imf", "rfc850", "asctime"])
@pytest.mark.parametrize("skew", [0, 7200], ids=["in-time", "two-hours-fast"])
def test_U11_retry_after_as_a_date(weir, upstream, front, form, skew):
    """All three forms of RFC 9110 §5.6.7; where the provider says what time it is, by its clock."""
    text = {
        "imf": "%a, %d %b %Y %H:%M:%S GMT",
        "rfc850": "%A, %d-%b-%y %H:%M:%S GMT",
        "asctime": "%a %b %e %H:%M:%S %Y",
    }[form]

    def answer(x):
        now = time.time() + skew
        headers = [("Retry-After", time.strftime(text, time.gmtime(now + 100)))]
        if skew:
            headers.append(("Date", time.strftime(text, time.gmtime(now))))
        refuses(429, headers=headers)(x)

    a = upstream(default=answer)
    r = front.ask(weir(a).port)
    assert_error(front, r, "rate_limited")
    assert 98 <= int(r.get("retry-after")) <= 126 and a.hits == 1, r.get("retry-after")


def test_U11_the_shortest_wait_of_all_targets(weir, upstream, front):
    a = upstream(default=refuses(429, headers=[("Retry-After", "100")]))
    b = upstream(default=refuses(429, headers=[("Retry-After", "20")]))
    r = front.ask(weir(a, b).port)
    assert_error(front, r, "rate_limited")
    assert (a.hits, b.hits) == (1, 1)
    assert 15 <= int(r.get("retry-after")) <= 25


def test_U11_falls_back(weir, upstream, front):
    a, b = upstream(default=refuses(429, headers=[("Retry-After", "30")])), upstream(
        default=says(B)
    )
    assert_served(front, front.ask(weir(a, b).port), B.text, "b")
    assert a.hits == 1


@pytest.mark.parametrize(
    "status,kind,code",
    [
        (429, "insufficient_quota", "insufficient_quota"),
        (429, "insufficient_quota", "credit_balance_exhausted"),
        (429, "insufficient_quota", "project_spend_limit_exceeded"),
        (402, "billing_error", None),
    ],
)
def test_U12_quota_is_spent(weir, upstream, front, status, kind, code):
    answer = refuses(status, "You exceeded your current quota", kind, code, [("Retry-After", "1")])
    a, b = upstream(default=answer), upstream(default=says(B))
    r = front.ask(weir(a).port)
    assert_error(front, r, "unavailable")
    assert r.get("x-should-retry") == "false" and a.hits == 1
    assert_served(front, front.ask(weir(a, b).port), B.text, "b")


@pytest.mark.parametrize(
    "status,canonical",
    [
        (500, ("upstream", "internal")),
        (502, ("upstream",)),
        (503, ("overloaded",)),
        (504, ("timeout", "upstream")),
    ],
)
def test_U13_server_error(weir, upstream, front, back, status, canonical):
    both_ways(front, weir, upstream, refuses(status), canonical, back, hits=2)


def test_U16_overloaded(weir, upstream, front):
    answer = refuses(529, "Overloaded")
    found = both_ways(front, weir, upstream, answer, "overloaded", "anthropic", hits=2)
    assert found["type"] in ("overloaded_error", "service_unavailable_error")
    a = upstream("anthropic", default=answer)
    assert int(front.ask(weir(a).port).get("retry-after")) >= 1


@pytest.mark.parametrize(
    "status,canonical",
    [(400, "bad_request"), (404, "not_found"), (413, "too_large"), (422, "bad_request")],
)
def test_U17_the_request_is_at_fault(weir, upstream, front, back, status, canonical):
    said = "messages.0: no such thing; key provider-secret-a"
    a, b = upstream(back, default=refuses(status, said)), upstream(default=says(B))
    r = front.ask(weir(a, b).port)
    if status == 422:
        assert r.status in (400, 422) and r.get("x-should-retry") == "false"
        found = r.json["error"]
    else:
        found = assert_error(front, r, canonical)
    assert "messages.0: no such thing" in found["message"]
    assert b"provider-secret" not in r.body
    assert (a.hits, b.hits) == (1, 0), "a request that can't succeed was repeated"


@pytest.mark.parametrize("status", [401, 403])
def test_U18_our_key_is_refused(weir, upstream, front, back, status):
    answer = refuses(status, "Incorrect API key provided: provider-secret-a")
    both_ways(front, weir, upstream, answer, "upstream_auth", back)
    a = upstream(back, default=answer)
    assert b"provider-secret" not in front.ask(weir(a).port).body


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_U19_redirects_are_not_followed(weir, upstream, front, status):
    trap, b = upstream(), upstream(default=says(B))
    where = f"{trap.base}/chat/completions?secret=1"
    a = upstream(default=lambda x: x.reply(status, {}, [("Location", where)]))
    r = front.ask(weir(a).port)
    assert_error(front, r, "upstream")
    assert r.get("location") is None and str(trap.port).encode() not in r.body
    assert_served(front, front.ask(weir(a, b).port), B.text, "b")
    assert trap.hits == 0 and not trap.connections


# ---- too slow


@pytest.mark.parametrize("stream", [False, True])
def test_U28_no_first_byte(weir, upstream, front, stream):
    a, b = upstream(default=stalls()), upstream(default=says(B))
    w = weir(a, timeouts="firstByte: 300ms")
    started = time.monotonic()
    assert_error(front, front.ask(w.port, stream=stream), "timeout")
    took = time.monotonic() - started
    assert 0.25 < took < 2, took
    assert a.wait_closed() - started < 2
    assert a.hits == 1
    w = weir(a, b, timeouts="firstByte: 300ms")
    assert_served(front, front.ask(w.port, stream=stream), B.text, "b")


def test_U47_the_clients_deadline(weir, upstream, front):
    a = upstream(default=stalls())
    started = time.monotonic()
    r = front.ask(weir(a).port, headers=[("x-request-timeout", "0.5")])
    assert_error(front, r, "timeout")
    assert 0.4 < time.monotonic() - started < 2.5
    assert a.wait_closed() - started < 3.5


# ---- an odd answer


@every
@pytest.mark.parametrize("stream", [False, True])
def test_U45_wrong_content_type(weir, upstream, front, stream):
    page = b"<html><body>Please log in to the network</body></html>"
    answer = lambda x: x.reply(200, page, kind="text/html")  # noqa: E731
    both_ways(front, weir, upstream, answer, "upstream", stream=stream)


PAGE = "<html>\x1b[31m\r\n<body>Please log in to the network \u2028"


@every
@pytest.mark.parametrize("how", ["at-once", "in-pieces", "stalls", "cut", "empty", "gzip"])
def test_U45_the_first_bytes_in_the_log(weir, upstream, front, how):
    """What an operator needs to see of it, and nothing that it must not show."""
    page = (PAGE + "x" * 300).encode()

    def answer(x):
        if how == "gzip":
            return x.reply(200, gzip.compress(page), [("Content-Encoding", "gzip")], "text/html")
        x.head(200, (), 0 if how == "empty" else len(page), "text/html; q=1")
        if how == "at-once":
            x.data(page)
        elif how == "in-pieces":
            for i in range(0, len(page), 30):
                x.data(page[i : i + 30])
                x.pause(0.002)
        elif how in ("stalls", "cut"):
            x.data(page[:40])
            if how == "stalls":
                x.pause(3)
            x.close()

    a, b = upstream(default=answer), upstream(default=says(B))
    w = weir(a, b)
    started = time.monotonic()
    r = front.ask(w.port)
    assert time.monotonic() - started < 1.5, "a page that stalls holds up whoever comes next"
    assert_served(front, r, B.text, "b")
    record = w.access(r.get("x-weir-request-id"))
    bad, good = record["attempts"]
    assert "answer" not in good and bad["provider"] == "a"
    assert bad["why"].startswith("unexpected content-type text/html"), bad
    if how == "empty":
        assert "answer" not in bad
    else:
        want = page.decode()[: 40 if how in ("stalls", "cut") else 200]
        assert bad["answer"].encode()[:40] == want.encode()[:40] and len(bad["answer"]) <= 200
    line = next(x for x in w.said().splitlines() if r.get("x-weir-request-id") in x)
    assert "\x1b" not in line and "\u2028" not in line  # A19


@every
@pytest.mark.parametrize("at", [0, 150, 184, 190, 196, 199, 300])
def test_U45_no_secret_in_the_log(weir, upstream, front, at):
    """A portal that echoes what it was sent: also a key that lies across the excerpt's end."""

    def echo(status, kind, before=""):
        def answer(x):
            key = x.request.get("authorization").removeprefix("Bearer ")
            said = "." * at + key + " sk-another-secret-of-somebody " + key
            x.reply(status, (before + said).encode(), kind=kind.replace("KEY", key))

        return upstream(default=answer)

    w = weir(echo(200, "text/html; key=KEY"), echo(502, "text/html"), echo(200, "application/json", "{"))
    r = front.ask(w.port)
    assert_error(front, r, "upstream", "unavailable")
    record = w.access(r.get("x-weir-request-id"))
    assert len(record["attempts"]) == 3
    for one in record["attempts"]:
        assert one["answer"].lstrip("{").startswith("." * min(at, 150) or "***"), one
        for secret in ("provider-secret-" + one["provider"], "another-secret"):
            for n in range(4, len(secret)):
                assert not one["answer"].endswith(secret[:n]), one
    assert "provider-secret" not in w.said() and "another-secret" not in w.said()


@every
@pytest.mark.parametrize("back", BACKS)
@pytest.mark.parametrize("asked", [False, True], ids=["json-asked", "stream-asked"])
def test_U46_the_other_form_comes_back(weir, upstream, front, back, asked):
    def other(x):
        if asked:
            x.reply(200, whole(back, A))
        else:
            events(stream_of(back, A), kind=stream_type(back))(x)

    r = front.ask(weir(upstream(back, default=other)).port, stream=asked)
    if r.status == 200:
        kind = front.stream_kind if asked else "application/json"
        assert (r.get("content-type") or "").startswith(kind), r
        assert_served(front, r, A.text)
    else:
        assert_error(front, r, "upstream")


@every
@pytest.mark.parametrize("back", BACKS)
def test_U46_json_that_is_none(weir, upstream, front, back):
    """Nonsense, a cut body, an array, nothing, and an object that says nothing."""
    bodies = [b"hello", dumps(whole(back, A)).encode()[:-20], b"[]", b"", b"{}"]
    a = upstream(back)
    w = weir(a)
    for body in bodies:
        a.script.extend([lambda x: x.reply(200, body), says(A)])
        assert_error(front, front.ask(w.port), "upstream")
        assert_served(front, front.ask(w.port), A.text)


def test_U25_error_as_the_first_event(weir, upstream, front, back):
    name = "error" if back == "anthropic" else None
    kind = "overloaded_error" if back == "anthropic" else "server_error"
    body = error(back, 529 if back == "anthropic" else 500, "Overloaded", kind)
    both_ways(
        front,
        weir,
        upstream,
        events([event(body, name)], CLOSE),
        ("overloaded", "upstream", "internal"),
        back,
        hits=2,
        stream=True,
    )


def test_U25_error_after_the_prelude(weir, upstream, front, back):
    name = "error" if back == "anthropic" else None
    listing = prelude(back) + [event(error(back, 529, "Overloaded", "overloaded_error"), name)]
    a, b = upstream(back, default=events(listing, CLOSE)), upstream(default=says(B))
    r = front.ask(weir(a, b).port, stream=True)
    assert_served(front, r, B.text, "b")


@pytest.mark.parametrize("framing", ["close", "length"])
@pytest.mark.parametrize("stream", [False, True])
def test_U35_http10_and_close_delimited(weir, upstream, front, stream, framing):
    body = b"".join(stream_of("openai", A)) if stream else dumps(whole("openai", A)).encode()
    kind = "text/event-stream" if stream else "application/json"
    length = f"Content-Length: {len(body)}\r\n" if framing == "length" else ""
    head = f"HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\n{length}\r\n".encode()
    a = upstream(default=raw(head + body))
    w = weir(a)
    for _ in range(2):
        assert_served(front, front.ask(w.port, stream=stream), A.text)
    assert len(a.connections) == 2


@pytest.mark.parametrize("stream", [False, True])
def test_U35_close_delimited_and_cut(weir, upstream, front, stream):
    body = stream_of("openai", A)[0] if stream else dumps(whole("openai", A)).encode()[:-9]
    kind = "text/event-stream" if stream else "application/json"
    a = upstream(default=raw(f"HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode() + body))
    assert_error(front, front.ask(weir(a).port, stream=stream), "upstream")


@pytest.mark.parametrize("count", [1, 8])
def test_U36_interim_answers_are_swallowed(weir, upstream, front, count):
    interim = (
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * (count - 1)
        + b"HTTP/1.1 100 Continue\r\n\r\n"
    )
    r = front.ask(weir(upstream(default=raw(interim + good(), KEEP))).port)
    assert_served(front, r, A.text)
    assert r.get("link") is None


@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" * 9,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: foo\r\nConnection: upgrade\r\n\r\n",
    ],
    ids=["nine", "101"],
)
def test_U36_too_many_or_a_tunnel(weir, upstream, front, interim):
    assert_error(front, front.ask(weir(upstream(default=raw(interim + good()))).port), "upstream")


def test_U37_an_answer_before_our_request_is_sent(weir, upstream, front):
    """The provider refuses a large body after its head and reads no more of it."""
    a = upstream("openai", early(refuses(413, "too large for us")), default=says(A))
    w = weir(a)
    r = front.ask(w.port, text="x" * (8 << 20))
    assert "too large for us" in assert_error(front, r, "too_large")["message"]
    assert_served(front, front.ask(w.port), A.text)
    assert len(a.connections) == 2


# ---- compressed answers


def packed(body, coding="gzip", kind="application/json"):
    return lambda x: x.reply(200, body, [("Content-Encoding", coding)], kind)


@every
@pytest.mark.parametrize("back", BACKS)
@pytest.mark.parametrize("stream", [False, True])
def test_U34_gzip_although_unasked(weir, upstream, front, back, stream):
    plain = b"".join(stream_of(back, A)) if stream else dumps(whole(back, A)).encode()
    kind = stream_type(back) if stream else "application/json"
    a = upstream(back, default=packed(gzip.compress(plain), kind=kind))
    r = front.ask(weir(a).port, stream=stream)
    assert_served(front, r, A.text)
    assert r.get("content-encoding") is None
    assert a.requests[0].get("accept-encoding") in (None, "identity")


@every
def test_U34_a_bomb(weir, upstream, front):
    """256 MiB of blanks in a quarter of one: refused long before memory suffers."""
    deflate = zlib.compressobj(1, zlib.DEFLATED, 31)
    bomb = b"".join(deflate.compress(b" " * (1 << 20)) for _ in range(256)) + deflate.flush()
    a, b = upstream(default=packed(bomb)), upstream(default=says(B))
    w = weir(a)
    before = w.rss()
    assert_error(front, front.ask(w.port), "upstream")
    assert w.rss() - before < (160 << 20), f"{(w.rss() - before) >> 20} MiB more"
    assert_served(front, front.ask(weir(a, b).port), B.text, "b")


@every
@pytest.mark.parametrize(
    "body,coding",
    [
        (dumps(whole("openai", A)).encode(), "gzip"),
        (gzip.compress(dumps(whole("openai", A)).encode())[:-12], "gzip"),
        (b"\x1f\x8b\x08" + b"\xff" * 50, "gzip"),
        (b"x", "br"),
        (b"x", "zstd"),
        (b"x" * 50, "rot13"),
    ],
    ids=["mislabelled", "cut", "garbage", "no-br", "no-zstd", "unknown"],
)
def test_U34_a_false_label(weir, upstream, front, body, coding):
    assert_error(front, front.ask(weir(upstream(default=packed(body, coding))).port), "upstream")
