# SPDX-License-Identifier: Apache-2.0
"""What a caller may ask of the choice among targets: the `provider` object and the x-weir- headers."""

import pytest

import gateway
import http1
import operations
from fronts import ALL_FRONTS, CHAT, MESSAGES, assert_served
from turns import Turn
from upstream import refuses, says

A, B = Turn(text="This is a."), Turn(text="This is b.")


@pytest.fixture(params=ALL_FRONTS, ids=lambda f: f.name)
def any_front(request):
    return request.param


def asks(front, w, policy=None, headers=()):
    """`provider` beside the rest of a front's own body."""
    body = {**front.body(), **({"provider": policy} if policy else {})}
    return http1.call(w.port, "POST", front.path_of("m"), body, front.auth(None) + list(headers))


def pair(a, b, extra="", rows="", price=""):
    """One model on both, `a` first in the order written."""
    text = "listen: 127.0.0.1:@PORT@\nworkers: 1\nproviders:\n"
    for name, up in (("a", a), ("b", b)):
        models = f"[ {{ name: up{', price: ' + price[name] if price else ''} }} ]"
        text += gateway.provider(name, up, models)
    text += "models:\n  - { name: m, strategy: priority, targets: [ { use: a/up }, { use: b/up } ] }\n"
    return text + rows + extra


def test_order_only_ignore(weir, upstream, any_front):
    a, b = upstream(default=says(A)), upstream(default=says(B))
    w = weir(pair(a, b))
    assert any_front.read(asks(any_front, w)).text == A.text
    for policy in ({"order": ["b"]}, {"only": ["b"]}, {"ignore": ["a"]}, {"order": ["b/up"]}):
        r = asks(any_front, w, policy)
        assert r.status == 200, r.body
        assert any_front.read(r).text == B.text, policy
        assert "provider" not in b.requests[-1].json  # weir's, and nobody else's
        assert "provider" not in (r.get("x-weir-lossy") or "")
    for name, value in (("order", "b"), ("only", "b"), ("ignore", "a, a")):
        r = asks(any_front, w, headers=[(f"x-weir-{name}", value)])
        assert any_front.read(r).text == B.text, name


def test_wrong_values_are_refused_in_the_callers_words(weir, upstream, any_front):
    a, b = upstream(default=says(A)), upstream(default=says(B))
    w = weir(pair(a, b))
    for policy in (
        {"ingore": ["a"]},
        {"only": 7},
        {"sort": "best"},
        {"only": ["aa"]},
        {"data_collection": "deny"},
    ):
        r = asks(any_front, w, policy)
        assert r.status == 400, (policy, r.body)
        assert b"rovider" in r.body  # it says where
    r = asks(any_front, w, headers=[("x-weir-max-ttft", "soon")])
    assert r.status == 400 and b"x-weir-max-ttft must be a duration" in r.body
    r = asks(CHAT, w, headers=[("x-weir-only", "aa")])
    assert r.status == 400 and r.json["error"]["param"] == "x-weir-only"
    r = CHAT.ask(w.port, provider={"ingore": ["a"]})
    assert r.json["error"]["param"] == "provider.ingore"
    assert "Did you mean" in r.json["error"]["message"]
    assert a.hits + b.hits == 0


def test_a_misspelt_header_is_no_header(weir, upstream, any_front):
    """Nothing is sent to anybody, and the right name is told."""
    up = upstream()
    w = weir(up)
    r = asks(any_front, w, headers=[("X-Weir-Ignroe", "a")])
    assert r.status == 400 and b"Did you mean x-weir-ignore?" in r.body and up.hits == 0
    r = asks(any_front, w, headers=[("x-weir-request-id", "1"), ("x-weirdo", "1")])
    assert r.status == 200


def test_nobody_is_left(weir, upstream, any_front):
    a, b = upstream(default=says(A)), upstream(default=says(B))
    w = weir(pair(a, b))
    r = asks(any_front, w, {"only": ["a"], "ignore": ["a"]})
    assert r.status == 404 and b"is left by what the request asks for" in r.body, r.body
    assert a.hits + b.hits == 0


def test_fallbacks_of_the_caller(weir, upstream, front):
    """allow_fallbacks: false leaves one target; a list of his own replaces the model's."""
    a, b = upstream(default=refuses(500)), upstream(default=says(B))
    w = weir(pair(a, b))
    assert_served(front, front.ask(w.port), B.text, "b")
    assert front.ask(w.port, provider={"allow_fallbacks": False}).status >= 500
    assert front.ask(w.port, headers=[("x-weir-allow-fallbacks", "false")]).status >= 500
    hits = b.hits
    ordered = {"order": ["a", "b"], "allow_fallbacks": False}
    assert front.ask(w.port, provider=ordered).status == 200 and b.hits == hits + 1
    r = front.ask(w.port, model="a/up", headers=[("x-weir-fallback", "b/up")])
    assert front.read(r).text == B.text and r.get("x-weir-fallback") == "b/up"
    r = front.ask(w.port, headers=[("x-weir-fallback", "x/y")])
    assert r.status == 400 and b"there is no model" in r.body


def test_key_bounds_what_a_caller_may_ask(weir, upstream):
    """Nothing that the key may not use comes within reach, and it is told as if it were not there."""
    a, b = upstream(default=refuses(500)), upstream(default=says(B))
    keys = "keys:\n  - { name: k, key: client-secret, models: [ a/up ] }\n"
    w = weir(pair(a, b, extra=keys))
    r = CHAT.ask(w.port, model="a/up", key="client-secret", headers=[("x-weir-fallback", "b/up")])
    assert r.status == 400 and b.hits == 0
    r = CHAT.ask(w.port, model="a/up", key="client-secret", provider={"order": ["b"]})
    assert r.status >= 500 and b.hits == 0


def test_operator_has_the_last_word(weir, upstream):
    a, b = upstream(default=refuses(500)), upstream(default=says(B))
    w = weir(pair(a, b, extra="routing: { fallback: false }\n"))
    r = CHAT.ask(w.port, provider={"allow_fallbacks": True}, headers=[("x-weir-fallback", "b/up")])
    assert r.status >= 500 and b.hits == 0
    a2, b2 = upstream(default=says(A)), upstream(default=says(B))
    w = weir(pair(a2, b2, extra="routing: { callerPolicy: false }\n"))
    r = CHAT.ask(w.port, provider={"only": ["b"], "x": 1}, headers=[("x-weir-only", "b")])
    assert r.status == 200 and a2.hits == 1
    assert a2.requests[-1].json["provider"] == {"only": ["b"], "x": 1}  # as any unknown member


def test_price(weir, upstream):
    a, b = upstream(default=says(A)), upstream(default=says(B))
    price = {"a": "{ input: 3, output: 15 }", "b": "{ input: 1, output: 5 }"}
    w = weir(pair(a, b, price=price))
    assert CHAT.read(CHAT.ask(w.port, provider={"sort": "price"})).text == B.text
    assert CHAT.read(CHAT.ask(w.port, provider={"max_price": {"prompt": 2}})).text == B.text
    assert CHAT.read(CHAT.ask(w.port, provider={"max_price": {"prompt": 3}})).text == A.text
    r = CHAT.ask(w.port, headers=[("x-weir-max-price", "prompt=0.5, completion=50")])
    assert r.status == 404 and b"max_price" in r.body


def test_require_parameters(weir, upstream):
    """A container has no place in the language of a; b speaks the caller's own."""
    a, b = upstream("openai", default=says(A)), upstream("anthropic", default=says(B))
    w = weir(pair(a, b))
    field = {"container": "box"}
    r = MESSAGES.ask(w.port, **field)
    assert MESSAGES.read(r).text == A.text and "container" in r.get("x-weir-lossy")
    r = MESSAGES.ask(w.port, provider={"require_parameters": True}, **field)
    assert MESSAGES.read(r).text == B.text, r.body
    assert a.hits == 1
    r = MESSAGES.ask(w.port, model="a/up", provider={"require_parameters": True}, **field)
    assert r.status == 400 and b"container" in r.body and a.hits == 1


def test_at_openrouter_the_object_is_its_own(weir, upstream):
    a = upstream(default=says(A))
    text = (
        "listen: 127.0.0.1:@PORT@\nworkers: 1\nproviders:\n"
        f'  - {{ name: openrouter, baseURL: "{a.base}", apiKey: k, models: [ up ] }}\n'
        "models:\n  - { name: m, targets: [ { use: openrouter/up } ] }\n"
    )
    w = weir(text)
    policy = {"order": ["deepinfra/turbo"], "quantizations": ["fp8"]}
    assert CHAT.ask(w.port, provider=policy).status == 200
    assert a.requests[-1].json["provider"] == policy


def test_operations_too(weir, upstream):
    a, b = upstream(default=operations.serves()), upstream(default=operations.serves())
    w = weir(pair(a, b))
    body = {"model": "m", "input": "x", "provider": {"only": ["b"]}}
    r = http1.call(w.port, "POST", "/v1/embeddings", body)
    assert r.status == 200 and (a.hits, b.hits) == (0, 1)
    assert b.requests[-1].json == {"model": "up", "input": "x"}
