# SPDX-License-Identifier: Apache-2.0
"""J14: strings that trip programs up (tests/fakes/nasty.py), as system prompt, as prompt, as name and value
in the arguments of a call, as the result of a call, and back as an answer's text and arguments: from a
client of each language to a provider of each language, and every one must arrive as it is."""

import json

import http1
import pytest

import gateway
import nasty
import turns
from fronts import ALL_FRONTS, CHAT, CONVERSE, GEMINI, MESSAGES, RESPONSES
from upstream import Upstream, says

BACKS = "openai mistral openai-responses anthropic gemini bedrock cohere ollama".split()
# Bedrock refuses a text of blanks alone, which is therefore left out on its way there.
NO_BLANKS = ("bedrock",)
CALL = "call_00000000000000000001"


def conversation(front, model, s, stream):
    """A conversation in the front's own words that holds the string in every place."""
    args = {s: s}
    if front is CHAT:
        function = {"name": "f", "arguments": json.dumps(args)}
        return {
            "model": model,
            "stream": stream,
            "messages": [
                {"role": "system", "content": s},
                {"role": "user", "content": s},
                {
                    "role": "assistant",
                    "tool_calls": [{"id": CALL, "type": "function", "function": function}],
                },
                {"role": "tool", "tool_call_id": CALL, "content": s},
            ],
        }
    if front is MESSAGES:
        use = {"type": "tool_use", "id": CALL, "name": "f", "input": args}
        result = {"type": "tool_result", "tool_use_id": CALL, "content": s}
        return {
            "model": model,
            "stream": stream,
            "max_tokens": 100,
            "system": s,
            "messages": [
                {"role": "user", "content": s},
                {"role": "assistant", "content": [use]},
                {"role": "user", "content": [result]},
            ],
        }
    if front is RESPONSES:
        call = {"type": "function_call", "call_id": CALL, "name": "f", "arguments": json.dumps(args)}
        return {
            "model": model,
            "stream": stream,
            "store": False,
            "instructions": s,
            "input": [
                {"role": "user", "content": s},
                call,
                {"type": "function_call_output", "call_id": CALL, "output": s},
            ],
        }
    if front is GEMINI:
        answer = {"id": CALL, "name": "f", "response": {"result": s}}
        return {
            "systemInstruction": {"parts": [{"text": s}]},
            "contents": [
                {"role": "user", "parts": [{"text": s}]},
                {"role": "model", "parts": [{"functionCall": {"id": CALL, "name": "f", "args": args}}]},
                {"role": "user", "parts": [{"functionResponse": answer}]},
            ],
        }
    use = {"toolUseId": CALL, "name": "f", "input": args}
    result = {"toolUseId": CALL, "content": [{"text": s}]}
    return {
        "system": [{"text": s}],
        "messages": [
            {"role": "user", "content": [{"text": s}]},
            {"role": "assistant", "content": [{"toolUse": use}]},
            {"role": "user", "content": [{"toolResult": result}]},
        ],
    }


# ---- what a provider was told: {place: what stood there}


def words(content):
    """The text of a string, or of one part or more."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content or {}]
    return "".join(p if isinstance(p, str) else p.get("text", "") for p in parts)


def heard_by_chat(body):
    """Chat, Mistral, Cohere and Ollama agree that far."""
    said = {m["role"]: m for m in body["messages"]}
    (call,) = said["assistant"]["tool_calls"]
    result = said["tool"]["content"]
    if isinstance(result, list) and result[0].get("type") == "document":  # Cohere's results
        result = result[0]["document"]["data"]
    system = said.get("system") or said.get("developer")
    return system["content"], said["user"]["content"], call["function"]["arguments"], result


def heard_by_anthropic(body):
    user, called, told = (m["content"] for m in body["messages"])
    return body["system"], user, called[0]["input"], told[0]["content"]


def heard_by_responses(body):
    (user,) = [i["content"] for i in body["input"] if i.get("role") == "user"]
    (call,) = [i["arguments"] for i in body["input"] if i.get("type") == "function_call"]
    (told,) = [i["output"] for i in body["input"] if i.get("type") == "function_call_output"]
    system = body.get("instructions") or body["input"][0]["content"]
    return system, user, call, told


def heard_by_gemini(body):
    user, called, told = (c["parts"] for c in body["contents"])
    (result,) = told[0]["functionResponse"]["response"].values()
    return body["systemInstruction"]["parts"], user, called[0]["functionCall"]["args"], result


def heard_by_bedrock(body):
    user, called, told = (m["content"] for m in body["messages"])
    result = told[0]["toolResult"]["content"][0]
    return body["system"], user, called[0]["toolUse"]["input"], result.get("json") or result["text"]


HEARD = {
    "anthropic": heard_by_anthropic,
    "openai-responses": heard_by_responses,
    "gemini": heard_by_gemini,
    "bedrock": heard_by_bedrock,
}


def told(back, body):
    system, user, args, result = HEARD.get(back, heard_by_chat)(body)
    args = json.loads(args) if isinstance(args, str) else args
    if not isinstance(result, str):
        result = result.get("result") if isinstance(result, dict) and "result" in result else words(result)
    return {"system": words(system), "prompt": words(user), "arguments": args, "result": result}


def plain(result):
    """A result that was an object in Gemini's language is its JSON text in others."""
    try:
        value = json.loads(result)
    except ValueError:
        return result
    return value["result"] if isinstance(value, dict) and "result" in value else result


# ---- the test


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    ups = {back: Upstream(back) for back in BACKS}
    text = "listen: 127.0.0.1:@PORT@\nworkers: 1\nproviders:\n"
    text += "".join(gateway.provider(back, up, "[up]") for back, up in ups.items()) + "models:\n"
    text += "".join(f"  - {{ name: m-{b}, targets: [ {{ use: {b}/up }} ] }}\n" for b in BACKS)
    w = gateway.Gateway(tmp_path_factory.mktemp("nasty"), text)
    yield w, ups
    try:
        w.stop()
    finally:
        w.kill()
        for up in ups.values():
            up.stop()


def replaced(value):
    """Halves of pairs as U+FFFD, in text or in a value."""
    if isinstance(value, dict):
        return {replaced(k): replaced(v) for k, v in value.items()}
    return "".join("\ufffd" if 0xD800 <= ord(c) <= 0xDFFF else c for c in value)


def faults(conn, up, front, back, s, stream):
    """What of the string did not arrive, there or back."""
    up.requests.clear()
    up.default = says(turns.Turn(text=s, tools=(turns.Tool(CALL, "f", json.dumps({s: s})),), pieces=4099))
    body = conversation(front, f"m-{back}", s, stream)
    path = front.path_of(f"m-{back}", stream)
    r = conn.call("POST", path, json.dumps(body), front.auth(None))
    if r.status != 200:
        return [f"status {r.status}: {r.body[:200]}"]
    try:
        got = told(back, up.requests[-1].json)
    except (LookupError, ValueError) as e:
        return [f"{e!r}: {up.requests[-1].body[:300]}"]
    answer = front.read(r)
    got.update(said=answer.text, called=answer.tools[0][2] if answer.tools else None)
    wrong = []
    for place, value in got.items():
        want = {s: s} if place in ("arguments", "called") else s
        if place == "result" and value != want:
            value = plain(value)
        if value != want and value != replaced(want):
            wrong.append(f"{place}: {str(value)[:60]!a}")
    return wrong


@pytest.mark.parametrize("back", BACKS)
@pytest.mark.parametrize("front", ALL_FRONTS, ids=lambda f: f.name)
def test_J14_nasty_strings(served, front, back):
    w, ups = served
    wrong = []
    with http1.Conn(w.port) as conn:
        for n, s in enumerate(nasty.STRINGS + nasty.HALVES):
            if back in NO_BLANKS and front.dialect != back and not s.strip(" \t\r\n"):
                continue
            for fault in faults(conn, ups[back], front, back, s, n % 2 == 0):
                wrong.append(f"{s[:40]!a} {fault}")
    assert not wrong, f"{len(wrong)} of {len(nasty.STRINGS)}:\n" + "\n".join(wrong[:12])
