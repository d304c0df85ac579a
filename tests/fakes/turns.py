# SPDX-License-Identifier: Apache-2.0
"""turns - what a model says in one answer, and the exact shapes in which providers write it.

A Turn is the meaning (thinking, text, tool calls, stop, token counts); `chat_*`, `anthropic_*` and
`responses_*` write it as OpenAI Chat Completions, Anthropic Messages and OpenAI Responses do, streamed
or whole (others.py as Gemini, Cohere and Ollama do, aws.py as Converse). The shapes follow
recorded traffic, with the turns that trip translators up:

  chat       role in the first chunk; with tools, content is null and the first call sits in that
             same chunk; later fragments carry index and arguments only; one finish chunk with an
             empty delta; usage in one chunk of its own with no choices, only if asked for, and then
             `usage: null` in every other chunk; [DONE]
  anthropic  every event named; input counts in message_start; a ping after the first block opens;
             the first input_json_delta is empty (and the only one for a call without arguments);
             the signature last in a thinking block; cumulative output tokens in message_delta

A test that wants a broken answer takes these bytes and breaks them. Every answer gets an id of its
own, for agents tell a repeated message from a new one by it.
"""

import itertools
import json
import re
from dataclasses import dataclass

import aws
import others
import responses

_numbers = itertools.count(1)
HALVES = re.compile("[\ud800-\udfff]")


def new_id(prefix):
    return f"{prefix}{next(_numbers):024d}"


def dumps(value):
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if HALVES.search(text):  # which UTF-8 can't hold
        text = json.dumps(value, separators=(",", ":"))
    return text


@dataclass(frozen=True)
class Tool:
    """One tool call; `args` is a dict, or the JSON text itself where its spelling matters."""

    id: str
    name: str
    args: object = None

    @property
    def text(self):
        if self.args is None:
            return ""
        return self.args if isinstance(self.args, str) else dumps(self.args)


@dataclass(frozen=True)
class Turn:
    text: str = ""
    thinking: str = ""
    signature: str = "c2lnbmF0dXJl"
    tools: tuple = ()
    stop: str = ""  # "length" where the limit cut it; else it follows from `tools`
    input: int = 25  # tokens of the prompt that no cache served
    cached: int = 0  # tokens of the prompt that a cache served
    output: int = 12
    reasoning: int = 0  # of `output`
    pieces: int = 8  # characters a streamed piece holds

    @property
    def finish(self):
        return self.stop or ("tool_calls" if self.tools else "stop")


def split(text, size):
    return [text[i : i + size] for i in range(0, len(text), size)]


# ---- server-sent events


def event(data, name=None):
    """One server-sent event's bytes; `data` is JSON text or a value to write as JSON."""
    payload = data if isinstance(data, str) else dumps(data)
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {payload}\n\n".encode()


# ---- OpenAI Chat Completions

CREATED = 1754000000


def chat_usage(turn):
    prompt = turn.input + turn.cached
    return {
        "prompt_tokens": prompt,
        "completion_tokens": turn.output,
        "total_tokens": prompt + turn.output,
        "prompt_tokens_details": {"cached_tokens": turn.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": turn.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def chat_message(turn, model="m"):
    message = {
        "role": "assistant",
        "content": turn.text or (None if turn.tools else ""),
        "refusal": None,
    }
    if turn.thinking:
        message["reasoning_content"] = turn.thinking
    if turn.tools:
        message["tool_calls"] = [
            {
                "id": t.id,
                "type": "function",
                "function": {"name": t.name, "arguments": t.text or "{}"},
            }
            for t in turn.tools
        ]
    message["annotations"] = []
    return {
        "id": new_id("chatcmpl-"),
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [
            {"index": 0, "message": message, "logprobs": None, "finish_reason": turn.finish}
        ],
        "usage": chat_usage(turn),
        "service_tier": "default",
        "system_fingerprint": None,
    }


def _chat_deltas(turn):
    """The deltas of a stream in order, the empty one of the finish chunk left out."""
    first = {
        "role": "assistant",
        "content": None if turn.tools and not turn.text else "",
        "refusal": None,
    }
    if turn.thinking:
        first["content"] = None
        yield dict(first, reasoning_content="")
        first = None
        for piece in split(turn.thinking, turn.pieces):
            yield {"reasoning_content": piece}
    if turn.text:
        if first:
            yield first
            first = None
        for piece in split(turn.text, turn.pieces):
            yield {"content": piece}
    for index, tool in enumerate(turn.tools):
        opening = {
            "index": index,
            "id": tool.id,
            "type": "function",
            "function": {"name": tool.name, "arguments": ""},
        }
        yield {**(first or {}), "tool_calls": [opening]}
        first = None
        for piece in split(tool.text or "{}", turn.pieces):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
    if first:
        yield first


def chat_stream(turn, model="m", usage=True):
    """The events of a stream, one bytes object each; `usage` is the request's include_usage."""
    base = {
        "id": new_id("chatcmpl-"),
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": model,
        "service_tier": "default",
        "system_fingerprint": None,
    }
    tail = {"usage": None} if usage else {}

    def chunk(delta, finish=None):
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event({**base, "choices": [choice], **tail})

    events = [chunk(delta) for delta in _chat_deltas(turn)]
    events.append(chunk({}, turn.finish))
    if usage:
        events.append(event({**base, "choices": [], "usage": chat_usage(turn)}))
    events.append(event("[DONE]"))
    return events


def chat_error(status, message="it failed", kind=None, code=None):
    kind = kind or {
        401: "invalid_request_error",
        400: "invalid_request_error",
        404: "invalid_request_error",
        429: "requests",
        503: "service_unavailable_error",
    }.get(status, "server_error")
    code = code or {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}.get(
        status
    )
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


# ---- Anthropic Messages

ANTHROPIC_STOP = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


def anthropic_usage(turn, output):
    return {
        "input_tokens": turn.input,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": turn.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output,
        "service_tier": "standard",
    }


def anthropic_message(turn, model="m"):
    content = []
    if turn.thinking:
        content.append({"type": "thinking", "thinking": turn.thinking, "signature": turn.signature})
    if turn.text:
        content.append({"type": "text", "text": turn.text})
    for tool in turn.tools:
        content.append(
            {
                "type": "tool_use",
                "id": tool.id,
                "name": tool.name,
                "input": json.loads(tool.text or "{}"),
            }
        )
    return {
        "model": model,
        "id": new_id("msg_"),
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": ANTHROPIC_STOP.get(turn.finish, turn.finish),
        "stop_sequence": None,
        "usage": anthropic_usage(turn, turn.output),
    }


def _anthropic_blocks(turn):
    """(opening block, deltas) of every content block in order."""
    if turn.thinking:
        deltas = [
            {"type": "thinking_delta", "thinking": p} for p in split(turn.thinking, turn.pieces)
        ]
        deltas.append({"type": "signature_delta", "signature": turn.signature})
        yield {"type": "thinking", "thinking": "", "signature": ""}, deltas
    if turn.text:
        yield (
            {"type": "text", "text": ""},
            [{"type": "text_delta", "text": p} for p in split(turn.text, turn.pieces)],
        )
    for tool in turn.tools:
        pieces = [""] + split(tool.text, turn.pieces)
        yield (
            {"type": "tool_use", "id": tool.id, "name": tool.name, "input": {}},
            [{"type": "input_json_delta", "partial_json": p} for p in pieces],
        )


def anthropic_stream(turn, model="m"):
    """The events of a stream, one bytes object each."""
    start = {
        **anthropic_message(Turn(input=turn.input, cached=turn.cached), model),
        "stop_reason": None,
        "usage": anthropic_usage(turn, 1),
    }
    events = [event({"type": "message_start", "message": start}, "message_start")]
    for index, (block, deltas) in enumerate(_anthropic_blocks(turn)):
        opening = {"type": "content_block_start", "index": index, "content_block": block}
        events.append(event(opening, "content_block_start"))
        if index == 0:
            events.append(event({"type": "ping"}, "ping"))
        for delta in deltas:
            body = {"type": "content_block_delta", "index": index, "delta": delta}
            events.append(event(body, "content_block_delta"))
        events.append(event({"type": "content_block_stop", "index": index}, "content_block_stop"))
    end = {
        "type": "message_delta",
        "delta": {
            "stop_reason": ANTHROPIC_STOP.get(turn.finish, turn.finish),
            "stop_sequence": None,
        },
        "usage": anthropic_usage(turn, turn.output),
    }
    events.append(event(end, "message_delta"))
    events.append(event({"type": "message_stop"}, "message_stop"))
    return events


ANTHROPIC_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def anthropic_error(status, message="it failed", kind=None):
    kind = kind or ANTHROPIC_ERRORS.get(status, "api_error")
    return {
        "type": "error",
        "error": {"type": kind, "message": message},
        "request_id": "req_011FakeUpstream00000001",
    }


# ---- OpenAI Responses (the shapes are in responses.py)


def responses_stream(turn, model="m"):
    listed = responses.events(turn, model, new_id, split)
    return [
        event({"type": kind, **data, "sequence_number": number}, kind)
        for number, (kind, data) in enumerate(listed)
    ]


# ---- any of them

# How the path of a dialect's base URL ends.
_CLOUD = "/v1/projects/p/locations/us-east5/publishers"
BASES = {
    **{name: "/v1" for name in ("openai", "openai-responses", "mistral", "xai")},
    "gemini": "/v1beta",
    "azure": "/openai/v1",
    "azure-responses": "/openai/v1",
    "vertex": f"{_CLOUD}/google",
    "vertex-anthropic": f"{_CLOUD}/anthropic",
    "groq": "/openai/v1",
    "openrouter": "/api/v1",
}


def whole(dialect, turn, model="m"):
    if dialect == "anthropic":
        return anthropic_message(turn, model)
    if dialect == "openai-responses":
        return responses.whole(turn, model, new_id)
    if dialect == "gemini":
        return others.gemini_whole(turn, model, new_id("resp"))
    if dialect == "cohere":
        return others.cohere_whole(turn, new_id("c14c80c3-"))
    if dialect == "ollama":
        return others.ollama_whole(turn, model)
    if dialect == "bedrock":
        return aws.turn_whole(turn)
    return chat_message(turn, model)  # Mistral has Chat's


def stream(dialect, turn, model="m", usage=True):
    if dialect == "anthropic":
        return anthropic_stream(turn, model)
    if dialect == "openai-responses":
        return responses_stream(turn, model)
    if dialect == "gemini":
        return others.gemini_stream(turn, model, new_id("resp"), split, event)
    if dialect == "cohere":
        return others.cohere_stream(turn, new_id("c14c80c3-"), split, event)
    if dialect == "ollama":
        return others.ollama_stream(turn, model, split, dumps)
    if dialect == "bedrock":
        return aws.turn_stream(turn, split)
    if dialect == "mistral":
        usage = chat_usage(turn)
        return others.mistral_stream(turn, model, new_id("cmpl-"), split, event, usage)
    return chat_stream(turn, model, usage)


def stream_type(dialect):
    kinds = {"ollama": "application/x-ndjson", "bedrock": aws.STREAM}
    return kinds.get(dialect, "text/event-stream; charset=utf-8")


def error(dialect, status, message="it failed", kind=None, code=None):
    if dialect == "anthropic":
        return anthropic_error(status, message, kind)
    if dialect == "gemini":
        return others.gemini_error(status, message)
    if dialect == "cohere":
        return others.cohere_error(message)
    if dialect == "ollama":
        return {"error": message}
    return chat_error(status, message, kind, code)  # Responses has Chat's


def prelude(dialect, turn=Turn(text="x")):
    """The leading events of a stream that carry no content yet."""
    lengths = {"anthropic": 3, "openai-responses": responses.PRELUDE}
    return stream(dialect, turn)[: lengths.get(dialect, 1)]
