#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""serve - the fake upstreams for tests that are not written in Python.

Reads one JSON command a line on standard input and answers each with one JSON line; ends with its
input. Answers of a script are given as data:

    {"says": {"text": "hi", "tools": [["call_1", "add", {"a": 1}]]}, "gap": 0.01}
    {"refuses": 429, "message": "slow down", "headers": [["retry-after", "1"]]}
    {"raw": ["HTTP/1.1 200 OK\\r\\n", 0.2, "rst"]}
    {"cut": {turn}, "after": 3, "end": "rst"}           that many events of the stream, then the end
    {"stalls": 30}
    {"counts": "text"}                                  what is missing of a text, little by little
    {"serves": {}}                                      all endpoints that are no chat: operations.py
    {"recorded": "gemini/CASE", "pieces": true}         what a provider really gave: recorded.py

Commands: listen {dialect} · script {up, answers, default} · seen {up} ·
wait {up, hits, seconds} ·
wait_closed {up, seconds} (answers how many milliseconds ago weir let go) · forget {up} ·
die {up} · live {up} ·
recordings {most} (what there is for "recorded", and what each means).
"""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import operations  # noqa: E402
import recorded  # noqa: E402
import turns  # noqa: E402
import upstream  # noqa: E402


def turn_of(spec):
    fields = dict(spec)
    fields["tools"] = tuple(turns.Tool(*tool) for tool in fields.get("tools", ()))
    return turns.Turn(**fields)


def cut(spec):
    def answer(x):
        listing = turns.stream(x.dialect, turn_of(spec["cut"]))[: spec["after"]]
        upstream.events(listing, spec.get("end", "close"), kind=turns.stream_type(x.dialect))(x)

    return answer


def answer_of(spec):
    headers = [tuple(h) for h in spec.get("headers", ())]
    if "says" in spec:
        return upstream.says(turn_of(spec["says"]), spec.get("gap", 0.0), headers=headers)
    if "refuses" in spec:
        return upstream.refuses(
            spec["refuses"],
            spec.get("message", "it failed"),
            spec.get("kind"),
            spec.get("code"),
            headers,
        )
    if "raw" in spec:
        ends = (upstream.CLOSE, upstream.RST, upstream.KEEP)
        steps = [
            s.encode("latin-1") if isinstance(s, str) and s not in ends else s for s in spec["raw"]
        ]
        return upstream.raw(*steps)
    if "cut" in spec:
        return cut(spec)
    if "counts" in spec:
        return upstream.counts(spec["counts"])
    if "serves" in spec:
        return operations.serves(**spec["serves"])
    if "recorded" in spec:
        return recorded.case(spec["recorded"]).answer(spec.get("pieces", False))
    return upstream.stalls(spec["stalls"])


def body_of(request):
    """JSON, or nothing: forms are read by the fakes themselves."""
    try:
        return request.json
    except ValueError:
        return None


class Server:
    def __init__(self):
        self.ups = []

    def listen(self, dialect="openai"):
        self.ups.append(upstream.Upstream(dialect))
        return {"up": len(self.ups) - 1, "base": self.ups[-1].base}

    def script(self, up, answers=(), default=None):
        self.ups[up].script.extend(map(answer_of, answers))
        if default:
            self.ups[up].default = answer_of(default)
        return {}

    def seen(self, up):
        requests = [
            {
                "method": r.method,
                "target": r.target,
                "headers": r.headers,
                "connection": r.connection,
                "body": body_of(r),
            }
            for r in self.ups[up].requests
        ]
        return {"requests": requests}

    def forget(self, up):
        self.ups[up].requests.clear()
        self.ups[up].script.clear()
        return {}

    def die(self, up):
        self.ups[up].die()
        return {}

    def live(self, up):
        self.ups[up].live()
        return {}

    def recordings(self, most):
        return {"cases": [case.told for case in recorded.cases(most)]}

    def wait(self, up, hits, seconds=5.0):
        self.ups[up].wait_hits(hits, seconds)
        return {"hits": self.ups[up].hits}

    def wait_closed(self, up, seconds=5.0):
        closed = self.ups[up].wait_closed(self.ups[up].requests[-1].connection, seconds)
        return {"ms_ago": (time.monotonic() - closed) * 1000}


def main():
    server = Server()
    for line in sys.stdin:
        command = json.loads(line)
        number, verb = command.pop("id"), command.pop("op")
        try:
            reply = getattr(server, verb)(**command)
        except Exception as broken:  # the test on the other side is told, whatever it was
            reply = {"error": f"{type(broken).__name__}: {broken}"}
        print(json.dumps({"id": number, **reply}), flush=True)


if __name__ == "__main__":
    main()
