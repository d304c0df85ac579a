# SPDX-License-Identifier: Apache-2.0
"""A 400 that names a parameter: left out, tried once more, remembered."""

import pytest
from fronts import CHAT, MESSAGES, assert_error, assert_served
from upstream import refuses, says

UNSUPPORTED = "Unsupported parameter: '{}' is not supported with this model."


def picky(dialect, name, message=UNSUPPORTED):
    """A provider that refuses the parameter as long as it is there."""

    def answer(x):
        body = x.request.json
        if name in body:
            return refuses(400, message.format(name))(x)
        return says()(x)

    return answer


@pytest.mark.parametrize("stream", [False, True])
def test_a_refused_parameter_is_left_out(weir, upstream, stream):
    """Known to the quirks or not, in the same dialect and translated; asked once only."""
    for front, back in ((CHAT, "openai"), (MESSAGES, "openai"), (MESSAGES, "anthropic")):
        for name in ("temperature", "top_p"):
            up = upstream(back, default=picky(back, name))
            w = weir(up)
            for hits in (2, 3):
                r = front.ask(w.port, stream=stream, **{name: 0.5})
                assert_served(front, r, "Hello there.")
                assert up.hits == hits and name not in up.requests[-1].json
                assert name in (r.get("x-weir-lossy") or "")


def test_a_parameter_that_no_table_knows(weir, upstream):
    up = upstream("openai", default=picky("openai", "odd_one", "odd_one: Extra inputs are not permitted"))
    w = weir(up)
    for hits in (2, 3):
        r = CHAT.ask(w.port, odd_one={"a": 1})
        assert_served(CHAT, r, "Hello there.")
        assert up.hits == hits and r.get("x-weir-lossy") == "odd_one"


def test_another_name_for_it(weir, upstream):
    text = UNSUPPORTED + " Use 'max_completion_tokens' instead."
    up = upstream("openai", default=picky("openai", "max_tokens", text))
    w = weir(up)
    r = CHAT.ask(w.port, max_tokens=77)
    assert_served(CHAT, r, "Hello there.")
    assert up.requests[-1].json["max_completion_tokens"] == 77


def test_U17_what_does_not_help_is_not_tried_again(weir, upstream, front):
    """A provider that goes on refusing, a 400 about something else, what a request is about."""
    for message in (
        UNSUPPORTED.format("seed"),  # not in the request: the second try ends the same
        "Invalid value for 'temperature'.",
        UNSUPPORTED.format("messages"),
    ):
        up = upstream(default=refuses(400, message))
        r = front.ask(weir(up).port)
        assert_error(front, r, "bad_request")
        assert up.hits <= 2


def test_several_at_once_are_bounded(weir, upstream):
    names = ["p1", "p2", "p3", "p4", "p5"]

    def answer(x):
        left = [n for n in names if n in x.request.json]
        return refuses(400, UNSUPPORTED.format(left[0]))(x) if left else says()(x)

    up = upstream("openai", default=answer)
    w = weir(up)
    r = CHAT.ask(w.port, **{n: 1 for n in names})
    assert_error(CHAT, r, "bad_request")
    assert up.hits == 4
    assert_served(CHAT, CHAT.ask(w.port, **{n: 1 for n in names}), "Hello there.")
    assert up.hits == 7
