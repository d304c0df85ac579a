# SPDX-License-Identifier: Apache-2.0
"""previous_response_id: a client of Responses sends what is new, and any provider gets all of it."""

import json

import http1
import pytest
from turns import Tool, Turn
from upstream import says

PATH = "/v1/responses"
ONE, TWO, THREE = Turn(text="First."), Turn(text="Second."), Turn(text="Third.")


def ask(w, text, key=None, stream=False, **fields):
    headers = [("Authorization", f"Bearer {key}")] if key else []
    body = {"model": "m", "input": text, "stream": stream, **fields}
    return http1.call(w.port, "POST", PATH, body, headers)


def answer_of(r, stream):
    """The response object, whole or from the last event."""
    assert r.status == 200, r.body
    if not stream:
        return r.json
    lines = [line for line in r.body.decode().split("\n") if line.startswith("data: ")]
    return json.loads(lines[-1][6:])["response"]


def words(request, dialect):
    """(role, text) of what a provider was sent."""
    said = []
    for m in request.json["messages"]:
        content = m["content"]
        if not isinstance(content, str):
            content = "".join(part.get("text", "") for part in content)
        said.append((m["role"], content))
    return said


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_a_conversation_goes_on_by_its_id(weir, upstream, dialect, stream):
    up = upstream(dialect, says(ONE), says(TWO), says(THREE))
    w = weir(up)
    first = answer_of(ask(w, "one?", stream=stream), stream)
    assert first["id"].startswith("resp_") and first["store"] is True
    second = answer_of(ask(w, "two?", stream=stream, previous_response_id=first["id"]), stream)
    assert second["previous_response_id"] == first["id"]
    third = [{"role": "user", "content": "three?"}]
    answer_of(ask(w, third, stream=stream, previous_response_id=second["id"]), stream)
    assert words(up.requests[1], dialect) == [
        ("user", "one?"),
        ("assistant", "First."),
        ("user", "two?"),
    ]
    assert words(up.requests[2], dialect)[3:] == [("assistant", "Second."), ("user", "three?")]


def test_a_tool_loop_goes_on_by_its_id(weir, upstream):
    """The client sends the output of the call alone."""
    calls = Turn(text="", tools=(Tool("call_1", "look", {"at": "it"}),))
    up = upstream("openai", says(calls), says(ONE))
    w = weir(up)
    tools = [{"type": "function", "name": "look", "parameters": {"type": "object"}}]
    first = answer_of(ask(w, "where?", tools=tools), False)
    output = {"type": "function_call_output", "call_id": "call_1", "output": "there"}
    answer_of(ask(w, [output], tools=tools, previous_response_id=first["id"]), False)
    sent = up.requests[1].json["messages"]
    assert [m["role"] for m in sent] == ["user", "assistant", "tool"]
    assert sent[1]["tool_calls"][0]["id"] == sent[2]["tool_call_id"] == "call_1"


def test_two_may_go_on_from_one(weir, upstream):
    up = upstream("openai", says(ONE), says(TWO), says(THREE))
    w = weir(up)
    first = answer_of(ask(w, "one?"), False)
    for text in ("this?", "that?"):
        answer_of(ask(w, text, previous_response_id=first["id"]), False)
    assert words(up.requests[2], "openai")[-1] == ("user", "that?")
    assert ("user", "this?") not in words(up.requests[2], "openai")


def assert_not_found(r):
    assert r.status == 400
    error = r.json["error"]
    assert error["code"] == "previous_response_not_found"
    assert error["param"] == "previous_response_id"


def test_A23_nobody_goes_on_from_another_s_answer(weir, upstream):
    keys = "keys: [ { name: a, key: key-a }, { name: b, key: key-b } ]\n"
    up = upstream("openai", default=says(ONE))
    w = weir(up, extra=keys)
    first = answer_of(ask(w, "a secret", key="key-a"), False)
    asked = len(up.requests)
    assert_not_found(ask(w, "what was it?", key="key-b", previous_response_id=first["id"]))
    assert_not_found(ask(w, "what was it?", key="key-a", previous_response_id="resp_unknown"))
    assert len(up.requests) == asked
    r = ask(w, "what was it?", key="key-a", previous_response_id=first["id"])
    assert r.status == 200 and b"a secret" in up.requests[-1].body


def test_what_is_not_to_be_stored_is_not(weir, upstream):
    up = upstream("openai", default=says(ONE))
    w = weir(up)
    first = answer_of(ask(w, "one?", store=False), False)
    assert first["store"] is False
    assert_not_found(ask(w, "two?", previous_response_id=first["id"]))


def test_nothing_is_kept_where_the_limit_is_nothing(weir, upstream):
    up = upstream("openai", default=says(ONE))
    w = weir(up, extra="limits: { responses: 0 }\n")
    first = answer_of(ask(w, "one?"), False)
    assert first["store"] is False
    assert_not_found(ask(w, "two?", previous_response_id=first["id"]))


def test_the_oldest_conversations_go_first(weir, upstream):
    """Memory is bounded: what is over the limit is as unknown as what never was."""
    up = upstream("openai", default=says(ONE))
    w = weir(up, extra="limits: { responses: 64KiB }\n", workers=1)
    old = answer_of(ask(w, "x" * 30000), False)
    for _ in range(3):
        last = answer_of(ask(w, "y" * 30000), False)
    assert_not_found(ask(w, "on", previous_response_id=old["id"]))
    assert answer_of(ask(w, "on", previous_response_id=last["id"]), False)


def test_the_next_turn_may_come_in_on_another_worker(weir, upstream):
    up = upstream("openai", default=says(ONE))
    w = weir(up, workers=3)
    first = answer_of(ask(w, "one?", stream=True), True)
    for _ in range(24):  # a connection each: some worker of three
        answer_of(ask(w, "two?", previous_response_id=first["id"]), False)
        assert len(up.requests[-1].json["messages"]) == 3


def test_a_provider_that_keeps_its_own_is_asked(weir, upstream):
    """An id that is not ours is the provider's: the client's bytes pass."""
    up = upstream("openai-responses", default=says(ONE))
    w = weir(up)
    r = ask(w, "on", previous_response_id="resp_theirs")
    assert r.status == 200
    assert up.requests[0].json["previous_response_id"] == "resp_theirs"
    assert up.requests[0].json["input"] == "on"


def test_background_is_refused(weir, upstream):
    up = upstream("openai", default=says(ONE))
    r = ask(weir(up), "one?", background=True)
    assert r.status == 400 and r.json["error"]["code"] == "unsupported_parameter"
    assert r.json["error"]["param"] == "background" and not up.requests
