# SPDX-License-Identifier: Apache-2.0
"""What is measured, and what is promised about it.

A group is one kind of traffic. It is run in up to three variants: OpenAI and Anthropic requests to a
provider of the same language, and Anthropic requests translated to OpenAI. A plain proxy can't
translate: beside a translated row stands what it costs to relay the same Anthropic request.

The groups of pairs hold weir against itself: what a translation costs beside weir's own hop of a
request of the client's language that is not translated, measured in the same rounds.

A metric's `goal` is what must hold now, its `aim` where the design ends (both at most). "x" marks a
ratio to nginx in the same round, else it is in the metric's own unit.
"""

import dataclasses
from typing import Callable, Optional

VARIANTS = {
    # name: dialect of the request, provider, text
    "openai": ("openai", "oai", "OpenAI → OpenAI"),
    "anthropic": ("anthropic", "ant", "Anthropic → Anthropic"),
    "translated": ("anthropic", "oai", "Anthropic → OpenAI"),
    "gemini": ("anthropic", "gem", "Anthropic → Gemini"),
    "responses": ("responses", "oai", "Responses → OpenAI"),
    "converse": ("openai", "aws", "OpenAI → Bedrock Converse"),
}
PLAIN = {
    "openai": "openai",
    "anthropic": "anthropic",
    "translated": "anthropic",
    "gemini": "anthropic",
    "responses": "openai",  # the mock answers nobody in Responses; Chat is its nearest kin
    "converse": "openai",
}
PAIRS = ("gemini", "responses", "converse")


@dataclasses.dataclass(frozen=True)
class Limit:
    at_most: float
    ratio: bool = False

    def __str__(self):
        return f"≤ {self.at_most:g}" + (" ×" if self.ratio else "")


def times(x):
    return Limit(x, ratio=True)


def most(x):
    return Limit(x)


@dataclasses.dataclass(frozen=True)
class Metric:
    text: str
    value: Callable  # (figures, figures of direct or None) -> number or None
    digits: int = 1
    goals: dict = dataclasses.field(default_factory=dict)  # variant -> (goal, aim)
    compare: bool = True  # a ratio of differences near nothing says nothing


@dataclasses.dataclass(frozen=True)
class Group:
    name: str
    text: str
    model: str
    options: tuple
    metrics: tuple
    variants: tuple = ("openai", "anthropic", "translated")
    stream: bool = False
    direct: bool = False  # measure the mock without a proxy too
    fresh: bool = False  # start each proxy anew: memory is measured
    pinned: bool = False  # everything on one core
    seconds: Optional[float] = None  # instead of what the command line says
    warmup: Optional[float] = None
    once: bool = False  # one round is enough
    own: bool = False  # ratios are to weir's own untranslated hop, and weir alone is measured


def cpu(unit):
    """Nothing for the run without a proxy."""
    return lambda d, _direct: d["cpu"][unit] if "cpu" in d else None


per_call = cpu("us_per_call")
per_event = cpu("us_per_event")


def calls_per_s(d, _direct):
    return d["calls_per_s"]


def added(which, quantile):
    def value(d, direct):
        if d is direct or not d[which] or not direct or not direct[which]:
            return None
        return d[which][quantile] - direct[which][quantile]

    return value


def absolute(which, quantile):
    return lambda d, _direct: d[which] and d[which][quantile]


def bytes_per_conn(d, _direct):
    return d["memory"]["pss_bytes_per_conn"] if "memory" in d else None


def kib_per_conn(d, _direct):
    return d["memory"]["pss_bytes_per_conn"] / 1024 if "memory" in d else None


def same(goal, aim, translated_goal, translated_aim):
    return {
        "openai": (goal, aim),
        "anthropic": (goal, aim),
        "translated": (translated_goal, translated_aim),
    }


def json_group(size, text, conns, goals):
    return Group(
        name=f"json-{size}",
        text=f"{text} prompt, {conns} connections",
        model="bench-json",
        options=("--size", size, "--conns", conns),
        metrics=(
            Metric("CPU µs per call", per_call, 1, goals),
            Metric("calls per second", calls_per_s, 0),
        ),
    )


def streams_group(conns, variants):
    both = {v: (most(24), most(12)) for v in variants}
    return Group(
        name=f"streams-{conns}",
        text=f"{conns:,} open streams, one event a second each",
        model="bench-hold-1000ms",
        options=("--hold", "--stream", "--conns", conns),
        metrics=(
            Metric("KiB per stream", kib_per_conn, 1, both),
            Metric("CPU µs per event", per_event, 1),
            Metric("one event's way, p50 µs", absolute("event_us", "p50"), 0),
            Metric("one event's way, p99 µs", absolute("event_us", "p99"), 0),
        ),
        variants=variants,
        stream=True,
        direct=True,
        fresh=True,
        seconds=3,
        once=True,
    )


GROUPS = (
    json_group("1k", "1 KB", 64, same(times(1.1), times(0.9), times(1.5), times(1.2))),
    json_group("100k", "100 KB", 16, same(times(1.6), times(1.2), times(1.6), times(1.2))),
    json_group("1m", "1 MB", 4, same(times(2), times(1.5), times(2), times(1.5))),
    Group(
        name="burst",
        text="streams of 100 events in one write, 16 connections",
        model="bench-burst-100",
        options=("--stream", "--conns", 16, "--expect-events", 100),
        metrics=(
            Metric("CPU µs per event", per_event, 2, same(None, most(0.8), most(3), most(2))),
            Metric("streams per second", calls_per_s, 0),
        ),
        stream=True,
    ),
    Group(
        name="paced",
        text="100 streams, an event every 20 ms each",
        model="bench-paced-100-20ms",
        options=("--stream", "--conns", 100, "--expect-events", 100),
        metrics=(
            Metric(
                "CPU µs per event", per_event, 1, same(times(1.1), times(0.95), times(1.4), times(1.2))
            ),
            Metric("one event's way, p50 µs", absolute("event_us", "p50"), 0),
            Metric(
                "one event's way, p99 µs",
                absolute("event_us", "p99"),
                0,
                {v: (None, most(400)) for v in VARIANTS},
            ),
        ),
        stream=True,
        direct=True,
        warmup=1,
    ),
    Group(
        name="pairs-1k",
        text="1 KB prompt, 64 connections, beside weir's hop untranslated",
        model="bench-json",
        options=("--size", "1k", "--conns", 64),
        metrics=(Metric("CPU µs per call", per_call, 1, {v: (times(2), None) for v in PAIRS}),),
        variants=PAIRS,
        own=True,
    ),
    Group(
        name="pairs-paced",
        text="100 streams, an event every 20 ms, beside weir's hop untranslated",
        model="bench-paced-100-20ms",
        options=("--stream", "--conns", 100, "--expect-events", 100),
        metrics=(Metric("CPU µs per event", per_event, 1, {v: (times(3), None) for v in PAIRS}),),
        variants=PAIRS,
        stream=True,
        warmup=1,
        own=True,
    ),
    streams_group(1000, ("openai",)),
    streams_group(5000, ("openai", "translated")),
    Group(
        name="idle",
        text="5,000 idle connections, each after one call",
        model="bench-json",
        options=("--idle", "--conns", 5000),
        metrics=(Metric("bytes per connection", bytes_per_conn, 0, {"openai": (None, most(2048))}),),
        variants=("openai",),
        fresh=True,
        seconds=1,
        once=True,
    ),
    Group(
        name="latency",
        text="1,000 calls a second offered (open loop), 1 KB",
        model="bench-json",
        options=("--rate", 1000, "--conns", 64),
        metrics=(
            Metric("p50 µs", absolute("latency_us", "p50"), 0),
            Metric("added p50 µs", added("latency_us", "p50"), 0, {v: (None, most(300)) for v in VARIANTS}),
            Metric(
                "added p99 µs",
                added("latency_us", "p99"),
                0,
                {v: (None, most(1500)) for v in VARIANTS},
                compare=False,
            ),
        ),
        variants=("openai", "translated"),
        direct=True,
        seconds=3,  # a p99 of fewer calls is chance
    ),
    Group(
        name="one",
        text="one call at a time, all on one core, 1 KB",
        model="bench-json",
        options=("--conns", 1),
        metrics=(
            Metric("p50 µs", absolute("latency_us", "p50"), 1),
            Metric("added p50 µs", added("latency_us", "p50"), 1, {v: (None, most(40)) for v in VARIANTS}),
            Metric("added p99 µs", added("latency_us", "p99"), 1, compare=False),
        ),
        variants=("openai", "translated"),
        direct=True,
        pinned=True,
    ),
)

START = "start"  # not a load: see measure.start_times()
START_METRICS = (
    Metric("start to first answer, ms", lambda d, _: d["start_ms"], 1, {"openai": (most(50), most(20))}),
    Metric("idle RSS, MiB", lambda d, _: d["idle_rss_kib"] / 1024, 1, {"openai": (most(15), most(12))}),
)
START_GROUP = Group(
    name=START,
    text="from exec to the first answer through it; memory after one call",
    model="bench-json",
    options=(),
    metrics=START_METRICS,
    variants=("openai",),
)


def all_groups():
    return GROUPS + (START_GROUP,)


def names():
    return [f"{g.name}-{v}" if len(g.variants) > 1 else g.name for g in all_groups() for v in g.variants]


def choose(wanted):
    """The groups and variants that `--only` names: a group ("json-1k") or a row ("json-1k-openai")."""
    if not wanted:
        return [(g, g.variants) for g in all_groups()]
    chosen, unknown = [], set(wanted)
    for g in all_groups():
        picked = tuple(
            v for v in g.variants if any(w == f"{g.name}-{v}" or f"{g.name}-".startswith(f"{w}-") for w in wanted)
        )
        unknown -= {w for w in wanted if f"{g.name}-".startswith(f"{w}-")}
        unknown -= {f"{g.name}-{v}" for v in g.variants}
        if picked:
            chosen.append((g, picked))
    if unknown:
        raise ValueError(f"no such row: {', '.join(sorted(unknown))}; there are: {', '.join(names())}")
    return chosen
