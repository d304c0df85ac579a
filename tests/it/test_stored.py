# SPDX-License-Identifier: Apache-2.0
"""Answers asked for again by their id: read, listed, deleted; and gone on from elsewhere than where
they were made."""

import gateway
import http1
import pytest
import turns
from test_go_on import ONE, PATH, TWO, answer_of, ask, assert_not_found, words
from turns import Turn
from upstream import events, refuses, says

KEYS = "keys: [ { name: a, key: key-a }, { name: b, key: key-b } ]\n"


def auth(key):
    return [("Authorization", f"Bearer {key}")] if key else []


def get(w, path, key=None, method="GET"):
    return http1.call(w.port, method, f"{PATH}/{path}", None, auth(key))


def stores(turn):
    """A provider of Responses that keeps its answers, and says so."""

    def answer(x):
        if not x.request.streamed:
            return x.reply(200, {**turns.whole(x.dialect, turn), "store": True})
        listing = [e.replace(b'"store":false', b'"store":true') for e in turns.responses_stream(turn)]
        return events(listing)(x)

    return answer


def replies(body, status=200):
    return lambda x: x.reply(status, body)


def assert_gone(r, name):
    assert r.status == 404, r.body
    error = r.json["error"]
    assert error["type"] == "invalid_request_error" and name in error["message"]
    assert set(error) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", ["openai", "anthropic", "openai-responses"])
def test_an_answer_is_read_again(weir, upstream, dialect, stream):
    """As it was given; a provider of Responses that keeps nothing itself is no exception."""
    w = weir(upstream(dialect, default=says(ONE)))
    first = answer_of(ask(w, "one?", stream=stream, instructions="Be brief."), stream)
    r = get(w, first["id"])
    assert r.status == 200 and r.json == first
    assert r.get("content-type") == "application/json" and r.get("x-weir-request-id")


def test_what_was_asked_is_listed(weir, upstream):
    w = weir(upstream("openai", says(ONE), says(TWO)))
    first = answer_of(ask(w, "one?"), False)
    image = {"type": "input_image", "image_url": "data:image/png;base64,aGk="}
    asked = [
        {"role": "user", "content": "two?"},
        {"id": "msg_mine", "type": "message", "role": "user", "content": [image]},
    ]
    second = answer_of(ask(w, asked, previous_response_id=first["id"]), False)
    r = get(w, second["id"] + "/input_items?order=asc")
    assert r.status == 200 and r.json["object"] == "list" and r.json["has_more"] is False
    data = r.json["data"]
    assert [d["role"] for d in data] == ["user", "assistant", "user", "user"]
    assert data[0]["content"] == [{"type": "input_text", "text": "one?"}]
    assert data[1] == first["output"][0]
    assert data[2]["type"] == "message" and data[2]["status"] == "completed"
    assert data[3]["id"] == "msg_mine" and data[3]["content"] == [image]
    ids = [d["id"] for d in data]
    assert len(set(ids)) == 4 and r.json["first_id"] == ids[0] and r.json["last_id"] == ids[3]
    newest = get(w, second["id"] + "/input_items").json["data"]
    assert [d["id"] for d in newest] == ids[::-1]
    for order, want in (("asc", ids), ("desc", ids[::-1])):  # page by page
        seen, after = [], ""
        while True:
            page = get(w, f"{second['id']}/input_items?limit=3&order={order}{after}").json
            seen += [d["id"] for d in page["data"]]
            if not page["has_more"]:
                break
            after = f"&after={page['last_id']}"
        assert seen == want
    for query in ("limit=0", "limit=101", "limit=x", "order=up", "after=msg_none"):
        r = get(w, f"{second['id']}/input_items?{query}")
        assert r.status == 400 and r.json["error"]["param"] == query.split("=")[0]


def test_an_answer_is_deleted_on_every_worker(weir, upstream):
    up = upstream("openai", default=says(ONE))
    w = weir(up, workers=3)
    first = answer_of(ask(w, "one?", stream=True), True)
    for _ in range(12):  # a connection each: some worker of three
        assert get(w, first["id"]).status == 200
    r = get(w, first["id"], method="DELETE")
    assert r.json == {"id": first["id"], "object": "response", "deleted": True}
    for _ in range(12):
        assert_gone(get(w, first["id"]), first["id"])
    assert_gone(get(w, first["id"], method="DELETE"), first["id"])
    assert_not_found(ask(w, "two?", previous_response_id=first["id"]))


def test_A23_nobody_reads_another_s_answer(weir, upstream):
    up = upstream("openai-responses", default=stores(ONE))
    other = upstream("openai", default=says(ONE))
    w = weir(other, up, extra=KEYS)
    for model in ("m", "mb"):
        first = answer_of(ask(w, "a secret", key="key-a", model=model), False)
        asked = len(up.requests)
        for path in (first["id"], first["id"] + "/input_items"):
            assert_gone(get(w, path, "key-b"), first["id"])
        assert_gone(get(w, first["id"], "key-b", "DELETE"), first["id"])
        assert get(w, first["id"]).status == 401
        assert len(up.requests) == asked


def test_what_is_not_stored_is_not_read(weir, upstream):
    w = weir(upstream("openai", default=says(ONE)))
    first = answer_of(ask(w, "one?", store=False), False)
    assert_gone(get(w, first["id"]), first["id"])
    assert_gone(get(w, "resp_unknown/input_items"), "resp_unknown")


def test_methods_and_paths(weir, upstream):
    w = weir(upstream("openai", default=says(ONE)))
    first = answer_of(ask(w, "one?"), False)["id"]
    r = get(w, first, method="POST")
    assert r.status == 405 and "GET" in r.get("allow")
    assert get(w, first + "/input_items", method="DELETE").status == 405
    assert get(w, first + "/cancel").status == 405
    r = get(w, first + "/cancel", method="POST")
    assert r.status == 400 and "synchronous" in r.json["error"]["message"]
    for path in ("", first + "/nothing", first + "/input_items/1"):
        assert get(w, path).status == 404


@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_s_own_answer_is_asked_for_there(weir, upstream, stream):
    """With the provider's key, the client's query, and only while the provider is configured."""
    up = upstream("openai-responses", stores(ONE))
    w = weir(up)
    first = answer_of(ask(w, "one?", stream=stream), stream)["id"]
    listing = {"object": "list", "data": [], "has_more": False}
    gone = {"id": first, "object": "response", "deleted": True}
    for method, path, body in (
        ("GET", f"{first}?include[]=reasoning.encrypted_content", {"id": first, "theirs": 1}),
        ("GET", f"{first}/input_items?limit=2", listing),
        ("POST", f"{first}/cancel", {"id": first, "status": "cancelled"}),
        ("DELETE", first, gone),
    ):
        up.default = replies(body)
        r = get(w, path, method=method)
        assert r.status == 200 and r.json == body
        asked = up.requests[-1]
        assert (asked.method, asked.target) == (method, f"/v1/responses/{path}")
        assert asked.get("authorization") == "Bearer provider-secret-a"
    asked = len(up.requests)
    assert_gone(get(w, first), first)
    assert len(up.requests) == asked


def test_a_provider_s_refusal_is_passed_on(weir, upstream):
    up = upstream("openai-responses", stores(ONE))
    w = weir(up)
    first = answer_of(ask(w, "one?"), False)["id"]
    up.default = refuses(500)
    assert get(w, first, method="DELETE").status == 500
    up.default = replies({"error": {"message": "no such"}}, 404)
    assert get(w, first, method="DELETE").status == 404  # now it is known to be gone
    asked = len(up.requests)
    assert_gone(get(w, first), first)
    assert len(up.requests) == asked


def test_a_background_answer_is_polled(weir, upstream):
    up = upstream("openai-responses")
    w = weir(up)
    queued = {**turns.whole("openai-responses", ONE), "store": True, "status": "queued"}
    up.default = replies({**queued, "output": [], "background": True})
    first = answer_of(ask(w, "one?", background=True), False)
    assert first["status"] == "queued"
    up.default = replies({**queued, "status": "completed"})
    assert get(w, first["id"]).json["status"] == "completed"


def two_targets(a, b):
    return gateway.config(a, b).replace(
        "targets: [ { use: a/up } ]", "targets: [ { use: a/up }, { use: b/up } ]", 1
    )


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", ["openai", "anthropic", "openai-responses"])
def test_a_conversation_outlives_its_provider(weir, upstream, dialect, stream):
    """The one that keeps it gets the client's bytes; another one, when it fails, all of it."""
    a = upstream("openai-responses", stores(ONE), stores(TWO))
    b = upstream(dialect, default=says(Turn(text="Third.")))
    w = weir(a, b)
    first = answer_of(ask(w, "one?", stream=stream), stream)["id"]
    second = answer_of(ask(w, "two?", stream=stream, previous_response_id=first), stream)["id"]
    sent = a.requests[1].json
    assert sent["previous_response_id"] == first and sent["input"] == "two?"
    a.default = refuses(503)
    third = answer_of(ask(w, "three?", stream=stream, previous_response_id=second), stream)
    assert third["output"][0]["content"][0]["text"] == "Third."
    got = b.requests[0].json
    assert "previous_response_id" not in got
    if dialect != "openai-responses":
        assert [t for _, t in words(b.requests[0], dialect)] == [
            "one?", "First.", "two?", "Second.", "three?",
        ]  # fmt: skip
    else:
        assert len(got["input"]) == 5
    # and on from there, which only we know
    r = ask(w, "four?", stream=stream, previous_response_id=third["id"])
    assert r.status == 200 and "previous_response_id" not in b.requests[1].json


def test_who_keeps_a_conversation_is_asked_first(weir, upstream):
    """Of targets that take turns, it can go on at the least cost and with all it remembers."""
    a, b = (upstream("openai-responses", default=stores(ONE)) for _ in range(2))
    w = weir(two_targets(a, b) + "routing: { strategy: round_robin }\n")
    first = answer_of(ask(w, "one?"), False)["id"]
    keeper = a if a.requests else b
    for n in range(4):
        assert ask(w, "on", previous_response_id=first).status == 200
        assert keeper.requests[-1].json["previous_response_id"] == first
        assert len(keeper.requests) == n + 2


def test_what_a_provider_forgot_is_told_again(weir, upstream):
    code = "previous_response_not_found"
    a = upstream("openai-responses", stores(ONE), refuses(400, "gone", code=code), stores(TWO))
    b = upstream("openai")
    w = weir(a, b)
    first = answer_of(ask(w, "one?"), False)["id"]
    assert ask(w, "two?", previous_response_id=first).status == 200
    assert len(a.requests[2].json["input"]) == 3 and not b.requests
    assert "previous_response_id" not in a.requests[2].json


def test_alone_a_provider_keeps_its_own(weir, upstream):
    """Nobody else could be asked: its conversations are not held twice."""
    a, b = upstream("openai-responses", default=stores(ONE)), upstream("openai")
    w = weir(gateway.config(a, b).replace(", fallback: [ mb ]", ""))
    first = answer_of(ask(w, "one?"), False)["id"]
    assert_not_found(ask(w, "two?", model="mb", previous_response_id=first))
    a.default = refuses(400, "gone", code="previous_response_not_found")
    r = ask(w, "two?", previous_response_id=first)
    assert r.status == 400 and r.json["error"]["code"] == "previous_response_not_found"


def test_the_conversation_of_one_that_keeps_nothing_goes_on(weir, upstream):
    """A provider of Responses that says store: false knows no ids."""
    up = upstream("openai-responses", says(ONE), says(TWO))
    w = weir(up)
    first = answer_of(ask(w, "one?", stream=True), True)["id"]
    answer_of(ask(w, "two?", previous_response_id=first), False)
    sent = up.requests[1].json
    assert "previous_response_id" not in sent
    assert [i["role"] for i in sent["input"]] == ["user", "assistant", "user"]
