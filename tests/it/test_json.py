# SPDX-License-Identifier: Apache-2.0
"""RELIABILITY §3.3 over HTTP: hostile and odd JSON in requests. A fault is a 400 that says where,
in the caller's language; what is merely strange travels unharmed."""

import json
import re
import time

import pytest

import gateway
import http1
from fronts import (
    ALL_FRONTS,
    CHAT,
    CONVERSE,
    FRONTS,
    GEMINI,
    MESSAGES,
    RESPONSES,
    assert_error,
    assert_served,
)

both = pytest.mark.parametrize("front", FRONTS, ids=lambda f: f.name)
every = pytest.mark.parametrize("front", ALL_FRONTS, ids=lambda f: f.name)


@pytest.fixture
def served(weir, upstream):
    """One gateway, a provider of each dialect: `m` leads to the OpenAI one, `mb` to Anthropic's,
    `mc`, `md` and `me` to those of Responses, Gemini and Converse."""

    class Served:
        ups = [upstream(f.dialect) for f in ALL_FRONTS]
        a, b = ups[:2]
        w = weir(*ups, extra="limits: { body: 64MiB }\n")

        def send(self, front, body, model="m"):
            path = front.path_of(model)
            return http1.call(self.w.port, "POST", path, body, front.auth(None), timeout=60)

        @property
        def hits(self):
            return sum(up.hits for up in self.ups)

        def same(self, front):
            """The provider that speaks the front's dialect, and the model that leads there."""
            i = ALL_FRONTS.index(front)
            return self.ups[i], ("m", "mb", "mc", "md", "me")[i]

    return Served()


def refused(served, front, body, code=None, model="m"):
    hits = served.hits
    error = assert_error(front, served.send(front, body, model), "bad_request")
    if code and front in (CHAT, RESPONSES):
        assert error["code"] == code, error
    assert served.hits == hits
    return error


def text_of(front, **fields):
    return json.dumps(front.body(**fields))


def beside(body, members):
    """The body with these before its own members."""
    return "{" + members + ", " + body[1:]


@every
@pytest.mark.parametrize(
    "old,new,where",
    [
        ("{", '{"model": "m", "model": "mb", ', "model"),
        ("{", '{"model": "m", "mo\\u0064el": "mb", ', "mo"),
        ('"role": "user"', '"role": "user", "role": "system"', "role"),
        ("{", '{"unknown": [{"k": 1, "k": 1}], ', "k"),
    ],
    ids=["plain", "escaped", "nested", "in-unknown"],
)
def test_J1_duplicate_keys(served, front, old, new, where):
    error = refused(served, front, text_of(front).replace(old, new, 1), "duplicate_key")
    assert where in error["message"] or where in (error.get("param") or ""), error


# Where the conversation stands in each language, and the model where the body names it.
CONVERSATION = {RESPONSES: "input", GEMINI: "contents"}


@every
def test_J2_keys_of_another_case(served, front):
    """Members of no meaning: handed on in the same language, and nobody's model or conversation."""
    up, model = served.same(front)
    odd = {"Model": "nothing", "STREAM": True, "Messages": [], "Input": 1, "CONTENTS": {}}
    assert_served(
        front, served.send(front, json.dumps({**front.body(model=model), **odd}), model), "Hello there."
    )
    got = up.requests[-1].json
    assert {k: got[k] for k in odd} == odd and got.get("model", "up") == "up"
    needed = [CONVERSATION.get(front, "messages")] + ["model"] * ("model" in front.body())
    for name in needed:
        body = {(name.upper() if k == name else k): v for k, v in front.body().items()}
        refused(served, front, json.dumps(body))


@every
def test_J2_keys_of_another_case_are_lost_in_translation(served, front):
    """Into another language they don't go, and change nothing there."""
    other = "m" if front is not CHAT else "mb"
    up = served.a if front is not CHAT else served.b
    odd = {"Temperature": 0.7, "TOOLS": [1], "Stream": True}
    r = served.send(front, json.dumps({**front.body(model=other), **odd}), other)
    assert_served(front, r, "Hello there.")
    assert not {"temperature", "tools", "stream", *odd} & set(up.requests[-1].json)


@every
@pytest.mark.parametrize(
    "number",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "01",
        "-01",
        "0x10",
        "1.",
        ".5",
        "+1",
        "1e",
        "1e+",
        "--1",
        "1_000",
        "0b1",
        "1.e3",
    ],
)
def test_J3_what_is_no_number(served, front, number):
    refused(served, front, beside(text_of(front), f'"seed": {number}'))


@every
def test_J3_numbers_keep_their_digits(served, front):
    up, model = served.same(front)
    numbers = [
        "-0",
        "1e999",
        "0.1" + "0123456789" * 3,
        str(2**64),
        "1E400",
        "123456789012345678901234567890",
        "1.0",
        "5e-324",
    ]
    body = beside(text_of(front, model=model), f'"xs": [{", ".join(numbers)}]')
    assert_served(front, served.send(front, body, model), "Hello there.")
    assert ",".join(numbers).encode() in up.requests[-1].body.replace(b" ", b"")


@every
@pytest.mark.parametrize(
    "bad",
    [
        b"\xff",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe2\x82",
        b"\x80",
        b"\xf8\x88\x80\x80\x80",
    ],
    ids=repr,
)
def test_J4_invalid_utf8(served, front, bad):
    refused(served, front, text_of(front, text="@").encode().replace(b"@", b"a" + bad + b"b"))


@every
def test_J4_strange_characters_survive(served, front):
    up, model = served.same(front)
    text = '"a\\u0000b\\ud800c\\udc00 \\ud83d\\ude00 \u2028 \U0010ffff \\u007f \\/"'
    body = text_of(front, text="@", model=model).replace('"@"', text)
    assert_served(front, served.send(front, body.encode(), model), "Hello there.")
    assert text.encode() in up.requests[-1].body


@every
def test_J4_strange_characters_are_valid_when_translated(served, front):
    up = served.b if front is CHAT else served.a
    model = "mb" if front is CHAT else "m"
    body = text_of(front, text="@", model=model).replace("@", "a\\ud800b\\u0000c")
    assert_served(front, served.send(front, body.encode(), model), "Hello there.")
    sent = json.dumps(up.requests[-1].json, ensure_ascii=False)
    assert ("a\ufffdb" in sent or "a\ud800b" in sent) and b"\x00" not in up.requests[-1].body


@every
@pytest.mark.parametrize("depth", [200, 1000, 100_000, 10_000_000])
@pytest.mark.parametrize("mark", ["[", '{"a":'], ids=["arrays", "objects"])
def test_J5_depth(served, front, depth, mark):
    if depth * len(mark) > 50_000_000:
        depth //= 2
    started = time.monotonic()
    refused(served, front, beside(text_of(front), '"x": ' + mark * depth))
    assert time.monotonic() - started < (5 if not gateway.sanitized() else 20)


def test_J5_a_small_stack_will_do(weir, upstream):
    """Deep input costs no stack. (AddressSanitizer needs a larger one for itself.)"""
    stack = (1 << 20) if gateway.sanitized() else (256 << 10)
    w = weir(upstream(), prefix=("prlimit", f"--stack={stack}:{stack}"))
    body = text_of(CHAT).replace('"model"', '"x": ' + "[" * 1_000_000)
    assert_error(CHAT, CHAT.call(w.port, body), "bad_request")
    assert_served(CHAT, CHAT.ask(w.port), "Hello there.")


@every
def test_J5_an_allowed_depth(served, front):
    _, model = served.same(front)
    body = beside(text_of(front, model=model), '"x": ' + "[" * 100 + "]" * 100)
    assert_served(front, served.send(front, body, model), "Hello there.")


# A part of a message, a message of one part, and the list of tools, where the language has them.
PART = {RESPONSES: {"type": "input_text", "text": "x"}, GEMINI: {"text": "x"}, CONVERSE: {"text": "x"}}


@every
@pytest.mark.parametrize("what", ["messages", "tools", "parts"])
def test_J6_counts(served, front, what):
    """Very many members are refused quickly and without much memory."""
    many = 1_000_000
    body = front.body(tools=("f",))
    (message,) = body[CONVERSATION.get(front, "messages")]
    if what == "messages":
        listed, many = body[CONVERSATION.get(front, "messages")], many // 2
    elif what == "tools":
        listed = body["toolConfig"]["tools"] if front is CONVERSE else body["tools"]
        listed = listed[0]["functionDeclarations"] if front is GEMINI else listed
        many //= 1 if front is GEMINI else 4  # whose functions are small
    else:
        listed = message["parts" if front is GEMINI else "content"] = []
        listed.append(PART.get(front, {"type": "text", "text": "x"}))
    one = json.dumps(listed[0], separators=(",", ":"))
    listed[0] = "@"
    body = json.dumps(body).replace('"@"', (one + ",") * (many - 1) + one)
    before, started = served.w.rss(), time.monotonic()
    refused(served, front, body)
    assert time.monotonic() - started < (2 if not gateway.sanitized() else 10)
    assert served.w.rss() - before < 12 * len(body)


@every
def test_J7_many_keys(served, front):
    """Hundreds of thousands of keys in one object are answered; that the work is linear is shown by
    counted probes in tests/unit/json, not by a clock here."""
    keys = ",".join(f'"k{i:07d}": 1' for i in range(400_000))
    body = beside(text_of(front), f'"x": {{{keys}}}')
    assert served.send(front, body).status in (200, 400)


@every
def test_J8_one_huge_string(served, front):
    """30 MB in one string: no copy beyond the body itself and what goes out."""
    _, model = served.same(front)
    text = "aGVsbG8gd29ybGQ" * (30_000_000 // 15)
    before, started = served.w.rss(), time.monotonic()
    assert_served(front, served.send(front, front.body(text, model), model), "Hello there.")
    assert time.monotonic() - started < (5 if not gateway.sanitized() else 20)
    assert served.w.rss() - before < 3 * len(text)


@every
def test_J9_cut_at_every_byte(served, front):
    body = text_of(front, tools=("f",)).encode()
    with http1.Conn(served.w.port) as conn:
        for k in range(len(body)):
            error = assert_error(
                front, conn.call("POST", front.path_of("m"), body[:k], front.auth(None)), "bad_request"
            )
            assert k == 0 or re.search(r"\d", error["message"]), error
    assert served.hits == 0


@every
@pytest.mark.parametrize(
    "make",
    [
        lambda b: b + b"x",
        lambda b: b + b"{}",
        lambda b: b + b"\x00",
        lambda b: b"// note\n" + b,
        lambda b: b[:-1] + b"/* note */}",
        lambda b: b.replace(b'"', b"'"),
        lambda b: b"",
        lambda b: b"null",
        lambda b: b"[]",
        lambda b: b'"text"',
        lambda b: b"7",
        lambda b: b[:-1] + b",}",
        lambda b: b"model=m&messages=hi",
        lambda b: b"   ",
    ],
    ids=[
        "garbage-behind",
        "two-documents",
        "NUL-behind",
        "comment",
        "comment-inside",
        "single-quotes",
        "empty",
        "null",
        "array",
        "string",
        "number",
        "trailing-comma",
        "form",
        "blanks",
    ],
)
def test_J9_not_one_json_object(served, front, make):
    refused(served, front, make(text_of(front).encode()))


@every
def test_J9_the_offset_is_right(served, front):
    body = text_of(front)
    at = body.index('"role"')
    error = refused(served, front, body[:at] + "@" + body[at:])
    assert str(at) in error["message"], (at, error)


# J13: fields of a wrong type in each language, one a case.
WRONG = {
    CHAT: [
        {"stream": "true"},
        {"stream": 1},
        {"max_tokens": 1.5},
        {"max_tokens": "5"},
        {"max_tokens": -1},
        {"n": 0},
        {"n": 1.5},
        {"messages": "hi"},
        {"messages": {}},
        {"messages": [7]},
        {"messages": [{"content": "x"}]},
        {"messages": [{"role": "user", "content": 7}]},
        {"model": 7},
        {"model": ["m"]},
        {"tools": "x"},
        {"tools": [7]},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": "x"}}]},
        {"temperature": "hot"},
    ],
    RESPONSES: [
        {"stream": "true"},
        {"max_output_tokens": 1.5},
        {"max_output_tokens": "5"},
        {"max_output_tokens": -1},
        {"input": 7},
        {"input": [7]},
        {"input": [{"role": "user", "content": 7}]},
        {"input": [{"type": "function_call_output", "output": "x"}]},
        {"model": 7},
        {"tools": "x"},
        {"tools": [7]},
        {"tools": [{"type": "function", "name": "f", "parameters": [7]}]},
        {"instructions": 7},
        {"temperature": "hot"},
    ],
    GEMINI: [
        {"contents": 7},
        {"contents": "hi"},
        {"contents": [7]},
        {"contents": [{"role": "user", "parts": [7]}]},
        {"contents": [{"role": "user", "parts": [{"text": 7}]}]},
        {"generationConfig": 7},
        {"generationConfig": {"maxOutputTokens": 1.5}},
        {"generationConfig": {"maxOutputTokens": -1}},
        {"generationConfig": {"temperature": "hot"}},
        {"generationConfig": {"stopSequences": 7}},
        {"systemInstruction": 7},
        {"tools": "x"},
        {"tools": [7]},
        {"tools": [{"functionDeclarations": [{}]}]},
        {"tools": [{"functionDeclarations": [{"name": "f", "parameters": 7}]}]},
        {"tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": "x"}]}]},
    ],
    CONVERSE: [
        {"messages": "hi"},
        {"messages": {}},
        {"messages": [7]},
        {"messages": [{"content": [{"text": "x"}]}]},
        {"messages": [{"role": "user", "content": "x"}]},
        {"messages": [{"role": "user", "content": [7]}]},
        {"messages": [{"role": "user", "content": [{"text": 7}]}]},
        {"inferenceConfig": 7},
        {"inferenceConfig": {"maxTokens": 1.5}},
        {"inferenceConfig": {"maxTokens": "5"}},
        {"inferenceConfig": {"maxTokens": -1}},
        {"inferenceConfig": {"temperature": "hot"}},
        {"inferenceConfig": {"stopSequences": 7}},
        {"system": "x"},
        {"toolConfig": "x"},
        {"toolConfig": {"tools": [7]}},
        {"toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": 7}}]}},
        {"toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": "x"}}}]}},
    ],
}
WRONG[MESSAGES] = [w for w in WRONG[CHAT] if not w.keys() & {"n", "tools"}] + [
    {"tools": "x"},
    {"tools": [7]},
    {"system": 7},
    {"max_tokens": None},
    {"tools": [{"name": "f", "input_schema": 7}]},
]
# What may be null, for it means that nothing is said.
NULLS = {
    CHAT: "temperature tools stop metadata stream tool_choice top_p n max_tokens response_format",
    MESSAGES: "temperature tools stop_sequences metadata stream tool_choice top_p system",
    RESPONSES: "temperature tools instructions metadata stream tool_choice top_p max_output_tokens"
    " reasoning text previous_response_id include truncation",
    GEMINI: "systemInstruction generationConfig tools toolConfig safetySettings cachedContent",
    CONVERSE: "system inferenceConfig toolConfig guardrailConfig additionalModelRequestFields",
}


@every
def test_J13_wrong_types(served, front):
    """Across languages, where the value must be understood; never a 500, never a wrong guess."""
    model = "mb" if front is CHAT else "m"
    for fields in WRONG[front]:
        try:
            refused(served, front, {**front.body(model=model), **fields}, model=model)
        except AssertionError as fault:
            raise AssertionError(f"{fields}: {fault}") from None


@every
def test_J13_null_means_absent(served, front):
    model = "mb" if front is CHAT else "m"
    fields = dict.fromkeys(NULLS[front].split())
    r = served.send(front, {**front.body(model=model), **fields}, model)
    assert_served(front, r, "Hello there.")
    for name in fields:  # and each alone
        r = served.send(front, {**front.body(model=model), name: None}, model)
        assert_served(front, r, "Hello there.")


@both
def test_no_model(served, front):
    body = front.body()
    del body["model"]
    refused(served, front, body)
