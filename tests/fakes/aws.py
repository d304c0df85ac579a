# SPDX-License-Identifier: Apache-2.0
"""aws - AWS's two own ways of the wire, written apart from weir's: event-stream messages, and the
check of a Signature Version 4 as the service makes it, from the request as it arrived.
Standard library only.
"""

import hashlib
import hmac
import json
import re
import struct
import urllib.parse
import zlib

STREAM = "application/vnd.amazon.eventstream"


def message(kind, payload, exception=False):
    """One message; `payload` is a value to write as JSON, or bytes."""
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    pairs = [
        (":exception-type" if exception else ":event-type", kind),
        (":content-type", "application/json"),
        (":message-type", "exception" if exception else "event"),
    ]
    headers = b"".join(
        bytes([len(n)]) + n.encode() + b"\x07" + struct.pack(">H", len(v)) + v.encode()
        for n, v in pairs
    )
    prelude = struct.pack(">II", 16 + len(headers) + len(data), len(headers))
    whole = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + data
    return whole + struct.pack(">I", zlib.crc32(whole))


def messages(data):
    """(kind, value) of each message of a stream, both checksums checked; an exception's kind is
    what :exception-type says."""
    while data:
        size, heads, crc = struct.unpack(">III", data[:12])
        whole, data = data[:size], data[size:]
        assert crc == zlib.crc32(whole[:8])
        assert struct.unpack(">I", whole[-4:])[0] == zlib.crc32(whole[:-4])
        pairs, rest = {}, whole[12 : 12 + heads]
        while rest:
            n = rest[0]
            name, kind = rest[1 : 1 + n].decode(), rest[1 + n]
            m = struct.unpack(">H", rest[2 + n : 4 + n])[0]
            assert kind == 7  # a string
            pairs[name], rest = rest[4 + n : 4 + n + m].decode(), rest[4 + n + m :]
        kind = pairs.get(":exception-type") or pairs[":event-type"]
        yield kind, json.loads(whole[12 + heads : -4])


def converse(text, tools=(), usage=(7, 5), stop=None):
    """The messages of a ConverseStream answer."""
    listing = [("messageStart", {"role": "assistant", "p": "abcdef"})]
    at = 0
    if text:
        for piece in (text[:3], text[3:]):
            listing.append(("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}}))
        listing.append(("contentBlockStop", {"contentBlockIndex": 0}))
        at = 1
    for i, (call, name, arguments) in enumerate(tools, at):
        start = {"toolUse": {"toolUseId": call, "name": name}}
        listing.append(("contentBlockStart", {"contentBlockIndex": i, "start": start}))
        for piece in (arguments[:4], arguments[4:]):
            delta = {"toolUse": {"input": piece}}
            listing.append(("contentBlockDelta", {"contentBlockIndex": i, "delta": delta}))
        listing.append(("contentBlockStop", {"contentBlockIndex": i}))
    listing.append(("messageStop", {"stopReason": stop or ("tool_use" if tools else "end_turn")}))
    listing.append(("metadata", {"usage": usage_of(*usage), "metrics": {"latencyMs": 1}}))
    return [message(*one) for one in listing]


def blocks_of(turn):
    """The content of a Turn (turns.py), as a body has it."""
    if turn.thinking:
        said = {"text": turn.thinking, "signature": turn.signature}
        yield {"reasoningContent": {"reasoningText": said}}
    if turn.text:
        yield {"text": turn.text}
    for tool in turn.tools:
        args = json.loads(tool.text or "{}")
        yield {"toolUse": {"toolUseId": tool.id, "name": tool.name, "input": args}}


STOP = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


def turn_usage(turn):
    return {**usage_of(turn.input, turn.output), "cacheReadInputTokens": turn.cached}


def turn_whole(turn):
    return {
        "output": {"message": {"role": "assistant", "content": list(blocks_of(turn))}},
        "stopReason": STOP[turn.finish],
        "usage": turn_usage(turn),
        "metrics": {"latencyMs": 1},
    }


def turn_stream(turn, split):
    """The messages of a Turn: blocks of calls are opened, others begin with their first piece."""
    listing = [("messageStart", {"role": "assistant", "p": "abcdef"})]
    for index, block in enumerate(blocks_of(turn)):
        at = {"contentBlockIndex": index}
        if "toolUse" in block:
            use = dict(block["toolUse"])
            text = json.dumps(use.pop("input"))
            listing.append(("contentBlockStart", {**at, "start": {"toolUse": use}}))
            deltas = [{"toolUse": {"input": p}} for p in split(text, turn.pieces)]
        elif "text" in block:
            deltas = [{"text": p} for p in split(block["text"], turn.pieces)]
        else:
            said = block["reasoningContent"]["reasoningText"]
            deltas = [{"reasoningContent": {"text": p}} for p in split(said["text"], turn.pieces)]
            deltas.append({"reasoningContent": {"signature": said["signature"]}})
        listing += [("contentBlockDelta", {**at, "delta": delta}) for delta in deltas]
        listing.append(("contentBlockStop", at))
    listing.append(("messageStop", {"stopReason": STOP[turn.finish]}))
    listing.append(("metadata", {"usage": turn_usage(turn), "metrics": {"latencyMs": 1}}))
    return [message(*one) for one in listing]


def usage_of(prompt, output):
    return {"inputTokens": prompt, "outputTokens": output, "totalTokens": prompt + output}


def converse_body(text, usage=(7, 5)):
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": "end_turn",
        "usage": usage_of(*usage),
        "metrics": {"latencyMs": 1},
    }


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature(request, secret):
    """(as sent, as it must be) of a request that was signed with the key of this secret."""
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
        r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
        request.get("authorization"),
    )
    _, day, region, service, names, sent = found.groups()
    path, _, query = request.target.partition("?")
    pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
    quote = urllib.parse.quote
    canonical = "\n".join(
        [
            request.method,
            quote(path, safe="/-_.~"),
            "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in pairs),
            *(f"{n}:{' '.join(request.get(n).split())}" for n in names.split(";")),
            "",
            names,
            hashlib.sha256(request.body).hexdigest(),
        ]
    )
    scope = f"{day}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{request.get('x-amz-date')}\n{scope}\n{digest}"
    key = ("AWS4" + secret).encode()
    for part in (day, region, service, "aws4_request"):
        key = _hmac(key, part)
    return sent, hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
