# SPDX-License-Identifier: Apache-2.0
"""An answer that breaks off in mid-text is gone on with by another target: one valid stream of the
client's own language, whoever wrote which part of it. RELIABILITY U21, and §7.

The readers of fronts.py are strict about order, indices, sequence numbers and ends; what is asked
of the parts besides is asked here.
"""

import json

import gateway
import http1
import pytest
import turns
from fronts import ALL_FRONTS, CHAT, CONVERSE, GEMINI, MESSAGES, RESPONSES, assert_stream_error
from gateway import one_model
from turns import Tool, Turn
from upstream import RST, begun, events, refuses, says

A = Turn(text="This is a.")


@pytest.fixture(params=ALL_FRONTS, ids=lambda f: f.name)
def front(request):
    return request.param


WHOLE = Turn(text="The capital of France is Paris, and it has been so for long.", output=17)


def breaks_off(turn, after, end=RST):
    """The beginning of the answer's stream, and then nothing, or worse."""

    def answer(x):
        listing = turns.stream(x.dialect, turn, "up", True)
        events(listing[:after], end=end, kind=turns.stream_type(x.dialect))(x)

    return answer


def breaks_behind(turn, what, skip=0, end=RST):
    """The beginning of the answer's stream up to the first event that `what` stands in, and `skip`
    more of them; then nothing."""

    def answer(x):
        listing = turns.stream(x.dialect, turn, "up", True)
        at = next(i for i, e in enumerate(listing) if what.encode() in e)
        events(listing[: at + 1 + skip], end=end, kind=turns.stream_type(x.dialect))(x)

    return answer


def goes_on(turn):
    """Says what is missing of it, as a model does: with the blank that the begun part lost."""

    def answer(x):
        said = begun(x.request) or ""  # it broke before a word of it went to the client
        assert turn.text.startswith(said), said
        rest = Turn(text=turn.text[len(said) :], output=turn.output, input=turn.input)
        says(rest)(x)

    return answer


def rescued(w, front, ups, **fields):
    r = front.ask(w.port, stream=True, **fields)
    a = front.read(r)
    assert r.status == 200 and r.complete, r
    assert a.text == WHOLE.text, (a.text, r.body)
    assert a.ended and not a.error and a.finish == "stop", r.body
    assert_one_stream(front, a)
    return r, a


def assert_one_stream(front, a):
    """One beginning, one end, one id: no seam to be seen in what a client reads."""
    names = [name for name, _ in a.events]
    if front is RESPONSES:
        got = [json.loads(text) for _, text in a.events]
        assert names[0] == "response.created" and names[-1] == "response.completed"
        for once in ("response.created", "response.completed", "response.output_item.added"):
            assert names.count(once) == 1, (once, names)
        items = {e["item_id"] for e in got if "item_id" in e}
        assert items == {got[-1]["response"]["output"][0]["id"]}, items
        assert got[0]["response"]["id"] == got[-1]["response"]["id"]
    elif front is MESSAGES:
        for once in ("message_start", "content_block_start", "message_delta", "message_stop"):
            assert names.count(once) == 1, (once, names)
    elif front is CONVERSE:
        for once in ("messageStart", "contentBlockStop", "messageStop", "metadata"):
            assert names.count(once) == 1, (once, names)
    else:
        got = [json.loads(text) for _, text in a.events if text != "[DONE]"]
        ids = {e["responseId" if front is GEMINI else "id"] for e in got}
        assert len(ids) == 1, ids


COMMENTS = ("chat", "responses", "messages")  # in whose streams a comment is no fault


@pytest.mark.parametrize("back, after", [("anthropic", 5), ("anthropic", 7), ("mistral", 5)])
def test_U21_a_broken_answer_is_gone_on_with(weir, upstream, front, back, after):
    """The first target dies in mid-text: another one gets what there is and says the rest. One
    answer, whole, with the tokens of both, marked in the stream and in the log."""
    a = upstream(back, default=breaks_off(WHOLE, after))
    b = upstream(back, default=goes_on(WHOLE))
    w = weir(one_model(a, b, strategy="priority", options="rescue: true"))
    r, answer = rescued(w, front, (a, b))
    assert a.hits == 1 and b.hits == 1
    said = begun(b.requests[0])
    assert said and said == said.rstrip() and WHOLE.text.startswith(said)
    assert (b": weir-rescued b\n\n" in r.body) == (front.name in COMMENTS)
    assert r.trailers == [("x-weir-rescued", "b/up")]
    assert r.get("trailer") and r.get("x-weir-provider") == "a"
    assert answer.usage["input"] > 25 and answer.usage["output"] > WHOLE.output, answer.usage
    log = w.access(r.get("x-weir-request-id"))
    assert log["rescued"] == 1 and log["status"] == 200 and "error" not in log
    assert [t["provider"] for t in log["attempts"]] == ["a", "b"] and "error" in log["attempts"][0]
    assert log["usage"]["output_tokens"] == answer.usage["output"]
    if back == "mistral":
        assert b.requests[0].json["messages"][-1]["prefix"] is True


@pytest.mark.parametrize("back, mark", [("anthropic", "message_delta"), ("openai", "finish_reason\":\"")])
@pytest.mark.parametrize("turn", [WHOLE, Turn(text="Look.", tools=(Tool("call_1", "f", {"x": 1}),))])
def test_U22_an_answer_that_lacks_its_end_mark_only(weir, upstream, front, back, mark, turn):
    """All of it came, and why it ended: the client gets the end, and nobody else is asked. A call
    in it is no hindrance."""
    a = upstream(back, default=breaks_behind(turn, mark))
    b = upstream(back, default=goes_on(WHOLE))
    w = weir(one_model(a, b, strategy="priority", options="rescue: true"))
    r = front.ask(w.port, stream=True, tools=["f"])
    got = front.read(r)
    assert r.status == 200 and r.complete and got.ended and not got.error, r
    assert got.text == turn.text and len(got.tools) == len(turn.tools)
    assert got.finish == ("tool_calls" if turn.tools else "stop"), got.finish
    assert b.hits == 0
    log = w.access(r.get("x-weir-request-id"))
    assert "error" not in log and log["attempts"][0]["error"] == "upstream"


def test_U21_rescue_crosses_languages(weir, upstream, front):
    """An OpenAI-format provider dies, Anthropic's goes on; and the client's own begun answer stays
    the beginning of what is gone on with."""
    a = upstream("openai", default=breaks_off(WHOLE, 4))
    b = upstream("anthropic", default=goes_on(WHOLE))
    w = weir(one_model(a, b, strategy="priority", options="rescue: true"))
    rescued(w, front, (a, b))
    assert b.hits == 1


def test_U21_who_goes_on_dies_too(weir, upstream, front):
    """A third one says the rest of the rest."""
    a = upstream("anthropic", default=breaks_off(WHOLE, 5))

    def dies_again(x):
        said = begun(x.request)
        breaks_off(Turn(text=WHOLE.text[len(said) :]), 6)(x)

    b = upstream("anthropic", default=dies_again)
    c = upstream("anthropic", default=goes_on(WHOLE))
    w = weir(one_model(a, b, c, strategy="priority", options="rescue: true"))
    r, _ = rescued(w, front, (a, b, c))
    assert (a.hits, b.hits, c.hits) == (1, 1, 1)
    assert w.access(r.get("x-weir-request-id"))["rescued"] == 2
    assert r.trailers == [("x-weir-rescued", "b/up, c/up")]


def test_U21_one_that_cannot_go_on_is_passed_over(weir, upstream, front):
    """OpenAI answers a begun answer anew: it is not asked. A refusal to go on leads to the next."""
    a = upstream("anthropic", default=breaks_off(WHOLE, 5))
    b = upstream("openai", default=says(A))
    c = upstream("anthropic", default=refuses(503))
    d = upstream("anthropic", default=goes_on(WHOLE))
    w = weir(one_model(a, b, c, d, strategy="priority", options="rescue: true"))
    rescued(w, front, (a, b, c, d))
    assert (b.hits, c.hits, d.hits) == (0, 1, 1)


def test_U21_nobody_can_go_on(weir, upstream, front):
    """Then the stream ends with the error it would have ended with."""
    a = upstream("openai", default=breaks_off(WHOLE, 4))
    b = upstream("openai", default=says(A))
    w = weir(one_model(a, b, strategy="priority", options="rescue: true"))
    r = front.ask(w.port, stream=True)
    answer = front.read(r)
    assert WHOLE.text.startswith(answer.text) and answer.text
    assert_stream_error(front, answer, "upstream")
    assert b.hits == 0
    assert "rescued" not in w.access(r.get("x-weir-request-id"))


def test_U21_a_call_is_never_split(weir, upstream, front):
    """A tool call was begun: what follows belongs to it, and nobody else can say it."""
    turn = Turn(text="I look it up.", tools=(Tool("call_1", "look", {"what": "the weather"}),))
    for after in (9, 11):
        a = upstream("anthropic", default=breaks_off(turn, after))
        b = upstream("anthropic", default=says(A))
        w = weir(one_model(a, b, strategy="priority", options="rescue: true"))
        answer = front.read(front.ask(w.port, stream=True, tools=("look",)))
        assert_stream_error(front, answer, "upstream")
        assert b.hits == 0


def test_U21_without_the_option_nothing_is_rescued(weir, upstream):
    front = MESSAGES
    a = upstream("anthropic", default=breaks_off(WHOLE, 5))
    b = upstream("anthropic", default=goes_on(WHOLE))
    w = weir(one_model(a, b, strategy="priority"))
    assert_stream_error(front, front.read(front.ask(w.port, stream=True)), "upstream")
    assert b.hits == 0


@pytest.mark.parametrize("back", ["anthropic", "gemini"])
def test_U21_rescue_leaves_whole_streams_alone(weir, upstream, front, back):
    """With the option on, an answer that does not break is what it was."""
    up = upstream(back, default=says(WHOLE))
    w = weir(one_model(up, options="rescue: true"))
    r, answer = rescued(w, front, (up,))
    assert answer.usage["output"] == WHOLE.output and b"weir-rescued" not in r.body
    assert r.trailers == []


def test_U21_between_two_blocks(weir, upstream, front):
    """The text has ended and nothing was begun: more text, a call, or nothing at all may follow."""
    said = "I look it up."
    tool = Tool("call_1", "look", {"what": "the weather"})
    rests = [
        (Turn(tools=(tool,), output=3), [("look", {"what": "the weather"})], "tool_calls"),
        (Turn(text=" So:", tools=(tool,)), [("look", {"what": "the weather"})], "tool_calls"),
        (Turn(), [], "stop"),
    ]  # three: so many retries any window has
    a = upstream("anthropic", default=breaks_behind(Turn(text=said), "content_block_stop"))
    b = upstream("anthropic")
    w = weir(one_model(a, b, strategy="priority", options="rescue: true"))
    for rest, calls, finish in rests:
        b.default = says(rest) if rest.text or rest.tools else says_nothing
        r = front.ask(w.port, stream=True, tools=("look",))
        answer = front.read(r)
        assert (answer.text, answer.finish, answer.ended) == (said + rest.text, finish, True), r
        assert begun(b.requests[-1]) == said and not answer.error
        if front is RESPONSES:  # whose reader keeps the arguments
            continue
        assert [(n, args) for _, n, args in answer.tools] == calls
        if front is MESSAGES:  # an empty text would be refused in the next turn
            blocks = [json.loads(t) for n, t in answer.events if n == "content_block_start"]
            assert len(blocks) == 1 + bool(rest.text) + len(calls), blocks
        if front is CONVERSE:
            stops = [e["contentBlockIndex"] for k, e in answer.events if k == "contentBlockStop"]
            assert stops == list(range(1 + bool(rest.text) + len(calls))), answer.events


def says_nothing(x):
    """An answer that begins a text, has no word of it, and ends."""
    listing = turns.anthropic_stream(Turn(text="?"), "up")
    events([e for e in listing if b"text_delta" not in e], kind=turns.stream_type(x.dialect))(x)


def test_U21_thoughts_alone_are_not_gone_on_with(weir, upstream, front):
    """They are signed by who thought them: who is asked next would be shown another's signature."""
    turn = Turn(text=WHOLE.text, thinking="Hm, the capital.")
    a = upstream("anthropic")
    b = upstream("anthropic", default=goes_on(WHOLE))
    w = weir(one_model(a, b, strategy="priority", options="rescue: true"))
    for what in ("thinking_delta", "content_block_stop"):
        a.default = breaks_behind(turn, what)
        answer = front.read(front.ask(w.port, stream=True))
        assert_stream_error(front, answer, "upstream")
    assert b.hits == 0
    a.default = breaks_behind(turn, "text_delta")
    b.default = thinks_first(WHOLE)
    r = front.ask(w.port, stream=True)
    answer = front.read(r)
    assert answer.text == WHOLE.text and answer.ended, r
    assert answer.thinking in ("", turn.thinking)  # never what the second one thought in mid-text
    assert "thinking" not in b.requests[0].json


def thinks_first(turn):
    def answer(x):
        rest = Turn(text=turn.text[len(begun(x.request)) :], thinking="Where was I?")
        says(rest)(x)

    return answer


def test_U21_the_first_one_itself_goes_on(weir, upstream, front):
    """Nobody else can: those that cannot are passed over, and leave no trace in the record."""
    a = upstream("anthropic", breaks_off(WHOLE, 6), default=goes_on(WHOLE))
    b, c = upstream("openai", default=says(A)), upstream("openai", default=says(A))
    text = one_model(a, b, strategy="priority", options="rescue: true, fallback: [ spare ]")
    text += "  - { name: spare, targets: [ { use: c/up } ] }\n"
    text = text.replace("models:\n", gateway.provider("c", c, "[up]") + "models:\n", 1)
    w = weir(text)
    r, _ = rescued(w, front, (a, b))
    assert (a.hits, b.hits, c.hits) == (2, 0, 0)
    assert r.trailers == [("x-weir-rescued", "a/up")]
    log = w.access(r.get("x-weir-request-id"))
    assert [t["provider"] for t in log["attempts"]] == ["a", "a"] and log["provider"] == "a"


def test_U21_a_fallback_model_goes_on(weir, upstream, front):
    """It is announced behind the stream, for its head has gone."""
    a = upstream("anthropic", default=breaks_off(WHOLE, 6))
    b = upstream("ollama", default=goes_on(WHOLE))
    text = one_model(a, options="rescue: true, fallback: [ spare ]")
    text += "  - { name: spare, targets: [ { use: b/up } ] }\n"
    w = weir(text.replace("models:\n", gateway.provider("b", b, "[up]") + "models:\n", 1))
    r, _ = rescued(w, front, (a, b))
    assert r.trailers == [("x-weir-rescued", "b/up"), ("x-weir-fallback", "spare")]


@pytest.mark.parametrize(
    "front, end", [(GEMINI, "close"), (RESPONSES, "error"), (CONVERSE, "silence")]
)
def test_U21_every_way_to_break_off(weir, upstream, front, end):
    """A close, an error event, a stall: the same as a reset."""
    error = turns.event(turns.anthropic_error(529), "error")

    def answer(x):
        listing = turns.stream(x.dialect, WHOLE, "up", True)[:6]
        x.head(200, (), "chunked", turns.stream_type(x.dialect))
        for one in listing:
            x.data(one)
        if end == "close":
            x.close()
            return
        x.pause(0.1 if end == "error" else 20)
        x.data(error)

    a, b = upstream("anthropic", default=answer), upstream("anthropic", default=goes_on(WHOLE))
    text = one_model(a, b, strategy="priority", options="rescue: true")
    w = weir(text.replace("idle: 5s", "idle: 1s"))
    rescued(w, front, (a, b))


def test_U21_a_body_goes_on_with_a_stream(weir, upstream, front):
    """A provider that streams nothing says the rest in one piece."""
    a = upstream("anthropic", default=breaks_off(WHOLE, 6))

    def whole(x):
        rest = Turn(text=WHOLE.text[len(begun(x.request)) :], output=9)
        x.reply(200, turns.anthropic_message(rest))

    b = upstream("anthropic", default=whole)
    w = weir(one_model(a, b, strategy="priority", options="rescue: true"))
    r, _ = rescued(w, front, (a, b))
    assert r.trailers == [("x-weir-rescued", "b/up")]


def test_U21_between_equal_languages(weir, upstream, front):
    """Where bytes would pass they are written anew, and the seam does not show."""
    back = {"chat": "openai", "responses": "openai-responses", "messages": "anthropic"}
    dialect = back.get(front.name, front.dialect)
    what = {"responses": "output_text.delta", "converse": "contentBlockDelta"}.get(front.name, "he c")
    a = upstream(dialect, default=breaks_behind(WHOLE, what, skip=1))
    b = upstream("anthropic", default=goes_on(WHOLE))
    w = weir(one_model(a, b, strategy="priority", options="rescue: true"))
    r, _ = rescued(w, front, (a, b))
    assert r.trailers == [("x-weir-rescued", "b/up")]


def test_U21_filters_and_rescue(weir, upstream, front):
    """What the operator has filtered is gone on with as the client got it; only where the text is
    an argument of a call, the exit tool's, nobody can."""
    tagged = Turn(text="<think>Hm.</think>" + WHOLE.text, output=17)
    a = upstream("anthropic", default=breaks_behind(tagged, "pital of"))
    b = upstream("anthropic", default=goes_on(WHOLE))
    think = "transforms: [ thinkTag ]"
    w = weir(one_model(a, b, strategy="priority", options="rescue: true", of_provider=think))
    r = front.ask(w.port, stream=True)
    answer = front.read(r)
    assert answer.text == WHOLE.text and answer.ended and not answer.error, r.body
    assert answer.thinking in ("", "Hm.")
    assert begun(b.requests[0]).startswith("The capital")
    exits = "transforms: [ toolUse ]"
    w = weir(one_model(a, b, strategy="priority", options="rescue: true", of_provider=exits))
    hits = b.hits
    answer = front.read(front.ask(w.port, stream=True, tools=("look",)))
    assert_stream_error(front, answer, "upstream")
    assert b.hits == hits


def test_U21_gemini_as_one_array(weir, upstream):
    """Without alt=sse a stream of Gemini's is one JSON value: whole, whoever wrote its end."""
    a = upstream("anthropic", default=breaks_off(WHOLE, 7))
    b = upstream("anthropic", default=goes_on(WHOLE))
    w = weir(one_model(a, b, strategy="priority", options="rescue: true"))
    path = "/v1beta/models/m:streamGenerateContent"
    r = http1.call(w.port, "POST", path, GEMINI.body())
    got = r.json
    parts = [p for e in got for c in e["candidates"] for p in c["content"].get("parts", ())]
    assert "".join(p.get("text", "") for p in parts) == WHOLE.text and r.complete, r
    assert len({e["responseId"] for e in got}) == 1 and r.trailers == [("x-weir-rescued", "b/up")]
    ends = [c["finishReason"] for e in got for c in e["candidates"] if "finishReason" in c]
    assert ends == ["STOP"] and b.hits == 1


def test_U21_a_client_of_http_1_0(weir, upstream):
    """It knows no chunks and no trailers: the answer is whole all the same."""
    a = upstream("anthropic", default=breaks_off(WHOLE, 7))
    b = upstream("anthropic", default=goes_on(WHOLE))
    w = weir(one_model(a, b, strategy="priority", options="rescue: true"))
    request = http1.format_request("POST", CHAT.path, CHAT.body(stream=True))
    with http1.Conn(w.port) as conn:
        conn.send(request.replace(b" HTTP/1.1", b" HTTP/1.0", 1))
        r = conn.response()
    answer = CHAT.read(r)
    assert answer.text == WHOLE.text and answer.ended and r.get("trailer") is None


def test_U21_U28_hedged_and_then_rescued(weir, upstream, front):
    """The second one of a hedge wins and breaks off; a third one goes on, whose call it is now.
    And the same where the first one wins."""

    def waits(x):
        x.pause(10)

    def late(answer):
        def after_a_while(x):
            x.pause(0.4)
            answer(x)

        return after_a_while

    for first, second in ((waits, breaks_off(WHOLE, 6)), (late(breaks_off(WHOLE, 6)), waits)):
        a, b = upstream("anthropic", default=first), upstream("anthropic", default=second)
        c = upstream("anthropic", default=goes_on(WHOLE))
        options = "rescue: true, hedge: 100ms"
        w = weir(one_model(a, b, c, strategy="priority", options=options))
        r, answer = rescued(w, front, (a, b, c))
        assert (a.hits, b.hits, c.hits) == (1, 1, 1)
        log = w.access(r.get("x-weir-request-id"))
        lost = [t["provider"] for t in log["attempts"] if t.get("lost")]
        assert lost == ["a" if second is not waits else "b"] and log["rescued"] == 1
        assert len(log["attempts"]) == 3 and log["attempts"][-1]["provider"] == "c"
        assert log["hedge_tokens"] > 0 and answer.usage["output"] > WHOLE.output
