# SPDX-License-Identifier: Apache-2.0
"""What calls cost: in the access log, the metrics and /health. Unknown is said, never zero."""

import re
from decimal import Decimal

import http1
import pytest
from fronts import CHAT, MESSAGES, assert_served
from turns import Turn, whole
from upstream import refuses, says

TURN = Turn(text="Hello.", input=1000, cached=2000, output=100, reasoning=40)


def priced(up, name, model, more="", extra=""):
    """One provider that goes by a known name, so that its prices are known."""
    return (
        "listen: 127.0.0.1:@PORT@\nworkers: 1\nproviders:\n"
        f'  - {{ name: {name}, dialect: {up.dialect}, baseURL: "{up.base}", apiKey: k, '
        f"models: [{model}]{more} }}\n{extra}"
    )


def raw_log(w, request_id):
    """The access record as text: JSON numbers are decimals there."""
    w.access(request_id)
    return next(line for line in w.said().splitlines() if f'"id":"{request_id}"' in line)


def metric(w, name):
    """(provider, model) to the value of one metric, as a decimal."""
    text = http1.call(w.port, "GET", "/metrics").text
    rows = re.findall(rf'^{name}{{provider="(.*?)",model="(.*?)"}} (\S+)$', text, re.M)
    return {(provider, model): Decimal(value) for provider, model, value in rows}


CASES = [
    # 1000 * 3 + 2000 * 0.3 + 100 * 15 dollars for a million
    ("anthropic", "anthropic", "claude-sonnet-4-5-20250929", "0.0051"),
    # 1000 * 1.25 + 2000 * 0.125 + 100 * 10
    ("openai", "openai", "gpt-5-2025-08-07", "0.0025"),
]


@pytest.mark.parametrize("dialect,name,model,usd", CASES, ids=lambda v: str(v))
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_cost_in_the_access_log(weir, upstream, dialect, name, model, usd, stream, front):
    up = upstream(dialect, default=says(TURN))
    w = weir(priced(up, name, model))
    r = front.ask(w.port, model=model, stream=stream)
    assert_served(front, r, "Hello.")
    record = w.access(r.get("x-weir-request-id"))
    assert f'"cost_usd":{usd},' in raw_log(w, record["id"])  # exact, as decimal text
    assert record["price"] == "catalogue" and "unpriced" not in record
    assert record["usage"]["source"] == "reported"
    assert metric(w, "weir_cost_usd_total") == {(name, model): Decimal(usd)}
    assert metric(w, "weir_priced_tokens_total") == {(name, model): 3100}
    assert metric(w, "weir_price_unknown_total") == {(name, model): 0}


def test_sums_stay_exact(weir, upstream):
    up = upstream(default=says(Turn(text="x", input=1, output=1)))
    w = weir(priced(up, "openai", "gpt-4o-mini"))
    for _ in range(40):
        assert CHAT.ask(w.port, model="gpt-4o-mini").status == 200
    assert metric(w, "weir_cost_usd_total") == {("openai", "gpt-4o-mini"): Decimal("0.00003")}


def test_p14_an_unknown_price_is_said(weir, upstream):
    up = upstream(default=says(TURN))
    w = weir(up)  # a provider `a` that only speaks OpenAI's language, with a model `up`
    r = CHAT.ask(w.port)
    record = w.access(r.get("x-weir-request-id"))
    assert record["cost_usd"] is None and record["price"] == "unknown"
    assert metric(w, "weir_cost_usd_total") == {("a", "up"): 0}
    assert metric(w, "weir_price_unknown_total") == {("a", "up"): 1}
    health = http1.call(w.port, "GET", "/health").json["providers"]["a"]
    assert health["cost_per_token"] is None


def test_a_known_model_at_an_unknown_place_has_no_price(weir, upstream):
    up = upstream(default=says(TURN))
    w = weir(priced(up, "gpu-box", "gpt-5"))
    r = CHAT.ask(w.port, model="gpt-5")
    assert w.access(r.get("x-weir-request-id"))["price"] == "unknown"


def test_a_class_without_a_price_is_named(weir, upstream):
    """Web searches that the provider made, of a model whose searches have no price."""
    body = whole("anthropic", TURN)
    body["usage"]["server_tool_use"] = {"web_search_requests": 2}
    up = upstream("anthropic", default=lambda x: x.reply(200, body))
    w = weir(priced(up, "anthropic", "claude-3-haiku-20240307"))
    r = MESSAGES.ask(w.port, model="claude-3-haiku-20240307")
    record = w.access(r.get("x-weir-request-id"))
    assert record["unpriced"] == ["search"] and record["price"] == "catalogue"
    assert record["cost_usd"] > 0
    assert list(metric(w, "weir_price_unknown_total").values()) == [1]


def test_health_tells_the_cost_of_a_token(weir, upstream):
    up = upstream(default=says(Turn(text="x", input=1000, output=1000)))
    w = weir(priced(up, "openai", "gpt-4o"))
    CHAT.ask(w.port, model="gpt-4o")
    health = http1.call(w.port, "GET", "/health").json["providers"]["openai"]
    assert health["cost_per_token"] == 0.00000625  # (2.5 + 10) / 2 for a million


def test_names_that_nobody_served_are_no_labels(weir, upstream):
    up = upstream(default=refuses(404))
    w = weir(priced(up, "openai", "gpt-4o").replace(", models: [gpt-4o]", ""))
    for n in range(5):
        CHAT.ask(w.port, model=f"openai/made-up-{n}")
    assert metric(w, "weir_charged_calls_total") == {}


def test_the_list_of_models_shows_prices(weir, upstream):
    w = weir(priced(upstream(), "openai", "gpt-4o"))
    listed = http1.call(w.port, "GET", "/v1/models").json["data"][0]
    assert (listed["context_length"], listed["max_completion_tokens"]) == (128000, 16384)
    assert listed["pricing"]["prompt"] == "0.0000025"
    assert listed["pricing"]["completion"] == "0.00001"


def test_the_providers_word_counts_where_it_is_dollars(weir, upstream):
    body = whole("openai", TURN)
    body["usage"]["cost"] = 0.0123
    for name, want in (("openrouter", "0.0123"), ("deepseek", None)):
        up = upstream(default=lambda x: x.reply(200, body))
        w = weir(priced(up, name, "a/model"))
        record = w.access(CHAT.ask(w.port, model="a/model").get("x-weir-request-id"))
        assert record["price"] == ("provider" if want else "unknown")
        assert record["cost_usd"] == (float(want) if want else None)


def test_what_was_never_answered_costs_nothing(weir, upstream):
    up = upstream(default=refuses(500))
    w = weir(priced(up, "openai", "gpt-4o"))
    r = CHAT.ask(w.port, model="gpt-4o")
    assert r.status >= 500
    record = w.access(r.get("x-weir-request-id"))
    assert "cost_usd" not in record and "price" not in record


LIMITS = [
    ("claude-sonnet-4-5", "", 32000),  # it could answer 64,000: not all of it is asked for
    ("claude-3-haiku-20240307", "", 4096),  # by its name, which the catalogue has no limit for
    ("mine", ", maxOutput: 5000", 5000),  # as the configuration says
    ("other", "", 8192),
]


@pytest.mark.parametrize("model,more,want", LIMITS, ids=lambda v: str(v))
def test_the_limit_that_a_client_leaves_out(weir, upstream, model, more, want):
    """Anthropic wants max_tokens, OpenAI's clients need not name one."""
    up = upstream("anthropic", default=says(TURN))
    w = weir(priced(up, "anthropic", f"{{ name: {model}{more} }}"))
    assert CHAT.ask(w.port, model=model).status == 200
    assert up.requests[0].json["max_tokens"] == want
