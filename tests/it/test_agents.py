# SPDX-License-Identifier: Apache-2.0
"""Coding agents through weir: they must carry out what the scripted model asks for, several tools
over several turns, and print what it says at the end. The last text quotes a tool result, so it can
only be right if the results made the whole way back."""

import functools
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

import gateway
from agent import Play
from turns import Tool, Turn
from upstream import refuses

LIMIT = 90
MADE = re.compile(r"weir-\d+")  # what the first command says, however an agent wraps it


@pytest.fixture(scope="session")
def npm():
    """The folder that holds the agents (script/npm-test-deps), or a skip that says why."""
    where = os.environ.get("WEIR_NPM")
    if not where:
        done = subprocess.run(
            [gateway.ROOT / "script/npm-test-deps"], capture_output=True, text=True, timeout=600
        )
        where = done.stdout.partition("\n")[0]
        if done.returncode or not where:
            pytest.skip(
                f"the npm packages of tests/it can't be installed: {done.stderr.strip()[-300:]}"
            )
    return Path(where) / "node_modules"


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def program(path):
    if not path.exists():
        pytest.skip(f"{path.name} is not packaged for this machine ({os.uname().machine})")
    return str(path)


@functools.cache
def node_folder():
    """Where the newest Node.js at hand is: Gemini CLI does not run on Debian 12's own."""
    node = os.environ.get("WEIR_NODE")
    if not node:
        command = [gateway.ROOT / "script/npm-test-deps", "--node"]
        node = subprocess.run(command, capture_output=True, text=True, timeout=600).stdout.strip()
    return Path(node or "/usr/bin/node").parent


def run(command, work, env, **options):
    """Run an agent to its end in its own process group; what it printed."""
    process = subprocess.Popen(
        command,
        cwd=work,
        env={**env, "PWD": str(work), "PATH": f"{node_folder()}:{env['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )
    try:
        out, err = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        raise AssertionError(f"not done within {LIMIT} s: {out[-2000:]} {err[-3000:]}") from None
    assert process.returncode == 0, f"{process.returncode}: {out[-2000:]} {err[-3000:]}"
    return out


def play(names, work, command="echo weir-$((40+2)) > a.txt; cat a.txt"):
    """Three turns: run a command; write one file and read another at once; say what came of it."""
    bash, write, read, path = names
    return Play(
        Turn(
            thinking="First a look.",
            text="I'll look first.",
            tools=(
                Tool(
                    "toolu_01AAAAAAAAAAAAAAAAAAAAAA",
                    bash,
                    {
                        "command": command,
                        "description": 'Says "weir"',
                    },
                ),
            ),
        ),
        Turn(
            tools=(
                Tool(
                    "toolu_01BBBBBBBBBBBBBBBBBBBBBB",
                    write,
                    {path: f"{work}/b.txt", "content": 'gr\u00fc\u00dfe "b"\n'},
                ),
                Tool("toolu_01CCCCCCCCCCCCCCCCCCCCCC", read, {path: f"{work}/a.txt"}),
            )
        ),
        lambda done: Turn(text=f"Finished with {MADE.search(str(done[0]))[0]}."),
        needs=(bash, write, read),
    )


def assert_played(scene, out, work):
    assert "Finished with weir-42." in out, out
    assert (work / "a.txt").read_text() == "weir-42\n"
    assert (work / "b.txt").read_text() == 'gr\u00fc\u00dfe "b"\n'
    results = list(scene.results.values())
    assert len(results) == 3 and "weir-42" in results[0] and "weir-42" in results[2], results
    first, last = scene.seen[0][1], scene.seen[-1][1]
    assert len(last["messages"]) > len(first["messages"])


def claude_env(home, base):
    return gateway.environment(
        home,
        {
            "ANTHROPIC_BASE_URL": base,
            "ANTHROPIC_AUTH_TOKEN": "client-key",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_AUTOUPDATER": "1",
            "IS_SANDBOX": "1",
        },
    )


KEYED = "keys: [ { name: dev, key: client-key } ]\nrouting: { scenarios: { default: m } }\n"
CLAUDE = ("Bash", "Write", "Read", "file_path")


def test_claude_code_carries_out_a_multi_tool_turn(weir, upstream, npm, work, tmp_path, back):
    claude = program(npm / ".bin/claude")
    scene = play(CLAUDE, work)
    up = upstream(back, default=scene)
    w = weir(up, extra=KEYED, workers=2)
    out = run(
        [claude, "-p", "Do what is needed.", "--allowedTools", "Bash,Read,Write"],
        work,
        claude_env(tmp_path, f"http://127.0.0.1:{w.port}"),
    )
    assert_played(scene, out, work)
    assert all(r.streamed for r in up.requests if r.body)
    assert {r.json["model"] for r in up.requests if r.body} == {"up"}


def test_claude_code_sees_an_error(weir, upstream, npm, work, tmp_path):
    """A permanent error ends it at once with the message; the gateway repeats nothing."""
    claude = program(npm / ".bin/claude")
    up = upstream(default=refuses(400, "the moon is in the wrong phase"))
    w = weir(up, extra=KEYED)
    done = subprocess.run(
        [claude, "-p", "hi"],
        cwd=work,
        env=claude_env(tmp_path, f"http://127.0.0.1:{w.port}"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert "wrong phase" in done.stdout + done.stderr
    calls = [r for r in w.log() if r.get("path") == "/v1/messages"]
    assert up.hits == len(calls) <= 8, "what Claude Code sent went to the provider once each"


def test_weir_code_starts_claude_code(upstream, npm, work, tmp_path):
    """`weir code` finds claude, starts the gateway that is not running yet, and hands its arguments
    on."""
    claude = program(npm / ".bin/claude")
    scene = play(CLAUDE, work)
    up = upstream("openai", default=scene)
    port = gateway.free_port()
    (tmp_path / "weir.yaml").write_text(
        gateway.config(up, extra=KEYED, workers=2).replace("@PORT@", str(port))
    )
    env = claude_env(tmp_path, "http://127.0.0.1:1")
    for name in ("ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN"):
        env.pop(name)
    env["PATH"] = f"{Path(claude).parent}:{env['PATH']}"
    env["WEIR_CONFIG"] = str(tmp_path / "weir.yaml")
    weir = str(gateway.binary())
    try:
        out = run(
            [weir, "code", "--", "-p", "Do what is needed.", "--allowedTools", "Bash,Read,Write"],
            work,
            env,
        )
        assert_played(scene, out, work)
    finally:
        subprocess.run([weir, "stop"], cwd=work, env=env, timeout=30, capture_output=True)


OPENCODE = ("bash", "write", "read", "filePath")


def opencode_env(tmp_path, port):
    conf = tmp_path / "opencode.json"
    conf.write_text("""{"model": "weir/m", "enabled_providers": ["weir"], "provider": {"weir": {
        "npm": "@ai-sdk/openai-compatible", "name": "weir", "models": {"m": {"name": "m"}},
        "options": {"baseURL": "http://127.0.0.1:%d/v1", "apiKey": "client-key"}}}}""" % port)
    return gateway.environment(
        tmp_path,
        {
            "OPENCODE_CONFIG": str(conf),
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
        },
    )


def test_opencode_carries_out_a_multi_tool_turn(weir, upstream, npm, work, tmp_path):
    opencode = program(npm / "opencode-linux-x64-baseline/bin/opencode")
    scene = play(OPENCODE, work)
    up = upstream("anthropic", default=scene)
    w = weir(up, extra=KEYED, workers=2)
    out = run([opencode, "run", "Do what is needed."], work, opencode_env(tmp_path, w.port))
    assert_played(scene, out, work)
    assert all(r.target == "/v1/messages" for r in up.requests)


GEMINI = ("run_shell_command", "write_file", "read_file", "file_path")


def gemini_env(tmp_path, port):
    """Gemini CLI with a key and an address; that it is to use them stands in a file of its home."""
    home = tmp_path / ".gemini"
    home.mkdir()
    (home / "settings.json").write_text(
        json.dumps(
            {
                "security": {"auth": {"selectedType": "gemini-api-key"}},
                "privacy": {"usageStatisticsEnabled": False},
                "telemetry": {"enabled": False},
                "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
            }
        )
    )
    return gateway.environment(
        tmp_path,
        {
            "GEMINI_API_KEY": "client-key",
            "GOOGLE_GEMINI_BASE_URL": f"http://127.0.0.1:{port}",
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
            "GEMINI_CLI_NO_RELAUNCH": "true",
            "NO_BROWSER": "true",
        },
    )


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "m"])
def test_gemini_cli_carries_out_a_multi_tool_turn(weir, upstream, npm, work, tmp_path, back, model):
    # It refuses any command with "$(" in it.
    scene = play(GEMINI, work, "expr 40 + 2 | sed s/^/weir-/ > a.txt; cat a.txt")
    up = upstream(back, default=scene)
    w = weir(up, extra=KEYED, workers=2)
    out = run(
        [program(npm / ".bin/gemini"), "-m", model, "--yolo", "-p", "Do what is needed."],
        work,
        gemini_env(tmp_path, w.port),
    )
    assert_played(scene, out, work)
    log = [r for r in w.log() if "enerateContent" in r.get("path", "")]
    assert len(log) >= 3 and all(r["status"] == 200 for r in log), log
    assert {r.json["model"] for r in up.requests if r.body} == {"up"}
    if back == "anthropic":  # what Claude thought came back to it, words and signature
        thoughts = [
            block
            for message in scene.seen[-1][1]["messages"]
            for block in message["content"]
            if isinstance(block, dict) and block.get("type") == "thinking"
        ]
        assert [t["thinking"] for t in thoughts] == ["First a look."] and thoughts[0]["signature"]


def codex_env(tmp_path, port, model="m"):
    """Codex with weir as a provider of its own; what it needs lies in a home made for it."""
    home = tmp_path / "codex"
    home.mkdir()
    (home / "config.toml").write_text(f"""
model = "{model}"
model_provider = "weir"
[model_providers.weir]
name = "weir"
base_url = "http://127.0.0.1:{port}/v1"
env_key = "WEIR_KEY"
wire_api = "responses"
supports_websockets = true
""")
    return gateway.environment(tmp_path, {"CODEX_HOME": str(home), "WEIR_KEY": "client-key"})


def codex_command(npm):
    # On the machine of the test, in a folder that no repository holds, and nobody to ask.
    return [
        program(npm / ".bin/codex"),
        "exec",
        "--skip-git-repo-check",
        "--dangerously-bypass-approvals-and-sandbox",
        "Do what is needed.",
    ]


def codex_play(work):
    """As `play`, with the one tool Codex has for all of it."""

    def shell(call, cmd):
        return Tool(call, "exec_command", {"cmd": cmd})

    return Play(
        Turn(
            thinking="First a look.",
            text="I'll look first.",
            tools=(shell("call_01AAAAAAAAAAAAAAAA", "echo weir-$((40+2)) > a.txt; cat a.txt"),),
        ),
        Turn(
            tools=(
                shell("call_01BBBBBBBBBBBBBBBB", "printf 'gr\u00fc\u00dfe \"b\"\\n' > b.txt"),
                shell("call_01CCCCCCCCCCCCCCCC", "cat a.txt"),
            )
        ),
        lambda done: Turn(
            text="Finished with " + done[0]["call_01AAAAAAAAAAAAAAAA"].split()[-1] + "."
        ),
        needs=("exec_command",),
    )


def test_codex_carries_out_a_multi_tool_turn(weir, upstream, npm, work, tmp_path, back):
    scene = codex_play(work)
    up = upstream(back, default=scene)
    w = weir(up, extra=KEYED, workers=2)
    out = run(codex_command(npm), work, codex_env(tmp_path, w.port))
    assert_played(scene, out, work)
    assert all(r.streamed for r in up.requests if r.body)
    log = w.log()
    assert [r["status"] for r in log if r["method"] == "GET"][:1] == [426], "the WebSocket probe"
    assert all(r["status"] == 200 for r in log if r["path"] == "/v1/responses" and r["method"] == "POST")
    if back == "anthropic":  # what Claude thought came back to it, signed
        thoughts = [
            block
            for message in scene.seen[-1][1]["messages"]
            for block in message["content"]
            if isinstance(block, dict) and block.get("type") == "thinking"
        ]
        assert [t["thinking"] for t in thoughts] == ["First a look."] and thoughts[0]["signature"]


PATCH = "*** Begin Patch\n*** Add File: b.txt\n+gr\u00fc\u00dfe \"b\"\n*** End Patch\n"


def test_codex_edits_with_a_free_text_tool(weir, upstream, npm, work, tmp_path, back):
    """Codex offers its own models a tool that takes a patch as free text. Other providers are shown
    a function with one string, and Codex gets the text that stands in it."""
    scene = Play(
        Turn(tools=(Tool("call_01AAAAAAAAAAAAAAAA", "apply_patch", {"input": PATCH}),)),
        Turn(tools=(Tool("call_01BBBBBBBBBBBBBBBB", "exec_command", {"cmd": "cat b.txt"}),)),
        lambda done: Turn(text="Finished with " + done[1]["call_01BBBBBBBBBBBBBBBB"][-11:].strip()),
        needs=("apply_patch", "exec_command"),
    )
    up = upstream(back, default=scene)
    w = weir(up, extra=KEYED, workers=2)
    out = run(codex_command(npm), work, codex_env(tmp_path, w.port, model="gpt-5.5"))
    assert (work / "b.txt").read_text() == 'gr\u00fc\u00dfe "b"\n'
    assert 'gr\u00fc\u00dfe "b"' in out, out
    assert "Success" in scene.results["call_01AAAAAAAAAAAAAAAA"], scene.results
