# SPDX-License-Identifier: Apache-2.0
"""Who is left out before any strategy speaks: what a model cannot do, how much it can take, and
where it runs."""

import gateway
import http1
import pytest
from fronts import ALL_FRONTS, CHAT, MESSAGES, assert_served
from turns import Turn
from upstream import refuses, says

A, B = Turn(text="This is a."), Turn(text="This is b.")
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
BLIND = "{ name: up, as: openai/o3-mini }"  # tools, and no pictures
SEEING = "{ name: up, as: openai/gpt-4o }"


def picture(front):
    """The body of a question with a picture in it."""
    if front is CHAT:
        url = {"url": f"data:image/png;base64,{PIXEL}"}
        parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": url}]
    else:
        source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
        parts = [{"type": "text", "text": "What is it?"}, {"type": "image", "source": source}]
    return front.body(messages=[{"role": "user", "content": parts}])


def pool(ups, models, strategy="round_robin", rows=("", "")):
    """One model `m` with a target at each provider, of which the file says that."""
    text = "listen: 127.0.0.1:@PORT@\nworkers: 1\nproviders:\n"
    for name, up, model, row in zip("ab", ups, models, rows):
        text += gateway.provider(name, up, f"[ {model} ]", row)
    targets = ", ".join(f"{{ use: {n}/up }}" for n in "ab"[: len(ups)])
    return text + f"models:\n  - {{ name: m, targets: [ {targets} ], strategy: {strategy} }}\n"


@pytest.fixture(params=[CHAT, MESSAGES], ids=["chat", "messages"])
def speaker(request):
    return request.param


def test_pictures_go_to_who_sees(weir, upstream, speaker):
    a, b = upstream(default=says(A)), upstream(default=says(B))
    w = weir(pool([a, b], [BLIND, SEEING]))
    for _ in range(4):
        assert_served(speaker, speaker.call(w.port, picture(speaker)), B.text)
    for _ in range(4):
        assert speaker.ask(w.port).status == 200
    assert (a.hits, b.hits) == (2, 6)


def test_nobody_sees(weir, upstream, speaker):
    """No provider is asked in vain: the caller is told what is missing, in its own words."""
    a, b = upstream(default=says(A)), upstream(default=says(B))
    r = speaker.call(weir(pool([a, b], [BLIND, BLIND])).port, picture(speaker))
    assert r.status == 400 and a.hits == b.hits == 0
    assert "pictures" in r.json["error"]["message"] and '"m"' in r.json["error"]["message"]
    if speaker is CHAT:
        assert r.json["error"]["code"] == "no_images"


def can(*words):
    return f"{{ name: up, can: [ {', '.join(words)} ] }}"


def test_the_file_says_what_a_model_can(weir, upstream, speaker):
    """Of one that the catalogue does not know, or against what it says."""
    a, b = upstream(default=says(A)), upstream(default=says(B))
    against = "{ name: up, as: openai/o3-mini, can: [ tools, images ] }"
    w = weir(pool([a, b], [can("tools"), against]))
    for _ in range(4):
        assert_served(speaker, speaker.call(w.port, picture(speaker)), B.text)
    assert (a.hits, b.hits) == (0, 4)


def test_who_is_not_known_to_fit_is_the_last_to_be_asked(weir, upstream):
    """Tools, and nobody is known to call any: they are asked all the same, and explain says so."""
    a, b = upstream(default=says(A)), upstream(default=says(B))
    w = weir(pool([a, b], [can("none"), can("images")], strategy="priority"))
    body = CHAT.body(tools=("look",))
    assert_served(CHAT, CHAT.call(w.port, body), A.text)
    said = http1.call(
        w.port, "POST", "/api/v1/explain?front=openai", body, [("content-type", "application/json")]
    ).json
    assert [(x["eligible"], x["reason"]) for x in said["candidates"]] == [(False, "no_tools")] * 2
    assert [(x["provider"], x["fallback"]) for x in said["plan"]] == [("a", False), ("b", False)]
    assert "its provider decides" in said["plan"][0]["why"]
    assert [x["lenient"] for x in said["routes"]] == [False, True] and said["fallbacks"] == []
    w = weir(pool([a, b], [can("none"), can("tools")], strategy="priority"))
    assert_served(CHAT, CHAT.call(w.port, body), B.text)


def test_a_lone_target_is_always_asked(weir, upstream):
    """There is no choice: its provider knows best what it can do."""
    a = upstream(default=says(A))
    w = weir(pool([a], [BLIND]))
    assert_served(CHAT, CHAT.call(w.port, picture(CHAT)), A.text)


def test_a_fallback_model_that_sees(weir, upstream):
    a, b = upstream(default=says(A)), upstream(default=says(B))
    text = gateway.config(a, b)
    for model in (BLIND, SEEING):
        text = text.replace("models: [up]", f"models: [ {model} ]", 1)
    w = weir(text)
    assert_served(CHAT, CHAT.call(w.port, picture(CHAT)), B.text)
    assert_served(CHAT, CHAT.ask(w.port), A.text)
    assert (a.hits, b.hits) == (1, 1)


SMALL, LARGE = "{ name: up, context: 1000 }", "{ name: up, context: 100k }"
LONG = "tell me more " * 1000


def test_long_prompts_go_where_there_is_room(weir, upstream, speaker):
    a, b = upstream(default=says(A)), upstream(default=says(B))
    w = weir(pool([a, b], [SMALL, LARGE]))
    for _ in range(4):
        assert_served(speaker, speaker.ask(w.port, LONG), B.text)
    assert (a.hits, b.hits) == (0, 4)
    assert CHAT.ask(w.port, max_tokens=5000).status == 200  # the answer has to fit as well
    assert (a.hits, b.hits) == (0, 5)


def test_an_estimate_refuses_nobody(weir, upstream):
    """How many tokens it is knows the provider: where all seem too small, they are asked."""
    a, b = upstream(default=says(A)), upstream(default=says(B))
    w = weir(pool([a, b], [SMALL, SMALL]))
    assert CHAT.ask(w.port, LONG).status == 200
    assert a.hits + b.hits == 1


TOO_LONG = refuses(400, "This model's maximum context length is 1000 tokens.", code="context_length_exceeded")


def test_U17_too_long_moves_up(weir, upstream, speaker):
    """The estimate was too low: the provider's own word moves the call up, unseen by the client."""
    a, b = upstream(default=TOO_LONG), upstream(default=says(B))
    w = weir(pool([a, b], [SMALL, LARGE], strategy="priority"))
    assert_served(speaker, speaker.ask(w.port), B.text)
    assert (a.hits, b.hits) == (1, 1)


def test_U17_too_long_moves_up_to_a_fallback(weir, upstream):
    a, b = upstream(default=TOO_LONG), upstream(default=says(B))
    text = gateway.config(a, b)
    for model in (SMALL, LARGE):
        text = text.replace("models: [up]", f"models: [ {model} ]", 1)
    assert_served(CHAT, CHAT.ask(weir(text).port), B.text)


def test_U17_too_long_goes_nowhere_else(weir, upstream, speaker):
    """The same window again, or one nobody knows, would say the same."""
    for other in (SMALL, "up"):
        a, b = upstream(default=TOO_LONG), upstream(default=says(B))
        r = speaker.ask(weir(pool([a, b], [SMALL, other], strategy="priority")).port)
        assert r.status == 400 and (a.hits, b.hits) == (1, 0)


# ---- regions


def test_a_model_stays_in_its_regions(weir, upstream):
    a, b = upstream(default=says(A)), upstream(default=says(B))
    text = pool([a, b], ["up", "up"], rows=("region: us-east-1", "region: eu-west-1"))
    w = weir(text.replace("strategy: round_robin", "strategy: round_robin, regions: [eu]"))
    for _ in range(4):
        assert_served(CHAT, CHAT.ask(w.port), B.text)
    assert a.hits == 0


def test_a_fallback_widens_nothing(weir, upstream, front):
    """The model asked for is served in Europe or not at all."""
    a, b = upstream(default=refuses(500)), upstream(default=says(B))
    text = gateway.config(a, b).replace("name: a,", "name: a, region: eu-west-1,").replace(
        "name: b,", "name: b, region: us-east-1,"
    )
    text = text.replace("{ name: m,", "{ name: m, regions: eu,")
    r = front.ask(weir(text).port)
    assert r.status >= 500 and b.hits == 0


def test_a_key_stays_in_its_regions(weir, upstream):
    """Also where there is no choice, and also a provider's own API."""
    a = upstream(default=says(A))
    text = pool([a], ["up"], rows=("region: us-east-1",))
    text += "keys:\n  - { name: eu, key: key-eu, regions: [eu] }\n  - { name: any, key: key-any }\n"
    w = weir(text)
    assert_served(CHAT, CHAT.ask(w.port, key="key-any"), A.text)
    r = CHAT.ask(w.port, key="key-eu")
    assert r.status == 403 and r.json["error"]["code"] == "region_not_allowed", r.body
    path = "/providers/a/v1/chat/completions"
    r = http1.call(w.port, "POST", path, CHAT.body(model="up"), CHAT.auth("key-eu"))
    assert r.status == 403 and a.hits == 1
