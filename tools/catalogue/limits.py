# SPDX-License-Identifier: Apache-2.0
"""limits - what models.dev knows: context, longest answer, capabilities; prices where no other does.

The snapshot is read out of the opencode program, which carries it for machines without a network.
"""
import decimal
import re

import literal
import prices

START = re.compile(rb'=>\(\{(?=[\w"-]+:\{id:"[^"]+",env:\[)')
SIZE_MAX = 16 << 20


def load(path):
    data = open(path, "rb").read()
    start = START.search(data)
    if not start:
        raise ValueError(f"{path}: no models.dev snapshot in it")
    text = data[start.end() - 1:start.end() + SIZE_MAX].decode("utf-8", "replace")
    return literal.read(text)


def _whole(value):
    return int(decimal.Decimal(value)) if value else 0


def can(model):
    """Capabilities in one text, always in this order. What is not said is not there."""
    inputs = model.get("modalities", {}).get("input", [])
    outputs = model.get("modalities", {}).get("output", [])
    flags = [("tools", model.get("tool_call")), ("vision", "image" in inputs),
             ("documents", "pdf" in inputs), ("audio", "audio" in inputs),
             ("video", "video" in inputs), ("reasoning", model.get("reasoning")),
             ("structured", model.get("structured_output")),
             ("temperature", model.get("temperature", True)),
             ("imageOutput", "image" in outputs), ("audioOutput", "audio" in outputs)]
    return " ".join(name for name, yes in flags if yes)


def facts(model):
    limit = model.get("limit", {})
    found = {"context": _whole(limit.get("context")), "maxOutput": _whole(limit.get("output")),
             "can": can(model)}
    return {key: value for key, value in found.items() if value}


def _price(cost):
    names = [("input", "input"), ("output", "output"), ("cache_read", "cacheRead"),
             ("cache_write", "cacheWrite"), ("reasoning", "reasoning"),
             ("input_audio", "audioInput"), ("output_audio", "audioOutput")]
    return {to: prices.number(cost[name]) for name, to in names if cost.get(name) is not None}


def periods(model):
    """At most one price, or none where models.dev does not know it (0 with 0 is not knowing)."""
    cost = model.get("cost")
    if not cost or "input" not in cost:
        return []
    price = _price(cost)
    tiers = {_whole(tier["tier"]["size"]): _price(tier) for tier in cost.get("tiers", [])}
    if not tiers and cost.get("context_over_200k"):
        tiers[200000] = _price(cost["context_over_200k"])
    if tiers:
        price["tiers"] = [{"above": above, **tiers[above]} for above in sorted(tiers)]
    return [price]
