# SPDX-License-Identifier: Apache-2.0
"""Claude Code on answers that Gemini and OpenAI really gave: the recorded stream of a thought and a
tool call is played to it, event for event. Only the call's name and arguments are put in place, for
it must call a tool that this agent has. The provider's seal of its thought (Gemini's
thoughtSignature, OpenAI's encrypted_content) has no place in Claude's language, and must come back
byte for byte with the result, through whatever the agent keeps of a turn."""

import json

import pytest

from test_agents import KEYED, claude_env, npm, program, run, work  # noqa: F401 - two fixtures
from recorded import SHARED
from turns import Turn, event, stream
from upstream import events, says

COMMAND = "expr 40 + 2 | sed s/^/weir-/ > a.txt; cat a.txt"
ARGS = {"command": COMMAND, "description": "Adds"}
RECORDED = {
    "gemini": "gemini/tool-call-reasoning-stream-gemini-2-5-pro",
    "openai-responses": (
        "openai-responses/tool-call-reasoning-encrypted-content-stream-gpt-5-2025-08-07"
    ),
}


def put_in_gemini(data):
    """The call of one event of Gemini's becomes ours; the seal that stands at it, if any."""
    seal = None
    for candidate in data.get("candidates", ()):
        for part in candidate.get("content", {}).get("parts", ()):
            if "functionCall" in part:
                part["functionCall"].update(name="Bash", args=ARGS)
                seal = part.get("thoughtSignature")
    return seal


def put_in_responses(data):
    """As above: the arguments come whole in the first of the call's deltas, the others are empty."""
    seal, text = None, json.dumps(ARGS)
    if data["type"] == "response.function_call_arguments.delta":
        data["delta"] = text if data["delta"].startswith("{") else ""
    elif data["type"] == "response.function_call_arguments.done":
        data["arguments"] = text
    items = [data["item"]] if "item" in data else data.get("response", {}).get("output", ())
    for item in items:
        if item["type"] == "function_call":
            item["name"] = "Bash"
            item["arguments"] = item["arguments"] and text
        elif item["type"] == "reasoning" and data["type"] == "response.output_item.done":
            seal = item["encrypted_content"]
    return seal


def recorded(dialect):
    """The events to send, and the seal in them."""
    put = {"gemini": put_in_gemini, "openai-responses": put_in_responses}[dialect]
    listing, seals = [], []
    text = (SHARED / "fixtures/wire" / RECORDED[dialect] / "response.sse").read_text()
    for block in text.replace("\r\n", "\n").split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" not in lines:
            continue
        data = json.loads(lines["data"])
        seals.append(put(data))
        listing.append(event(data, lines.get("event")))
    (seal,) = {s for s in seals if s}
    return listing, seal


@pytest.mark.skipif(not SHARED, reason="no recorded traffic beside the checkout")
@pytest.mark.parametrize("dialect", RECORDED)
def test_claude_code_on_recorded_answers(weir, upstream, npm, work, tmp_path, dialect):
    listing, seal = recorded(dialect)
    results = []

    def model(x):
        body = x.request.body.decode()
        if '"Bash"' not in body:
            return says(Turn(text="A title"))(x)
        if '"function_call_output"' not in body and '"functionResponse"' not in body:
            return events(listing)(x)
        results.append(body)
        word = "weir-42" if "weir-42" in body else "nothing"
        return events(stream(dialect, Turn(text=f"Finished with {word}.")))(x)

    up = upstream(dialect, default=model)
    w = weir(up, extra=KEYED, workers=2)
    out = run(
        [program(npm / ".bin/claude"), "-p", "Do what is needed.", "--allowedTools", "Bash"],
        work,
        claude_env(tmp_path, f"http://127.0.0.1:{w.port}"),
    )
    assert "Finished with weir-42." in out, out
    assert (work / "a.txt").read_text() == "weir-42\n"
    assert len(results) == 1 and results[0].count(seal) == 1
