# SPDX-License-Identifier: Apache-2.0
"""Coding agents through weir on a mock of the providers that is not ours: CopilotKit's aimock, which
reads and writes each provider's language with code that knows nothing of weir. The fakes of
tests/fakes and the translation might share a mistake; the two programs here can't. Every agent gets
a provider whose language another vendor made.

aimock's answers stand in a file, first match first. The two results that lead on are looked for in
the last message it was sent, so an answer comes only if the result before it came whole; and neither
of them stands in the command that makes it."""

import json
import subprocess

import http1
import pytest

import gateway
from test_agents import (
    CLAUDE,
    GEMINI,
    KEYED,
    OPENCODE,
    claude_env,
    codex_command,
    codex_env,
    gemini_env,
    npm,  # noqa: F401 - a fixture
    opencode_env,
    program,
    run,
    work,  # noqa: F401 - a fixture
)

COMMAND = "expr 40 + 2 | sed s/^/weir-/ > a.txt; expr 1 + 1 | sed s/^/first-/"
WRITTEN = 'gr\u00fc\u00dfe "b"\n'
VERTEX = "/v1/projects/p/locations/us-central1/publishers/google"
# language of the provider: its row's base and credentials, and where its requests must arrive
PROVIDERS = {
    "openai": ("/v1", "apiKey: k", "/v1/chat/completions"),
    "openai-responses": ("/v1", "apiKey: k", "/v1/responses"),
    "anthropic": ("", "apiKey: k", "/v1/messages"),
    "gemini": ("/v1beta", "apiKey: k", "/v1beta/models/up:streamGenerateContent"),
    "bedrock": (
        "",
        "aws: { accessKeyId: AKIAEXAMPLE, secretAccessKey: secret }, region: eu-west-1",
        "/model/up/converse-stream",
    ),
    "cohere": ("", "apiKey: k", "/v2/chat"),
    "vertex": (VERTEX, "apiKey: k", f"{VERTEX}/models/up:streamGenerateContent"),
    "ollama": ("", "apiKey: k", "/api/chat"),
}


def calls(*tools, **more):
    return {
        "toolCalls": [{"name": name, "arguments": json.dumps(args)} for name, args in tools],
        **more,
    }


def answers(tool, first, second):
    """aimock's file: `first` when the task comes, `second` for the first result, the last words for
    the second. What else an agent asks, without the tool (a title, say), gets a short text."""
    return {
        "fixtures": [
            {
                "match": {"toolName": tool, "toolResultContains": "weir-42"},
                "response": {"content": "Finished with weir-42."},
            },
            {"match": {"toolName": tool, "toolResultContains": "first-2"}, "response": second},
            {"match": {"toolName": tool, "hasToolResult": False}, "response": first},
            {"match": {}, "response": {"content": "A title"}},
        ]
    }


def three_tools(names, work):
    bash, write, read, path = names
    return answers(
        bash,
        calls((bash, {"command": COMMAND, "description": "Adds"}), content="I'll look first."),
        calls(
            (write, {path: f"{work}/b.txt", "content": WRITTEN}),
            (read, {path: f"{work}/a.txt"}),
        ),
    )


def codex_answers(work):
    def shell(cmd):
        return ("exec_command", {"cmd": cmd})

    return answers(
        "exec_command",
        calls(shell(COMMAND), content="I'll look first."),
        calls(shell("printf 'gr\u00fc\u00dfe \"b\"\\n' > b.txt"), shell("cat a.txt")),
    )


def claude(npm, port, home):
    command = [program(npm / ".bin/claude"), "-p", "Do what is needed."]
    return [*command, "--allowedTools", "Bash,Read,Write"], claude_env(
        home, f"http://127.0.0.1:{port}"
    )


def codex(npm, port, home):
    return codex_command(npm), codex_env(home, port)


def gemini(npm, port, home):
    command = [program(npm / ".bin/gemini"), "-m", "m", "--yolo", "-p", "Do what is needed."]
    return command, gemini_env(home, port)


def opencode(npm, port, home):
    command = [program(npm / "opencode-linux-x64-baseline/bin/opencode"), "run"]
    return [*command, "Do what is needed."], opencode_env(home, port)


AGENTS = {
    "claude": (claude, lambda work: three_tools(CLAUDE, work)),
    "codex": (codex, codex_answers),
    "gemini": (gemini, lambda work: three_tools(GEMINI, work)),
    "opencode": (opencode, lambda work: three_tools(OPENCODE, work)),
}


class Mock:
    """One aimock on a port of its own, which plays the file given and keeps what it was asked."""

    def __init__(self, npm, folder, script):
        self.port = gateway.free_port()
        self.output = folder / "aimock.output"
        (folder / "aimock.json").write_text(json.dumps(script))
        packed = sorted(npm.glob("node-linux-*/bin/node"))
        command = [
            str(packed[0]) if packed else "node",
            str(npm / "@copilotkit/aimock/dist/cli.js"),
            *("-p", str(self.port), "-f", str(folder / "aimock.json")),
            # Answers in pieces of 7 characters: arguments are cut within names and escapes.
            *("-c", "7", "--validate-on-load"),
        ]
        with open(self.output, "wb") as out:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=gateway.environment(folder),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        try:
            gateway.until(self.ready, 20, "aimock answers /ready")
        except BaseException:
            self.stop()
            raise

    def ready(self):
        assert self.process.poll() is None, self.output.read_text()
        try:
            return http1.call(self.port, "GET", "/ready", timeout=5).status == 200
        except (OSError, http1.Ended):
            return False

    def journal(self):
        return json.loads(http1.call(self.port, "GET", "/__aimock/journal", timeout=5).body)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)


@pytest.mark.parametrize(
    "agent, dialect",
    (
        ("claude", "gemini"),
        ("claude", "openai-responses"),
        ("codex", "bedrock"),
        ("codex", "anthropic"),
        ("gemini", "openai-responses"),
        ("gemini", "bedrock"),
        ("opencode", "gemini"),
        ("opencode", "cohere"),
        ("claude", "vertex"),
        ("codex", "ollama"),
        ("gemini", "ollama"),
        ("opencode", "vertex"),
    ),
)
def test_an_agent_finishes_on_an_independent_mock(weir, npm, work, tmp_path, agent, dialect):
    start, script = AGENTS[agent]
    base, access, path = PROVIDERS[dialect]
    mock = Mock(npm, tmp_path, script(work))
    try:
        w = weir(
            "listen: 127.0.0.1:@PORT@\nworkers: 2\nproviders:\n"
            f'  - {{ name: a, dialect: {dialect}, baseURL: "http://127.0.0.1:{mock.port}{base}", '
            f"{access}, models: [up] }}\n"
            "models:\n  - { name: m, targets: [ { use: a/up } ] }\n" + KEYED
        )
        command, env = start(npm, w.port, tmp_path)
        out = run(command, work, env)
        asked = mock.journal()
    finally:
        mock.stop()
    assert "Finished with weir-42." in out, out
    assert (work / "a.txt").read_text() == "weir-42\n"
    assert (work / "b.txt").read_text() == WRITTEN
    assert len(asked) >= 3, asked
    assert {one["path"].partition("?")[0] for one in asked} == {path}
    assert {one["response"]["status"] for one in asked} == {200}
    # Each call came back as aimock made it, in its order, and each result under the id of its call
    # (Ollama's language has none for results, and the journal leaves out the name that it has).
    history = max((one["body"].get("messages") or [] for one in asked), key=len)
    called = [call["id"] for m in history for call in m.get("tool_calls") or ()]
    results = [m.get("tool_call_id") for m in history if m["role"] == "tool"]
    assert results == ([None] * 3 if dialect == "ollama" else called)
    assert len(called) == 3, history
