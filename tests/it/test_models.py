# SPDX-License-Identifier: Apache-2.0
"""The list of models in the shape of whoever asks, and of what the key may call only."""

import pytest

import http1
from fronts import CHAT, MESSAGES, assert_error
from gateway import provider

ANTHROPIC = ("anthropic-version", "2023-06-01")
GOOGLE = ("x-goog-api-key", "client-key")
BEARER = ("Authorization", "Bearer client-key")


@pytest.fixture
def w(weir, upstream):
    up = upstream()
    return weir(
        "listen: 127.0.0.1:@PORT@\nworkers: 1\nproviders:\n"
        + provider("openai", up, "[gpt-4o, gpt-5]")
        + provider("open", up, "[]")
        + "models:\n  - { name: smart, targets: [ { use: openai/gpt-4o } ] }\n"
        + "keys:\n  - { name: all, key: client-key }\n"
        + "  - { name: few, key: few-key, models: [smart, openai/gpt-5] }\n"
    )


ALL = ["smart", "openai/gpt-4o", "openai/gpt-5"]


def get(w, path, *headers, method="GET"):
    return http1.call(w.port, method, path, headers=headers)


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/v1/models?limit=1000"])
def test_openai(w, path):
    got = get(w, path, BEARER).json
    assert got["object"] == "list" and [m["id"] for m in got["data"]] == ALL
    first = {"id": "smart", "object": "model", "created": 0, "owned_by": "weir"}
    assert got["data"][0].items() >= first.items()
    assert got["data"][0]["context_length"] == 128000
    assert got["data"][1]["owned_by"] == "openai"


def test_anthropic(w):
    got = get(w, "/v1/models", ("x-api-key", "client-key"), ANTHROPIC).json
    assert [m["id"] for m in got["data"]] == ALL
    assert (got["first_id"], got["last_id"], got["has_more"]) == ("smart", ALL[-1], False)
    first = got["data"][0]
    assert first["type"] == "model" and first["display_name"] == "smart"
    assert first["max_input_tokens"] == 128000 and first["max_tokens"] == 16384


@pytest.mark.parametrize(
    "path, headers", [("/v1beta/models", [BEARER]), ("/v1/models?pageSize=5", [GOOGLE])]
)
def test_gemini(w, path, headers):
    got = get(w, path, *headers).json
    assert [m["name"] for m in got["models"]] == [f"models/{m}" for m in ALL]
    first = got["models"][0]
    assert first["inputTokenLimit"] == 128000 and first["outputTokenLimit"] == 16384
    assert "generateContent" in first["supportedGenerationMethods"]


def test_ollama(w):
    got = get(w, "/api/tags", BEARER).json
    assert [m["name"] for m in got["models"]] == ALL == [m["model"] for m in got["models"]]
    assert got["models"][0]["details"]["families"] == []


@pytest.mark.parametrize("spelling", ["openai/gpt-5", "openai%2Fgpt-5", "openai%2fgpt-5"])
@pytest.mark.parametrize(
    "path, headers, key, value",
    [
        ("/v1/models/", [BEARER], "id", "openai/gpt-5"),
        ("/v1/models/", [BEARER, ANTHROPIC], "id", "openai/gpt-5"),
        ("/v1beta/models/", [BEARER], "name", "models/openai/gpt-5"),
    ],
)
def test_a_single_one(w, path, headers, key, value, spelling):
    r = get(w, path + spelling, *headers)
    assert r.status == 200 and r.json[key] == value, r


@pytest.mark.parametrize("name", ["gpt-4o", "open/anything", "SMART"])
def test_a_single_one_that_is_on_no_list(w, name):
    assert get(w, f"/v1/models/{name}", BEARER).json["id"] == name


ODD = ["zzz", "%2e%2e", "..%2fmetrics", "a%00b", "%ff", "%zz", "x" * 400]


@pytest.mark.parametrize("name", ODD)
def test_no_such_model(w, name):
    for headers, front in ([BEARER], CHAT), ([BEARER, ANTHROPIC], MESSAGES):
        assert_error(front, get(w, f"/v1/models/{name}", *headers), "not_found")
    assert get(w, f"/v1beta/models/{name}", BEARER).status == 404


def test_F4_only_what_the_key_may_call(w):
    few = ("x-api-key", "few-key")
    assert [m["id"] for m in get(w, "/v1/models", few).json["data"]] == ["smart", "openai/gpt-5"]
    for name in ("smart", "openai/gpt-5", "gpt-5"):
        assert get(w, f"/v1/models/{name}", few).status == 200
    for name in ("openai/gpt-4o", "openai%2Fgpt-4o", "gpt-4o", "open/x"):
        assert get(w, f"/v1/models/{name}", few).status == 404, name
    for path in ("/v1/models", "/v1/models/smart", "/v1beta/models", "/api/tags", "/models"):
        google = path.startswith("/v1beta")  # no key is 403 there, a bad one 400
        assert get(w, path).status == (403 if google else 401)
        assert get(w, path, ("x-api-key", "wrong")).status == (400 if google else 401)


def test_methods(w):
    r = get(w, "/v1/models", BEARER, method="DELETE")
    assert_error(CHAT, r, "method")
    assert get(w, "/v1/models/smart", BEARER, method="HEAD").status == 200
    assert get(w, "/v1/models/", BEARER).status == 404
