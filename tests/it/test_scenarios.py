# SPDX-License-Identifier: Apache-2.0
"""Scenarios end to end: which kind of request goes to which model, in every front's language, and as
claude-code-router's own files say it."""

import json

import gateway
import http1
import pytest
from fronts import CHAT, GEMINI, MESSAGES, RESPONSES
from test_wire import SHARED
from turns import Turn
from upstream import refuses, says

SLOTS = ("default", "background", "think", "longContext", "webSearch", "image")
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
TAG = "<CCR-SUBAGENT-MODEL>{}</CCR-SUBAGENT-MODEL>"


class World:
    """One provider for each scenario, and `other` that none names; each is called as its scenario."""

    def __init__(self, weir, upstream, dialect="anthropic", slots=SLOTS, extra="", models=""):
        self.ups = {name: upstream(dialect, default=says(Turn(text=name))) for name in SLOTS}
        self.ups["other"] = upstream(dialect, default=says(Turn(text="other")))
        text = "listen: 127.0.0.1:@PORT@\nworkers: 1\nproviders:\n"
        for name, up in self.ups.items():
            text += gateway.provider(name, up, f"[up, listed-{name}]")
        text += models + "routing:\n  scenarios:\n"
        for name in slots:
            text += f"    {name}: {name}/up\n"
        self.w = weir(text + extra)

    def served(self, r):
        """Who served it, and that the header says why."""
        assert r.status == 200, r.body
        self.said = r.get("x-weir-route")
        return r.get("x-weir-provider")

    def ask(self, front, body, model="claude-sonnet-4-5", headers=()):
        if front is not GEMINI:
            body = {**body, "model": model}
        path = front.path_of(model)
        return self.served(
            http1.call(self.w.port, "POST", path, body, front.auth(None) + list(headers))
        )


@pytest.fixture(scope="module")
def anthropic_image():
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    return {"type": "image", "source": source}


def requests_of(front, image):
    """What each scenario looks like in this language; `default` is the plain question."""
    if front is MESSAGES:
        plain = front.body()
        picture = {**plain, "messages": [{"role": "user", "content": [image]}]}
        return {
            "default": plain,
            "think": {**plain, "max_tokens": 4000, "thinking": {"type": "adaptive"}},
            "webSearch": {**plain, "tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            "image": picture,
            "longContext": front.body("word " * 70000),
        }
    if front is CHAT:
        url = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
        plain = front.body()
        return {
            "default": plain,
            "think": {**plain, "reasoning_effort": "high"},
            "webSearch": {**plain, "web_search_options": {}},
            "image": front.body(messages=[{"role": "user", "content": [url]}]),
            "longContext": front.body("word " * 70000),
        }
    if front is RESPONSES:
        plain = front.body()
        part = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}
        return {
            "default": plain,
            "think": {**plain, "reasoning": {"effort": "low"}},
            "webSearch": {**plain, "tools": [{"type": "web_search"}]},
            "image": {**plain, "input": [{"role": "user", "content": [part]}]},
            "longContext": front.body("word " * 70000),
        }
    plain = front.body()
    inline = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    return {
        "default": plain,
        "think": {**plain, "generationConfig": {"thinkingConfig": {"thinkingBudget": 1024}}},
        "webSearch": {**plain, "tools": [{"googleSearch": {}}]},
        "image": {"contents": [{"role": "user", "parts": [inline]}]},
        "longContext": front.body("word " * 70000),
    }


@pytest.mark.parametrize("front", [MESSAGES, CHAT, RESPONSES, GEMINI], ids=lambda f: f.name)
def test_each_scenario_in_each_language(weir, upstream, front, anthropic_image):
    world = World(weir, upstream)
    for name, body in requests_of(front, anthropic_image).items():
        assert world.ask(front, body) == name
        assert world.said == f"scenario:{name}"
    plain = requests_of(front, anthropic_image)["default"]
    for errand in ("claude-haiku-4-5-20251001", "gemini-3.5-flash-lite", "gpt-5-nano"):
        assert world.ask(front, plain, errand) == "background"
    # Who names a provider has chosen.
    for body in requests_of(front, anthropic_image).values():
        assert world.ask(front, body, "other,up" if front is not GEMINI else "other/up") == "other"
        assert world.said is None
    # A model that is known by its name alone is still the agent's habit: scenarios count.
    assert world.ask(front, plain, "listed-other") == "other"
    assert world.ask(front, requests_of(front, anthropic_image)["think"], "listed-other") == "think"


def test_thought_that_is_switched_off_is_none(weir, upstream):
    world = World(weir, upstream)
    off = {**MESSAGES.body(), "thinking": {"type": "disabled"}}
    assert world.ask(MESSAGES, off) == "default"
    assert world.ask(CHAT, {**CHAT.body(), "reasoning_effort": "none"}) == "default"


def test_the_order(weir, upstream, anthropic_image):
    """All at once: each slot that is not set uncovers the next."""
    body = {
        **MESSAGES.body(max_tokens=4000),
        "messages": [{"role": "user", "content": [{"type": "text", "text": "word " * 70000}]}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": [{"type": "web_search_20250305", "name": "web_search"}],
    }
    body["messages"][0]["content"].append(anthropic_image)
    left = list(SLOTS)
    for expected in ("image", "longContext", "background", "webSearch", "think", "default"):
        world = World(weir, upstream, slots=left)
        assert world.ask(MESSAGES, body, "claude-haiku-4-5") == expected
        left.remove(expected)


def test_pictures_of_earlier_turns(weir, upstream, anthropic_image):
    """Answered already: the usual model goes on. One that is known to see none does not."""
    turns = [
        {"role": "user", "content": [anthropic_image]},
        {"role": "assistant", "content": "A dot."},
        {"role": "user", "content": "Thanks."},
    ]
    world = World(weir, upstream)
    assert world.ask(MESSAGES, MESSAGES.body(messages=turns)) == "default"
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [anthropic_image]}
    turns[1]["content"] = [{"type": "tool_use", "id": "t1", "name": "n", "input": {}}]
    turns[2]["content"] = [result]
    assert world.ask(MESSAGES, MESSAGES.body(messages=turns)) == "image"


# ---- long prompts


def long_world(weir, upstream, threshold, usage):
    extra = f"    longContextThreshold: {threshold}\n"
    world = World(weir, upstream, slots=("default", "longContext"), extra=extra)
    for name, up in world.ups.items():
        up.default = says(Turn(text=name, input=usage))
    return world


def test_long_by_what_the_last_answer_reported(weir, upstream):
    """The count is low, but the provider said 61,000 last time: the session stays long, its small
    errands do not, and other sessions are not touched."""
    world = long_world(weir, upstream, 60000, 61000)
    middle, small = MESSAGES.body("word " * 45000), MESSAGES.body("hi")
    shorter = MESSAGES.body("word " * 25000)

    def ask(body, session):
        user = {"user_id": f"user_1_account__session_{session}"}
        return world.ask(MESSAGES, {**body, "metadata": user})

    assert ask(middle, "one") == "default"
    assert ask(middle, "one") == "longContext"
    assert ask(small, "two") == "default"
    assert ask(shorter, "one") == "longContext"
    assert ask(shorter, "three") == "default"
    assert ask(small, "one") == "default"


def test_long_is_counted_near_the_threshold(weir, upstream):
    world = long_world(weir, upstream, 1000, 10)
    assert world.ask(CHAT, CHAT.body("word " * 900)) == "default"
    assert world.ask(CHAT, CHAT.body("word " * 1300)) == "longContext"
    assert world.ask(CHAT, CHAT.body("x" * 1500)) == "default"


# ---- the sub-agent's tag


def tagged(where, value="other,up"):
    tag = TAG.format(value)
    body = MESSAGES.body("Find it.")
    if where == "system":
        body["system"] = tag + "You search."
    elif where == "system, second block":
        body["system"] = [{"type": "text", "text": "a"}, {"type": "text", "text": tag + "b"}]
    elif where == "system, in the middle of the third":
        texts = ("a", "b", f"You are. {tag} Do.")
        body["system"] = [{"type": "text", "text": t} for t in texts]
    elif where == "a block of its own":
        body["system"] = [{"type": "text", "text": "a"}, {"type": "text", "text": tag}]
    elif where == "first user message":
        body["messages"][0]["content"] = f"{tag}\n\nFind it."
    elif where == "second block of it":
        parts = ({"type": "text", "text": "<reminder>"}, {"type": "text", "text": f"{tag}Find."})
        body["messages"][0]["content"] = list(parts)
    return body


PLACES = (
    "system",
    "system, second block",
    "system, in the middle of the third",
    "a block of its own",
    "first user message",
    "second block of it",
)


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("dialect", ["anthropic", "openai"])
def test_the_tag_is_obeyed_and_taken_out(weir, upstream, where, dialect):
    """Byte for byte between equal languages, and in a translation: no provider sees it."""
    world = World(weir, upstream, dialect)
    body = tagged(where)
    body["thinking"] = {"type": "adaptive"}
    assert world.ask(MESSAGES, body) == "other" and world.said == "subagent"
    (got,) = world.ups["other"].requests
    assert b"CCR-SUBAGENT" not in got.body
    texts = json.dumps(got.json)
    assert '""' not in texts and ("Find" in texts)
    if dialect == "anthropic" and where == "a block of its own":
        assert got.json["system"] == [{"type": "text", "text": "a"}]


def test_the_tag_in_other_languages(weir, upstream):
    world = World(weir, upstream)
    text = TAG.format("OTHER,Up") + " Find it."
    assert world.ask(CHAT, CHAT.body(text)) == "other"
    assert world.ask(RESPONSES, RESPONSES.body(text)) == "other"
    assert world.ask(GEMINI, GEMINI.body(text)) == "other"
    for got in world.ups["other"].requests:
        assert b"CCR-SUBAGENT" not in got.body and got.json["model"] == "up"


def test_a_tag_that_names_nobody(weir, upstream):
    """It is taken out all the same, and the other scenarios are asked."""
    world = World(weir, upstream)
    body = {**tagged("system", "nobody,none"), "thinking": {"type": "adaptive"}}
    assert world.ask(MESSAGES, body) == "think"
    assert b"CCR-SUBAGENT" not in world.ups["think"].requests[0].body
    # An explicit model counts more than the tag.
    assert world.ask(MESSAGES, tagged("system"), "image,up") == "image"
    assert b"CCR-SUBAGENT" not in world.ups["image"].requests[0].body


# ---- who has chosen, and who may


def test_a_logical_model_of_a_scenario_is_a_choice(weir, upstream):
    models = (
        "models:\n"
        "  - { name: smart, targets: [ { use: default/up } ] }\n"
        "  - { name: cheap, targets: [ { use: background/up } ] }\n"
        "  - { name: third, targets: [ { use: other/up } ] }\n"
    )
    world = World(weir, upstream, slots=("think",), models=models, extra=(
        "    default: smart\n    background: cheap\n"
    ))
    think = {**CHAT.body(), "reasoning_effort": "high"}
    assert world.ask(CHAT, think, "cheap") == "background"
    assert world.ask(CHAT, think, "smart") == "think"
    assert world.ask(CHAT, think, "third") == "think"
    assert world.ask(CHAT, CHAT.body(), "third") == "other"


def test_a_key_that_may_not_call_the_scenarios_model(weir, upstream):
    keys = "keys: [ { name: k, key: k-secret, models: [default/up] } ]\n"
    world = World(weir, upstream, extra=keys)
    body = {**CHAT.body(model="x"), "reasoning_effort": "high"}
    r = http1.call(world.w.port, "POST", CHAT.path, body, CHAT.auth("k-secret"))
    assert world.served(r) == "default"


def test_log_and_fallback(weir, upstream):
    """A scenario's own list, on an error answer and on a provider that is not there."""
    extra = "    think: { use: think/up, fallback: [ other/up ] }\n"
    world = World(weir, upstream, slots=("default",), extra=extra)
    body = {**CHAT.body(), "reasoning_effort": "high"}
    world.ups["think"].default = refuses(500)
    r = http1.call(world.w.port, "POST", CHAT.path, {**body, "model": "x"})
    assert world.served(r) == "other" and r.get("x-weir-fallback") == "other/up"
    assert world.w.access(r.get("x-weir-request-id"))["routed_by"] == "scenario:think"
    world.ups["think"].stop()
    assert world.ask(CHAT, body) == "other"


# ---- claude-code-router's own files


def ccr_file(ups, port, router, **more):
    providers = [
        {
            "name": name,
            "api_base_url": f"{up.base}/v1/messages" if "/v1" not in up.base else up.base,
            "api_key": "k",
            "models": ["Up", f"claude-listed-{name}"],
            "transformer": {"use": ["Anthropic"]},
        }
        for name, up in ups.items()
    ]
    return json.dumps({"PORT": port, "Providers": providers, "Router": router, **more})


@pytest.fixture
def ccr(upstream, tmp_path):
    made = []

    def make(router, names=SLOTS + ("other",), dialect="anthropic", prepare=None, **more):
        ups = {n: upstream(dialect, default=says(Turn(text=n))) for n in names}
        port = gateway.free_port()
        folder = tmp_path / f"ccr{len(made)}"
        folder.mkdir()
        if prepare:
            prepare(folder)
        text = ccr_file(ups, port, router, **more)
        made.append(gateway.Gateway(folder, text, name="config.json", port=port))
        return made[-1], ups

    yield make
    for w in made:
        w.stop()


ROUTER = {name: f"{name},up" for name in SLOTS}


def ask_ccr(w, body, model, front=MESSAGES):
    r = http1.call(w.port, "POST", front.path, {**body, "model": model}, front.auth(None))
    assert r.status == 200, r.body
    return r.get("x-weir-provider")


def test_ccr_file_routes_as_there(ccr, anthropic_image):
    """The whole table; names without a provider are never looked at, as there."""
    w, ups = ccr({**ROUTER, "longContextThreshold": 60000})
    cases = requests_of(MESSAGES, anthropic_image)
    for name, body in cases.items():
        assert ask_ccr(w, body, "claude-sonnet-4-5") == name
    assert ask_ccr(w, cases["default"], "claude-3-5-haiku-20241022") == "background"
    assert ask_ccr(w, cases["default"], "claude-listed-other") == "default"
    assert ask_ccr(w, cases["think"], "OTHER,UP") == "other"  # any case: mended
    assert ups["other"].requests[-1].json["model"] == "Up"
    assert "not active" not in w.said()


def test_ccr_tag_without_a_router(ccr):
    w, ups = ccr({})
    assert ask_ccr(w, tagged("system", "other,Up"), "image,Up") == "image"
    assert ask_ccr(w, tagged("system", "other,Up"), "claude-listed-think") == "other"
    assert b"CCR-SUBAGENT" not in ups["image"].requests[0].body + ups["other"].requests[0].body


def test_ccr_fallback(ccr):
    """Its lists; also for a provider that cannot be reached, and behind an explicit model."""
    w, ups = ccr(
        {"default": "default,Up", "think": "think,Up"},
        fallback={"default": ["other,Up"], "think": ["image,Up"]},
    )
    ups["default"].default = refuses(500)
    ups["think"].stop()
    assert ask_ccr(w, MESSAGES.body(), "claude-sonnet-4-5") == "other"
    think = {**MESSAGES.body(), "thinking": {"type": "adaptive"}}
    assert ask_ccr(w, think, "claude-sonnet-4-5") == "image"
    assert ask_ccr(w, MESSAGES.body(), "think,Up") == "other"


# ---- what real agents send

CLIENTS = {
    "claude-code/01-hi-default-opus-adaptive-thinking.json": "think",
    "claude-code/02-tool-turn1-sonnet-4-5-budget-thinking.json": "think",
    "claude-code/03-tool-turn2-tool_result.json": "think",
    "claude-code/04-haiku-api-key.json": "background",
    "claude-code/05-custom-model-name.json": "think",
    "claude-code/06-experimental-betas-off-no-tools.json": "think",
    "codex/01-hi-responses.json": "default",
    "codex/03-tool-turn2-function_call_output.json": "webSearch",
    "gemini-cli/01-router-generateContent-json-schema.json": "background",
    "gemini-cli/02-hi-stream-gemini-3-pro.json": "think",
    "gemini-cli/03-tool-turn1-gemini-2-5-flash.json": "think",
    "gemini-cli/04-tool-turn2-functionResponse.json": "think",
    "opencode/01-title-request.json": "default",
    "opencode/02-hi-chat-completions.json": "default",
}


@pytest.mark.skipif(not SHARED, reason="no recorded traffic beside the checkout")
def test_captured_requests(weir, upstream):
    world = World(weir, upstream)
    for name, expected in CLIENTS.items():
        got = json.loads((SHARED / "fixtures/clients" / name).read_text())
        drop = ("host", "content-length", "accept-encoding", "connection")
        headers = [(k, v) for k, v in got["headers_in_order"] if k.lower() not in drop]
        r = http1.call(world.w.port, got["method"], got["path"], got["body"], headers)
        assert world.served(r) == expected, name
        assert world.said == f"scenario:{expected}"


# ---- projects and sessions


def in_session(session):
    return {**MESSAGES.body(), "metadata": {"user_id": f"user_1_account__session_{session}"}}


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))


def test_ccr_projects_and_sessions(ccr):
    """§1.5: a project's Router stands in the place of the whole one, a session's before it. New
    sessions are found, changed files are read, a broken one is left out and said."""

    def prepare(folder):
        routing = folder / ".claude-code-router/-home-me-proj"
        write(routing / "config.json", {"Router": {"default": "other,Up", "background": "image,Up"}})
        write(routing / "s2.json", {"Router": {"default": "think,Up"}})
        write(routing / "note.json", {"no": "router"})
        write(folder / ".claude-code-router/broken/config.json", '{"Router": {"default": "nobody,x"}}')
        write(folder / ".claude/projects/-home-me-proj/s1.jsonl", "{}")
        write(folder / ".claude/projects/-home-me-proj/s2.jsonl", "{}")
        write(folder / ".claude/projects/-home-me-else/s3.jsonl", "{}")

    w, ups = ccr({"default": "default,Up", "background": "background,Up"}, prepare=prepare)
    assert "broken/config.json" in w.said() and "left out" in w.said()

    def ask(session, model="claude-sonnet-4-5"):
        return ask_ccr(w, in_session(session), model)

    gateway.until(lambda: ask("s1") == "other", 10, "the first look at the sessions")
    assert ask("s1", "claude-haiku-4-5") == "image"
    assert ask("s2") == "think"
    assert ask("s2", "claude-haiku-4-5") == "think"  # its Router has no other
    assert ask("s3") == "default" and ask("s3", "claude-haiku-4-5") == "background"
    assert ask("s1", "longContext,Up") == "longContext"
    write(w.folder / ".claude/projects/-home-me-proj/s4.jsonl", "{}")
    gateway.until(lambda: ask("s4") == "other", 10, "a new session is found")
    routing = w.folder / ".claude-code-router/-home-me-proj"
    write(routing / "config.json", {"Router": {"default": "webSearch,Up"}})
    gateway.until(lambda: ask("s1") == "webSearch", 10, "the changed file is read")
    (routing / "s2.json").unlink()
    gateway.until(lambda: ask("s2") == "webSearch", 10, "the session's own file is gone")
    write(w.folder / ".claude-code-router/-home-me-else/config.json", {"Router": {"default": "think,Up"}})
    gateway.until(lambda: ask("s3") == "think", 10, "a new project is found")
