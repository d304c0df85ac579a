# SPDX-License-Identifier: Apache-2.0
"""claude-code-router's config.json: each of its 23 transformers by name, as it shows in a request and
in an answer, and a file with everything such a file may hold."""

import json
import os
import subprocess

import gateway
import http1
import pytest
from fronts import MESSAGES
from turns import Tool, Turn
from upstream import says

MARK = {"type": "ephemeral"}
SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {"path": {"type": "string"}},
}
# As Claude Code asks: markers everywhere, thinking, a schema that says whose it is.
BODY = {
    "max_tokens": 32000,
    "temperature": 1,
    "stream": True,
    "system": [{"type": "text", "text": "You are an agent.", "cache_control": MARK}],
    "thinking": {"type": "enabled", "budget_tokens": 10000},
    "tools": [{"name": "Read", "description": "d", "input_schema": SCHEMA, "cache_control": MARK}],
    "messages": [{"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": MARK}]}],
}  # fmt: skip
PATHS = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "openai-responses": "/v1/responses",
    "gemini": "/v1beta/models/",
}


def entry(up, use, model="up", name="a", **more):
    return {
        "name": name,
        "api_base_url": f"http://127.0.0.1:{up.port}{PATHS[up.dialect]}",
        "api_key": "k",
        "models": [model],
        "transformer": {"use": use, **more},
    }


def file(*entries):
    first = entries[0]
    router = {"default": f"{first['name']},{first['models'][0]}"}
    return json.dumps({"PORT": "@PORT@", "Providers": entries, "Router": router})


def ask(w, model="a,up", **fields):
    r = http1.call(w.port, "POST", MESSAGES.path, {**BODY, "model": model, **fields})
    assert r.status == 200, r.body
    return MESSAGES.read(r)


def sent(weir, upstream, use, dialect="openai", model="up", **fields):
    up = upstream(dialect, default=says(Turn(text="Hello.")))
    w = weir(file(entry(up, use, model)))
    assert "unknown here" not in w.said()
    assert ask(w, f"a,{model}", **fields).text == "Hello."
    return up.requests[0]


def count(value, key):
    """How often a key stands in it, however deep."""
    if isinstance(value, dict):
        return sum(k == key for k in value) + sum(count(v, key) for v in value.values())
    return sum(count(v, key) for v in value) if isinstance(value, list) else 0


@pytest.mark.parametrize(
    ("use", "dialect", "target", "header", "value"),
    [
        ("OpenAI", "openai", "/v1/chat/completions", "authorization", "Bearer k"),
        ("Anthropic", "anthropic", "/v1/messages", "x-api-key", "k"),
        (
            ["Anthropic", {"UseBearer": True}],
            "anthropic",
            "/v1/messages",
            "authorization",
            "Bearer k",
        ),
        ("openai-responses", "openai-responses", "/v1/responses", "authorization", "Bearer k"),
        (
            "gemini",
            "gemini",
            "/v1beta/models/up:streamGenerateContent?alt=sse",
            "x-goog-api-key",
            "k",
        ),
    ],
)
def test_languages(weir, upstream, use, dialect, target, header, value):
    """vertex-* need an account: tests/unit/conf/test_vertex.c, test_oauth.py."""
    r = sent(weir, upstream, [use], dialect)
    assert r.target == target and r.get(header) == value


def test_none_is_chat(weir, upstream):
    r = sent(weir, upstream, [])
    assert r.target == "/v1/chat/completions" and r.json["max_tokens"] == 32000


def test_deepseek(weir, upstream):
    assert sent(weir, upstream, ["deepseek"]).json["max_tokens"] == 8192
    assert sent(weir, upstream, ["deepseek"], max_tokens=100).json["max_tokens"] == 100


@pytest.mark.parametrize("name", ["openrouter", "vercel"])
def test_options_that_are_merged_in(weir, upstream, name):
    options = {"provider": {"only": ["x"]}, "transforms": ["middle-out"]}
    got = sent(weir, upstream, [[name, options]]).json
    assert {k: got[k] for k in options} == options
    assert got["reasoning"] == {"max_tokens": 10000}


def test_openrouter_keeps_the_markers_of_claude(weir, upstream):
    got = sent(weir, upstream, ["openrouter"], model="anthropic/claude-sonnet-4").json
    assert count(got, "cache_control") == 3


def test_groq(weir, upstream):
    got = sent(weir, upstream, ["groq"]).json
    assert count(got, "cache_control") == 0 and count(got, "$schema") == 0
    assert got["tools"][0]["function"]["parameters"]["properties"] == SCHEMA["properties"]


def test_cerebras(weir, upstream):
    assert "reasoning" not in sent(weir, upstream, ["cerebras"]).json


@pytest.mark.parametrize(
    ("dialect", "language", "path"),
    [
        ("openai", [], ("max_tokens",)),
        ("openai", ["cerebras"], ("max_completion_tokens",)),
        ("openai-responses", ["openai-responses"], ("max_output_tokens",)),
        ("gemini", ["gemini"], ("generationConfig", "maxOutputTokens")),
        ("anthropic", ["Anthropic"], ("max_tokens",)),
    ],
)
def test_maxtoken(weir, upstream, dialect, language, path):
    for limit, want in ((64, 64), (64000, 32000)):  # lowered, never raised
        use = [*language, ["maxtoken", {"max_tokens": limit}]]
        got = sent(weir, upstream, use, dialect, thinking={"type": "disabled"}).json
        for key in path:
            got = got[key]
        assert got == want


def test_maxcompletiontokens(weir, upstream):
    got = sent(weir, upstream, ["maxcompletiontokens"]).json
    assert got["max_completion_tokens"] == 32000 and "max_tokens" not in got


@pytest.mark.parametrize("use", [[], ["cerebras"]])
def test_sampling(weir, upstream, use):
    """Under the one name that the request has for the limit."""
    some = {"temperature": 0.2, "top_p": 0.5, "top_k": 7, "repetition_penalty": 1.1}
    got = sent(weir, upstream, [*use, ["sampling", {"max_tokens": 99, **some}]]).json
    assert {k: got[k] for k in some} == some
    assert [got[k] for k in ("max_tokens", "max_completion_tokens") if k in got] == [99]


def test_streamoptions(weir, upstream):
    got = sent(weir, upstream, ["streamoptions"]).json
    assert got["stream_options"] == {"include_usage": True}


def test_customparams(weir, upstream):
    """Merged into what is there, which stays as it is."""
    options = {"temperature": 0.1, "extra": {"a": [1, "x"]}, "stream_options": {"more": True}}
    got = sent(weir, upstream, [["customparams", options]]).json
    assert got["temperature"] == 1 and got["extra"] == {"a": [1, "x"]}
    assert got["stream_options"] == {"include_usage": True, "more": True}


def test_cleancache(weir, upstream):
    got = sent(weir, upstream, ["Anthropic", "cleancache"], "anthropic").json
    assert count(got["messages"], "cache_control") == 0 and count(got["system"], "cache_control") == 0
    assert count(got["tools"], "cache_control") == 1


def test_reasoning(weir, upstream):
    got = sent(weir, upstream, ["reasoning"]).json
    assert got["thinking"] == {"type": "enabled"} and got["enable_thinking"] is True
    got = sent(weir, upstream, [["reasoning", {"enable": False}]]).json
    assert got["thinking"] == {"type": "disabled"} and got["enable_thinking"] is False
    got = sent(weir, upstream, ["reasoning"], thinking={"type": "disabled"}).json
    assert got["enable_thinking"] is False


@pytest.mark.parametrize(
    ("name", "tag"), [("extrathinktag", "think"), ("forcereasoning", "reasoning_content")]
)
def test_thoughts_in_tags(weir, upstream, name, tag):
    up = upstream("openai", default=says(Turn(text=f"<{tag}>Hm.</{tag}>Hello.")))
    a = ask(weir(file(entry(up, [name]))))
    assert (a.thinking, a.text) == ("Hm.", "Hello.")
    asked = json.dumps(up.requests[0].json["messages"])
    assert ("<reasoning_content>" in asked) == (name == "forcereasoning")
    up.default = says(Turn(text="Hello."))  # without a tag nothing is lost
    assert ask(weir(file(entry(up, [name])))).text == "Hello."


def test_tooluse(weir, upstream):
    out = Turn(tools=(Tool("call_1", "ExitTool", {"response": "Done."}),))
    up = upstream("openai", default=says(out))
    a = ask(weir(file(entry(up, ["tooluse"]))))
    assert a.text == "Done." and not a.tools
    got = up.requests[0].json
    assert got["tool_choice"] == "required"
    assert "ExitTool" in [t["function"]["name"] for t in got["tools"]]
    assert "ExitTool" in json.dumps(got["messages"][0])


def test_enhancetool(weir, upstream):
    up = upstream("openai", default=says(Turn(tools=(Tool("call_1", "Read", "{path:'x',}"),))))
    a = ask(weir(file(entry(up, ["enhancetool"]))))
    assert a.tools[0][2] == {"path": "x"}


def test_a_chain_for_one_model(weir, upstream):
    """Besides what holds for all of them."""
    up = upstream("openai", default=says(Turn(text="Hello.")))
    one = entry(up, [["maxtoken", {"max_tokens": 64}]], **{"other": {"use": ["tooluse"]}})
    one["models"].append("other")
    w = weir(file(one))
    ask(w, "a,up")
    ask(w, "a,other")
    assert [r.json["max_tokens"] for r in up.requests] == [64, 64]
    assert ["tool_choice" in r.json for r in up.requests] == [False, True]


def everything(up):
    """A file with every key of generations 1 and 2; comments and commas as JSON5 has them."""
    rows = [
        entry(up, ["openrouter", ["maxtoken", {"max_tokens": 16384}]], "x-ai/grok", "openrouter"),
        entry(up, ["deepseek"], "deepseek-chat", "deepseek", **{"deepseek-chat": {"use": ["tooluse"]}}),
        entry(up, [["sampling", {"temperature": 0.6}], "enhancetool", "reasoning"], "qwen", "ms"),
        entry(up, ["streamoptions", "cleancache", ["customparams", {"seed": 7}]], "glm", "zhipu"),
        entry(up, ["groq", "extrathinktag"], "kimi", "groq"),
        {"name": "nokey", "api_base_url": "http://127.0.0.1:1/v1", "models": ["x"]},
    ]  # fmt: skip
    rows[0]["api_key"] = "$ROUTER_KEY"
    rows[0]["tokenizer"] = {"default": {"type": "tiktoken", "encoding": "cl100k_base"}}
    return (
        "{\n  // written by hand\n"
        '  "PORT": @PORT@, "HOST": "127.0.0.1", "APIKEY": "${CLIENT_KEY}", "LOG": true,\n'
        '  "LOG_LEVEL": "debug", "API_TIMEOUT_MS": 600000, "NON_INTERACTIVE_MODE": false,\n'
        '  "CLAUDE_PATH": "claude", "forceUseImageAgent": false, "PROXY_URL": "",\n'
        '  "CUSTOM_ROUTER_PATH": "/home/me/router.js", "REWRITE_SYSTEM_PROMPT": "",\n'
        '  "transformers": [ { "path": "/home/me/x.js", "options": { "project": "p" } } ],\n'
        '  "StatusLine": { "enabled": true, "currentStyle": "default", "default": { "modules": [] } },\n'
        '  "plugins": [ { "name": "token-speed", "enabled": false } ],\n'
        f'  "Providers": {json.dumps(rows)},\n'
        '  "Router": {\n'
        '    "default": "openrouter,x-ai/grok", "background": "ms,qwen", "think": "deepseek,deepseek-chat",\n'
        '    "longContext": "zhipu,glm", "longContextThreshold": 60000, "webSearch": "openrouter,x-ai/grok",\n'
        '    "image": "groq,kimi", /* and so on */\n'
        "  },\n"
        '  "fallback": { "default": ["deepseek,deepseek-chat"] },\n}\n'
    )


def test_a_whole_file_is_taken_and_serves(weir, upstream, tmp_path):
    env = {"ROUTER_KEY": "key-of-the-environment", "CLIENT_KEY": "client-key"}
    up = upstream("openai", default=says(Turn(text="Hello.")))
    w = weir(everything(up), env=env, name="config.json")
    key = [("x-api-key", "client-key")]
    assert http1.call(w.port, "POST", MESSAGES.path, {**BODY, "model": "x"}).status == 401
    for model in (
        "openrouter,x-ai/grok",
        "deepseek,deepseek-chat",
        "ms,qwen",
        "zhipu,glm",
        "groq,kimi",
        "claude-sonnet-4-5",  # no model of the file: as the request thinks, Router.think
    ):
        r = http1.call(w.port, "POST", MESSAGES.path, {**BODY, "model": model}, key)
        assert r.status == 200 and MESSAGES.read(r).text == "Hello.", (model, r.body)
    asked = up.requests
    assert asked[0].get("authorization") == "Bearer key-of-the-environment"
    assert asked[0].json["max_tokens"] == 16384 and asked[-1].json["model"] == "deepseek-chat"
    assert asked[1].json["tool_choice"] == "required" and asked[1].json["max_tokens"] == 8192
    assert asked[2].json["temperature"] == 0.6 and asked[3].json["seed"] == 7

    plain = {**BODY, "model": "claude-sonnet-4-5", "thinking": {"type": "disabled"}}
    assert http1.call(w.port, "POST", MESSAGES.path, plain, key).status == 200
    assert asked[-1].json["model"] == "x-ai/grok"  # Router.default

    conf = tmp_path / "config.json"
    conf.write_text(everything(up).replace("@PORT@", str(w.port)))
    done = subprocess.run(
        [gateway.binary(), "check", "--config", conf],
        env=gateway.environment(tmp_path, {**env, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}),
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = done.stdout + done.stderr
    for what in ("CUSTOM_ROUTER_PATH", "transformers", "nokey"):  # what has no effect is said
        assert what in told
