# SPDX-License-Identifier: Apache-2.0
"""--soak: millions of calls of every kind, and whether memory stays flat.

Memory may grow while pools fill; after a quarter of the calls it must stand. The slope is judged
between the second quarter and the last.
"""

import time

import tools

SLICES = 40
FLAT_KIB = 1024
# What a slice is made of: its share of the calls, and the load.
MIX = (
    (0.40, ("--dialect", "openai", "--model", "oai/bench-json", "--conns", 64)),
    (0.25, ("--dialect", "anthropic", "--model", "oai/bench-json", "--conns", 64)),
    (0.20, ("--dialect", "anthropic", "--model", "ant/bench-json", "--conns", 64)),
    (0.07, ("--dialect", "openai", "--model", "oai/bench-burst-20", "--stream", "--conns", 32)),
    (0.05, ("--dialect", "anthropic", "--model", "oai/bench-burst-20", "--stream", "--conns", 32)),
    (0.03, ("--dialect", "openai", "--model", "oai/bench-json", "--size", "20k", "--conns", 16)),
)


def rise(samples):
    """KiB by which the most of the last quarter exceeds the most of the second."""
    quarter = max(1, len(samples) // 4)
    return max(samples[-quarter:]) - max(samples[quarter : 2 * quarter] or samples)


def run(proxy, upstream, calls):
    """Print a line a slice; True when no call failed and memory was flat."""
    done = errors = 0
    samples = []
    begin = time.monotonic()
    print(f"{'calls':>12} {'seconds':>9} {'RSS KiB':>9} {'Pss KiB':>9} {'fds':>6} {'errors':>7}")
    for _ in range(SLICES):
        memory = {}
        for share, options in MIX:
            count = max(1, int(calls * share / SLICES))
            figures = tools.load(
                proxy.port_for("--stream" in options),
                *options, "--calls", count, "--warmup", 0,
                pids=proxy.pids, upstream_pids=upstream.pids,
            )  # fmt: skip
            done += figures["calls"]
            errors += figures["errors"]
            memory = figures["memory"]
            if figures["errors"]:
                tools.say(f"{' '.join(map(str, options))}: {figures['first_error']}")
        samples.append(memory["rss_kb"])
        proxy.empty_log()
        seconds = time.monotonic() - begin
        print(
            f"{done:>12,} {seconds:>9.1f} {memory['rss_kb']:>9,} {memory['pss_kb']:>9,}"
            f" {memory['fds']:>6} {errors:>7}",
            flush=True,
        )
    grown = rise(samples)
    flat = grown <= FLAT_KIB
    print(f"{proxy.name}: {done:,} calls, {errors} errors; RSS {samples[0]:,} KiB at first, "
          f"{samples[-1]:,} at the end, {grown:+,} from the second quarter to the last: "
          f"{'flat, ok' if flat else 'MISS'}")  # fmt: skip
    return flat and errors == 0
