# SPDX-License-Identifier: Apache-2.0
"""The official Python SDKs (openai, anthropic, google-genai) as clients, each on providers of other
languages: the same text, thoughts, calls, finish and counts that the provider told, whole and streamed,
and the right class of each error. They bring parsers, validation and retries of their own, which are
not those of the JavaScript SDKs.

`script/test clients` runs this file; it is no test_*.py, for once is enough. The packages come from
script/py-test-deps ($WEIR_PYTHON_SDKS, or asked for here).
"""

import json
import os
import subprocess
import sys

import pytest

import gateway
from recorded import arguments
from turns import Tool, Turn, stream
from upstream import RST, events, refuses, says

ARGS = {"a": 1, "b": 'é中\n"q"\\'}
TURN = Turn(
    text="Let me add both.",
    thinking="Two sums are asked for.",
    input=40,
    cached=8,
    output=33,
    tools=(Tool("call_01AAAA", "add", ARGS), Tool("call_01BBBB", "now")),
)
CALLS = [("call_01AAAA", "add", ARGS), ("call_01BBBB", "now", {})]
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}
KEYS = "keys: [ { name: dev, key: client-key } ]\n"


def packages():
    if where := os.environ.get("WEIR_PYTHON_SDKS"):
        return where
    script = gateway.ROOT / "script/py-test-deps"
    done = subprocess.run([script], stdout=subprocess.PIPE, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


SITE = packages()
if SITE:
    sys.path.insert(0, SITE)
pytestmark = pytest.mark.skipif(not SITE, reason="script/py-test-deps can't install the SDKs")


class Said:
    """What an SDK's caller sees of an answer."""

    def __init__(self, text="", thinking="", calls=(), finish=None, usage=None):
        self.text, self.thinking, self.calls = text, thinking, list(calls)
        self.finish, self.usage = finish, usage

    @property
    def all(self):
        return (self.text, self.thinking, self.calls, self.finish, self.usage)


# ---- openai, Chat and Responses


class Chat:
    name = "openai"
    backs = ("anthropic", "gemini", "cohere", "ollama")

    @staticmethod
    def client(w, key="client-key"):
        import openai

        base = f"http://127.0.0.1:{w.port}/v1"
        return openai.OpenAI(base_url=base, api_key=key, max_retries=0, timeout=10)

    @staticmethod
    def body(text="add", messages=(), tools=("add", "now"), model="m"):
        function = {"type": "function"}
        return {
            "model": model,
            "messages": [{"role": "user", "content": text}, *messages],
            "tools": [
                {**function, "function": {"name": n, "description": n, "parameters": SCHEMA}}
                for n in tools
            ],
        }

    def whole(self, client, **body):
        got = client.chat.completions.create(**self.body(**body))
        return self.read(got.choices[0], got.usage)

    def stream(self, client, **body):
        import openai

        asked = {**self.body(**body), "stream_options": {"include_usage": True}}
        thinking = ""
        try:
            with client.chat.completions.stream(**asked) as chunks:
                for event in chunks:
                    if event.type == "chunk" and event.chunk.choices:
                        extra = event.chunk.choices[0].delta.model_extra or {}
                        thinking += extra.get("reasoning_content") or extra.get("reasoning") or ""
                got = chunks.get_final_completion()
        except openai.LengthFinishReasonError as cut:  # this helper's way to tell it
            got = cut.completion
        said = self.read(got.choices[0], got.usage)
        said.thinking = thinking
        return said

    @staticmethod
    def read(choice, usage):
        message = choice.message
        calls = [
            (c.id, c.function.name, arguments(c.function.arguments))
            for c in message.tool_calls or ()
        ]
        extra = message.model_extra or {}
        thinking = extra.get("reasoning_content") or extra.get("reasoning") or ""
        counts = usage and (usage.prompt_tokens, usage.completion_tokens)
        text = (message.content or "") + (message.refusal or "")
        return Said(text, thinking, calls, choice.finish_reason, counts)

    @staticmethod
    def results(values):
        called = [
            {"id": i, "type": "function", "function": {"name": n, "arguments": json.dumps(a)}}
            for i, n, a in CALLS
        ]
        yield {"role": "assistant", "content": TURN.text, "tool_calls": called}
        for (call, _, _), value in zip(CALLS, values):
            yield {"role": "tool", "tool_call_id": call, "content": value}

    @staticmethod
    def error(status):
        import openai

        return {
            400: openai.BadRequestError,
            401: openai.AuthenticationError,
            404: openai.NotFoundError,
            429: openai.RateLimitError,
            502: openai.InternalServerError,
        }[status]

    @staticmethod
    def status(e):
        return e.status_code

    def broken(self):
        import openai

        return openai.APIError


class Responses(Chat):
    name = "openai.responses"
    backs = ("anthropic", "gemini", "openai")

    @staticmethod
    def body(text="add", messages=(), tools=("add", "now"), model="m"):
        return {
            "model": model,
            "input": [{"role": "user", "content": text}, *messages],
            "store": False,
            "reasoning": {"effort": "medium", "summary": "auto"},
            "tools": [
                {"type": "function", "name": n, "parameters": SCHEMA, "strict": False}
                for n in tools
            ],
        }

    def whole(self, client, **body):
        return self.read_all(client.responses.create(**self.body(**body)))

    def stream(self, client, **body):
        text, last = "", None
        with client.responses.stream(**self.body(**body)) as listing:
            for last in listing:
                if last.type in ("response.output_text.delta", "response.refusal.delta"):
                    text += last.delta
        # Of a response that failed the SDK raises nothing: it is an event like others.
        if last.type == "response.failed":
            raise self.broken()(last.response.error.message, request=None, body=None)
        assert last.type in ("response.completed", "response.incomplete")
        got = self.read_all(last.response)
        assert got.text == text
        return got

    @staticmethod
    def read_all(got):
        calls = [
            (i.call_id, i.name, arguments(i.arguments))
            for i in got.output
            if i.type == "function_call"
        ]
        thinking = "".join(p.text for i in got.output if i.type == "reasoning" for p in i.summary)
        text = "".join(
            getattr(p, "text", None) or getattr(p, "refusal", "")
            for i in got.output
            if i.type == "message"
            for p in i.content
        )
        finish = "tool_calls" if calls else "stop"
        if got.incomplete_details:
            finish = {"max_output_tokens": "length"}.get(got.incomplete_details.reason, "content_filter")
        counts = got.usage and (got.usage.input_tokens, got.usage.output_tokens)
        return Said(text, thinking, calls, finish, counts)

    @staticmethod
    def results(values):
        for call, name, args in CALLS:
            item = {"type": "function_call", "call_id": call, "name": name}
            yield {**item, "arguments": json.dumps(args)}
        for (call, _, _), value in zip(CALLS, values):
            yield {"type": "function_call_output", "call_id": call, "output": value}


# ---- anthropic


class Messages:
    name = "anthropic"
    backs = ("openai", "gemini", "openai-responses", "cohere")

    @staticmethod
    def client(w, key="client-key"):
        import anthropic

        base = f"http://127.0.0.1:{w.port}"
        return anthropic.Anthropic(base_url=base, api_key=key, max_retries=0, timeout=10)

    @staticmethod
    def body(text="add", messages=(), tools=("add", "now"), model="m"):
        return {
            "model": model,
            "max_tokens": 2000,
            "messages": [{"role": "user", "content": text}, *messages],
            "tools": [{"name": n, "description": n, "input_schema": SCHEMA} for n in tools],
        }

    def whole(self, client, **body):
        return self.read(client.messages.create(**self.body(**body)))

    def stream(self, client, **body):
        with client.messages.stream(**self.body(**body)) as events:
            text = "".join(events.text_stream)
            got = self.read(events.get_final_message())
        assert got.text == text
        return got

    @staticmethod
    def read(got):
        text = "".join(b.text for b in got.content if b.type == "text")
        thinking = "".join(b.thinking for b in got.content if b.type == "thinking")
        calls = [(b.id, b.name, b.input) for b in got.content if b.type == "tool_use"]
        finish = {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length"}
        usage = got.usage
        prompt = usage.input_tokens + (usage.cache_read_input_tokens or 0)
        prompt += usage.cache_creation_input_tokens or 0
        finish = finish.get(got.stop_reason, got.stop_reason)
        return Said(text, thinking, calls, finish, (prompt, usage.output_tokens))

    @staticmethod
    def results(values):
        used = [{"type": "tool_use", "id": i, "name": n, "input": a} for i, n, a in CALLS]
        yield {"role": "assistant", "content": [{"type": "text", "text": TURN.text}, *used]}
        told = [
            {"type": "tool_result", "tool_use_id": call, "content": value}
            for (call, _, _), value in zip(CALLS, values)
        ]
        yield {"role": "user", "content": told}

    @staticmethod
    def error(status):
        import anthropic

        return {
            400: anthropic.BadRequestError,
            401: anthropic.AuthenticationError,
            404: anthropic.NotFoundError,
            429: anthropic.RateLimitError,
            502: anthropic.InternalServerError,
        }[status]

    @staticmethod
    def status(e):
        return e.status_code

    def broken(self):
        import anthropic

        return anthropic.APIError


# ---- google-genai


class Gemini:
    name = "google-genai"
    backs = ("openai", "anthropic", "openai-responses")

    @staticmethod
    def client(w, key="client-key"):
        from google import genai

        base = f"http://127.0.0.1:{w.port}"
        options = genai.types.HttpOptions(base_url=base, timeout=10_000)
        return genai.Client(api_key=key, http_options=options)

    @staticmethod
    def body(text="add", messages=(), tools=("add", "now"), model="m"):
        declared = [
            {"name": n, "description": n, "parameters_json_schema": SCHEMA} for n in tools
        ]
        return {
            "model": model,
            "contents": [{"role": "user", "parts": [{"text": text}]}, *messages],
            "config": {
                "tools": [{"function_declarations": declared}],
                "thinking_config": {"include_thoughts": True},
                "automatic_function_calling": {"disable": True},
            },
        }

    def whole(self, client, **body):
        return self.read([client.models.generate_content(**self.body(**body))])

    def stream(self, client, **body):
        return self.read(client.models.generate_content_stream(**self.body(**body)))

    @staticmethod
    def read(chunks):
        said = Said()
        for chunk in chunks:
            if usage := chunk.usage_metadata:
                output = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
                prompt = usage.prompt_token_count or 0
                said.usage = (prompt + (usage.tool_use_prompt_token_count or 0), output)
            candidate = chunk.candidates[0] if chunk.candidates else None
            for part in candidate and candidate.content and candidate.content.parts or ():
                if part.function_call:
                    call = part.function_call
                    said.calls.append((call.id, call.name, call.args))
                elif part.thought:
                    said.thinking += part.text
                else:
                    said.text += part.text or ""
            if chunk.prompt_feedback and chunk.prompt_feedback.block_reason:
                said.finish = chunk.prompt_feedback.block_reason.value
            if candidate and candidate.finish_reason:
                word = candidate.finish_reason.value
                said.finish = {"STOP": "stop", "MAX_TOKENS": "length"}.get(word, word)
        if said.finish == "stop" and said.calls:
            said.finish = "tool_calls"  # Gemini has one word for both
        return said

    @staticmethod
    def results(values):
        used = [{"function_call": {"id": i, "name": n, "args": a}} for i, n, a in CALLS]
        yield {"role": "model", "parts": [{"text": TURN.text}, *used]}
        told = [
            {"function_response": {"id": i, "name": n, "response": {"result": value}}}
            for (i, n, _), value in zip(CALLS, values)
        ]
        yield {"role": "user", "parts": told}

    @staticmethod
    def error(status):
        from google.genai import errors

        return errors.ClientError if status < 500 else errors.ServerError

    @staticmethod
    def status(e):
        return e.code

    def broken(self):
        from google.genai import errors

        return errors.APIError


SDKS = (Chat(), Responses(), Messages(), Gemini())
PAIRS = [(sdk, back) for sdk in SDKS for back in sdk.backs]
NAMES = [f"{sdk.name}-{back}" for sdk, back in PAIRS]


def served(weir, up):
    return weir(gateway.config(up, extra=KEYS))


# ---- answers


@pytest.mark.parametrize("sdk, back", PAIRS, ids=NAMES)
def test_tools_and_their_results(weir, upstream, sdk, back):
    up = upstream(back)
    up.default = says(TURN)
    client = sdk.client(served(weir, up))
    for how in (sdk.whole, sdk.stream):
        want = (TURN.text, TURN.thinking, CALLS, "tool_calls", (48, 33))
        assert how(client).all == want, how.__name__
    up.default = says(Turn(text="Both are done.", input=11, output=7))
    told = list(sdk.results(["three", 'noon "é"']))
    for how in (sdk.whole, sdk.stream):
        want = ("Both are done.", "", [], "stop", (11, 7))
        assert how(client, messages=told).all == want, how.__name__
    sent = json.dumps(up.requests[-1].json, ensure_ascii=False)
    assert "three" in sent and "noon" in sent and "add" in sent


@pytest.mark.parametrize("sdk, back", PAIRS, ids=NAMES)
def test_text_and_the_limit(weir, upstream, sdk, back):
    up = upstream(back, default=says(Turn(text="Grüße 😀", stop="length", pieces=1)))
    client = sdk.client(served(weir, up))
    for how in (sdk.whole, sdk.stream):
        said = how(client, text="hi")
        assert (said.text, said.finish) == ("Grüße 😀", "length"), how.__name__


# ---- errors

# What the provider says, and the status that the SDK sees (Google's API has no 502).
STATUSES = ((400, 400), (404, 404), (429, 429), (401, 502), (500, 502))


@pytest.mark.parametrize("sdk", SDKS, ids=lambda sdk: sdk.name)
@pytest.mark.parametrize("status, seen", STATUSES, ids=lambda n: str(n))
def test_errors_have_their_classes(weir, upstream, sdk, status, seen):
    up = upstream("openai-responses" if sdk.name == "openai" else "openai")
    up.default = refuses(status, f"it said {status}")
    client = sdk.client(served(weir, up))
    for how in (sdk.whole, sdk.stream):
        with pytest.raises(sdk.error(seen)) as caught:
            how(client)
        assert sdk.status(caught.value) in (seen, seen + (seen == 502)), how.__name__


@pytest.mark.parametrize("sdk", SDKS, ids=lambda sdk: sdk.name)
def test_a_wrong_key(weir, upstream, sdk):
    up = upstream("openai")
    client = sdk.client(served(weir, up), key="wrong")
    for how in (sdk.whole, sdk.stream):
        with pytest.raises(sdk.error(401)) as caught:
            how(client)
        assert sdk.status(caught.value) in (400, 401, 403)  # Google says 400 to a wrong key
    assert not up.requests


@pytest.mark.parametrize("sdk", SDKS, ids=lambda sdk: sdk.name)
def test_a_stream_that_breaks(weir, upstream, sdk):
    up = upstream("anthropic")
    up.default = events(stream("anthropic", Turn(text="one two three four"))[:5], RST)
    client = sdk.client(served(weir, up))
    with pytest.raises(sdk.broken()):
        sdk.stream(client)
