# SPDX-License-Identifier: Apache-2.0
"""Transforms: what the provider gets after the operator's edits, in both ways of writing a request."""

import json

import gateway
import pytest
import turns
from fronts import CHAT, MESSAGES, assert_served
from turns import Tool, Turn
from upstream import RST, events, says

EDITS = """transforms: [
  { set: { temperature: 0.25, extra.deep: [ 1, "1" ] } },
  { rename: { max_tokens: max_completion_tokens } },
  { atMost: { max_completion_tokens: 100 } },
  { delete: [ "messages[*].name", "**.cache_control" ] },
  { headers: { x-title: weir, x-env: "${TITLE:-none}" } },
  { models: [ "other*" ], set: { never: true } },
  { models: [ "u*" ], set: { always: true } } ]"""


def test_edits_in_both_ways(weir, upstream, front):
    """Spliced or translated, the edits are the last word; what they do not name stays."""
    up = upstream("openai")
    w = weir(up, options=EDITS)
    for stream in (False, True):
        r = front.ask(w.port, "hello", stream=stream, max_tokens=500)
        assert_served(front, r, "Hello there.")
        got = up.requests[-1]
        assert got.json["temperature"] == 0.25 and got.json["extra"] == {"deep": [1, "1"]}
        assert got.json["max_completion_tokens"] == 100 and "max_tokens" not in got.json
        assert got.json["always"] is True and "never" not in got.json
        assert got.json["messages"][-1]["content"] in ("hello", [{"type": "text", "text": "hello"}])
        assert got.get("x-title") == "weir" and got.get("x-env") == "none"
        assert int(got.get("content-length")) == len(got.body)


def test_markers_go_from_where_they_are(weir, upstream):
    up = upstream("anthropic")
    w = weir(up, options='transforms: [ { delete: "**.cache_control" } ]')
    text = [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]
    r = MESSAGES.call(w.port, MESSAGES.body(messages=[{"role": "user", "content": text}]))
    assert r.status == 200
    assert b"cache_control" not in up.requests[0].body
    assert up.requests[0].json["messages"][0]["content"] == [{"type": "text", "text": "hi"}]


def test_a_logical_model_edits_behind_its_provider(weir, upstream):
    up = upstream("openai")
    text = gateway.config(up, options="transforms: [ { set: { seed: 1, user: p } } ]").replace(
        "targets:", "transforms: [ { set: { seed: 2 } } ], targets:"
    )
    r = CHAT.ask(weir(text).port)
    assert r.status == 200
    assert (up.requests[0].json["seed"], up.requests[0].json["user"]) == (2, "p")


def test_edits_of_a_large_body(weir, upstream):
    up = upstream("openai")
    w = weir(up, options="transforms: [ { set: { seed: 1 } } ]")
    big = "x" * (2 << 20)
    assert CHAT.ask(w.port, big).status == 200
    assert up.requests[0].json["messages"][0]["content"] == big
    assert json.loads(up.requests[0].body)["seed"] == 1


def test_a_router_file_edits_too(weir, upstream):
    up = upstream("openai")
    ccr = {
        "PORT": "@PORT@",
        "Providers": [
            {
                "name": "a",
                "api_base_url": f"http://127.0.0.1:{up.port}/v1/chat/completions",
                "api_key": "k",
                "models": ["up"],
                "transformer": {"use": [["maxtoken", {"max_tokens": 64}], "cleancache"]},
            }
        ],
        "Router": {"default": "a,up"},
    }
    w = weir(json.dumps(ccr))
    assert MESSAGES.ask(w.port, model="a,up", max_tokens=4096).status == 200
    assert up.requests[0].json["max_tokens"] == 64


# ---- remedies


def served(weir, upstream, front, remedy, turn, stream, **fields):
    """One question with the tools `look` and `time` declared; the answer, and what was sent."""
    up = upstream("openai", default=says(turn))
    w = weir(up, options=f"transforms: [ {remedy} ]")
    r = front.ask(w.port, stream=stream, tools=["look", "time"], **fields)
    assert r.status == 200, r.body
    a = front.read(r)
    assert a.error is None and a.ended
    return a, up.requests[0].json


@pytest.mark.parametrize("stream", [False, True])
def test_thoughts_in_tags(weir, upstream, front, stream):
    turn = Turn(text="<think>\nLet me see.\n</think>\n\nIt is done.")
    a, _ = served(weir, upstream, front, "thinkTag", turn, stream)
    assert (a.thinking.strip(), a.text, a.finish) == ("Let me see.", "It is done.", "stop")


@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_that_is_asked_for(weir, upstream, front, stream):
    turn = Turn(text="<reasoning_content>Hm.</reasoning_content>Yes.")
    a, sent = served(weir, upstream, front, "forcereasoning", turn, stream)
    assert (a.thinking, a.text) == ("Hm.", "Yes.")
    assert "<reasoning_content>" in json.dumps(sent["messages"][0])


@pytest.mark.parametrize("stream", [False, True])
def test_arguments_that_are_nearly_json(weir, upstream, front, stream):
    turn = Turn(tools=(Tool("call_1", "look", "{'at': \"the sky\", deep: True"),))
    a, _ = served(weir, upstream, front, "repairTools", turn, stream)
    assert [t[1:] for t in a.tools] == [("look", {"at": "the sky", "deep": True})]
    assert a.finish == "tool_calls"


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_that_came_as_text(weir, upstream, front, stream):
    text = 'Now.\n<tool_call>\n{"name": "look", "arguments": {"at": "it"}}\n</tool_call>'
    a, _ = served(weir, upstream, front, "recoverTools", Turn(text=text), stream)
    assert a.text.strip() == "Now." and [t[1:] for t in a.tools] == [("look", {"at": "it"})]
    assert a.finish == "tool_calls" and a.tools[0][0]
    text = '<tool_call>{"name": "rm", "arguments": {}}</tool_call>'
    a, _ = served(weir, upstream, front, "recoverTools", Turn(text=text), stream)
    assert a.text == text and not a.tools and a.finish == "stop"


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_in_every_turn(weir, upstream, front, stream):
    turn = Turn(tools=(Tool("call_1", "ExitTool", {"response": "All done."}),))
    a, sent = served(weir, upstream, front, "tooluse", turn, stream)
    assert (a.text, a.tools, a.finish) == ("All done.", [], "stop")
    assert sent["tool_choice"] == "required"
    assert {t["function"]["name"] for t in sent["tools"]} == {"ExitTool", "look", "time"}
    turn = Turn(tools=(Tool("call_2", "look", {"at": "x"}),))
    a, _ = served(weir, upstream, front, "tooluse", turn, stream)
    assert [t[1] for t in a.tools] == ["look"] and a.finish == "tool_calls"


def test_U20_a_failure_behind_held_text_is_still_repaired(weir, upstream):
    """What a filter holds has not reached the client: another target may serve."""
    listing = turns.chat_stream(Turn(text="<thi"), usage=False)[:2]
    a, b = upstream("openai", events(listing, end=RST)), upstream("openai")
    w = weir(a, b, options="transforms: [ thinkTag ]")
    r = CHAT.ask(w.port, stream=True)
    assert assert_served(CHAT, r, "Hello there.", "b").ended
