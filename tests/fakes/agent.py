# SPDX-License-Identifier: Apache-2.0
"""agent - the model behind a coding agent: plays a list of turns, one step further with every tool
result that comes back, whichever dialect the agent's requests arrive in.

A request belongs to the task when it offers the tools that the play uses; the others an agent makes
(a title, a summary, a probe) get a short text. How far the play is follows from the request alone:
the number of tool rounds in its messages. So a repeated request gets the same answer, and a request
that lost its history is seen at once.
"""

import turns
import upstream


def tool_names(body):
    return [t.get("name") or (t.get("function") or {}).get("name") for t in body.get("tools") or ()]


def text_of(content):
    """The text of a message's content, which may be a string or a list of parts."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content or () if isinstance(part, dict))


def rounds(body):
    """The tool rounds of a request: for each, a dict of call id -> text of the result."""
    found, pending = [], {}
    for message in body["messages"]:
        results = {}
        if message["role"] == "tool":  # Chat: one message a result, after the assistant's calls
            pending[message["tool_call_id"]] = text_of(message["content"])
            continue
        if pending:
            found.append(pending)
            pending = {}
        if message["role"] == "user" and isinstance(message["content"], list):
            results = {
                b["tool_use_id"]: text_of(b.get("content"))
                for b in message["content"]
                if b.get("type") == "tool_result"
            }
        if results:
            found.append(results)
    return found + ([pending] if pending else [])


class Play:
    """`steps`: Turns with tool calls, then a last one without; a step may also be a function of the
    rounds so far that returns the Turn. An answer for an Upstream."""

    def __init__(self, *steps, needs=()):
        self.steps = steps
        self.needs = set(needs)
        self.seen = []  # (rounds, body) of every request that belongs to the task

    def __call__(self, x):
        body = x.request.json if x.request.body else {}
        if "messages" not in body:
            return upstream.refuses(404, "there is nothing here")(x)
        if not self.needs <= set(tool_names(body)):
            return upstream.says(turns.Turn(text="A title"))(x)
        done = rounds(body)
        self.seen.append((done, body))
        if len(done) >= len(self.steps):
            return upstream.refuses(
                400, f"{len(done)} tool rounds, and the play has {len(self.steps)} steps"
            )(x)
        step = self.steps[len(done)]
        return upstream.says(step(done) if callable(step) else step)(x)

    @property
    def results(self):
        """All tool results of the longest request, by call id."""
        longest = max((done for done, _ in self.seen), key=len, default=[])
        return {call: text for one in longest for call, text in one.items()}
