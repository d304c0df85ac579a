# SPDX-License-Identifier: Apache-2.0
"""Coding agents on answers that providers of other languages really gave: the recorded stream of a thought
and a tool call is played to each, event for event. Only the call's name and arguments are put in place,
for it must call a tool that this agent has. The provider's seal of its thought (Gemini's
thoughtSignature, OpenAI's encrypted_content, Claude's signature) has no place of its own in the
agent's language, and must come back byte for byte with the result: through whatever the agent
keeps of a turn, or, where it keeps none (opencode speaks Chat), out of weir's own store."""

import json

import pytest

from recorded import SHARED
from test_aimock import AGENTS, npm, work  # noqa: F401 - two fixtures
from test_agents import KEYED, run
from turns import Turn, event, stream
from upstream import events, says

COMMAND = "expr 40 + 2 | sed s/^/weir-/ > a.txt; cat a.txt"
SHELL = {"command": COMMAND, "description": "Adds"}
TOOLS = {
    "claude": ("Bash", SHELL),
    "codex": ("exec_command", {"cmd": COMMAND}),
    "gemini": ("run_shell_command", SHELL),
    "opencode": ("bash", SHELL),
}
RECORDED = {
    "anthropic": "anthropic/tool-call-reasoning-stream-claude-sonnet-4-6",
    "gemini": "gemini/tool-call-reasoning-stream-gemini-2-5-pro",
    "openai-responses": (
        "openai-responses/tool-call-reasoning-encrypted-content-stream-gpt-5-2025-08-07"
    ),
}
# What shows that a request brings a result, in the provider's language.
RESULT = {
    "anthropic": '"tool_result"',
    "gemini": '"functionResponse"',
    "openai-responses": '"function_call_output"',
}


def put_in_anthropic(data, name, args):
    """The call of one event becomes ours: the arguments come whole in the first of the call's deltas,
    the others are empty. Answers the seal that the event holds, if any."""
    delta = data.get("delta") or {}
    if data["type"] == "content_block_start" and data["content_block"]["type"] == "tool_use":
        data["content_block"]["name"] = name
    if delta.get("partial_json"):
        delta["partial_json"] = json.dumps(args) if delta["partial_json"].startswith("{") else ""
    return delta.get("signature")


def put_in_gemini(data, name, args):
    """As above; Gemini's calls come whole."""
    seal = None
    for candidate in data.get("candidates", ()):
        for part in candidate.get("content", {}).get("parts", ()):
            if "functionCall" in part:
                part["functionCall"].update(name=name, args=args)
                seal = part.get("thoughtSignature")
    return seal


def put_in_responses(data, name, args):
    """As above; the items repeat what the deltas said."""
    seal, text = None, json.dumps(args)
    if data["type"] == "response.function_call_arguments.delta":
        data["delta"] = text if data["delta"].startswith("{") else ""
    elif data["type"] == "response.function_call_arguments.done":
        data["arguments"] = text
    items = [data["item"]] if "item" in data else data.get("response", {}).get("output", ())
    for item in items:
        if item["type"] == "function_call":
            item["name"] = name
            item["arguments"] = item["arguments"] and text
        elif item["type"] == "reasoning" and data["type"] == "response.output_item.done":
            seal = item["encrypted_content"]
    return seal


PUT_IN = {
    "anthropic": put_in_anthropic,
    "gemini": put_in_gemini,
    "openai-responses": put_in_responses,
}


def recorded(dialect, tool):
    """The events to send, and the seal in them."""
    listing, seals = [], []
    text = (SHARED / "fixtures/wire" / RECORDED[dialect] / "response.sse").read_text()
    for block in text.replace("\r\n", "\n").split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" not in lines:
            continue
        data = json.loads(lines["data"])
        seals.append(PUT_IN[dialect](data, *tool))
        listing.append(event(data, lines.get("event")))
    (seal,) = {s for s in seals if s}
    return listing, seal


@pytest.mark.skipif(not SHARED, reason="no recorded traffic beside the checkout")
@pytest.mark.parametrize(
    "agent, dialect",
    (
        ("claude", "gemini"),
        ("claude", "openai-responses"),
        ("codex", "anthropic"),
        ("codex", "gemini"),
        ("gemini", "anthropic"),
        ("gemini", "openai-responses"),
        ("opencode", "anthropic"),
        ("opencode", "gemini"),
        ("opencode", "openai-responses"),
    ),
)
def test_an_agent_on_recorded_answers(weir, upstream, npm, work, tmp_path, agent, dialect):  # noqa: F811
    tool = TOOLS[agent]
    listing, seal = recorded(dialect, tool)
    results = []

    def model(x):
        body = x.request.body.decode()
        if f'"{tool[0]}"' not in body:
            return says(Turn(text="A title"))(x)
        if RESULT[dialect] not in body:
            return events(listing)(x)
        results.append(body)
        word = "weir-42" if "weir-42" in body else "nothing"
        return events(stream(dialect, Turn(text=f"Finished with {word}.")))(x)

    up = upstream(dialect, default=model)
    w = weir(up, extra=KEYED, workers=2)
    command, env = AGENTS[agent][0](npm, w.port, tmp_path)
    out = run(command, work, env)
    assert "Finished with weir-42." in out, out
    assert (work / "a.txt").read_text() == "weir-42\n"
    assert len(results) == 1 and results[0].count(seal) == 1
