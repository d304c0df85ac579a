# SPDX-License-Identifier: Apache-2.0
"""Recorded answers through the gateway, in both client languages: the meaning must be that of the
bytes, however they are cut. Our own recordings (tests/fixtures/wire-mini) say what they mean; of a
larger collection ($WEIR_SHARED or ../shared, where there is one) the provider's own language is the
reference.
"""

import json
import random
import re

import pytest

import gateway
import http1
from fronts import (
    CHAT,
    CONVERSE,
    FRONTS,
    GEMINI,
    MESSAGES,
    RESPONSES,
    assert_error,
    assert_served,
)
from recorded import SHARED

MINI = gateway.ROOT / "tests/fixtures/wire-mini"
DIALECT = {"openai-chat": "openai", "openai-compat": "openai", "anthropic": "anthropic"}


class Case:
    def __init__(self, folder):
        self.folder, self.id = folder, f"{folder.parent.name}/{folder.name}"
        self.back = DIALECT[folder.parent.name]
        self.streamed = (folder / "response.sse").exists()
        self.body = (folder / ("response.sse" if self.streamed else "response.json")).read_bytes()

    def answer(self, status, cut):
        """An answer for a fake provider: the recorded body, in pieces of 1 to 97 bytes if `cut`."""
        kind = "text/event-stream" if self.streamed else "application/json"
        chance = random.Random(len(self.body))

        def write(x):
            x.head(status, (), "chunked", kind)
            at = 0
            while at < len(self.body):
                n = chance.randint(1, 97) if cut else len(self.body)
                x.data(self.body[at : at + n])
                at += n
            x.write(b"0\r\n\r\n")

        return write


def mini_cases():
    return [Case(p.parent) for p in sorted(MINI.rglob("reading.json"))]


@pytest.mark.parametrize("front", FRONTS, ids=lambda f: f.name)
@pytest.mark.parametrize("case", mini_cases(), ids=lambda c: c.id)
def test_own_recordings(weir, upstream, front, case):
    reading = json.loads((case.folder / "reading.json").read_text())
    request = json.loads((case.folder / "request.json").read_text())
    up = upstream(
        case.back, case.answer(reading["status"], False), case.answer(reading["status"], True)
    )
    w = weir(up, extra="routing: { fallback: false }\n")
    for _ in range(2):
        if front.dialect == case.back:
            r = front.call(w.port, {**request, "model": "m"})
        else:
            names = [t[1] for t in reading.get("tools", ())]
            r = front.ask(w.port, stream=case.streamed, tools=sorted(set(names)))
        if "error" in reading:
            error = assert_error(
                front,
                r,
                reading["error"],
                "context_length" if "says" in reading else reading["error"],
            )
            assert reading.get("says", "") in error["message"]
            return
        a = assert_served(front, r, reading["text"], "a")
        assert a.thinking == reading["thinking"]
        assert [list(t) for t in a.tools] == reading["tools"]
        assert (
            a.finish == reading["finish"]
            or a.finish == "stop_sequence"
            and reading["finish"] == "stop"
        )
        if reading["usage"]["input"] is not None and a.usage:
            assert a.usage == reading["usage"]


# ---- what has no words in the other language (J11)

LOSSES = [
    (CHAT, "anthropic", {"n": 2}),
    (CHAT, "anthropic", {"seed": 7}),
    (CHAT, "anthropic", {"logprobs": True, "top_logprobs": 2}),
    (CHAT, "anthropic", {"logit_bias": {"50256": -100}}),
    (CHAT, "anthropic", {"frequency_penalty": 0.5}),
    (CHAT, "anthropic", {"presence_penalty": 0.5}),
    (
        CHAT,
        "anthropic",
        {"modalities": ["text", "audio"], "audio": {"voice": "x", "format": "wav"}},
    ),
    (MESSAGES, "openai", {"top_k": 5}),
    (MESSAGES, "openai", {"mcp_servers": [{"type": "url", "url": "https://x.test", "name": "x"}]}),
    (MESSAGES, "openai", {"container": "c_1"}),
]


@pytest.mark.parametrize("front,back,fields", LOSSES, ids=lambda v: getattr(v, "name", str(v)))
@pytest.mark.parametrize("stream", [False, True])
def test_J11_no_loss_is_silent(weir, upstream, front, back, fields, stream):
    """What a translation can't carry is refused, or named in a header (compatible servers are sent
    top_k); in the same dialect all goes on as it is."""
    up = upstream(back)
    r = front.ask(weir(up).port, stream=stream, **fields)
    if r.status == 200:
        said = r.get("x-weir-lossy") or ""
        sent = up.requests[0].json
        told = [name for name in fields if name in sent or name in said]
        assert told, f"{fields} was dropped in silence: {said!r}"
    else:
        assert_error(front, r, "bad_request")
        assert up.hits == 0
    own = upstream(front.dialect)
    r = front.ask(weir(own).port, stream=stream, **fields)
    assert r.status == 200 and r.get("x-weir-lossy") is None
    for name, value in fields.items():
        assert own.requests[0].json[name] == value


# ---- the larger collection


def shared_cases():
    if not SHARED:
        return []
    found = []
    for folder in sorted(
        p for name in DIALECT for p in (SHARED / "fixtures/wire" / name).glob("*")
    ):
        names = {p.name for p in folder.iterdir()}
        if "meta.json" in names and names & {"response.sse", "response.json"}:
            meta = json.loads((folder / "meta.json").read_text())
            if meta.get("status", 200) == 200:
                found.append(Case(folder))
    return found


def ends(answer):
    """Why an answer ended, as far as every language has a word for it."""
    return {"tool_calls": "tool", "function_call": "tool", "length": "length"}.get(
        answer.finish, "end"
    )


@pytest.mark.skipif(not SHARED, reason="there is no collection of recordings beside the tree")
@pytest.mark.parametrize("name", DIALECT)
def test_shared_recordings(weir, upstream, name):
    """One gateway for all cases of a dialect; each whole and in pieces, in both languages."""
    cases = [c for c in shared_cases() if c.folder.parent.name == name]
    assert cases
    up = upstream(DIALECT[name])
    w = weir(up)
    own = CHAT if DIALECT[name] == "openai" else MESSAGES
    faults, judged = [], 0
    with http1.Conn(w.port) as conn:
        for case in cases:
            try:
                want = (
                    own.read_stream(case.body)
                    if case.streamed
                    else own.read_whole(json.loads(case.body))
                )
            except (AssertionError, LookupError, TypeError, ValueError):
                continue  # no chat answer, or one that our small reader has no words for
            if want.error or not want.ended or want.finish == "function_call":
                continue
            for front in FRONTS:
                for cut in (False, True):
                    up.script.append(case.answer(200, cut))
                    tools = sorted({t[1] for t in want.tools})
                    body = front.body("hi", stream=case.streamed, tools=tools)
                    r = conn.call("POST", front.path, body, front.auth(None))
                    judged += 1
                    try:
                        got = assert_served(front, r, want.text)
                        assert (got.thinking, ends(got)) == (want.thinking, ends(want))
                        assert [t[1:] for t in got.tools] == [t[1:] for t in want.tools]
                    except (AssertionError, LookupError, TypeError) as fault:
                        faults.append(
                            f"{case.id} to {front.name}{' cut' if cut else ''}: {str(fault)[:300]}"
                        )
    # the few left out are those above; more would be recordings lost without a word
    assert judged >= 0.85 * len(cases) * len(FRONTS) * 2, f"{judged} of {len(cases)} recordings"
    assert not faults, f"{len(faults)} of {judged}:\n" + "\n".join(faults[:10])


def front_of(path):
    """(front, whether a stream is asked for by the path) of a request's path; None: no chat."""
    for front, end, streamed in (
        (CHAT, "/chat/completions", False),
        (MESSAGES, "/messages", False),
        (RESPONSES, "/responses", False),
        (GEMINI, ":generateContent", False),
        (GEMINI, ":streamGenerateContent", True),
        (CONVERSE, "/converse", False),
        (CONVERSE, "/converse-stream", True),
    ):
        if path.endswith(end):
            return front, streamed
    return None, False


# Headers that belong to the connection they were captured on.
LEFT_OUT = {"host", "content-length", "connection", "accept-encoding", "authorization", "x-api-key"}
LEFT_OUT |= {"x-goog-api-key", "content-type"}
# Folders whose requests are in a language that no front has, though their path is Chat's.
OTHERS = {"mistral", "azure-openai"}


def captured():
    """(name, path, headers, body) of what real clients sent, and of recorded requests that a provider
    answered with 200."""
    for file in sorted((SHARED / "fixtures/clients").glob("*/*.json")):
        one = json.loads(file.read_text())
        if one["method"] == "POST" and isinstance(one.get("body"), dict):
            headers = [tuple(h) for h in one["headers_in_order"] if h[0].lower() not in LEFT_OUT]
            path = one["path"].partition("?")[0]
            yield f"{file.parent.name}/{file.name}", path, headers, one["body"]
    for file in sorted((SHARED / "fixtures/wire").glob("*/*/request.json")):
        meta = json.loads((file.parent / "meta.json").read_text())
        body, path = json.loads(file.read_text()), (meta.get("http") or {}).get("path") or ""
        name = file.parents[1].name
        if meta.get("status", 200) == 200 and isinstance(body, dict) and name not in OTHERS:
            yield f"{name}/{file.parent.name}", path, [], body


# What only the vendor has that keeps it: a translation can say no more than that.
KEPT_THERE = re.compile(r"(cachedContent|prompt|background|conversation): ")
BACKS = "openai mistral openai-responses anthropic gemini bedrock cohere ollama".split()


@pytest.mark.skipif(not SHARED, reason="there is no collection of recordings beside the tree")
@pytest.mark.parametrize("back", BACKS)
def test_captured_requests(weir, upstream, back):
    """What real clients and recorded calls asked, in five languages, sent as it was: served by a
    provider of every language, and in its own with every field as it came."""
    up = upstream(back)
    w = weir(up)
    judged, faults = 0, []
    for name, path, headers, body in captured():
        front, streamed = front_of(path)
        if not front:
            continue
        if front in (CHAT, MESSAGES, RESPONSES):
            body = {**body, "model": "m"}
        if front.dialect != back:
            body.pop("previous_response_id", None)  # of an answer that nobody here gave
        if isinstance(body.get("provider"), dict):
            del body["provider"]  # pins one of OpenRouter's, who is not here: test_policy
        r = http1.call(w.port, "POST", front.path_of("m", streamed), body, front.auth(None) + headers)
        judged += 1
        try:
            if r.status == 400 and front.dialect != back:
                error = assert_error(front, r, "bad_request")
                assert KEPT_THERE.match(error["message"]), error
                continue
            assert_served(front, r, "Hello there.")
            sent = up.requests[-1].json
            if front.dialect == back:
                kept = {**body, "model": "up"} if "model" in body else body
                assert {k: v for k, v in sent.items() if k in kept} == kept, "fields were changed"
        except (AssertionError, LookupError, ValueError) as fault:
            faults.append(f"{name}: {str(fault)[:300]}")
    assert judged > 300
    assert not faults, f"{len(faults)} of {judged}:\n" + "\n".join(faults[:12])
