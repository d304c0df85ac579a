# SPDX-License-Identifier: Apache-2.0
"""recorded - answers that providers really gave, to be given once more: which there are, what each one
means, and the bytes as a fake provider sends them, whole or in pieces.

The collection lies beside the tree (`SHARED`: $WEIR_SHARED or ../shared; None where there is none).
A Reading is made from the bytes alone, by small readers that are not weir's: one a wire format, over
the list of JSON values of the answer, which for a body has one member. So one reader serves both
forms. What some client language has no words for (pictures in an answer, calls of a provider's own
tools) leaves its mark in `untold`; such an answer is nobody's measure.
"""

import functools
import json
import os
import random
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

import aws

ROOT = Path(__file__).resolve().parents[2]
SHARED = next(
    (
        p
        for p in map(Path, (os.environ.get("WEIR_SHARED") or ".", ROOT.parent / "shared"))
        if (p / "fixtures/wire").is_dir()
    ),
    None,
)


@dataclass
class Reading:
    text: str = ""
    thinking: str = ""
    tools: list = field(default_factory=list)  # [name, arguments], these parsed; None: cut off
    finish: str = ""  # stop, length, tool, filter, other
    input: int = None  # tokens, with those that a cache served
    output: int = None  # with those of thoughts
    beside: int = 0  # of the output, what the provider counts elsewhere: its own language says less
    blocks: int = 0  # texts that stood apart: what stands between them is the client's affair
    refused: bool = False  # by the model, in words; then "stop" and "filter" are both right
    untold: set = field(default_factory=set)

    def ends(self, word):
        """Take the provider's word for why it ended; a stop with calls is the end for their sake."""
        self.finish = FINISH.get(word, "other")
        if self.finish == "stop" and self.tools:
            self.finish = "tool"

    def counts(self, prompt, output):
        self.input, self.output = prompt, output


WORDS = {
    "stop": "stop end_turn STOP COMPLETE stop_sequence STOP_SEQUENCE completed eos",
    "length": "length max_tokens MAX_TOKENS max_output_tokens",
    "tool": "tool_calls tool_use TOOL_CALL",
    "filter": "content_filter refusal SAFETY guardrail_intervened",
}
FINISH = {word: kind for kind, words in WORDS.items() for word in words.split()}


def arguments(text):
    """Arguments as a value: some write text, some an object; a call without any may have no text."""
    if not isinstance(text, str):
        return text or {}
    try:
        return json.loads(text or "{}") or {}
    except ValueError:
        return None


# ---- a reader for each wire format


def chat_content(r, content):
    if isinstance(content, str):
        r.text += content
        return
    for part in content or ():  # Mistral's parts
        if part["type"] == "thinking":
            r.thinking += "".join(t.get("text") or "" for t in part["thinking"])
        else:
            r.text += part.get("text") or ""


def chat_counts(r, u):
    output = u["completion_tokens"]
    thought = (u.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    if thought and u.get("total_tokens") == u["prompt_tokens"] + output + thought:
        output += thought  # xAI counts thoughts beside the rest
        r.beside = thought
    r.counts(u["prompt_tokens"], output)


def chat(values):
    r, calls, finish = Reading(blocks=1), {}, None
    for value in values:
        if usage := value.get("usage") or (value.get("x_groq") or {}).get("usage"):
            chat_counts(r, usage)
        for choice in value.get("choices") or ():
            if choice.get("index"):
                continue
            # Perplexity has both in either form, the other one empty or all that was said so far
            said = choice.get("message" if len(values) == 1 else "delta") or {}
            chat_content(r, said.get("content"))
            r.text += said.get("refusal") or ""
            r.refused |= bool(said.get("refusal"))
            r.thinking += said.get("reasoning_content") or said.get("reasoning") or ""
            finish = choice.get("finish_reason") or finish
            r.untold |= {k for k in ("function_call", "audio", "images") if said.get(k)}
            for n, call in enumerate(said.get("tool_calls") or ()):
                function = call.get("function") or {}
                one = calls.setdefault(call.get("index", n), ["", ""])
                one[0] = one[0] or function.get("name") or ""
                args = function.get("arguments") or ""
                one[1] += args if isinstance(args, str) else json.dumps(args)
    r.tools = [[name, arguments(text)] for name, text in calls.values()]
    r.ends(finish)
    return r


def responses(values):
    whole, done = values[-1], {}
    for value in values:
        if value.get("type") == "response.output_item.done":
            done[value["output_index"]] = value["item"]
        whole = value.get("response") or whole
    r = Reading()
    for item in whole.get("output") or [done[k] for k in sorted(done)]:
        if item["type"] == "message":
            r.blocks += 1
            r.text += "".join(p.get("text") or p.get("refusal") or "" for p in item["content"])
            r.refused |= any(p["type"] == "refusal" for p in item["content"])
        elif item["type"] == "reasoning":
            said = item.get("summary") or item.get("content") or ()
            r.thinking += "".join(p.get("text") or "" for p in said)
        elif item["type"] == "function_call":
            r.tools.append([item["name"], arguments(item["arguments"])])
        else:
            r.untold.add(item["type"])
    why = (whole.get("incomplete_details") or {}).get("reason")
    r.ends(why if whole["status"] == "incomplete" else whole["status"])
    if u := whole.get("usage"):
        r.counts(u["input_tokens"], u["output_tokens"])
    return r


def anthropic(values):
    """Events are first put together to the message that they tell."""
    message, blocks = values[0], {}
    for e in values if message.get("type") != "message" else ():
        if e["type"] == "message_start":
            message = dict(e["message"])
        elif e["type"] == "content_block_start":
            blocks[e["index"]] = dict(e["content_block"], input_text="")
        elif e["type"] == "content_block_delta":
            block, delta = blocks[e["index"]], e["delta"]
            for key in ("text", "thinking"):
                if key in delta:
                    block[key] = block.get(key, "") + delta[key]
            block["input_text"] += delta.get("partial_json") or ""
        elif e["type"] == "message_delta":
            message["stop_reason"] = e["delta"]["stop_reason"]
            told = {k: v for k, v in (e.get("usage") or {}).items() if v is not None}
            message["usage"] = {**message["usage"], **told}
    r = Reading()
    for block in [blocks[k] for k in sorted(blocks)] or message["content"]:
        if block["type"] == "text":
            r.blocks += 1
            r.text += block["text"]
        elif block["type"] == "thinking":
            r.thinking += block["thinking"]
        elif block["type"] == "tool_use":
            r.tools.append([block["name"], arguments(block.get("input_text") or block["input"])])
        elif block["type"] != "redacted_thinking":
            r.untold.add(block["type"])
    r.ends(message["stop_reason"])
    u = message["usage"]
    cached = [u.get(f"cache_{k}_input_tokens") or 0 for k in ("read", "creation")]
    r.counts(u["input_tokens"] + sum(cached), u["output_tokens"])
    return r


def put_at(where, path, value):
    """Set what the path of a partial argument names ("$.a.b[0]"); text adds to text."""
    steps = [int(s) if s.isdigit() else s for s in re.findall(r"[^.$\[\]'\"]+", path)]
    for step, after in zip(steps, steps[1:] + [None]):
        fresh = value if after is None else [] if isinstance(after, int) else {}
        if isinstance(where, list) and step == len(where):
            where.append(fresh)
        elif isinstance(where, dict) and step not in where:
            where[step] = fresh
        elif after is None:
            where[step] = where[step] + value if isinstance(value, str) else value
        where = where[step]


def gemini_call(r, call):
    """A call, or a piece of one: arguments may come one by one, and texts among them in parts."""
    if call.get("name"):
        r.tools.append([call["name"], arguments(call.get("args"))])
    for part in call.get("partialArgs") or ():
        kind = next((k for k in part if k.endswith("Value")), None)
        if kind:
            value = None if kind == "nullValue" else part[kind]
            put_at(r.tools[-1][1], part["jsonPath"], value)


def gemini(values):
    r, finish = Reading(blocks=1), None
    for value in values:
        finish = (value.get("promptFeedback") or {}).get("blockReason") and "SAFETY" or finish
        if "promptTokenCount" in (u := value.get("usageMetadata") or {}):
            prompt = u["promptTokenCount"] + u.get("toolUsePromptTokenCount", 0)
            output = u.get("candidatesTokenCount", 0) + u.get("thoughtsTokenCount", 0)
            r.counts(prompt, output)
        for candidate in value.get("candidates") or ():
            if candidate.get("index"):
                continue
            finish = candidate.get("finishReason") or finish
            for part in (candidate.get("content") or {}).get("parts") or ():
                if "functionCall" in part:
                    gemini_call(r, part["functionCall"])
                elif part.get("thought"):
                    r.thinking += part.get("text") or ""
                elif "text" in part:
                    r.text += part["text"]
                else:
                    r.untold |= set(part) - {"thoughtSignature"}
    r.ends(finish)
    return r


def converse(values):
    """Of a stream, pairs of kind and value; of a body, the one value."""
    blocks, whole = {}, {}
    for kind, value in values:
        at = value.get("contentBlockIndex")
        if kind is None:
            whole = value
            blocks = dict(enumerate(value["output"]["message"]["content"]))
        elif kind == "contentBlockStart":
            start = value["start"].get("toolUse")
            blocks[at] = {"toolUse": {**start, "input": ""}} if start else {"started": value}
        elif kind == "contentBlockDelta":
            delta = value["delta"]
            block = blocks.setdefault(at, {})
            if "toolUse" in delta:
                block["toolUse"]["input"] += delta["toolUse"]["input"]
            elif "reasoningContent" in delta:
                thought = block.setdefault("reasoningContent", {"reasoningText": {"text": ""}})
                more = delta["reasoningContent"].get("text") or ""
                thought["reasoningText"]["text"] += more
            elif "text" in delta:
                block["text"] = block.get("text", "") + delta["text"]
        elif kind == "messageStop":
            whole["stopReason"] = value["stopReason"]
        elif kind == "metadata":
            whole["usage"] = value["usage"]
    r = Reading()
    for _, block in sorted(blocks.items()):
        if "text" in block:
            r.blocks += 1
            r.text += block["text"]
        elif "toolUse" in block and block["toolUse"].get("type", "tool_use") == "tool_use":
            r.tools.append([block["toolUse"]["name"], arguments(block["toolUse"]["input"])])
        elif "reasoningContent" in block:
            said = block["reasoningContent"].get("reasoningText") or {}
            r.thinking += said.get("text") or ""
        elif "citationsContent" in block:
            r.blocks += 1
            r.text += "".join(c["text"] for c in block["citationsContent"]["content"])
        elif block:
            r.untold |= set(block)
    r.ends(whole["stopReason"])
    u = whole["usage"]
    cached = [u.get(f"cache{k}InputTokens") or 0 for k in ("Read", "Write")]
    r.counts(u["inputTokens"] + sum(cached), u["outputTokens"])
    return r


def cohere_part(r, calls, index, message):
    content = message.get("content") or ()
    for part in [content] if isinstance(content, dict) else content:
        r.blocks += part.get("type") == "text"
        r.text += part.get("text") or ""
        r.thinking += part.get("thinking") or ""
    r.text += message.get("tool_plan") or ""  # stands where others have a text
    listed = message.get("tool_calls") or ()
    for n, call in enumerate([listed] if isinstance(listed, dict) else listed):
        one = calls.setdefault(n if index is None else index, ["", ""])
        one[0] += call["function"].get("name") or ""
        one[1] += call["function"].get("arguments") or ""


def cohere(values):
    r, calls, end = Reading(), {}, {}
    for value in values:
        delta = value.get("delta") or {}
        message = value.get("message") or delta.get("message") or {}
        cohere_part(r, calls, value.get("index"), message)
        end = next((v for v in (delta, value) if "finish_reason" in v), end)
    r.tools = [[name, arguments(text)] for name, text in calls.values()]
    r.ends(end["finish_reason"])
    if tokens := (end.get("usage") or {}).get("tokens"):
        r.counts(int(tokens["input_tokens"]), int(tokens["output_tokens"]))
    return r


def ollama(values):
    r, finish = Reading(blocks=1), None
    for value in values:
        message = value.get("message") or {}
        r.text += message.get("content") or ""
        r.thinking += message.get("thinking") or ""
        for call in message.get("tool_calls") or ():
            r.tools.append([call["function"]["name"], arguments(call["function"]["arguments"])])
        if value.get("done"):
            finish = value.get("done_reason")
            r.counts(value["prompt_eval_count"], value["eval_count"])
    r.ends(finish)
    return r


# ---- the collection

# folder -> its dialect in a config, and the reader of its answers
FOLDERS = {
    "openai-chat": ("openai", chat),
    "openai-compat": ("openai", chat),
    "deepseek": ("deepseek", chat),
    "groq": ("groq", chat),
    "openrouter": ("openrouter", chat),
    "xai": ("xai", chat),
    "perplexity": ("perplexity", chat),
    "mistral": ("mistral", chat),
    "openai-responses": ("openai-responses", responses),
    "anthropic": ("anthropic", anthropic),
    "gemini": ("gemini", gemini),
    "bedrock-converse": ("bedrock", converse),
    "azure-openai": ("azure", chat),
    "vertex": ("vertex", gemini),
    "cohere": ("cohere", cohere),
    "ollama": ("ollama", ollama),
}
# An answer in another language than its folder's is known by its body.
MARKS = (
    (b'"object":"response"', responses, {"azure": "azure-responses", "openai": "openai-responses"}),
    (b'"type":"message"', anthropic, {"vertex": "vertex-anthropic"}),
)
TYPES = {
    "json": "application/json",
    "sse": "text/event-stream; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "eventstream": aws.STREAM,
}
LEFT_OUT = {  # recorded as protocol buffers: enumerations are numbers, which no wire has
    "vertex/inline-media-gemini-2-5-pro",
    "vertex/text-gemini-2-5-pro",
}
# No answers to a question in one go.
OTHER_CALLS = re.compile(r"count_?tokens|/batches|:batch|/compact|/input_tokens|/api/generate|/v1/chat$", re.I)


def values_of(form, body):
    if form == "eventstream":
        return list(aws.messages(body))
    if form == "json":
        return [json.loads(body)]
    lines = body.decode().splitlines()
    if form == "sse":
        lines = [line[5:] for line in lines if line.startswith("data:")]
    return [json.loads(line) for line in lines if line.strip() and line.strip() != "[DONE]"]


class Case:
    """One recorded answer of status 200 that is whole."""

    def __init__(self, folder, form, meta):
        self.id = f"{folder.parent.name}/{folder.name}"
        self.form, self.streamed = form, form != "json"
        self.body = (folder / f"response.{form}").read_bytes()
        self.features = set(meta.get("features") or ()) | {form}
        if b"partialArgs" in self.body:
            self.features.add("calls in pieces")
        self.back, self.reader = FOLDERS[folder.parent.name]
        start = self.body[:4000].replace(b'": "', b'":"')
        for mark, reader, other in MARKS:
            if mark in start:
                self.back, self.reader = other.get(self.back, self.back), reader
                break
        values = values_of(form, self.body)
        if self.reader is converse and form == "json":
            values = [(None, values[0])]
        self.reading = self.reader(values)

    def answer(self, cut=False):
        """For a fake provider: the body, in pieces of 1 to 97 bytes if `cut`."""
        chance = random.Random(len(self.body))

        def write(x):
            x.head(200, (), "chunked", TYPES[self.form])
            at = 0
            while at < len(self.body):
                n = chance.randint(1, 97) if cut else len(self.body)
                x.data(self.body[at : at + n])
                at += n
            x.write(b"0\r\n\r\n")

        return write

    @property
    def told(self):
        """As data, for a test that is not in Python."""
        reading = {**asdict(self.reading), "untold": sorted(self.reading.untold)}
        return {"id": self.id, "back": self.back, "stream": self.streamed, "reading": reading}


def case_of(folder):
    """The Case of a folder, or None where it holds no whole answer of a chat."""
    meta = json.loads((folder / "meta.json").read_text())
    path = (meta.get("http") or {}).get("path") or ""
    form = next((f for f in TYPES if (folder / f"response.{f}").exists()), None)
    alien = form == "json" and "stream" in path.lower()  # Gemini's array, which weir never asks for
    if meta.get("status", 200) != 200 or not form or alien or OTHER_CALLS.search(path):
        return None
    if "stream-error" in meta.get("features", ()) or meta["case"] in LEFT_OUT:
        return None
    try:
        case = Case(folder, form, meta)
    except (LookupError, TypeError, AttributeError):
        return None  # of another kind: a batch's result, an older API
    return None if case.reading.untold or not case.reading.finish else case


@functools.cache
def case(name):
    """The Case of this id ("gemini/NAME")."""
    return case_of(SHARED / "fixtures/wire" / name)


def pick(cases, most):
    """At most so many of them, such that each shows something that those before it did not; when all
    was shown once, it is shown by others again."""
    left, seen, picked = sorted(cases, key=lambda c: c.id), set(), []
    while left and len(picked) < most:
        best = max(left, key=lambda c: len(c.features - seen))
        if best.features <= seen:
            best, seen = max(left, key=lambda c: len(c.features)), set()
        left.remove(best)
        seen |= best.features
        picked.append(best)
    return picked


def cases(most):
    """At most so many recordings for each dialect of a provider, the same in every run."""
    if not SHARED:
        return []
    found = {}
    for name in FOLDERS:
        for folder in sorted((SHARED / "fixtures/wire" / name).glob("*/")):
            if one := case_of(folder):
                found.setdefault(one.back, []).append(one)
    return [one for back in found for one in pick(found[back], most)]
