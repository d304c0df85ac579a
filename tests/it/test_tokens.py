# SPDX-License-Identifier: Apache-2.0
"""Tokens: counted where the ranks are, else estimated, and said which; learned from what is reported.

The ranks here are made up: every byte is a token, so that what is counted can be told by hand.
"""

import hashlib
import json
import os
import signal
import struct
import subprocess
import threading

import gateway as gateways
import http1
import pytest
from fronts import MESSAGES
from turns import Turn, chat_stream, whole
from upstream import events, says

TEXT = "Hello, world"


def ranks(folder, damage=False):
    """Files as tools/make-ranks writes them, of an encoding without merges."""
    folder.mkdir(exist_ok=True)
    for kind, name in enumerate(("cl100k_base", "o200k_base")):
        data = struct.pack("<8sIIII", b"weir-bpe", 1, kind, 256, 256)
        data += bytes([1] * 256) + bytes(range(256))
        data += hashlib.sha256(data).digest()
        if damage:
            data = data[:300] + b"x" + data[301:]
        (folder / f"{name}.bpe").write_bytes(data)
    return folder


def count(w, model="m", text=TEXT, **more):
    body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
    r = http1.call(w.port, "POST", "/v1/messages/count_tokens", body)
    assert r.status == 200, r
    return r.json["input_tokens"], r.get("x-weir-tokens")


def config(up, model="gpt-4o", workers=1):
    return (
        f"listen: 127.0.0.1:@PORT@\nworkers: {workers}\nproviders:\n"
        + gateways.provider("a", up, f"[{model}]")
        + f"models:\n  - {{ name: m, targets: [ {{ use: a/{model} }} ] }}\n"
    )


def test_counted_for_the_model_it_would_be_sent_to(weir, upstream, tmp_path):
    w = weir(config(upstream()), env={"WEIR_TOKENS": str(ranks(tmp_path / "ranks"))})
    assert count(w) == (3 + 4 + len(TEXT), "counted")
    assert count(w, system="Be brief.") == (3 + 4 + len(TEXT) + 4 + 9, "counted")
    tokens, how = count(w, model="claude-sonnet-4-5")  # leads nowhere: a model's own name
    assert (tokens, how) == (3 + 4 + len(TEXT), "estimated")


def test_a_reported_turn_is_the_beginning_of_the_next(weir, upstream, tmp_path):
    """What no reader of the request can know (here 5,000 tokens of it) is known from the first
    report on: the next turn is that and what came since."""
    up = upstream("anthropic", default=says(Turn(text="Hi.", input=5000, output=3)))
    w = weir(config(up, "claude-sonnet-4-5"), env={"WEIR_TOKENS": str(ranks(tmp_path / "ranks"))})
    first = [{"role": "user", "content": TEXT}]
    then = [*first, {"role": "assistant", "content": "Hi."}, {"role": "user", "content": "More"}]

    def counted(messages):
        body = {"model": "m", "messages": messages}
        return http1.call(w.port, "POST", "/v1/messages/count_tokens", body).json["input_tokens"]

    alone = counted(then)
    assert counted(first) < 100
    body = {"model": "m", "messages": first}
    assert http1.call(w.port, "POST", "/v1/chat/completions", body).status == 200
    assert counted(first) == 5000
    since = alone - (3 + 4 + len(TEXT))
    assert 5000 + since <= counted(then) <= 5000 + 2 * since  # at the rate that was learned
    assert counted([{"role": "user", "content": "Another"}]) < 100


def test_also_where_bytes_pass_once_somebody_counts(weir, upstream, tmp_path):
    """A client and a provider of one language: their requests are read for this only after a count
    was asked for."""
    up = upstream("anthropic", default=says(Turn(text="Hi.", input=5000, output=3)))
    w = weir(config(up, "claude-sonnet-4-5"), env={"WEIR_TOKENS": str(ranks(tmp_path / "ranks"))})
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": TEXT}]}

    def turn():
        assert http1.call(w.port, "POST", "/v1/messages", body).status == 200

    turn()
    assert count(w)[0] < 100
    turn()
    assert count(w) == (5000, "estimated")


def install(to, ranks_from):
    """`meson install` of the build whose program is tested."""
    build = gateways.binary().parent
    if not (build / "meson-info").is_dir():
        pytest.skip("the program under test lies in no build folder")
    env = {**os.environ, "WEIR_TOKENS": str(ranks_from)}
    command = ["meson", "install", "-C", str(build), "--no-rebuild", "--destdir", str(to)]
    got = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert got.returncode == 0, got.stdout + got.stderr
    (program,) = to.rglob("bin/weir")
    return program


def test_an_installed_weir_finds_its_ranks(weir, upstream, tmp_path, monkeypatch):
    program = install(tmp_path / "root", ranks(tmp_path / "ranks"))
    assert len(list(program.parent.glob("../share/weir/tokens/*.bpe"))) == 2
    monkeypatch.setenv("WEIR_BIN", str(program))
    assert count(weir(config(upstream()))) == (3 + 4 + len(TEXT), "counted")


def test_it_is_installed_without_them_too(weir, upstream, tmp_path, monkeypatch):
    program = install(tmp_path / "root", tmp_path)
    assert not list(program.parent.glob("../share/weir/tokens/*"))
    monkeypatch.setenv("WEIR_BIN", str(program))
    w = weir(config(upstream(), workers=2))
    for _ in range(6):
        assert count(w)[1] == "estimated"
    assert w.said().count("Tokens are estimated, not counted") == 1, w.said()


def test_the_first_counts_of_all_workers_wait_for_the_ranks(weir, upstream, tmp_path):
    w = weir(config(upstream(), workers=3), env={"WEIR_TOKENS": str(ranks(tmp_path / "ranks"))})
    got = []
    threads = [threading.Thread(target=lambda: got.append(count(w))) for _ in range(24)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(20)
    assert got == [(3 + 4 + len(TEXT), "counted")] * 24


def test_without_ranks_it_is_estimated_and_said(weir, upstream, tmp_path):
    folder = tmp_path / "ranks"
    folder.mkdir()
    w = weir(config(upstream()), env={"WEIR_TOKENS": str(folder)})
    for _ in range(3):
        tokens, how = count(w, text="word " * 200)
        assert how == "estimated" and 150 <= tokens <= 450
    assert w.said().count("Tokens are estimated") == 1 and "WEIR_TOKENS" in w.said()
    ranks(folder)  # installed meanwhile: the next reload finds them
    w.signal(signal.SIGHUP)
    gateways.until(lambda: "read again" in w.said(), what="a reload")
    gateways.until(lambda: count(w)[1] == "counted", what="counting")


def test_damaged_ranks_are_named_and_not_used(weir, upstream, tmp_path):
    folder = ranks(tmp_path / "ranks", damage=True)
    w = weir(config(upstream()), env={"WEIR_TOKENS": str(folder)})
    assert count(w)[1] == "estimated"
    assert f"{folder}/o200k_base.bpe: the file of token ranks is damaged" in w.said()


def test_a_client_that_leaves_while_it_waits(weir, upstream, tmp_path):
    w = weir(config(upstream()), env={"WEIR_TOKENS": str(ranks(tmp_path / "ranks"))})
    body = {"model": "m", "messages": [{"role": "user", "content": TEXT}]}
    for _ in range(8):
        with http1.Conn(w.port) as conn:
            conn.request("POST", "/v1/messages/count_tokens", body)
    assert count(w)[1] == "counted"


@pytest.mark.parametrize("stream", [False, True])
def test_U44_what_is_not_reported_is_made_up_of_what_was_delivered(weir, upstream, stream):
    """An answer of 4,000 bytes is about 1,000 tokens, whatever its events weigh."""
    turn = Turn(text="word " * 800)

    def answer(x):
        if stream:
            events(chat_stream(turn, usage=False))(x)
        else:
            value = whole("openai", turn)
            value.pop("usage")
            x.reply(200, value)

    w = weir(upstream(default=answer))
    r = MESSAGES.ask(w.port, stream=stream)
    usage = w.access(r.get("x-weir-request-id"))["usage"]
    assert usage["source"] == "estimated" and 900 <= usage["output_tokens"] <= 1100, usage


def test_message_start_learns_from_what_was_reported(weir, upstream):
    """Of a translated stream the prompt must be named before the provider has counted it."""
    w = weir(upstream(default=says(Turn(text="Fine.", input=420, cached=0))))

    def ask():
        r = MESSAGES.ask(w.port, stream=True, text="some words " * 110)  # 1,210 bytes
        ((_, first),) = [e for e in http1.events(r.body) if e[0] == "message_start"]
        return json.loads(first)["message"]["usage"]["input_tokens"]

    assert 300 <= ask() <= 400
    assert 400 <= ask() <= 440


# ---- countTokens: provider


def asked(up, answer, extra="countTokens: provider", model="up"):
    row = gateways.provider("a", up, f"[{model}]", extra)
    return f"listen: 127.0.0.1:@PORT@\nproviders:\n{row}" + (
        f"models:\n  - {{ name: m, targets: [ {{ use: a/{model} }} ] }}\n"
    )


@pytest.mark.parametrize(
    ("dialect", "path", "sent", "answer"),
    [
        ("anthropic", "/v1/messages/count_tokens", "messages", {"input_tokens": 777}),
        (
            "openai-responses",
            "/v1/responses/input_tokens",
            "input",
            {"object": "response.input_tokens", "input_tokens": 778},
        ),
    ],
)
def test_the_provider_is_asked_where_the_configuration_says_so(
    weir, upstream, dialect, path, sent, answer
):
    up = upstream(dialect, default=lambda x: x.reply(200, answer))
    w = weir(asked(up, answer))
    body = {"model": "m", sent: [{"role": "user", "content": TEXT}]}
    r = http1.call(w.port, "POST", path, body)
    assert r.status == 200 and r.json == answer and r.get("x-weir-provider") == "a"
    seen = up.requests[-1]
    assert path.endswith(seen.target) and seen.json == {**body, "model": "up"}
    record = w.access(r.get("x-weir-request-id"))
    assert record["operation"] == "count_tokens" and record["usage"]["source"] == "none"


def test_gemini_is_asked_and_the_model_inside_is_its_own(weir, upstream):
    answer = {"totalTokens": 5, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 5}]}
    up = upstream("gemini", default=lambda x: x.reply(200, answer))
    w = weir(asked(up, answer))
    contents = [{"role": "user", "parts": [{"text": TEXT}]}]
    path = "/v1beta/models/{}:countTokens"
    r = http1.call(w.port, "POST", path.format("m"), {"contents": contents})
    assert r.status == 200 and r.json == answer
    assert path.format("up").endswith(up.requests[-1].target)
    assert up.requests[-1].json == {"contents": contents}
    inner = {"model": "models/m", "contents": contents}
    r = http1.call(w.port, "POST", path.format("m"), {"generateContentRequest": inner})
    assert r.json == answer
    assert up.requests[-1].json == {"generateContentRequest": {**inner, "model": "models/up"}}


@pytest.mark.parametrize(
    ("dialect", "path", "sent", "target"),
    [
        ("vertex", "/v1beta/models/m:countTokens", "contents", "google/models/up:countTokens"),
        (
            "vertex-anthropic",
            "/v1/messages/count_tokens",
            "messages",
            "anthropic/models/count-tokens:rawPredict",
        ),
    ],
)
def test_vertex_is_asked(weir, upstream, dialect, path, sent, target):
    answer = {"totalTokens": 5, "input_tokens": 5}
    up = upstream("openai", default=lambda x: x.reply(200, answer))
    base = f"http://127.0.0.1:{up.port}/v1/projects/p/locations/global"
    w = weir(
        "listen: 127.0.0.1:@PORT@\nproviders:\n"
        f"  - {{ name: a, dialect: {dialect}, baseURL: '{base}', apiKey: t, models: [up],"
        " countTokens: provider }\nmodels:\n  - { name: m, targets: [ { use: a/up } ] }\n"
    )
    body = {sent: [{"role": "user", "content": TEXT}]}
    asks = {"model": "m", **body} if sent == "messages" else body
    r = http1.call(w.port, "POST", path, asks)
    assert r.status == 200 and r.json == answer
    seen = up.requests[-1]
    assert seen.target == f"/v1/projects/p/locations/global/publishers/{target}"
    assert seen.get("authorization") == "Bearer t"
    assert seen.json == ({"model": "up", **body} if sent == "messages" else body)


def test_a_provider_of_another_language_is_not_asked(weir, upstream):
    up = upstream("openai")
    w = weir(asked(up, None))
    tokens, how = count(w)
    assert tokens > 0 and how in ("counted", "estimated") and not up.requests


def test_what_the_provider_refuses_is_told(weir, upstream):
    def answer(x):
        x.reply(
            400,
            {"type": "error", "error": {"type": "invalid_request_error", "message": "no such"}},
        )

    w = weir(asked(upstream("anthropic", default=answer), None))
    body = {"model": "m", "messages": [{"role": "user", "content": TEXT}]}
    r = http1.call(w.port, "POST", "/v1/messages/count_tokens", body)
    assert r.status == 400 and r.json["error"]["type"] == "invalid_request_error"


def test_of_one_endpoint_no_other_is_known(weir, upstream):
    """An address that is asked as it stands has no count beside it: counted here, and checked."""
    up = upstream("anthropic", default=says())
    w = weir(
        "listen: 127.0.0.1:@PORT@\nproviders:\n"
        f"  - {{ name: a, dialect: anthropic, api_base_url: 'http://127.0.0.1:{up.port}/generate',"
        " apiKey: t, models: [up], countTokens: provider }\n"
        "models:\n  - { name: m, targets: [ { use: a/up } ] }\n"
    )
    assert "has one endpoint and no base URL" in w.said()
    tokens, how = count(w)
    assert tokens > 0 and how in ("counted", "estimated") and not up.requests
