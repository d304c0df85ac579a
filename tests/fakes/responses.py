# SPDX-License-Identifier: Apache-2.0
"""responses - a Turn in the shapes of OpenAI's Responses API, as recorded traffic shows them.

Every event is named like its type and numbered from 0; deltas carry ids and indices only, the name of
a call stands in its item; a reasoning item holds one seal when it begins and another when it is done,
which is the one to keep; the last event repeats the whole output and alone has the usage.
"""

CREATED = 1754000000
EARLY_SEAL, SEAL = "gAAAAABearly", "gAAAAABlseal"


def usage(turn):
    prompt = turn.input + turn.cached
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": turn.cached},
        "output_tokens": turn.output,
        "output_tokens_details": {"reasoning_tokens": turn.reasoning},
        "total_tokens": prompt + turn.output,
    }


def response(new_id, model, status="in_progress", output=(), **fields):
    return {
        "id": new_id("resp_"),
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "model": model,
        "output": list(output),
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "user": None,
        "metadata": {},
        **fields,
    }


def text_part(text):
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def items(turn, new_id):
    """The items of the output, done."""
    listed = []
    if turn.thinking:
        listed.append(
            {
                "id": new_id("rs_"),
                "type": "reasoning",
                "content": [],
                "encrypted_content": SEAL,
                "summary": [{"type": "summary_text", "text": turn.thinking}],
            }
        )
    if turn.text or not turn.tools:
        listed.append(
            {
                "id": new_id("msg_"),
                "type": "message",
                "status": "incomplete" if turn.stop == "length" else "completed",
                "content": [text_part(turn.text)],
                "role": "assistant",
            }
        )
    for tool in turn.tools:
        listed.append(
            {
                "id": new_id("fc_"),
                "type": "function_call",
                "status": "completed",
                "arguments": tool.text or "{}",
                "call_id": tool.id,
                "name": tool.name,
            }
        )
    return listed


def ended(turn, base, output):
    cut = turn.stop == "length"
    return {
        **base,
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "output": output,
        "usage": usage(turn),
    }


def whole(turn, model, new_id):
    return ended(turn, response(new_id, model), items(turn, new_id))


def _reasoning(item, at, pieces):
    place = {**at, "summary_index": 0}
    text = item["summary"][0]["text"]
    yield "response.reasoning_summary_part.added", {
        **place,
        "part": {"type": "summary_text", "text": ""},
    }
    for piece in pieces(text):
        yield "response.reasoning_summary_text.delta", {**place, "delta": piece}
    yield "response.reasoning_summary_text.done", {**place, "text": text}
    yield "response.reasoning_summary_part.done", {**place, "part": item["summary"][0]}


def _message(item, at, pieces):
    place = {**at, "content_index": 0}
    text = item["content"][0]["text"]
    yield "response.content_part.added", {**place, "part": text_part("")}
    for piece in pieces(text):
        yield "response.output_text.delta", {**place, "delta": piece, "logprobs": []}
    yield "response.output_text.done", {**place, "text": text, "logprobs": []}
    yield "response.content_part.done", {**place, "part": text_part(text)}


def _call(item, at, pieces):
    for piece in pieces(item["arguments"]):
        yield "response.function_call_arguments.delta", {**at, "delta": piece}
    yield "response.function_call_arguments.done", {**at, "arguments": item["arguments"]}


OPENED = {
    "reasoning": {"summary": [], "encrypted_content": EARLY_SEAL},
    "message": {"status": "in_progress", "content": []},
    "function_call": {"status": "in_progress", "arguments": ""},
}
BODIES = {"reasoning": _reasoning, "message": _message, "function_call": _call}


def events(turn, model, new_id, split):
    """(type, data) of every event in order."""
    base = response(new_id, model)
    yield "response.created", {"response": base}
    yield "response.in_progress", {"response": base}
    output = items(turn, new_id)
    for index, item in enumerate(output):
        place = {"output_index": index}
        yield "response.output_item.added", {**place, "item": {**item, **OPENED[item["type"]]}}
        at = {"item_id": item["id"], **place}
        yield from BODIES[item["type"]](item, at, lambda text: split(text, turn.pieces))
        yield "response.output_item.done", {**place, "item": item}
    done = ended(turn, base, output)
    yield f"response.{done['status']}", {"response": done}


PRELUDE = 3  # events before any content: created, in_progress, the first item
