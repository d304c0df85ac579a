# SPDX-License-Identifier: Apache-2.0
"""Reasoning that a client drops between two turns of a tool loop is put back for the provider."""

import json

import pytest
from fronts import CHAT, MESSAGES, assert_served
from turns import Tool, Turn, event
from upstream import events, says

THINKS = Turn(thinking="I must look.", signature="c2ln", tools=(Tool("call_1", "look", {"at": "it"}),))
DONE = Turn(text="It is there.")


def forgetful(front, question="where?", result="there"):
    """The second turn as a client sends it that keeps calls and forgets thoughts."""
    if front is CHAT:
        call = {"id": "call_1", "type": "function"}
        call["function"] = {"name": "look", "arguments": '{"at": "it"}'}
        return [
            {"role": "user", "content": question},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": result},
        ]
    use = {"type": "tool_use", "id": "call_1", "name": "look", "input": {"at": "it"}}
    back = {"type": "tool_result", "tool_use_id": "call_1", "content": result}
    return [
        {"role": "user", "content": question},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [back]},
    ]


def loop(w, front, stream, question="where?", key=None, **fields):
    r = front.ask(w.port, question, tools=["look"], stream=stream, key=key, **fields)
    assert r.status == 200 and front.read(r).tools
    r = front.ask(
        w.port, tools=["look"], stream=stream, messages=forgetful(front, question), key=key, **fields
    )
    assert_served(front, r, DONE.text)


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_provider_gets_its_reasoning_back(weir, upstream, front, stream):
    """DeepSeek and its kin: 400 without reasoning_content. Also where the client's bytes would pass."""
    up = upstream("openai", says(THINKS), says(DONE))
    loop(weir(up), front, stream)
    turn = [m for m in up.requests[1].json["messages"] if m["role"] == "assistant"][0]
    assert turn["reasoning_content"] == "I must look."
    assert turn["tool_calls"][0]["id"] == "call_1"


@pytest.mark.parametrize("stream", [False, True])
def test_claude_gets_its_signed_thoughts_back(weir, upstream, stream):
    up = upstream("anthropic", says(THINKS), says(DONE))
    loop(weir(up), CHAT, stream, reasoning_effort="high", max_tokens=20000)
    turn = [m for m in up.requests[1].json["messages"] if m["role"] == "assistant"][0]
    assert turn["content"][0] == {
        "type": "thinking",
        "thinking": "I must look.",
        "signature": "c2ln",
    }
    assert turn["content"][1]["type"] == "tool_use"


def sealed_by_gemini(x):
    """As Gemini answers: the call has no id, and a seal that must come back with it."""
    parts = [
        {"text": "I must look.\n\n", "thought": True},
        {"functionCall": {"name": "look", "args": {"at": "it"}}, "thoughtSignature": "c2VhbA=="},
    ]
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}
    body = {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 1}}
    if x.request.streamed:
        events([event(body)])(x)
    else:
        x.reply(200, body)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("words", [None, "I must look.", "My own words."])
def test_gemini_gets_its_seal_back(weir, upstream, words, stream):
    """From a client that has no place for it, by the id that was made for the call; also where the
    client keeps the words of the thought, but not where it puts words of its own in their place."""
    up = upstream("gemini", sealed_by_gemini, says(DONE))
    w = weir(up)
    got = CHAT.read(CHAT.ask(w.port, "where?", tools=["look"], stream=stream))
    ((call, _, _),) = got.tools
    messages = forgetful(CHAT)
    messages[1]["tool_calls"][0]["id"] = messages[2]["tool_call_id"] = call
    if words:
        messages[1]["reasoning_content"] = words
    assert_served(CHAT, CHAT.ask(w.port, tools=["look"], stream=stream, messages=messages), DONE.text)
    parts = up.requests[1].json["contents"][1]["parts"]
    seals = [p.get("thoughtSignature") for p in parts if "functionCall" in p]
    assert seals == [None if words == "My own words." else "c2VhbA=="], parts


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_keeps_words_but_no_signature(weir, upstream, stream):
    """Chat has a place for the words alone: Claude gets both back."""
    up = upstream("anthropic", says(THINKS), says(DONE))
    w = weir(up)
    more = {"reasoning_effort": "high", "max_tokens": 20000, "stream": stream}
    assert CHAT.ask(w.port, "where?", tools=["look"], **more).status == 200
    messages = forgetful(CHAT)
    messages[1]["reasoning_content"] = THINKS.thinking
    assert CHAT.ask(w.port, tools=["look"], messages=messages, **more).status == 200
    turn = [m for m in up.requests[1].json["messages"] if m["role"] == "assistant"][0]
    assert [b["type"] for b in turn["content"]] == ["thinking", "tool_use"]
    assert turn["content"][0]["signature"] == "c2ln"


def test_claude_s_own_clients_are_left_alone(weir, upstream):
    """Their bytes pass as they are: they keep their thoughts themselves."""
    up = upstream("anthropic", says(THINKS), says(DONE))
    loop(weir(up), MESSAGES, True)
    turn = up.requests[1].json["messages"][1]
    assert [b["type"] for b in turn["content"]] == ["tool_use"]


def test_nobody_gets_another_s_thoughts(weir, upstream):
    """The same tool id under another key, or in another conversation, finds nothing."""
    keys = "keys: [ { name: a, key: key-a }, { name: b, key: key-b } ]\n"
    up = upstream("openai", says(THINKS), default=says(DONE))
    w = weir(up, extra=keys)
    assert CHAT.ask(w.port, "where?", tools=["look"], key="key-a").status == 200
    for key, question in (("key-b", "where?"), ("key-a", "something else")):
        r = CHAT.ask(w.port, tools=["look"], messages=forgetful(CHAT, question), key=key)
        assert r.status == 200
        assert b"I must look" not in up.requests[-1].body
    r = CHAT.ask(w.port, tools=["look"], messages=forgetful(CHAT), key="key-a")
    assert r.status == 200 and b"I must look" in up.requests[-1].body


def test_the_next_turn_may_come_in_on_another_worker(weir, upstream):
    up = upstream("openai", says(THINKS), default=says(DONE))
    w = weir(up, workers=3)
    assert CHAT.ask(w.port, "where?", tools=["look"], stream=True).status == 200
    for _ in range(24):  # a connection each: some worker of three
        r = CHAT.ask(w.port, tools=["look"], messages=forgetful(CHAT))
        assert r.status == 200
        assert json.loads(up.requests[-1].body)["messages"][1]["reasoning_content"]


def test_a_client_that_keeps_its_thoughts_is_believed(weir, upstream):
    up = upstream("openai", says(THINKS), says(DONE))
    w = weir(up)
    assert CHAT.ask(w.port, "where?", tools=["look"]).status == 200
    messages = forgetful(CHAT)
    messages[1]["reasoning_content"] = "My own words."
    assert CHAT.ask(w.port, tools=["look"], messages=messages).status == 200
    assert up.requests[1].json["messages"][1]["reasoning_content"] == "My own words."
