# SPDX-License-Identifier: Apache-2.0
"""Bedrock over the wire: signed and bearer requests as AWS checks them, binary streams cut and
corrupted, exceptions before and behind the commit point, Claude's own language through InvokeModel."""

import base64
import json
import time

import aws
import http1
import pytest

from fronts import CHAT, FRONTS, MESSAGES, assert_error, assert_served, assert_stream_error
from upstream import CLOSE, events, says
from turns import Turn

KEYS = 'aws: { accessKeyId: AKIAEXAMPLE, secretAccessKey: "the/secret+key" }, region: eu-west-1'
B = Turn(text="This is b.")


def config(up, dialect="bedrock", how=KEYS, model="anthropic.claude-x-v1:0", more=""):
    base = f"http://127.0.0.1:{up.port}"
    return (
        "listen: 127.0.0.1:@PORT@\nworkers: 1\nproviders:\n"
        f'  - {{ name: a, dialect: {dialect}, baseURL: "{base}", {how}, models: ["{model}"] }}\n'
        + more
        + f'models:\n  - {{ name: m, targets: [ {{ use: "a/{model}" }} ]'
        + (", fallback: [ mb ] }\n  - { name: mb, targets: [ { use: b/up } ] }\n" if more else " }\n")
    )


def backed(up, other, **options):
    row = (
        f'  - {{ name: b, dialect: openai, baseURL: "{other.base}", apiKey: k, models: [up] }}\n'
    )
    return config(up, more=row, **options)


def binary(listing, **options):
    return events(listing, kind=aws.STREAM, **options)


def answers(text="Hello."):
    """Whole or streamed, as the path asks."""

    def answer(x):
        if x.request.target.endswith("-stream"):
            return binary(aws.converse(text))(x)
        return x.reply(200, aws.converse_body(text))

    return answer


# ---- credentials


@pytest.mark.parametrize(
    "method, path, body",
    (
        ("POST", "/model/anthropic.claude-x-v1%3A0/converse", {"messages": []}),
        ("POST", "/model/amazon.titan-embed-text-v2%3A0/invoke", {"inputText": "é", "a": "x" * 90000}),
        ("GET", "/async-invoke?statusEquals=Completed&nameContains=a%20b%2Fc&x", None),
        ("PUT", "/model/m/x", b"\0raw"),
        ("DELETE", "/guardrail/g-1", None),
    ),
)
def test_what_passes_is_signed(weir, upstream, method, path, body):
    """/providers/NAME/…: by our key for the bytes that go out; the client's signature stays behind."""
    up = upstream("bedrock", default=lambda x: x.reply(200, {"it": "is done"}))
    gateway = weir(config(up))
    theirs = "AWS4-HMAC-SHA256 Credential=AKIATHEIRS/20260101/us-east-1/bedrock/aws4_request, "
    head = [
        ("Authorization", theirs + "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64),
        ("X-Amz-Date", "20260101T000000Z"),
        ("X-Amz-Security-Token", "theirs"),
    ]
    r = http1.call(gateway.port, method, "/providers/a" + path, body, head)
    assert r.json == {"it": "is done"}
    got = up.requests[0]
    assert (got.method, got.target) == (method, path)
    sent, right = aws.signature(got, "the/secret+key")
    assert sent == right
    assert "AKIAEXAMPLE" in got.get("authorization")
    assert not got.all("x-amz-security-token") and len(got.all("x-amz-date")) == 1


@pytest.mark.parametrize("stream", (False, True))
@pytest.mark.parametrize("token", ("", ', sessionToken: "a/session+token=="'))
def test_requests_are_signed(weir, upstream, stream, token):
    up = upstream("bedrock", default=answers())
    how = KEYS.replace('key" }', f'key"{token} }}')
    gateway = weir(config(up, how=how))
    text = "long words, " * 20000  # so that the body is sent in pieces
    assert_served(CHAT, CHAT.ask(gateway.port, text=text, stream=stream), "Hello.")
    got = up.requests[0]
    action = "converse-stream" if stream else "converse"
    assert got.target == f"/model/anthropic.claude-x-v1%3A0/{action}"
    sent, right = aws.signature(got, "the/secret+key")
    assert sent == right
    assert "AKIAEXAMPLE" in got.get("authorization") and "/eu-west-1/bedrock/" in got.get(
        "authorization"
    )
    at = time.mktime(time.strptime(got.get("x-amz-date"), "%Y%m%dT%H%M%SZ")) - time.timezone
    assert abs(at - time.time()) < 100
    assert got.get("x-amz-security-token") == ("a/session+token==" if token else None)
    assert len(got.body) > 200000 and text in got.json["messages"][0]["content"][0]["text"]
    assert "secret+key" not in gateway.said()


def test_bearer_tokens_are_sent(weir, upstream):
    up = upstream("bedrock", default=answers())
    gateway = weir(config(up, how="apiKey: bedrock-api-key-x"))
    assert_served(CHAT, CHAT.ask(gateway.port), "Hello.")
    assert up.requests[0].get("authorization") == "Bearer bedrock-api-key-x"
    assert up.requests[0].get("x-amz-date") is None


def test_keys_of_the_environment_are_for_aws_alone(weir, upstream):
    env = {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "env-secret"}
    up = upstream("bedrock", default=answers())
    gateway = weir(config(up, how="region: eu-west-1"), env=env)
    assert_served(CHAT, CHAT.ask(gateway.port), "Hello.")
    assert up.requests[0].get("authorization") is None


def test_a_pool_of_aws_keys(weir, upstream):
    """A key that is refused is left alone, the other one serves."""

    def answer(x):
        if "AKIAFIRST" in x.request.get("authorization"):
            body = {"message": "The security token included in the request is expired"}
            return x.reply(403, body, [("x-amzn-errortype", "ExpiredTokenException:http://a/b")])
        return answers()(x)

    up = upstream("bedrock", default=answer)
    how = (
        "region: eu-west-1, aws: [ { accessKeyId: AKIAFIRST, secretAccessKey: one }, "
        "{ accessKeyId: AKIASECOND, secretAccessKey: two } ]"
    )
    gateway = weir(config(up, how=how))
    for _ in range(6):
        assert_served(CHAT, CHAT.ask(gateway.port), "Hello.")
    assert sum("AKIAFIRST" in r.get("authorization") for r in up.requests) == 1
    for r in up.requests:
        assert len(set(aws.signature(r, "one" if "FIRST" in r.get("authorization") else "two"))) == 1


# ---- streams


@pytest.mark.parametrize("front", FRONTS, ids=lambda f: f.name)
def test_streams_are_translated(weir, upstream, front):
    tools = [("tooluse_1", "look", '{"at":"\\u00e9"}'), ("tooluse_2", "now", "")]
    up = upstream("bedrock", default=binary(aws.converse("Look:", tools), gap=0.005))
    gateway = weir(config(up))
    got = front.read(front.ask(gateway.port, stream=True, tools=("look", "now")))
    assert got.ended and not got.error
    assert (got.text, got.finish) == ("Look:", "tool_calls")
    assert got.tools == [("tooluse_1", "look", {"at": "é"}), ("tooluse_2", "now", {})]
    assert [t["toolSpec"]["name"] for t in up.requests[0].json["toolConfig"]["tools"]] == [
        "look",
        "now",
    ]


def corrupted(listing, at):
    bad = bytearray(listing[at])
    bad[-1] ^= 1
    return listing[:at] + [bytes(bad)] + listing[at + 1 :]


@pytest.mark.parametrize("front", FRONTS, ids=lambda f: f.name)
def test_u31_a_corrupted_message(weir, upstream, front):
    """Before content somebody else answers; behind it the stream ends with an error."""
    up = upstream("bedrock", default=binary(corrupted(aws.converse("Hello."), 0)))
    other = upstream("openai", default=says(B))
    assert_served(front, front.ask(weir(backed(up, other)).port, stream=True), B.text, "b")
    up = upstream("bedrock", default=binary(corrupted(aws.converse("Hello."), 2), gap=0.02))
    gateway = weir(backed(up, other))
    got = front.read(front.ask(gateway.port, stream=True))
    assert got.text == "Hel"
    assert_stream_error(front, got, "upstream")


@pytest.mark.parametrize("front", FRONTS, ids=lambda f: f.name)
def test_exceptions_in_a_stream(weir, upstream, front):
    slow = aws.message("throttlingException", {"message": "Too many tokens."}, exception=True)
    other = upstream("openai", default=says(B))
    up = upstream("bedrock", default=binary(aws.converse("Hello.")[:1] + [slow]))
    assert_served(front, front.ask(weir(backed(up, other)).port, stream=True), B.text, "b")
    up = upstream("bedrock", default=binary(aws.converse("Hello.")[:2] + [slow], gap=0.02))
    got = front.read(front.ask(weir(backed(up, other)).port, stream=True))
    assert got.text == "Hel"
    assert_stream_error(front, got, "rate_limited")


@pytest.mark.parametrize("front", FRONTS, ids=lambda f: f.name)
def test_u24_a_stream_that_is_cut(weir, upstream, front):
    listing = aws.converse("Hello.")
    for keep in (2, 4):  # in the text; behind it
        part = listing[:keep] + [listing[keep][:20]]
        up = upstream("bedrock", default=binary(part, end=CLOSE, framing="close"))
        got = front.read(front.ask(weir(config(up)).port, stream=True))
        assert not got.ended
        assert_stream_error(front, got, "upstream")


def test_u46_the_other_form_than_was_asked_for(weir, upstream):
    up = upstream("bedrock", default=binary(aws.converse("Hello.")))
    assert_served(CHAT, CHAT.ask(weir(config(up)).port), "Hello.")
    up = upstream("bedrock", default=lambda x: x.reply(200, aws.converse_body("Hello.")))
    got = CHAT.read(CHAT.ask(weir(config(up)).port, stream=True))
    assert (got.text, got.ended) == ("Hello.", True)


@pytest.mark.parametrize(
    "status, type, message, canonical",
    [
        (400, "ValidationException", "no such field", "bad_request"),
        (403, "AccessDeniedException", "not authorized", "upstream_auth"),
        (404, "ResourceNotFoundException", "no such model", "not_found"),
        (424, "ModelErrorException", "broke", "upstream"),
        (429, "ThrottlingException", "slow down", "rate_limited"),
        (503, "ServiceUnavailableException", "later", "overloaded"),
    ],
)
@pytest.mark.parametrize("front", FRONTS, ids=lambda f: f.name)
def test_errors(weir, upstream, front, status, type, message, canonical):
    head = [("x-amzn-errortype", type + ":http://internal.amazon.com/coral/")]
    up = upstream("bedrock", default=lambda x: x.reply(status, {"message": message}, head))
    assert_error(front, front.ask(weir(config(up)).port), canonical)


# ---- InvokeModel


def chunk(event):
    data = base64.b64encode(json.dumps(event).encode()).decode()
    return aws.message("chunk", {"bytes": data, "p": "abcdefgh"})


CLAUDE = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_bdrk_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-x",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 9, "output_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Bonjour."}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 4},
        "new_member": {"a": 1},
    },
    {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 9}},
]


def test_claude_in_its_own_words(weir, upstream):
    """The client's bytes but for the envelope; each event as Bedrock sent it, in SSE frames."""
    up = upstream("bedrock", default=binary([chunk(e) for e in CLAUDE], gap=0.003))
    gateway = weir(config(up, dialect="bedrock-invoke"))
    r = MESSAGES.ask(
        gateway.port,
        stream=True,
        headers=[("anthropic-beta", "interleaved-thinking-2025-05-14,oauth-2025-04-20")],
        odd_member={"kept": [1, 2]},
    )
    got = up.requests[0]
    assert got.target == "/model/anthropic.claude-x-v1%3A0/invoke-with-response-stream"
    assert len(set(aws.signature(got, "the/secret+key"))) == 1
    body = got.json
    assert body["anthropic_version"] == "bedrock-2023-05-31"
    assert body["anthropic_beta"] == ["interleaved-thinking-2025-05-14"]
    assert body["odd_member"] == {"kept": [1, 2]}
    assert "model" not in body and "stream" not in body
    want = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in CLAUDE)
    assert r.body.decode() == want and r.complete
    record = gateway.access(r.get("x-weir-request-id"))
    assert (record["usage"]["input_tokens"], record["usage"]["output_tokens"]) == (9, 4)


def test_claude_whole(weir, upstream):
    answer = {**CLAUDE[0]["message"], "content": [{"type": "text", "text": "Bonjour."}]}
    answer.update(stop_reason="end_turn", extra={"x": 1})
    up = upstream("bedrock", default=lambda x: x.reply(200, answer))
    gateway = weir(config(up, dialect="bedrock-invoke"))
    r = MESSAGES.ask(gateway.port)
    assert r.json == answer
    assert up.requests[0].target == "/model/anthropic.claude-x-v1%3A0/invoke"
    assert_served(CHAT, CHAT.ask(gateway.port), "Bonjour.")
    assert up.requests[1].json["anthropic_version"] == "bedrock-2023-05-31"


@pytest.mark.parametrize("front", FRONTS, ids=lambda f: f.name)
def test_an_exception_in_chunks(weir, upstream, front):
    broke = aws.message("modelStreamErrorException", {"message": "It broke."}, exception=True)
    up = upstream("bedrock", default=binary([chunk(e) for e in CLAUDE[:3]] + [broke], gap=0.02))
    got = front.read(front.ask(weir(config(up, dialect="bedrock-invoke")).port, stream=True))
    assert got.text == "Bonjour."
    assert_stream_error(front, got, "upstream")


# ---- Converse's clients

HELLO = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
FREE = "listen: 127.0.0.1:@PORT@\nworkers: 1\n"


def converse(gateway, action="converse", model="m", headers=(), body=None):
    return http1.call(
        gateway.port, "POST", f"/model/{model}/{action}", body or HELLO, list(headers)
    )


def openai(up, keys=""):
    row = f'  - {{ name: a, dialect: openai, baseURL: "{up.base}", apiKey: k, models: [up] }}\n'
    return (
        FREE + keys + "providers:\n" + row + "models: [ { name: m, targets: [ { use: a/up } ] } ]\n"
    )


@pytest.mark.parametrize("model", ("m", "a%2Fup"))
def test_converse_is_answered(weir, upstream, model):
    up = upstream("openai", default=says(B))
    got = converse(weir(openai(up)), model=model)
    assert got.status == 200 and got.get("x-amzn-requestid")
    assert got.json["output"]["message"] == {"role": "assistant", "content": [{"text": B.text}]}
    assert got.json["stopReason"] == "end_turn" and got.json["usage"]["outputTokens"] > 0
    assert up.requests[0].json["messages"] == [{"role": "user", "content": "hi"}]


def test_converse_stream_is_answered(weir, upstream):
    up = upstream("openai", default=says(B))
    got = converse(weir(openai(up)), "converse-stream")
    assert got.status == 200 and got.get("content-type") == aws.STREAM
    said = list(aws.messages(got.body))
    text = [e["delta"]["text"] for kind, e in said if kind == "contentBlockDelta"]
    assert "".join(text) == B.text
    assert [kind for kind, _ in said][0] == "messageStart" and said[-1][0] == "metadata"


@pytest.mark.parametrize("action", ("converse", "converse-stream"))
def test_j1_converse_to_converse_is_untouched(weir, upstream, action):
    up = upstream("bedrock", default=answers())
    gateway = weir(config(up, how="apiKey: k"))
    body = json.dumps(dict(HELLO, later={"a": [1.50, "\\u00e9"]}), indent=1).encode()
    got = converse(gateway, action, body=body)
    assert got.status == 200 and up.requests[0].body == body
    if action == "converse":
        assert got.json == aws.converse_body("Hello.")
    else:
        assert got.body == b"".join(aws.converse("Hello."))


def test_clients_that_sign_are_told_what_to_do(weir, upstream):
    up = upstream("openai", default=says(B))
    gateway = weir(openai(up, "keys: [ { name: me, key: sk-weir-me } ]\n"))
    signed = [("Authorization", "AWS4-HMAC-SHA256 Credential=AKIA/x/y/bedrock/aws4_request")]
    got = converse(gateway, headers=signed)
    assert got.status == 403 and got.get("x-amzn-errortype") == "AccessDeniedException"
    assert "AWS_BEARER_TOKEN_BEDROCK" in got.json["message"]
    assert converse(gateway).status == 403
    assert converse(gateway, headers=[("Authorization", "Bearer sk-weir-me")]).status == 200


def test_converse_errors(weir, upstream):
    up = upstream("openai", default=says(B))
    gateway = weir(openai(up))
    for got, status, kind in (
        (converse(gateway, model="no"), 404, "ResourceNotFoundException"),
        (converse(gateway, body={"messages": 1}), 400, "ValidationException"),
        (converse(gateway, "invoke"), 404, "ResourceNotFoundException"),
    ):
        assert (got.status, got.get("x-amzn-errortype")) == (status, kind) and got.json["message"]
