# SPDX-License-Identifier: Apache-2.0
"""others - a Turn as Gemini, Cohere (v2), Ollama and (streams) Mistral write it, after recorded traffic.

  gemini  calls come whole, each in a chunk of its own, the first with the seal of the thought before
          it; thoughts are parts with `thought`; candidatesTokenCount leaves thoughts out; the stop
          comes in a last chunk with an empty text; a call's id is there as in Gemini 3's answers
  cohere  text before calls is `tool_plan`; every event is named; input tokens hold the cached ones;
          no [DONE] behind a stream that called tools
  mistral Chat's chunks, but calls whole and all in the last chunk, with the finish and the usage,
          which nobody has to ask for
  ollama  a line of JSON for each piece, calls whole with an object for arguments, the counts in the
          last line; thoughts in `thinking`

Functions that make a stream give one bytes object an event. What they need of turns.py is handed in
by it, for it imports this file.
"""

import json


def arguments(tool):
    return json.loads(tool.text or "{}")


# ---- Gemini

GEMINI_STOP = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"}


def gemini_usage(turn):
    prompt = turn.input + turn.cached
    usage = {
        "promptTokenCount": prompt,
        "candidatesTokenCount": turn.output - turn.reasoning,
        "totalTokenCount": prompt + turn.output,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}],
    }
    if turn.cached:
        usage["cachedContentTokenCount"] = turn.cached
    if turn.reasoning:
        usage["thoughtsTokenCount"] = turn.reasoning
    return usage


def gemini_parts(turn, split):
    for piece in split(turn.thinking, turn.pieces) if turn.thinking else ():
        yield {"text": piece, "thought": True}
    for piece in split(turn.text, turn.pieces) if turn.text else ():
        yield {"text": piece}
    for n, tool in enumerate(turn.tools):
        call = {"functionCall": {"name": tool.name, "args": arguments(tool), "id": tool.id}}
        yield dict(call, thoughtSignature=turn.signature) if n == 0 and turn.thinking else call


def gemini_chunk(turn, model, made_id, parts, finish=None):
    candidate = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = GEMINI_STOP[finish]
    return {
        "candidates": [candidate],
        "usageMetadata": gemini_usage(turn),
        "modelVersion": model,
        "responseId": made_id,
    }


def gemini_whole(turn, model, made_id):
    # A part for each thing that was said, however a stream would cut it.
    parts = list(gemini_parts(turn, lambda text, _: [text]))
    return gemini_chunk(turn, model, made_id, parts, turn.finish)


def gemini_stream(turn, model, made_id, split, event):
    chunks = [gemini_chunk(turn, model, made_id, [p]) for p in gemini_parts(turn, split)]
    chunks.append(gemini_chunk(turn, model, made_id, [{"text": ""}], turn.finish))
    return [event(chunk) for chunk in chunks]


GEMINI_ERRORS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def gemini_error(status, message):
    return {
        "error": {
            "code": status,
            "message": message,
            "status": GEMINI_ERRORS.get(status, "UNKNOWN"),
        }
    }


# ---- Cohere

COHERE_STOP = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL"}


def cohere_usage(turn):
    return {
        "billed_units": {"input_tokens": turn.input, "output_tokens": turn.output},
        "tokens": {"input_tokens": turn.input + turn.cached, "output_tokens": turn.output},
        "cached_tokens": turn.cached,
    }


def cohere_whole(turn, made_id):
    content = []
    if turn.thinking:
        content.append({"type": "thinking", "thinking": turn.thinking})
    if turn.text and not turn.tools:
        content.append({"type": "text", "text": turn.text})
    message = {"role": "assistant"}
    if content:
        message["content"] = content
    if turn.tools:
        message["tool_plan"] = turn.text
        message["tool_calls"] = [
            {
                "id": t.id,
                "type": "function",
                "function": {"name": t.name, "arguments": t.text or "{}"},
            }
            for t in turn.tools
        ]
    return {
        "id": made_id,
        "message": message,
        "finish_reason": COHERE_STOP[turn.finish],
        "usage": cohere_usage(turn),
    }


def cohere_said(turn, split):
    """(type, index or None, what `delta.message` is or None) of the events between start and end."""
    index = 0
    for kind, field, text in (
        ("thinking", "thinking", turn.thinking),
        ("text", "text", "" if turn.tools else turn.text),
    ):
        if not text:
            continue
        yield "content-start", index, {"content": {"type": kind, field: ""}}
        for piece in split(text, turn.pieces):
            yield "content-delta", index, {"content": {field: piece}}
        yield "content-end", index, None
        index += 1
    for piece in split(turn.text, turn.pieces) if turn.tools else ():
        yield "tool-plan-delta", None, {"tool_plan": piece}
    for n, tool in enumerate(turn.tools):
        function = {"name": tool.name, "arguments": ""}
        start = {"id": tool.id, "type": "function", "function": function}
        yield "tool-call-start", n, {"tool_calls": start}
        for piece in split(tool.text or "{}", turn.pieces):
            yield "tool-call-delta", n, {"tool_calls": {"function": {"arguments": piece}}}
        yield "tool-call-end", n, None


def cohere_stream(turn, made_id, split, event):
    empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    start = {"id": made_id, "type": "message-start", "delta": {"message": empty}}
    events = [event(start, "message-start")]
    for kind, index, message in cohere_said(turn, split):
        one = {"type": kind}
        if index is not None:
            one["index"] = index
        if message:
            one["delta"] = {"message": message}
        events.append(event(one, kind))
    delta = {"finish_reason": COHERE_STOP[turn.finish], "usage": cohere_usage(turn)}
    events.append(event({"type": "message-end", "delta": delta}, "message-end"))
    if not turn.tools:
        events.append(event("[DONE]"))
    return events


def cohere_error(message):
    return {"id": "2d4609a6-d1f9-4cf4-8d09-af865409bdc2", "message": message}


# ---- Mistral


def mistral_stream(turn, model, made_id, split, event, usage):
    base = {"id": made_id, "object": "chat.completion.chunk", "created": 1724786761, "model": model}
    said = [{"role": "assistant", "content": ""}]
    said += [{"content": piece} for piece in split(turn.text, turn.pieces)]
    listing = [
        {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in said
    ]
    last = {"content": None if turn.tools else ""}
    if turn.tools:
        last["tool_calls"] = [
            {"id": t.id, "function": {"name": t.name, "arguments": t.text or "{}"}, "index": n}
            for n, t in enumerate(turn.tools)
        ]
    choice = {"index": 0, "delta": last, "finish_reason": turn.finish}
    listing.append({**base, "choices": [choice], "usage": usage})
    return [*map(event, listing), event("[DONE]")]


# ---- Ollama

OLLAMA_TIME = "2026-08-05T08:10:56.372032Z"


def ollama_end(turn):
    return {
        "done": True,
        "done_reason": "length" if turn.finish == "length" else "stop",
        "total_duration": 7577982042,
        "load_duration": 58847000,
        "prompt_eval_count": turn.input + turn.cached,
        "prompt_eval_duration": 707514083,
        "eval_count": turn.output,
        "eval_duration": 6286536118,
    }


def ollama_call(number, tool):
    function = {"index": number, "name": tool.name, "arguments": arguments(tool)}
    return {"id": tool.id, "function": function}


def ollama_whole(turn, model):
    message = {"role": "assistant", "content": turn.text}
    if turn.thinking:
        message["thinking"] = turn.thinking
    if turn.tools:
        message["tool_calls"] = [ollama_call(n, t) for n, t in enumerate(turn.tools)]
    return {"model": model, "created_at": OLLAMA_TIME, "message": message, **ollama_end(turn)}


def ollama_stream(turn, model, split, dumps):
    said = [{"content": "", "thinking": p} for p in split(turn.thinking, turn.pieces)]
    said += [{"content": p} for p in split(turn.text, turn.pieces)]
    said += [{"content": "", "tool_calls": [ollama_call(n, t)]} for n, t in enumerate(turn.tools)]
    head = {"model": model, "created_at": OLLAMA_TIME}
    lines = [{**head, "message": {"role": "assistant", **one}, "done": False} for one in said]
    lines.append({**head, "message": {"role": "assistant", "content": ""}, **ollama_end(turn)})
    return [f"{dumps(line)}\n".encode() for line in lines]
