# SPDX-License-Identifier: Apache-2.0
"""fronts - the client languages: how to ask in each, and how to read what comes back.

They share one interface. `FRONTS` are the two that a test about behaviour runs in; `ALL_FRONTS` adds
Responses, Gemini and Converse, for what depends on how requests are read and answers are written. `read`
turns a response into an Answer; `assert_error` holds one against the table of errors. The readers of
streams are strict: an event out of order, or one behind the end, is a fault of the test.
"""

import json
from dataclasses import dataclass, field

import aws
import http1


@dataclass
class Answer:
    text: str = ""
    thinking: str = ""
    tools: list = field(default_factory=list)  # (id, name, arguments as a value)
    finish: str = ""  # in Chat's words
    usage: dict = field(default_factory=dict)
    error: dict = None  # of an error inside the stream
    ended: bool = False  # with the dialect's own proper end
    events: list = field(default_factory=list)


class Front:
    stream_kind = "text/event-stream"

    def path_of(self, model, stream=False):
        """Where a request for the model goes; some languages name it, and the form, in the path."""
        return self.path

    def auth(self, key):
        return [] if key is None else [self.key_header(key)]

    def call(self, port, body, key=None, headers=(), **options):
        return http1.call(port, "POST", self.path, body, self.auth(key) + list(headers), **options)

    def ask(
        self, port, text="hi", model="m", stream=False, key=None, headers=(), tls=None, **fields
    ):
        """Ask one question; the response as it came (see read)."""
        body = self.body(text, model, stream, **fields)
        path = self.path_of(model, stream)
        return http1.call(port, "POST", path, body, self.auth(key) + list(headers), tls=tls)

    def read(self, response):
        kind = response.get("content-type") or ""
        if kind.startswith(self.stream_kind):
            return self.read_stream(response.body)
        return self.read_whole(response.json)


class Chat(Front):
    name, path, dialect = "chat", "/v1/chat/completions", "openai"

    def key_header(self, key):
        return ("Authorization", f"Bearer {key}")

    def body(self, text="hi", model="m", stream=False, tools=(), messages=None, **fields):
        body = {"model": model, "messages": messages or [{"role": "user", "content": text}]}
        if stream:
            body.update(stream=True, stream_options={"include_usage": True})
        if tools:
            body["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": n,
                        "description": f"The tool {n}.",
                        "parameters": {"type": "object", "properties": {}},
                    },
                }
                for n in tools
            ]
        return {**body, **fields}

    def read_whole(self, got):
        message = got["choices"][0]["message"]
        tools = [
            (t["id"], t["function"]["name"], json.loads(t["function"]["arguments"]))
            for t in message.get("tool_calls") or ()
        ]
        u = got.get("usage")
        return Answer(
            (message.get("content") or "") + (message.get("refusal") or ""),
            message.get("reasoning_content") or message.get("reasoning") or "",
            tools,
            got["choices"][0]["finish_reason"],
            {"input": u["prompt_tokens"], "output": u["completion_tokens"]} if u else {},
            ended=True,
        )

    def read_stream(self, data):
        a, calls = Answer(events=http1.events(data)), {}
        for name, text in a.events:
            assert not a.ended, f"an event after [DONE]: {text!r}"
            if text == "[DONE]":
                a.ended = True
                continue
            chunk = json.loads(text)
            if chunk.get("error"):
                a.error = chunk["error"]
                continue
            if chunk.get("usage"):
                u = chunk["usage"]
                a.usage = {"input": u["prompt_tokens"], "output": u["completion_tokens"]}
            for choice in chunk["choices"]:
                delta = choice["delta"]
                a.text += (delta.get("content") or "") + (delta.get("refusal") or "")
                a.thinking += delta.get("reasoning_content") or delta.get("reasoning") or ""
                for part in delta.get("tool_calls") or ():
                    call = calls.setdefault(part["index"], ["", "", ""])
                    call[0] += part.get("id") or ""
                    call[1] += (part.get("function") or {}).get("name") or ""
                    call[2] += (part.get("function") or {}).get("arguments") or ""
                a.finish = choice.get("finish_reason") or a.finish
        a.tools = [(i, n, json.loads(t) if a.ended else t) for i, n, t in calls.values()]
        return a


class Messages(Front):
    name, path, dialect = "messages", "/v1/messages", "anthropic"
    finishes = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls"}

    def key_header(self, key):
        return ("x-api-key", key)

    def auth(self, key):
        return [("anthropic-version", "2023-06-01")] + super().auth(key)

    def body(self, text="hi", model="m", stream=False, tools=(), messages=None, **fields):
        body = {
            "model": model,
            "max_tokens": 100,
            "messages": messages or [{"role": "user", "content": text}],
        }
        if stream:
            body["stream"] = True
        if tools:
            body["tools"] = [
                {
                    "name": n,
                    "description": f"The tool {n}.",
                    "input_schema": {"type": "object", "properties": {}},
                }
                for n in tools
            ]
        return {**body, **fields}

    def read_whole(self, got):
        a = Answer(finish=self.finishes.get(got["stop_reason"], got["stop_reason"]), ended=True)
        for block in got["content"]:
            a.text += block.get("text") or ""
            a.thinking += block.get("thinking") or ""
            if block["type"] == "tool_use":
                a.tools.append((block["id"], block["name"], block["input"]))
        a.usage = self.usage(got["usage"])
        return a

    @staticmethod
    def usage(u):
        cached = (u.get("cache_read_input_tokens") or 0) + (
            u.get("cache_creation_input_tokens") or 0
        )
        return {"input": u.get("input_tokens", 0) + cached, "output": u["output_tokens"]}

    def read_stream(self, data):
        a, arguments, opened = Answer(events=http1.events(data)), {}, []
        for name, text in a.events:
            assert not a.ended, f"an event after message_stop: {text!r}"
            e = json.loads(text)
            assert name == e["type"], f"event {name!r} carries {e['type']!r}"
            if name == "error":
                a.error = e["error"]
            elif name == "message_start":
                assert not opened and not a.usage, "a second message_start"
                a.usage = self.usage(e["message"]["usage"])
            elif name == "content_block_start":
                assert e["index"] == len(opened), f"block {e['index']} follows {opened}"
                opened.append(e["content_block"])
                a.text += e["content_block"].get("text") or ""
            elif name == "content_block_delta":
                delta = e["delta"]
                a.text += delta.get("text") or ""
                a.thinking += delta.get("thinking") or ""
                index = e["index"]
                arguments[index] = arguments.get(index, "") + (delta.get("partial_json") or "")
            elif name == "message_delta":
                a.finish = self.finishes.get(e["delta"]["stop_reason"], e["delta"]["stop_reason"])
                a.usage = {**a.usage, "output": e["usage"]["output_tokens"]}
                if "input_tokens" in e["usage"]:
                    a.usage = self.usage(e["usage"])
            elif name == "message_stop":
                a.ended = True
        a.tools = [
            (
                b["id"],
                b["name"],
                json.loads(arguments.get(i) or "{}") if a.ended else arguments.get(i),
            )
            for i, b in enumerate(opened)
            if b["type"] == "tool_use"
        ]
        return a


class Responses(Front):
    name, path, dialect = "responses", "/v1/responses", "openai-responses"

    key_header = Chat.key_header

    def body(self, text="hi", model="m", stream=False, tools=(), **fields):
        body = {"model": model, "store": False, "input": [{"role": "user", "content": text}]}
        if stream:
            body["stream"] = True
        if tools:
            body["tools"] = [
                {"type": "function", "name": n, "parameters": {"type": "object", "properties": {}}}
                for n in tools
            ]
        return {**body, **fields}

    def read_whole(self, got):
        a = Answer(ended=got["status"] in ("completed", "incomplete"), error=got.get("error"))
        for item in got["output"]:
            if item["type"] == "message":
                a.text += "".join(p.get("text") or p.get("refusal") or "" for p in item["content"])
            elif item["type"] == "reasoning":
                a.thinking += "".join(p["text"] for p in item["summary"])
            elif item["type"] == "function_call":
                a.tools.append((item["call_id"], item["name"], json.loads(item["arguments"])))
        a.finish = "tool_calls" if a.tools else "stop"
        if got.get("incomplete_details"):
            why = got["incomplete_details"]["reason"]
            a.finish = {"max_output_tokens": "length"}.get(why, why)
        if u := got.get("usage"):
            a.usage = {"input": u["input_tokens"], "output": u["output_tokens"]}
        return a

    def read_stream(self, data):
        """What the deltas add up to must be what the last event says in whole."""
        a = Answer(events=http1.events(data))
        for number, (name, text) in enumerate(a.events):
            assert not a.ended and not a.error, f"an event behind the end: {text!r}"
            e = json.loads(text)
            assert name == e["type"] and e["sequence_number"] == number, text
            if name == "response.output_text.delta":
                a.text += e["delta"]
            elif name == "response.reasoning_summary_text.delta":
                a.thinking += e["delta"]
            elif name == "response.function_call_arguments.done":
                a.tools.append(json.loads(e["arguments"]))
            elif name == "error":
                a.error = e
            elif name == "response.failed":
                a.error = e["response"]["error"]
            elif name in ("response.completed", "response.incomplete"):
                last = self.read_whole(e["response"])
                assert (last.text, last.thinking) == (a.text, a.thinking)
                assert [args for _, _, args in last.tools] == a.tools
                a = Answer(**{**vars(last), "events": a.events})
        return a


class Gemini(Front):
    name, dialect = "gemini", "gemini"
    finishes = {"STOP": "stop", "MAX_TOKENS": "length"}

    def path_of(self, model, stream=False):
        how = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"/v1beta/models/{model}:{how}"

    def key_header(self, key):
        return ("x-goog-api-key", key)

    def body(self, text="hi", model="m", stream=False, tools=(), **fields):
        """The model is named by the path alone."""
        body = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
        if tools:
            body["tools"] = [{"functionDeclarations": [{"name": n} for n in tools]}]
        return {**body, **fields}

    def take(self, a, got):
        """One answer, or one piece of it."""
        if got.get("error"):
            a.error = got["error"]
            return
        for candidate in got.get("candidates") or ():
            assert not a.ended, f"said behind the end: {got}"
            for part in candidate.get("content", {}).get("parts", ()):
                if "functionCall" in part:
                    call = part["functionCall"]
                    a.tools.append((call.get("id"), call["name"], call.get("args", {})))
                elif part.get("thought"):
                    a.thinking += part["text"]
                else:
                    a.text += part.get("text", "")
            if finish := candidate.get("finishReason"):
                a.finish, a.ended = self.finishes.get(finish, finish), True
                if a.finish == "stop" and a.tools:
                    a.finish = "tool_calls"  # one word for both
        if u := got.get("usageMetadata"):
            output = u.get("candidatesTokenCount", 0) + u.get("thoughtsTokenCount", 0)
            a.usage = {"input": u["promptTokenCount"], "output": output}

    def read_whole(self, got):
        a = Answer()
        self.take(a, got)
        return a

    def read_stream(self, data):
        """Google's lines end in CR LF; what passes through ends as it came."""
        a = Answer(events=http1.events(data.replace(b"\r\n", b"\n")))
        for name, text in a.events:
            assert name is None and not a.error, text
            self.take(a, json.loads(text))
        return a


class Converse(Front):
    name, dialect = "converse", "bedrock"
    stream_kind = aws.STREAM
    finishes = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls"}

    def path_of(self, model, stream=False):
        return f"/model/{model}/converse{'-stream' if stream else ''}"

    key_header = Chat.key_header

    def body(self, text="hi", model="m", stream=False, tools=(), **fields):
        """The model is named by the path alone."""
        body = {"messages": [{"role": "user", "content": [{"text": text}]}]}
        if tools:
            schema = {"json": {"type": "object", "properties": {}}}
            tools = [{"toolSpec": {"name": n, "inputSchema": schema}} for n in tools]
            body["toolConfig"] = {"tools": tools}
        return {**body, **fields}

    @staticmethod
    def usage(u):
        cached = (u.get("cacheReadInputTokens") or 0) + (u.get("cacheWriteInputTokens") or 0)
        return {"input": u["inputTokens"] + cached, "output": u["outputTokens"]}

    def read_whole(self, got):
        finish = got["stopReason"]
        a = Answer(finish=self.finishes.get(finish, finish), ended=True)
        for block in got["output"]["message"]["content"]:
            a.text += block.get("text") or ""
            if use := block.get("toolUse"):
                a.tools.append((use["toolUseId"], use["name"], use["input"]))
            if thought := block.get("reasoningContent"):
                a.thinking += (thought.get("reasoningText") or {}).get("text") or ""
        a.usage = self.usage(got["usage"])
        return a

    def read_stream(self, data):
        a, calls, at = Answer(events=list(aws.messages(data))), {}, -1
        for kind, e in a.events:
            assert not a.error and not a.ended, f"an event behind the end: {kind}"
            if kind == "contentBlockStart":
                assert e["contentBlockIndex"] == at + 1, e
                at += 1
                if use := e["start"].get("toolUse"):
                    calls[at] = [use["toolUseId"], use["name"], ""]
            elif kind == "contentBlockDelta":
                delta = e["delta"]
                assert e["contentBlockIndex"] in (at, at + 1), e
                at = e["contentBlockIndex"]  # blocks of text begin with their first delta
                a.text += delta.get("text") or ""
                a.thinking += (delta.get("reasoningContent") or {}).get("text") or ""
                if "toolUse" in delta:
                    calls[at][2] += delta["toolUse"]["input"]
            elif kind == "messageStop":
                a.finish = self.finishes.get(e["stopReason"], e["stopReason"])
            elif kind == "metadata":
                a.usage = self.usage(e["usage"])
                a.ended = bool(a.finish)
            elif kind.endswith("Exception"):
                a.error = {"type": kind, **e}
        a.tools = [(i, n, json.loads(t or "{}") if a.ended else t) for i, n, t in calls.values()]
        return a


CHAT, MESSAGES, RESPONSES, GEMINI = Chat(), Messages(), Responses(), Gemini()
CONVERSE = Converse()
FRONTS = (CHAT, MESSAGES)
ALL_FRONTS = (CHAT, MESSAGES, RESPONSES, GEMINI, CONVERSE)
DIALECTS = ("openai", "anthropic")

# RELIABILITY §6: canonical -> (Chat: status, type, code or None for any), (Messages: status, type)
ERRORS = {
    "bad_request": ((400, "invalid_request_error", None), (400, "invalid_request_error")),
    "context_length": (
        (400, "invalid_request_error", "context_length_exceeded"),
        (400, "invalid_request_error"),
    ),
    "auth": ((401, "invalid_request_error", "invalid_api_key"), (401, "authentication_error")),
    "forbidden": ((403, "invalid_request_error", "permission_denied"), (403, "permission_error")),
    "not_found": ((404, "invalid_request_error", "model_not_found"), (404, "not_found_error")),
    "method": ((405, "invalid_request_error", None), (405, "invalid_request_error")),
    "request_timeout": (
        (408, "invalid_request_error", "request_timeout"),
        (408, "invalid_request_error"),
    ),
    "too_large": ((413, "invalid_request_error", "request_too_large"), (413, "request_too_large")),
    "media_type": (
        (415, "invalid_request_error", "unsupported_media_type"),
        (415, "invalid_request_error"),
    ),
    "rate_limited": ((429, "requests", "rate_limit_exceeded"), (429, "rate_limit_error")),
    "internal": ((500, "server_error", "internal_error"), (500, "api_error")),
    "upstream": ((502, "server_error", "upstream_error"), (502, "api_error")),
    "upstream_auth": ((502, "server_error", "upstream_auth_error"), (502, "api_error")),
    "unavailable": ((503, "service_unavailable_error", None), (503, "api_error")),
    "overloaded": (
        (503, "service_unavailable_error", "server_is_overloaded"),
        (529, "overloaded_error"),
    ),
    "timeout": ((504, "server_error", "timeout"), (504, "timeout_error")),
}
# Gemini's own, and Converse's, of those that tests ask of them: canonical -> status, word.
GEMINI_ERRORS = {
    "bad_request": (400, "INVALID_ARGUMENT"),
    "not_found": (404, "NOT_FOUND"),
    "rate_limited": (429, "RESOURCE_EXHAUSTED"),
    "upstream": (503, "UNAVAILABLE"),
    "overloaded": (503, "UNAVAILABLE"),
    "unavailable": (503, "UNAVAILABLE"),
    "timeout": (504, "DEADLINE_EXCEEDED"),
}
CONVERSE_ERRORS = {
    "bad_request": (400, "ValidationException"),
    "not_found": (404, "ResourceNotFoundException"),
    "rate_limited": (429, "ThrottlingException"),
    "upstream": (502, "ModelErrorException"),
    "unavailable": (503, "ServiceUnavailableException"),
    "timeout": (504, "ModelTimeoutException"),
}
CONVERSE_EXCEPTIONS = {  # inside a stream
    "rate_limited": "throttlingException",
    "upstream": "modelStreamErrorException",
    "overloaded": "serviceUnavailableException",
    "unavailable": "serviceUnavailableException",
    "timeout": "modelStreamErrorException",
}
# Where repeating the same request can't help, the SDKs must be told not to.
PERMANENT = {
    "bad_request",
    "context_length",
    "auth",
    "forbidden",
    "not_found",
    "method",
    "too_large",
    "media_type",
    "upstream_auth",
}


def assert_stream_error(front, answer, canonical):
    """An error inside a stream: in the dialect's form, of that kind, and no proper end after it."""
    assert answer.error, f"no error event in {answer.events[-4:]}"
    row = ERRORS[canonical]
    field, want = {
        CHAT: ("type", row[0][1]),
        MESSAGES: ("type", row[1][1]),
        RESPONSES: ("code", row[0][2]),
        GEMINI: ("status", GEMINI_ERRORS[canonical][1]),
        CONVERSE: ("type", CONVERSE_EXCEPTIONS[canonical]),
    }[front]
    assert answer.error[field] == want, answer.error
    assert answer.error["message"]
    assert not answer.ended, f"a proper end after an error: {answer.events[-3:]}"


def assert_error(front, response, *canonical):
    """The response is one of these errors, whole and in the front's own words."""
    got = response.json
    error = got if front is CONVERSE else got.get("error") or {}
    assert response.complete and error, response
    assert (response.get("content-type") or "").startswith("application/json"), response
    if front in (CHAT, RESPONSES):
        assert set(error) >= {"message", "type", "param", "code"}, got
        seen = (response.status, error["type"], error["code"])
        wanted = [ERRORS[c][0] for c in canonical]
        hit = [
            c for c, w in zip(canonical, wanted) if seen[:2] == w[:2] and w[2] in (None, seen[2])
        ]
        assert response.get("x-request-id"), response
    elif front in (GEMINI, CONVERSE):
        assert front is CONVERSE or error["code"] == response.status, got
        word = response.get("x-amzn-errortype") if front is CONVERSE else error["status"]
        table = CONVERSE_ERRORS if front is CONVERSE else GEMINI_ERRORS
        seen = (response.status, word)
        wanted = [table[c] for c in canonical]
        hit = [c for c, w in zip(canonical, wanted) if seen == w]
    else:
        assert got["type"] == "error" and got["request_id"], got
        seen = (response.status, error["type"])
        wanted = [ERRORS[c][1] for c in canonical]
        hit = [c for c, w in zip(canonical, wanted) if seen == w]
        assert response.get("request-id") == got["request_id"], response
    assert hit, f"{seen} is none of {wanted}: {got}"
    assert error["message"], got
    assert response.get("x-weir-request-id"), response
    if hit[0] in PERMANENT:
        assert response.get("x-should-retry") == "false", response
    return error


def assert_served(front, response, text, provider=None):
    """A whole answer with exactly this text, by this provider."""
    assert response.status == 200 and response.complete, response
    answer = front.read(response)
    assert answer.ended and answer.text == text, answer
    if provider:
        assert response.get("x-weir-provider") == provider, response
    return answer
