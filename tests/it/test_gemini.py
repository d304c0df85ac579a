# SPDX-License-Identifier: Apache-2.0
"""Gemini's language where its SDKs do not go: streams as one JSON array (no alt=sse), names in paths,
and answers that are no answer. What SDKs do is in gemini.test.mjs."""

import json
import time

import gateway
import pytest

import http1
from fronts import assert_error, assert_served
from turns import Tool, Turn, stream
from upstream import CLOSE, RST, events, raw, refuses, says

BACKS = ("openai", "anthropic", "gemini")
TURN = Turn(
    text="gr\u00fc\u00dfe \"a\" ",
    thinking="hm",
    tools=(Tool("call_1", "f", {"k": "\u4e2d\n"}),),
    input=11,
    output=7,
)
ASKED = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
ARRAY = "/v1beta/models/m:streamGenerateContent"
WHOLE = "/v1beta/models/m:generateContent"


def parts_of(chunks):
    return [p for c in chunks for p in c["candidates"][0]["content"]["parts"]]


def text_of(chunks):
    return "".join(p.get("text", "") for p in parts_of(chunks) if not p.get("thought"))


@pytest.mark.parametrize("back", BACKS)
def test_the_stream_is_one_array(weir, upstream, back):
    w = weir(upstream(back, default=says(TURN)))
    r = http1.call(w.port, "POST", ARRAY, ASKED)
    assert r.status == 200 and r.complete, r
    assert r.get("content-type") == "application/json; charset=UTF-8"
    chunks = r.json
    assert isinstance(chunks, list) and len(chunks) > 3
    assert text_of(chunks) == TURN.text
    calls = [p["functionCall"] for p in parts_of(chunks) if "functionCall" in p]
    assert [(c["id"], c["name"], c["args"]) for c in calls] == [("call_1", "f", {"k": "\u4e2d\n"})]
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"
    assert chunks[-1]["usageMetadata"]["totalTokenCount"] == 18


@pytest.mark.parametrize("back", BACKS)
def test_elements_arrive_one_by_one(weir, upstream, back):
    """The first is there long before the last was sent."""
    w = weir(upstream(back, default=says(Turn(text="word " * 20, pieces=5), gap=0.05)))
    with http1.Conn(w.port) as conn:
        conn.request("POST", ARRAY, ASKED)
        assert conn.head().status == 200
        pieces, times = [], []
        while piece := conn.chunk():
            pieces.append(piece)
            times.append(time.monotonic())
        assert piece == b"", "the message is whole"
    assert len(pieces) > 10 and times[-1] - times[0] > 0.5
    # Each write begins with an element, or is blank as a ping is.
    assert all(p.strip()[:2] in (b"[{", b",\r", b"]", b"") for p in pieces), pieces[:3]
    assert text_of(json.loads(b"".join(pieces))) == "word " * 20


@pytest.mark.parametrize("back", BACKS)
@pytest.mark.parametrize("end", [RST, CLOSE])
def test_U21_a_cut_provider_ends_the_array_with_an_error(weir, upstream, back, end):
    listing = stream(back, Turn(text="one two three four"))
    at = {"openai": 3, "anthropic": 5, "gemini": 2}[back]
    w = weir(upstream(back, default=events(listing[:at], end)))
    r = http1.call(w.port, "POST", ARRAY, ASKED)
    assert r.status == 200 and r.complete, r
    *chunks, last = r.json
    assert text_of(chunks) and "one two three four".startswith(text_of(chunks))
    assert list(last) == ["error"] and last["error"]["status"] == "UNAVAILABLE", last
    assert not any("finishReason" in c["candidates"][0] for c in chunks)


@pytest.mark.parametrize("back", BACKS)
def test_errors_before_the_array(weir, upstream, back):
    w = weir(upstream(back, default=refuses(429, "slow down", headers=[("retry-after", "70")])))
    r = http1.call(w.port, "POST", ARRAY, ASKED)
    assert r.status == 429 and r.get("retry-after")
    assert r.json["error"]["status"] == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize("back", BACKS)
def test_D5_a_slow_reader_of_the_array(weir, upstream, back):
    """Megabytes, read slowly through a small window: nothing is lost, nothing is piled up."""
    turn = Turn(text="0123456789abcdef" * 65536 * 24, pieces=40000)
    up = upstream(back, default=says(turn))
    w = weir(up, timeouts="connect: 2s, firstByte: 15s, idle: 20s")
    with http1.Conn(w.port, receive_buffer=8192, timeout=60) as conn:
        conn.request("POST", ARRAY, ASKED)
        assert conn.head().status == 200
        time.sleep(1.5)
        # Kernel buffers of both connections, and ours: far from all of it.
        assert up.connections[0].sent < 16 << 20, "the provider was not made to wait"
        body = b""
        while piece := conn.chunk():
            body += piece
        assert piece == b""
    assert text_of(json.loads(body)) == turn.text
    assert w.peak_rss() - w.first_rss < 24 << 20


def test_pings_do_not_harm_the_array(weir, upstream):
    """U27: a provider that is silent for long."""

    def answer(x):
        listing = stream("openai", Turn(text="late"))
        x.head(200, (), "chunked", "text/event-stream")
        for n, one in enumerate(listing):
            x.data(one)
            x.data(b": keep\n\n")
            x.pause(0.02)
        x.write(b"0\r\n\r\n")

    w = weir(upstream("openai", default=answer))
    assert text_of(http1.call(w.port, "POST", ARRAY, ASKED).json) == "late"


# ---- names in paths


@pytest.mark.parametrize(
    "name", ["m", "models/m", "a/up", "a%2Fup", "a%2fup", "a,up", "a%2Cup"]
)
def test_spellings_of_a_model_in_the_path(weir, upstream, name):
    up = upstream("gemini", default=says(TURN))
    w = weir(up)
    path = f"/v1beta/models/{name.removeprefix('models/')}:generateContent"
    assert http1.call(w.port, "POST", path, ASKED).status == 200, name
    assert up.requests[0].target == "/v1beta/models/up:generateContent"


@pytest.mark.parametrize("name", ["%2e%2e", "..%2fmetrics", "a%00b", "%ff", "nobody%2Fup"])
def test_names_that_are_none(weir, upstream, name):
    up = upstream("gemini", default=says(TURN))
    r = http1.call(weir(up).port, "POST", f"/v1beta/models/{name}:generateContent", ASKED)
    assert r.status in (400, 404) and r.json["error"]["status"] in ("INVALID_ARGUMENT", "NOT_FOUND")
    assert up.hits == 0


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha", "v1beta1"])
def test_versions(weir, upstream, version):
    w = weir(upstream("openai", default=says(TURN)))
    assert http1.call(w.port, "POST", f"/{version}/models/m:generateContent", ASKED).status == 200
    counted = http1.call(w.port, "POST", f"/{version}/models/m:countTokens", ASKED)
    assert counted.status == 200 and counted.json["totalTokens"] > 0, counted


# ---- an answer that is none


def broken():
    return {
        "candidates": [
            {
                "content": {},
                "finishReason": "MALFORMED_FUNCTION_CALL",
                "finishMessage": "Malformed function call: print(default_api.add(a=1",
                "index": 0,
            }
        ],
        "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9},
        "modelVersion": "gemini-2.5-flash",
        "responseId": "r",
    }


def says_chunk(chunk):
    """As a body or as a stream of one event, as it was asked for."""

    def answer(x):
        if x.request.streamed:
            return events([b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n"])(x)
        return x.reply(200, chunk)

    return answer


@pytest.mark.parametrize("streamed", [False, True])
def test_a_call_that_google_could_not_read_is_an_error_elsewhere(weir, upstream, front, streamed):
    w = weir(upstream("gemini", default=says_chunk(broken())))
    r = front.ask(w.port, stream=streamed, tools=("f",))
    assert "could not be read" in assert_error(front, r, "upstream")["message"]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_call_that_google_could_not_read_is_tried_elsewhere(weir, upstream, front, streamed):
    w = weir(upstream("gemini", default=says_chunk(broken())), upstream(default=says(TURN)))
    assert_served(front, front.ask(w.port, stream=streamed, tools=("f",)), TURN.text, "b")


def test_a_call_that_google_could_not_read_after_a_text(weir, upstream, front):
    said = stream("gemini", Turn(text="I'll call"))[:-1]
    said.append(b"data: " + json.dumps(broken()).encode() + b"\r\n\r\n")
    w = weir(upstream("gemini", default=events(said, gap=0.2)))
    got = front.read(front.ask(w.port, stream=True, tools=("f",)))
    assert got.text == "I'll call" and got.error and not got.ended, got


@pytest.mark.parametrize("path", [WHOLE, ARRAY, f"{ARRAY}?alt=sse"])
def test_googles_own_clients_are_told_as_google_does(weir, upstream, path):
    w = weir(upstream("gemini", default=says_chunk(broken())))
    r = http1.call(w.port, "POST", path, ASKED)
    assert r.status == 200 and b'"finishReason": "MALFORMED_FUNCTION_CALL"' in r.body.replace(
        b'":"', b'": "'
    ), r


def test_a_body_that_is_no_json(weir, upstream):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n"
    r = http1.call(weir(upstream("gemini", default=raw(head + b"nope"))).port, "POST", ARRAY, ASKED)
    assert r.status == 503 and r.json["error"]["status"] == "UNAVAILABLE"


def test_models_say_what_they_are_for(weir, upstream):
    """`supportedGenerationMethods`: by its name a model makes vectors, or answers."""
    up = upstream("gemini")
    w = weir(
        "listen: 127.0.0.1:@PORT@\nproviders:\n"
        + gateway.provider("a", up, "[gemini-2.5-flash, gemini-embedding-001]")
        + "models:\n  - { name: vectors, targets: [ { use: a/gemini-embedding-001 } ] }\n"
    )
    r = http1.call(w.port, "GET", "/v1beta/models")
    got = {m["name"]: m["supportedGenerationMethods"] for m in r.json["models"]}
    assert got == {
        "models/a/gemini-2.5-flash": ["generateContent", "countTokens"],
        "models/a/gemini-embedding-001": ["embedContent", "countTokens"],
        "models/vectors": ["embedContent", "countTokens"],
    }
