# SPDX-License-Identifier: Apache-2.0
"""operations - what providers answer to calls that are no chat, in the shapes of recorded traffic.

`serves()` is an answer for upstream.Upstream that looks at the path, as a provider does: OpenAI's
own endpoints, Cohere's, Gemini's and Ollama's embeddings. Vectors are made from the text, so that
a test knows which text became which vector; a form is parsed by the standard library's parser, so
that what weir sends is a form in the eyes of somebody else.
"""

import base64
import email.parser
import email.policy
import json
import re
import struct

import upstream
from turns import dumps, event

SOUND = bytes(range(256)) * 40  # is no UTF-8, holds line ends and NULs
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256))).decode()
DIMENSIONS = 6


def vector(text):
    """Numbers that float32 and a few digits hold exactly."""
    seed = sum(map(ord, text if isinstance(text, str) else json.dumps(text))) % 97
    return [(-1) ** i * (seed + i) / 128 for i in range(DIMENSIONS)]


def packed(text):
    return base64.b64encode(struct.pack(f"<{DIMENSIONS}f", *vector(text))).decode()


def unpack(data):
    raw = base64.b64decode(data, validate=True)
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))


def inputs(body):
    given = body["input"]
    if isinstance(given, str) or (given and isinstance(given[0], int)):
        return [given]
    return given


def form(request):
    """The fields of a multipart body: name to (filename or None, bytes)."""
    kind = request.get("content-type")
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    parsed = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + request.body)
    assert parsed.is_multipart() and not parsed.defects, (kind, parsed.defects)
    fields = {}
    for part in parsed.iter_parts():
        name = part.get_param("name", header="content-disposition")
        assert name not in fields, f"{name} twice"
        fields[name] = (part.get_filename(), part.get_payload(decode=True))
    return fields


# ---- OpenAI's


def embeddings(x, body, ignores_base64=False):
    wants = body.get("encoding_format") == "base64" and not ignores_base64
    data = [
        {"object": "embedding", "index": i, "embedding": (packed if wants else vector)(text)}
        for i, text in enumerate(inputs(body))
    ]
    tokens = 7 * len(data)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    x.reply(200, {"object": "list", "data": data, "model": body["model"], "usage": usage})


def completions(x, body):
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
    base = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": body["model"]}

    def choice(text, finish):
        return {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}

    if not body.get("stream"):
        return x.reply(200, {**base, "choices": [choice("Hi there.", "stop")], "usage": usage})
    asked = (body.get("stream_options") or {}).get("include_usage")
    null = {"usage": None} if asked else {}
    said = [choice("Hi ", None), choice("there.", None), choice("", "stop")]
    listing = [event({**base, "choices": [c], **null}) for c in said]
    if asked:
        listing.append(event({**base, "choices": [], "usage": usage}))
    upstream.events([*listing, event("[DONE]")])(x)


def images(x, body):
    usage = {
        "input_tokens": 14,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 14},
        "output_tokens": 272,
        "total_tokens": 286,
    }
    made = {"created": 1770935251, "output_format": "png", "usage": usage}
    if not body.get("stream"):
        return x.reply(200, {**made, "data": [{"b64_json": PICTURE}] * int(body.get("n") or 1)})
    kind = "image_generation"
    upstream.events(
        [
            event(
                {"type": f"{kind}.partial_image", "b64_json": PICTURE, "partial_image_index": 0},
                f"{kind}.partial_image",
            ),
            event(
                {"type": f"{kind}.completed", "b64_json": PICTURE, "usage": usage},
                f"{kind}.completed",
            ),
        ]
    )(x)


def speech(x, body):
    if body.get("stream_format") == "sse":
        sound = base64.b64encode(SOUND).decode()
        usage = {"input_tokens": 4, "output_tokens": 9, "total_tokens": 13}
        return upstream.events(
            [
                event({"type": "speech.audio.delta", "audio": sound}),
                event({"type": "speech.audio.done", "usage": usage}),
            ]
        )(x)
    x.head(200, framing="chunked", kind="audio/mpeg")
    for i in range(0, len(SOUND), 1000):
        x.data(SOUND[i : i + 1000])
    x.write(b"0\r\n\r\n")


def transcriptions(x, _):
    fields = form(x.request)
    assert fields["file"][1] == SOUND, "the file is not what was sent"
    kind = fields.get("response_format", (None, b"json"))[1].decode()
    if kind in ("text", "srt", "vtt"):
        return x.reply(200, b"A sound.\n", kind="text/plain; charset=utf-8")
    if fields.get("stream", (None, b""))[1] == b"true":
        usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 4, "total_tokens": 18}
        return upstream.events(
            [
                event({"type": "transcript.text.delta", "delta": "A sound."}),
                event({"type": "transcript.text.done", "text": "A sound.", "usage": usage}),
            ]
        )(x)
    if kind == "verbose_json":
        verbose = {"task": "transcribe", "language": "english", "duration": 5.49, "segments": []}
        usage = {"type": "duration", "seconds": 6}
        return x.reply(200, {**verbose, "text": "A sound.", "usage": usage})
    usage = {
        "type": "tokens",
        "total_tokens": 6,
        "input_tokens": 1,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 1},
        "output_tokens": 5,
    }
    x.reply(200, {"text": "A sound.", "usage": usage})


def edits(x, body):
    if (x.request.get("content-type") or "").startswith("multipart/"):
        fields = form(x.request)
        body = {"model": fields["model"][1].decode()}
    images(x, body)


def ranking(body):
    return [
        {"index": i, "relevance_score": round(1 / (i + 1), 3)}
        for i in range(len(body["documents"]))[: body.get("top_n") or 99]
    ]


def rerank(x, body):
    x.reply(200, {"model": body["model"], "results": ranking(body), "usage": {"total_tokens": 17}})


def moderations(x, body):
    result = {"flagged": False, "categories": {"hate": False}, "category_scores": {"hate": 0.1}}
    x.reply(200, {"id": "modr-1152", "model": body["model"], "results": [result]})


# ---- others'


def cohere_embed(x, body):
    assert body["input_type"], "input_type is required"
    made = {"float": [vector(t) for t in body["texts"]]}
    meta = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 7}}
    x.reply(
        200,
        {
            "id": "8bd5b608",
            "embeddings": made,
            "texts": body["texts"],
            "meta": meta,
            "response_type": "embeddings_by_type",
        },
    )


def cohere_rerank(x, body):
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
    x.reply(200, {"id": "4174a27b", "results": ranking(body), "meta": meta})


def gemini_batch(x, body):
    made = []
    for one in body["requests"]:
        assert x.request.target.split("?")[0].endswith(
            f"/{one['model']}:batchEmbedContents"
        ), "the path and a request name two models"
        made.append({"values": vector("\n".join(p["text"] for p in one["content"]["parts"]))})
    text = json.dumps({"embeddings": made, "usageMetadata": {"promptTokenCount": 4}}, indent=2)
    x.reply(200, text.encode(), kind="application/json; charset=UTF-8")


def gemini_one(x, body):
    text = "\n".join(p["text"] for p in body["content"]["parts"])
    x.reply(200, {"embedding": {"values": vector(text)}})


def ollama_embed(x, body):
    made = [vector(t) for t in inputs(body)]
    times = {"total_duration": 14143917, "load_duration": 1019500, "prompt_eval_count": 8}
    x.reply(200, {"model": body["model"], "embeddings": made, **times})


def ollama_one(x, body):
    x.reply(200, {"embedding": vector(body["prompt"])})


ROUTES = [
    (r"/v1/embeddings", embeddings),
    (r"/v1/completions", completions),
    (r"/v1/images/generations", images),
    (r"/v1/images/(edits|variations)", edits),
    (r"/v1/audio/(transcriptions|translations)", transcriptions),
    (r"/v1/audio/speech", speech),
    (r"/v1/rerank", rerank),
    (r"/v1/moderations", moderations),
    (r"/v2/embed", cohere_embed),
    (r"/v2/rerank", cohere_rerank),
    (r"/v1beta/models/[^/]+:batchEmbedContents", gemini_batch),
    (r"/v1beta/models/[^/]+:embedContent", gemini_one),
    (r"/api/embed", ollama_embed),
    (r"/api/embeddings", ollama_one),
]


def serves(**options):
    """The answer of a provider that has all of these endpoints. `options` go to embeddings()."""

    def answer(x):
        path = x.request.target.split("?")[0]
        for pattern, serve in ROUTES:
            if re.fullmatch(pattern, path) and x.request.method == "POST":
                kind = x.request.get("content-type") or ""
                body = x.request.json if kind.startswith("application/json") else None
                return serve(x, body, **options) if serve is embeddings else serve(x, body)
        error = {"message": f"Invalid URL (POST {path})", "type": "invalid_request_error"}
        return x.reply(404, dumps({"error": {**error, "param": None, "code": None}}).encode())

    return answer
