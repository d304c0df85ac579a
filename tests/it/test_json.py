# SPDX-License-Identifier: Apache-2.0
"""RELIABILITY §3.3 over HTTP: hostile and odd JSON in requests. A fault is a 400 that says where,
in the caller's language; what is merely strange travels unharmed."""

import json
import re
import time

import pytest

import gateway
import http1
from fronts import ALL_FRONTS, CHAT, FRONTS, RESPONSES, assert_error, assert_served

both = pytest.mark.parametrize("front", FRONTS, ids=lambda f: f.name)
every = pytest.mark.parametrize("front", ALL_FRONTS, ids=lambda f: f.name)


@pytest.fixture
def served(weir, upstream):
    """One gateway, a provider of each dialect: `m` leads to the OpenAI one, `mb` to Anthropic's,
    `mc` and `md` to those of Responses and Gemini."""

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
            return self.ups[i], ("m", "mb", "mc", "md")[i]

    return Served()


def refused(served, front, body, code=None):
    hits = served.hits
    error = assert_error(front, served.send(front, body), "bad_request")
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


@both
def test_J2_keys_of_another_case(served, front):
    up, model = served.same(front)
    body = json.dumps(
        {**front.body(model=model), "Model": "nothing", "STREAM": True, "Messages": []}
    )
    assert_served(front, served.send(front, body), "Hello there.")
    got = up.requests[-1].json
    assert (got["model"], got["Model"], got["STREAM"], got["Messages"]) == (
        "up",
        "nothing",
        True,
        [],
    )
    refused(
        served,
        front,
        json.dumps({("MODEL" if k == "model" else k): v for k, v in front.body().items()}),
    )


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


@both
def test_J4_strange_characters_are_valid_when_translated(served, front):
    up = served.b if front is CHAT else served.a
    body = text_of(front, text="@", model="mb" if front is CHAT else "m").replace(
        "@", "a\\ud800b\\u0000c"
    )
    assert_served(front, served.send(front, body.encode()), "Hello there.")
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
    assert time.monotonic() - started < 5


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


@both
@pytest.mark.parametrize("what", ["messages", "tools", "parts"])
def test_J6_counts(served, front, what):
    """Very many members are refused quickly and without much memory."""
    many = 1_000_000
    if what == "messages":
        body = text_of(front).replace(
            '"messages": [', '"messages": [' + '{"role":"user","content":"x"},' * many
        )
    elif what == "tools":
        tool = (
            '{"type":"function","function":{"name":"f"}},'
            if front is CHAT
            else '{"name":"f","input_schema":{}},'
        )
        body = text_of(front).replace(
            '"model"', '"tools": [' + (tool * (many // 4))[:-1] + '], "model"'
        )
    else:
        part = '{"type":"text","text":"x"},'
        body = text_of(front, text="@").replace('"@"', "[" + (part * many)[:-1] + "]")
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


@both
@pytest.mark.parametrize(
    "fields",
    [
        {"stream": "true"},
        {"stream": 1},
        {"max_tokens": 1.5},
        {"max_tokens": "5"},
        {"max_tokens": -1},
        {"messages": "hi"},
        {"messages": {}},
        {"messages": [7]},
        {"messages": [{"content": "x"}]},
        {"model": 7},
        {"model": ["m"]},
        {"tools": "x"},
        {"messages": [{"role": "user", "content": 7}]},
        {"temperature": "hot"},
    ],
    ids=str,
)
def test_J13_wrong_types(served, front, fields):
    """Across dialects, where the value must be understood; never a 500, never a wrong guess."""
    model = "mb" if front is CHAT else "m"
    refused(served, front, {**front.body(model=model), **fields})


@both
def test_J13_null_means_absent(served, front):
    model = "mb" if front is CHAT else "m"
    fields = {
        "temperature": None,
        "tools": None,
        "stop": None,
        "stop_sequences": None,
        "metadata": None,
        "stream": None,
        "tool_choice": None,
        "top_p": None,
        "system": None,
    }
    assert_served(front, served.send(front, {**front.body(model=model), **fields}), "Hello there.")


@both
def test_no_model(served, front):
    body = front.body()
    del body["model"]
    refused(served, front, body)
