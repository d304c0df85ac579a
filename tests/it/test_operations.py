# SPDX-License-Identifier: Apache-2.0
"""The calls that are no chat: what the provider is asked, what comes back, what the log says of it,
and that they fail over, are refused and end like every other call."""

import gzip
import json
import time

import pytest

import http1
import operations
from fronts import CHAT, assert_error
from gateway import config, until
from operations import PICTURE, SOUND, packed, serves, unpack, vector
from turns import event
from upstream import CLOSE, RST, events, raw, refuses

BOUNDARY = "----formdata-undici-097319472057"


def form(fields, boundary=BOUNDARY, end="--\r\n"):
    """A multipart body as browsers and SDKs write it: (name, value) or (name, filename, bytes)."""
    parts = []
    for name, *rest in fields:
        head = f'Content-Disposition: form-data; name="{name}"'
        if len(rest) == 2:
            head += f'; filename="{rest[0]}"\r\nContent-Type: audio/wav'
        data = rest[-1] if isinstance(rest[-1], bytes) else rest[-1].encode()
        parts.append(f"--{boundary}\r\n{head}\r\n\r\n".encode() + data + b"\r\n")
    return b"".join(parts) + f"--{boundary}{end}".encode()


def post(w, path, body, *headers):
    return http1.call(w.port, "POST", path, body, headers)


def post_form(w, path, body, boundary=BOUNDARY):
    return post(w, path, body, ("Content-Type", f"multipart/form-data; boundary={boundary}"))


def usage(w, r):
    """What the access log says a call cost, without what is zero everywhere."""
    record = w.access(r.get("x-weir-request-id"))
    return {k: v for k, v in record["usage"].items() if v and not k.startswith(("cached", "reas"))}


@pytest.fixture
def served(weir, upstream):
    up = upstream(default=serves())
    return weir(up), up


# ---- what goes and what comes


def test_embeddings(served):
    """The client's bytes but for the model; base64, which the SDKs ask for, and floats."""
    w, up = served
    body = '{ "model":"m" , "input":["a","b"], "encoding_format":"base64", "x":1e2 }'
    r = post(w, "/v1/embeddings", body)
    assert up.requests[0].body.decode() == body.replace('"m"', '"up"')
    assert [d["embedding"] for d in r.json["data"]] == [packed("a"), packed("b")]
    assert usage(w, r) == {"input_tokens": 14, "source": "reported"}
    for path in ("/v1/embeddings", "/embeddings"):
        r = post(w, path, {"model": "m", "input": "a"})
        assert r.json["data"][0]["embedding"] == vector("a")
    assert up.requests[-1].target == "/v1/embeddings"
    assert r.get("x-weir-provider") == "a" and r.get("x-weir-model") == "up"


def test_embeddings_in_the_form_asked_for(weir, upstream):
    """Servers that ignore encoding_format: the floats they send become the base64 asked for."""
    up = upstream(default=serves(ignores_base64=True))
    w = weir(up, extra="routing: { scenarios: { default: m } }\n")
    r = post(w, "/v1/embeddings", {"model": "m", "input": ["a"], "encoding_format": "base64"})
    assert unpack(r.json["data"][0]["embedding"]) == vector("a")
    assert r.json["usage"]["prompt_tokens"] == 7 and r.json["data"][0]["index"] == 0
    r = post(w, "/v1/embeddings", {"model": "m", "input": ["a"], "encoding_format": "float"})
    assert r.json["data"][0]["embedding"] == vector("a")
    assert r.get("x-weir-route") is None
    r = post(w, "/v1/embeddings", {"model": "nobody-knows", "input": ["a"]})
    assert r.status == 200 and r.get("x-weir-route") == "scenario:default"
    assert w.access(r.get("x-weir-request-id"))["routed_by"] == "scenario:default"


def test_base64_where_floats_were_asked_for(weir, upstream):
    data = [{"object": "embedding", "index": 0, "embedding": packed("a")}]
    answer = json.dumps({"object": "list", "data": data, "model": "up"})
    w = weir(upstream(default=lambda x: x.reply(200, answer.encode())))
    r = post(w, "/v1/embeddings", {"model": "m", "input": "a", "encoding_format": "float"})
    assert r.json["data"][0]["embedding"] == vector("a")
    r = post(w, "/v1/embeddings", {"model": "m", "input": "a"})
    assert r.body.decode() == answer  # nothing was asked for: it may be a provider's own form
    assert usage(w, r)["source"] == "estimated"


def test_completions(served):
    w, up = served
    r = post(w, "/v1/completions", {"model": "m", "prompt": "Say hi."})
    assert r.json["choices"][0]["text"] == "Hi there."
    assert usage(w, r) == {"input_tokens": 5, "output_tokens": 3, "source": "reported"}


@pytest.mark.parametrize("asked", [False, True])
def test_completions_streamed(served, asked):
    """The usage is asked for, and shown to those who asked."""
    w, up = served
    body = {"model": "m", "prompt": "Say hi.", "stream": True}
    if asked:
        body["stream_options"] = {"include_usage": True}
    r = post(w, "/v1/completions", body)
    assert r.get("content-type").startswith("text/event-stream")
    chunks = [text for _, text in http1.events(r.body)]
    assert chunks.pop() == "[DONE]"
    chunks = [json.loads(c) for c in chunks]
    assert "".join(c["choices"][0]["text"] for c in chunks if c["choices"]) == "Hi there."
    assert len([c for c in chunks if not c["choices"]]) == asked
    assert up.requests[0].json["stream_options"] == {"include_usage": True}
    assert usage(w, r) == {"input_tokens": 5, "output_tokens": 3, "source": "reported"}


def test_images(served):
    w, up = served
    r = post(w, "/v1/images/generations", {"model": "m", "prompt": "x", "n": 2})
    assert [d["b64_json"] for d in r.json["data"]] == [PICTURE, PICTURE]
    assert usage(w, r) == {
        "input_tokens": 14,
        "output_tokens": 272,
        "images": 2,
        "source": "reported",
    }


def test_images_streamed(served):
    w, _ = served
    r = post(w, "/v1/images/generations", {"model": "m", "prompt": "x", "stream": True})
    names = [name for name, _ in http1.events(r.body)]
    assert names == ["image_generation.partial_image", "image_generation.completed"]
    assert usage(w, r)["images"] == 1 and usage(w, r)["output_tokens"] == 272


@pytest.mark.parametrize("path", ["edits", "variations"])
def test_image_forms(served, path):
    w, up = served
    fields = [("image", "a.png", SOUND), ("model", "m"), ("prompt", "green")]
    r = post_form(w, f"/v1/images/{path}", form(fields))
    assert r.json["data"][0]["b64_json"] == PICTURE
    sent = operations.form(up.requests[0])
    assert sent == {
        "image": ("a.png", SOUND),
        "model": (None, b"up"),
        "prompt": (None, b"green"),
    }


def test_image_edit_in_json(served):
    w, up = served
    body = {"model": "m", "prompt": "x", "images": [{"image_url": "https://example.com/a.png"}]}
    assert post(w, "/v1/images/edits", body).json["data"]
    assert up.requests[0].json == {**body, "model": "up"}


def test_speech(served):
    """Bytes that are no text come through as they are, with their type; billed by characters."""
    w, up = served
    r = post(w, "/v1/audio/speech", {"model": "m", "input": "h\u00e9 \U0001f600", "voice": "alloy"})
    assert r.status == 200 and r.complete and r.body == SOUND
    assert r.get("content-type") == "audio/mpeg"
    assert usage(w, r) == {"characters": 4, "source": "none"}
    r = post(w, "/v1/audio/speech", {"model": "m", "input": "x", "stream_format": "sse"})
    assert [json.loads(t)["type"] for _, t in http1.events(r.body)] == [
        "speech.audio.delta",
        "speech.audio.done",
    ]
    assert usage(w, r)["output_tokens"] == 9


@pytest.mark.parametrize("where", ["first", "last"])
def test_transcriptions(served, where):
    w, up = served
    fields = [("file", "a.wav", SOUND), ("language", "en")]
    fields.insert(0 if where == "first" else 2, ("model", "m"))
    r = post_form(w, "/v1/audio/transcriptions", form(fields))
    assert r.json["text"] == "A sound."
    assert up.requests[0].body == form([(n, *(v if n != "model" else ["up"])) for n, *v in fields])
    assert usage(w, r) == {"input_tokens": 1, "output_tokens": 5, "source": "reported"}
    fields.append(("response_format", "verbose_json"))
    r = post_form(w, "/v1/audio/translations", form(fields))
    assert usage(w, r)["audio_ms"] == 6000
    fields[-1] = ("response_format", "srt")
    r = post_form(w, "/v1/audio/transcriptions", form(fields))
    assert r.text == "A sound.\n" and r.get("content-type") == "text/plain; charset=utf-8"
    fields[-1] = ("stream", "true")
    r = post_form(w, "/v1/audio/transcriptions", form(fields))
    assert len(http1.events(r.body)) == 2 and usage(w, r)["output_tokens"] == 4


def test_transcription_in_json(served):
    """OpenRouter's way."""
    w, up = served
    up.script.append(lambda x: x.reply(200, {"text": "A.", "usage": {"seconds": 6}}))
    body = {"model": "m", "input_audio": {"data": "AAAA", "format": "mp3"}}
    r = post(w, "/v1/audio/transcriptions", body)
    assert r.json["text"] == "A." and usage(w, r)["audio_ms"] == 6000


def test_rerank_and_moderations(served):
    w, up = served
    r = post(w, "/v1/rerank", {"model": "m", "query": "q", "documents": ["a", "b"], "top_n": 1})
    assert len(r.json["results"]) == 1 and usage(w, r)["input_tokens"] == 17
    r = post(w, "/v2/rerank", {"model": "m", "query": "q", "documents": ["a", "b"]})
    assert len(r.json["results"]) == 2 and up.requests[-1].target == "/v1/rerank"
    assert post(w, "/v1/moderations", {"model": "m", "input": "x"}).json["id"] == "modr-1152"


def test_the_usual_model(weir, upstream):
    """Where an API lets the model out, its usual one is asked for, if it is there."""
    up = upstream(default=serves())
    w = weir(config(up).replace("[up]", "[up, omni-moderation-latest]"))
    r = post(w, "/v1/moderations", {"input": "x"})
    assert r.json["model"] == "omni-moderation-latest" == up.requests[0].json["model"]
    r = post_form(w, "/v1/images/variations", form([("image", "a.png", SOUND)]))
    error = assert_error(CHAT, r, "not_found")
    assert "dall-e-2" in error["message"] and "names no model" in error["message"]
    assert up.hits == 1


def test_large_form(weir, upstream):
    """Twenty megabytes with one field exchanged, in memory for little more than once."""
    data = b"\r\n--almost\r\n" * (20 << 20 >> 3)
    up = upstream(default=lambda x: x.reply(200, {"text": str(len(x.request.body))}))
    w = weir(up)
    body = form([("file", "a.wav", data[: 20 << 20]), ("model", "m")])
    before = w.rss()
    r = post_form(w, "/v1/audio/transcriptions", body)
    assert r.json["text"] == str(len(body) + 1)
    assert w.peak_rss() - before < (3 * 20 << 20)


# ---- refusals


@pytest.mark.parametrize(
    "path, body, words",
    [
        ("/v1/embeddings", {"input": "a"}, '"model" is missing'),
        ("/v1/embeddings", {"model": "", "input": "a"}, '"model" is missing'),
        ("/v1/embeddings", {"model": 1, "input": "a"}, '"model" must be a string'),
        ("/v1/embeddings", [], "JSON object"),
        ("/v1/embeddings", '{"model":"m","model":"n"}', "duplicate"),
        ("/v1/embeddings", '{"model":"m"', "not valid JSON"),
        ("/v1/images/generations", {"model": "m", "stream": "true"}, ""),
    ],
)
def test_refused_bodies(served, path, body, words):
    w, up = served
    error = assert_error(CHAT, post(w, path, body), "bad_request")
    assert words in error["message"] and up.hits == 0


@pytest.mark.parametrize(
    "fields, end, words",
    [
        ([("file", "a", b"x")], "--\r\n", '"model" is missing'),
        ([("model", "m"), ("model", "up")], "--\r\n", "twice"),
        ([("model", "a.txt", b"m")], "--\r\n", "not a file"),
        ([("model", "m")], "", "not alone"),
        ([("model", "m")], "--\r\nmore", "follows the end"),
    ],
)
def test_F21_refused_forms(served, fields, end, words):
    w, up = served
    r = post_form(w, "/v1/audio/transcriptions", form(fields, end=end))
    error = assert_error(CHAT, r, "bad_request")
    assert words in error["message"] and up.hits == 0, error


@pytest.mark.parametrize("boundary", ["", "x" * 71, '"', "a b", "x; boundary=y"])
def test_F9_refused_boundaries(served, boundary):
    w, up = served
    body = form([("model", "m"), ("file", "a", b"x")])
    r = post_form(w, "/v1/audio/transcriptions", body, boundary)
    assert_error(CHAT, r, "bad_request")
    assert up.hits == 0


@pytest.mark.parametrize(
    "path, kind, words",
    [
        ("/v1/embeddings", f"multipart/form-data; boundary={BOUNDARY}", "must be JSON"),
        ("/v1/chat/completions", f"multipart/form-data; boundary={BOUNDARY}", "must be JSON"),
        ("/v1/audio/translations", "application/json", "must be a form"),
        ("/v1/audio/transcriptions", "text/plain", "must be JSON"),
        ("/v1/audio/transcriptions", "application/octet-stream", "must be JSON"),
    ],
)
def test_F11_other_types_are_refused_unread(served, path, kind, words):
    w, up = served
    r = post(w, path, "x" * 10, ("Content-Type", kind))
    error = assert_error(CHAT, r, "media_type")
    assert words in error["message"] and up.hits == 0


@pytest.mark.parametrize("path", ["/v1/audio/transcriptions", "/v1/embeddings", "/v2/rerank"])
def test_F4_D13_no_key_no_body(weir, upstream, path):
    """Without a key nothing of a body is read, whatever its type claims to be (F9)."""
    w = weir(upstream(), extra="keys: [ { name: t, key: client-key } ]\n")
    with http1.Conn(w.port) as conn:
        conn.send(
            f"POST {path} HTTP/1.1\r\nHost: {conn.host}\r\nContent-Length: 10000000000\r\n"
            f"Content-Type: multipart/form-data; boundary={'x' * 4000}\r\n\r\n".encode()
        )
        r = conn.response()
        assert_error(CHAT, r, "auth")
        assert conn.ended()


def test_methods(served):
    w, _ = served
    r = http1.call(w.port, "GET", "/v1/embeddings")
    assert_error(CHAT, r, "method")
    assert r.get("allow") == "POST"


def test_no_provider_can(weir, upstream):
    """A target whose provider has no such endpoint is left out; when none is left, it is said."""
    a, b = upstream("anthropic"), upstream(default=serves())
    w = weir(a, b)
    r = post(w, "/v1/embeddings", {"model": "m", "input": "a"})
    assert r.get("x-weir-provider") == "b" and a.hits == 0
    alone = weir(a)
    r = post(alone, "/v1/embeddings", {"model": "m", "input": "a"})
    error = assert_error(CHAT, r, "bad_request")
    assert "no provider that can do this (embeddings)" in error["message"]
    assert a.hits == 0


def test_F4_a_key_for_some_models_only(weir, upstream):
    a, b = upstream(default=serves()), upstream(default=serves())
    w = weir(a, b, extra="keys: [ { name: t, key: client-key, models: [mb] } ]\n")
    auth = ("Authorization", "Bearer client-key")
    assert post(w, "/v1/embeddings", {"model": "mb", "input": "a"}, auth).status == 200
    for model in ("m", "a/up"):
        r = post(w, "/v1/embeddings", {"model": model, "input": "a"}, auth)
        assert_error(CHAT, r, "not_found")
    body = form([("model", "m"), ("file", "a", SOUND)])
    kind = ("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
    assert_error(CHAT, post(w, "/v1/audio/transcriptions", body, auth, kind), "not_found")
    assert a.hits == 0


# ---- failures

CALLS = {
    "json": ("/v1/embeddings", {"model": "m", "input": "a"}, ()),
    "form": (
        "/v1/audio/transcriptions",
        form([("model", "m"), ("file", "a.wav", SOUND)]),
        [("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")],
    ),
    "bytes": ("/v1/audio/speech", {"model": "m", "input": "a"}, ()),
}
PAGE = b"<html>Log in</html>"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BROKEN = {
    "429": refuses(429),
    "503": refuses(503),
    "401": refuses(401),
    "rst": raw(RST),
    "cut": raw(OK + b'Content-Length: 100\r\n\r\n{"data":', CLOSE),
    "no json": raw(OK + b"Content-Length: 3\r\n\r\nabc"),
    "error": raw(OK + b'Content-Length: 28\r\n\r\n{"error":{"message":"oops"}}'),
    "page": lambda x: x.reply(200, PAGE, kind="text/html"),
    "redirect": raw(
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    ),
    "204": raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", BROKEN)
def test_U_failover(weir, upstream, call, fault):
    """What fails before the first byte left is repaired elsewhere, unseen."""
    a, b = upstream(default=BROKEN[fault]), upstream(default=serves())
    w = weir(a, b)
    path, body, headers = CALLS[call]
    r = post(w, path, body, *headers)
    assert r.status == 200 and r.get("x-weir-provider") == "b", r
    assert r.get("x-weir-attempts") == "2" and a.hits == 1 and b.hits == 1
    assert r.get("x-weir-fallback") == "mb"


def test_errors_are_the_callers(weir, upstream):
    """A 400 of the provider comes in OpenAI's words, once; a 401 of it is no 401 of the client."""
    up = upstream("openai", refuses(400, "Invalid image data.", "image_generation_user_error"))
    w = weir(up)
    r = post(w, "/v1/images/generations", {"model": "m", "prompt": "x"})
    assert "Invalid image data." in assert_error(CHAT, r, "bad_request")["message"]
    up.script.append(refuses(401))
    r = post(w, "/v1/images/generations", {"model": "m", "prompt": "x"})
    assert_error(CHAT, r, "upstream_auth")


def test_U21_sound_cut_off(weir, upstream):
    """After the first byte nothing is retried; a sound that breaks off is not ended properly."""

    def half(x):
        x.head(200, framing="chunked", kind="audio/mpeg")
        x.data(SOUND[:1000])
        x.pause(0.2)
        x.rst()

    a, b = upstream(default=half), upstream(default=serves())
    w = weir(a, b)
    r = post(w, "/v1/audio/speech", {"model": "m", "input": "x"})
    assert r.status == 200 and not r.complete and r.body == SOUND[:1000] and b.hits == 0
    record = w.access(r.get("x-weir-request-id"))
    assert record["status"] == 200 and record["error"] == "upstream", record


def test_U21_events_cut_off(weir, upstream):
    """A stream of events ends with the error event of its language."""
    part = event({"type": "image_generation.partial_image", "b64_json": "AAAA"})
    a, b = upstream(default=events([part], RST)), upstream(default=serves())
    w = weir(a, b)
    r = post(w, "/v1/images/generations", {"model": "m", "prompt": "x", "stream": True})
    assert r.complete and b.hits == 0
    first, last = [json.loads(text) for _, text in http1.events(r.body)]
    assert first["b64_json"] == "AAAA" and last["error"]["type"] == "server_error"


def test_U20_events_that_begin_with_an_error(weir, upstream):
    bad = event({"error": {"message": "busy", "type": "server_error"}}, "error")
    a, b = upstream(default=events([bad])), upstream(default=serves())
    w = weir(a, b)
    r = post(w, "/v1/images/generations", {"model": "m", "prompt": "x", "stream": True})
    assert r.get("x-weir-provider") == "b" and len(http1.events(r.body)) == 2


def test_D1_client_gone(weir, upstream):
    """A listener that leaves makes weir leave, at once."""

    def forever(x):
        x.head(200, framing="chunked", kind="audio/mpeg")
        while True:
            x.data(SOUND)
            x.pause(0.02)

    up = upstream(default=forever)
    w = weir(up)
    with http1.Conn(w.port) as conn:
        conn.request("POST", "/v1/audio/speech", {"model": "m", "input": "x"})
        conn.until(SOUND[:100])
        conn.reset()
    up.wait_closed(seconds=2)


def test_D3_half_closed_client_hears_all(weir, upstream):
    """A client that has said all still gets its sound, and nothing but the sound: no ping in it."""

    def slow(x):
        x.head(200, framing="chunked", kind="audio/mpeg")
        x.data(SOUND[:5000])
        x.pause(2.5)
        x.data(SOUND[5000:])
        x.write(b"0\r\n\r\n")

    w = weir(upstream(default=slow))
    with http1.Conn(w.port) as conn:
        conn.request("POST", "/v1/audio/speech", {"model": "m", "input": "x"})
        conn.half_close()
        r = conn.response()
    assert r.complete and r.body == SOUND


def test_D5_slow_listener(weir, upstream):
    """A client that takes nothing: the provider waits, memory does not grow."""
    sent = [0]

    def flood(x):
        x.head(200, framing="chunked", kind="audio/mpeg")
        for _ in range(2000):
            x.data(b"\0" * 65536)
            sent[0] += 65536
        x.write(b"0\r\n\r\n")

    w = weir(upstream(default=flood))
    with http1.Conn(w.port, receive_buffer=65536) as conn:
        conn.request("POST", "/v1/audio/speech", {"model": "m", "input": "x"})
        conn.head()
        before = w.rss()
        seen = [-1]

        def still():
            was, seen[0] = seen[0], sent[0]
            return sent[0] == was and sent[0] > 0

        until(lambda: still() or time.sleep(0.3), 10, "the provider waits")
        assert sent[0] < 40 << 20 and w.rss() - before < 8 << 20
        total = 0
        while chunk := conn.chunk():
            total += len(chunk)
        assert total == 2000 * 65536


def test_compressed_sound(weir, upstream):
    """A provider that compresses though it was asked not to."""
    packed_sound = gzip.compress(SOUND)
    up = upstream(
        default=lambda x: x.reply(
            200, packed_sound, [("Content-Encoding", "gzip")], kind="audio/mpeg"
        )
    )
    r = post(weir(up), "/v1/audio/speech", {"model": "m", "input": "x"})
    assert r.complete and r.body == SOUND and r.get("content-encoding") is None


# ---- recordings


def recorded():
    from test_wire import SHARED

    if not SHARED:
        return []
    kinds = ("embeddings", "images", "audio", "rerank", "moderations")
    metas = (p for k in kinds for p in sorted((SHARED / f"fixtures/wire/{k}").rglob("meta.json")))
    return [meta.parent for meta in metas]


def request_of(case, kind):
    """The body as it was sent, and the model it names."""
    if (case / "request.bin").exists():
        sent = (case / "request.bin").read_bytes()
        return sent, sent.split(b'name="model"\r\n\r\n', 1)[1].split(b"\r\n", 1)[0]
    sent = (case / "request.json").read_bytes().removesuffix(b"\n")
    return sent, json.loads(sent)["model"].encode()


@pytest.mark.parametrize("case", recorded(), ids=lambda p: f"{p.parent.name}/{p.name}")
def test_recorded(weir, upstream, case):
    """Each recorded call that speaks OpenAI's words: its bytes there and back."""
    meta = json.loads((case / "meta.json").read_text())
    http = meta["http"]
    path = (http["path"] or "").replace("/api/v1/", "/v1/").replace("/v2/", "/v1/")
    if not list(case.glob("request.*")) or not path.startswith("/v1/") or path == "/v1/embed":
        pytest.skip("no request in OpenAI's words")
    kind = http["request_headers"].get("content-type", "application/json")
    answered = http["response_headers"].get("content-type", "application/json")
    sent, model = request_of(case, kind)
    body = next(case.glob("response.*")).read_bytes()
    up = upstream(default=lambda x: x.reply(meta["status"], body, kind=answered))
    w = weir(up, extra="routing: { fallback: false }\n")
    r = post(w, path, sent.replace(model, b"m", 1), ("Content-Type", kind))
    assert up.requests[0].body == sent.replace(model, b"up", 1)
    if meta["status"] == 200:
        assert r.status == 200 and r.body == body and r.get("content-type") == answered
        assert w.access(r.get("x-weir-request-id"))["status"] == 200
    else:
        assert r.status in (meta["status"], 502) and r.json["error"]["message"], r


# ---- providers that name their endpoints otherwise


@pytest.mark.parametrize(
    "base, version, want",
    [
        ("", "", "/openai/v1/embeddings"),
        ("/openai/v1", "", "/openai/v1/embeddings"),
        ("/openai", "2024-10-21", "/openai/deployments/up/embeddings?api-version=2024-10-21"),
        ("/models", "", "/models/embeddings?api-version=2024-05-01-preview"),
    ],
)
def test_azure(weir, upstream, base, version, want):
    up = upstream(default=lambda x: operations.embeddings(x, x.request.json))
    w = weir(
        "listen: 127.0.0.1:@PORT@\nproviders:\n"
        f'  - {{ name: a, dialect: azure, baseURL: "http://127.0.0.1:{up.port}{base}", '
        f"apiKey: azure-secret, models: [up]{f', apiVersion: {version}' if version else ''} }}\n"
    )
    r = post(w, "/v1/embeddings", {"model": "up", "input": "a"})
    assert r.status == 200, r
    assert up.requests[0].target == want and up.requests[0].get("api-key") == "azure-secret"
