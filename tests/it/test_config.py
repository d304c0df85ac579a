# SPDX-License-Identifier: Apache-2.0
"""The shapes a configuration may have, each up to a call that is served by it, and what works with
none."""

import itertools
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

import gateway
import http1
from fronts import CHAT, FRONTS, assert_error, assert_served
from gateway import until
from test_process import check
from turns import Turn
from upstream import says

A, B = Turn(text="This is a."), Turn(text="This is b.")


def test_providers_with_name_key_and_url(weir, upstream, tmp_path):
    """The first shape of the original description; a comment and a trailing comma in JSON."""
    a = upstream(default=says(A))
    text = """{ // a comment
      "listen": "127.0.0.1:@PORT@",
      "providers": [
        { "name": "mine", "apiKey": "${MY_KEY}", "baseURL": "%s", "dialect": "openai" },
      ],
      "routing": { "strategy": "weighted_round_robin", "fallback": true },
      "metrics": { "enabled": true },
      "alerts": { "error_rate": { "threshold": 0.05, "action": "switch_provider" },
                  "response_time": { "threshold": 5000, "action": "fallback" } },
    }""" % a.base
    w = weir(text, name="weir.json", env={"MY_KEY": "from-the-environment"})
    assert_served(CHAT, CHAT.ask(w.port, model="mine/any-model"), A.text)
    assert a.requests[0].get("authorization") == "Bearer from-the-environment"
    status, said = check(tmp_path, text.replace("@PORT@", "3999"), "weir.json", env={"MY_KEY": "k"})
    assert status == 0, said


def test_security_api_keys(tmp_path):
    """The second shape: provider name -> key. All of it is active, and no key is shown."""
    status, said = check(
        tmp_path,
        """
security:
  apiKeys:
    openai: sk-canary-1
    anthropic: sk-canary-2
routing:
  strategy: cache_aware
  fallback: true
""",
    )
    assert status == 0, said
    assert "warning" not in said and "canary" not in said


CCR = {
    "LOG": True,
    "APIKEY": "ccr-key",
    "HOST": "127.0.0.1",
    "API_TIMEOUT_MS": 600000,
    "Providers": [
        {
            "name": "openrouter-like",
            "api_key": "sk-1",
            "models": ["big/one", "small"],
            "transformer": {"use": ["openrouter"]},
        },
        {
            "name": "claude",
            "api_key": "sk-2",
            "models": ["c"],
            "transformer": {"use": ["Anthropic"]},
        },
    ],
    "Router": {
        "default": "openrouter-like,big/one",
        "background": "openrouter-like,small",
        "think": "claude,c",
        "longContext": "claude,c",
        "longContextThreshold": 60000,
        "webSearch": "claude,c",
    },
}


def test_a_claude_code_router_config(upstream, tmp_path):
    """Full endpoint URLs, comma names, APIKEY, HOST and PORT: as they stand."""
    a, b = upstream("openai", default=says(A)), upstream("anthropic", default=says(B))
    port = gateway.free_port()
    config = json.loads(json.dumps(CCR))
    config["PORT"] = port
    config["Providers"][0]["api_base_url"] = f"{a.base}/chat/completions"
    config["Providers"][1]["api_base_url"] = f"{b.base}/v1/messages"
    status, said = check(tmp_path, json.dumps(config), "config.json")
    assert status == 0, said
    w = gateway.Gateway(tmp_path, json.dumps(config), name="config.json", port=port)
    try:
        for front in FRONTS:
            assert_error(front, front.ask(w.port), "auth")
            assert_served(
                front, front.ask(w.port, model="openrouter-like,small", key="ccr-key"), A.text
            )
            assert_served(front, front.ask(w.port, model="claude,c", key="ccr-key"), B.text)
            assert_served(
                front, front.ask(w.port, model="claude-sonnet-4-5", key="ccr-key"), A.text
            )
            assert a.requests[-1].json["model"] == "big/one"
        assert (
            a.requests[0].target == "/v1/chat/completions"
            and b.requests[0].target == "/v1/messages"
        )
        w.stop()
    finally:
        w.kill()


# A schema with a bit of all, and what the demo makes of it.
SCHEMA = {
    "type": "object",
    "$defs": {"unit": {"enum": ["C", "F"]}, "loop": {"properties": {"next": {"$ref": "#/$defs/loop"}}}},
    "properties": {
        "city": {"type": "string"},
        "day": {"type": "string", "format": "date"},
        "n": {"type": "integer", "minimum": 3},
        "x": {"type": ["null", "NUMBER"]},
        "yes": {"type": "boolean"},
        "unit": {"$ref": "#/$defs/unit"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "at": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"lat": {"type": "number"}}}]},
        "unasked": {"type": "string"},
        "kind": {"const": "k", "type": "string"},
    },
    "required": ["city", "day", "n", "x", "yes", "unit", "tags", "at", "kind"],
}
ARGUMENTS = {
    "city": "demo",
    "day": "2025-01-31",
    "n": 3,
    "x": 1,
    "yes": False,
    "unit": "C",
    "tags": ["demo"],
    "at": {"lat": 1},
    "kind": "k",
}


def the_demo_heeds_schemas_and_max_tokens(w, front, stream):
    """Arguments that the tool's schema allows, however it refers to itself; and no more tokens than
    were asked for."""
    loop = {"properties": {"a": {"$ref": "#/$defs/loop"}}, "$defs": SCHEMA["$defs"]}
    for schema in (SCHEMA, loop):
        body = front.body("Use look_up.", "demo", stream, tools=("look_up",))
        tool = body["tools"][0]
        if "function" in tool:
            tool["function"]["parameters"] = schema
        else:
            tool["input_schema"] = schema
        (call,) = front.read(front.call(w.port, body)).tools
        assert call[2] == ARGUMENTS if schema is SCHEMA else call[2]["a"], call
    for limit in (1, 2, 7, 1000):
        r = front.ask(w.port, model="demo", stream=stream, max_tokens=limit)
        answer = front.read(r)
        assert answer.usage["output"] <= limit and answer.text, answer
        assert (answer.finish == "length") == (limit < 1000), answer


def test_the_demo_answers_offline(tmp_path):
    """The first minute: no file, no key, the default port. The built-in demo answers both dialects,
    streamed or not, with tools too, and needs no network."""
    if answers(3456):
        pytest.skip("something else listens on the default port, 3456")
    w = gateway.Gateway(tmp_path, None, port=3456)
    try:
        for front, stream in itertools.product(FRONTS, (False, True)):
            r = front.ask(w.port, model="demo", stream=stream)
            answer = front.read(r)
            assert r.status == 200 and r.complete and answer.ended and answer.text, r
            r = front.ask(
                w.port,
                text="Please use get_weather.",
                model="demo",
                stream=stream,
                tools=("get_weather",),
            )
            answer = front.read(r)
            assert r.status == 200 and answer.ended, r
            assert [t[1] for t in answer.tools] == ["get_weather"], answer
            assert w.access(r.get("x-weir-request-id"))["cost_usd"] == 0
            the_demo_heeds_schemas_and_max_tokens(w, front, stream)
        w.stop()
    finally:
        w.kill()


def test_keys_of_the_environment(weir):
    """A known provider's key is taken from its own variable."""
    text = "listen: 127.0.0.1:@PORT@\nproviders: [ { name: openai }, { name: anthropic } ]\n"
    w = weir(text, env={"OPENAI_API_KEY": "sk-1", "ANTHROPIC_API_KEY": "sk-2"})
    got = http1.call(w.port, "GET", "/health").json
    assert set(got["providers"]) == {"openai", "anthropic"}, got


def test_no_file_at_all(tmp_path):
    """`weir check` without a file: the demo; with a key in the environment: its provider."""
    for env, name in (({}, "demo"), ({"ANTHROPIC_API_KEY": "sk-canary"}, "anthropic")):
        done = subprocess.run(
            [gateway.binary(), "check"],
            cwd=tmp_path,
            env=gateway.environment(tmp_path, env),
            capture_output=True,
            text=True,
            timeout=20,
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0 and name in said and "canary" not in said, said


def test_commands_know_their_use():
    """Exit 0 done, 2 wrong use; each with --help."""
    weir = gateway.binary()

    def run(*args):
        done = subprocess.run(
            [weir, *args], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL
        )
        return done.returncode, done.stdout + done.stderr

    for command in ("serve", "code", "check", "models", "status", "stop", "env", "version"):
        status, said = run(command, "--help")
        assert status == 0 and "usage" in said.lower() and command in said, (command, said)
    assert run("version")[0] == 0 and run("--help")[0] == 0 and run("--version")[0] == 0
    for wrong in (("nonsense",), ("serve", "--nonsense"), ("check", "--config"), ()):
        assert run(*wrong)[0] == 2, wrong


def test_status_env_and_stop(weir, upstream):
    """`weir status`, `weir env` and `weir stop` speak to the gateway that runs."""
    w = weir(upstream(), extra="drain: { lameDuck: 100ms }\n")
    env = gateway.environment(
        w.folder, {"WEIR_CONFIG": str(w.conf), "WEIR_DATA": str(w.folder / "data")}
    )

    def run(*args):
        done = subprocess.run(
            [gateway.binary(), *args],
            capture_output=True,
            text=True,
            timeout=20,
            env=env,
            cwd=w.folder,
            stdin=subprocess.DEVNULL,
        )
        return done.returncode, done.stdout, done.stderr

    status, out, err = run("status")
    assert status == 0 and str(w.port) in out, (out, err)
    status, out, err = run("env")
    assert status == 0 and f"ANTHROPIC_BASE_URL=http://127.0.0.1:{w.port}" in out.replace(
        '"', ""
    ).replace("'", ""), (out, err)
    assert f"OPENAI_BASE_URL=http://127.0.0.1:{w.port}/v1" in out.replace('"', "").replace("'", "")
    assert f"GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:{w.port}\n" in out.replace("'", "")
    status, out, err = run("models")
    assert status == 0 and "m" in out.split(), (out, err)
    status, out, err = run("stop")
    assert status == 0, (out, err)
    assert w.wait_exit(10) == 0
    assert run("status")[0] == 1


def daemons(folder):
    """The processes that serve on this data."""
    found = []
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            if f"--data\0{folder}\0" in (proc / "cmdline").read_text():
                found.append(int(proc.name))
        except OSError:
            continue
    return found


def test_serve_daemon(upstream, tmp_path):
    """`weir serve --daemon` returns once the gateway answers, a second one finds the first; `weir
    stop` ends it."""
    port = gateway.free_port()
    # As in a new home, which has no ~/.config: the folder above the data is made too.
    conf, data = tmp_path / "weir.yaml", tmp_path / "none" / "data"
    text = gateway.config(upstream(default=says(A)), extra="drain: { lameDuck: 100ms }\n")
    conf.write_text(text.replace("@PORT@", str(port)))
    env = gateway.environment(tmp_path)

    def run(*args):
        with open(tmp_path / "out", "ab") as out:
            command = [gateway.binary(), *args, "--config", str(conf), "--data", str(data)]
            return subprocess.run(
                command, stdout=out, stderr=out, timeout=30, env=env, stdin=subprocess.DEVNULL
            ).returncode

    try:
        assert run("serve", "--daemon") == 0, (tmp_path / "out").read_text()
        assert_served(CHAT, CHAT.ask(port), A.text)
        run("serve", "--daemon")
        assert len(daemons(data)) == 1, "a second gateway on the same data"
        assert_served(CHAT, CHAT.ask(port), A.text)
        assert run("stop") == 0, (tmp_path / "out").read_text()
        until(lambda: not answers(port) and not daemons(data), 5, "the gateway is gone")
        assert not gateway.SANITIZER.search((data / "weir.log").read_text())
    finally:
        for pid in daemons(data):
            os.kill(pid, signal.SIGKILL)


def answers(port):
    try:
        return http1.call(port, "GET", "/livez", timeout=2).status
    except OSError:
        return None
