# SPDX-License-Identifier: Apache-2.0
"""Run the rows: every proxy in turn, round after round, forwards and backwards."""

import os
import time

import rows
import tools

START_TRIES = 3
ONE_CORE = "0"


class Plan:
    """How long and how often."""

    def __init__(self, rounds, seconds, warmup):
        self.rounds, self.seconds, self.warmup = rounds, seconds, warmup


def run_once(group, variant, proxy, upstream, plan):
    dialect, provider, _text = rows.VARIANTS[variant]
    options = ["--dialect", dialect, "--model", f"{provider}/{group.model}", *group.options]
    options += ["--seconds", group.seconds or plan.seconds]
    options += ["--warmup", plan.warmup if group.warmup is None else group.warmup]
    port = proxy.port_for(group.stream)
    cores = ONE_CORE if group.pinned else None
    figures = tools.load(port, *options, pids=proxy.pids, upstream_pids=upstream.pids, cores=cores)
    proxy.empty_log()
    return figures


def variants_for(group, proxy, variants, translates):
    """A plain proxy relays the request of a translated row untranslated. Where weir is held against
    itself, it does both and nobody else is asked."""
    plain = [rows.PLAIN[v] for v in variants]
    if group.own:
        wanted = plain + list(variants) if translates(proxy) else []
    else:
        wanted = variants if translates(proxy) else plain
    return list(dict.fromkeys(wanted))


def pin_all(group, proxies, upstream, on):
    if not group.pinned:
        return
    cores = {int(ONE_CORE)} if on else set(range(os.cpu_count() or 1))
    for pid in [p for proxy in proxies for p in proxy.pids] + list(upstream.pids):
        tools.pin(pid, cores)


def run_group(group, variants, proxies, upstream, plan, translates, note):
    """{variant: {proxy name: [figures of each round]}}"""
    results = {}
    lineup = [p for p in proxies if group.direct or p.name != "direct"]
    pin_all(group, lineup, upstream, True)
    for number in range(1 if group.once else plan.rounds):
        for proxy in lineup if number % 2 == 0 else reversed(lineup):
            for variant in variants_for(group, proxy, variants, translates):
                if group.fresh:
                    proxy.restart()
                figures = run_once(group, variant, proxy, upstream, plan)
                note(group, variant, proxy, number, figures)
                results.setdefault(variant, {}).setdefault(proxy.name, []).append(figures)
    pin_all(group, lineup, upstream, False)
    return results


def start_times(proxies, plan, note):
    """Stop, start, and the time until a whole answer came through; then memory at rest."""
    results = {}
    for number in range(max(START_TRIES, plan.rounds)):
        for proxy in proxies:
            if not hasattr(proxy, "spawn"):
                continue
            proxy.stop()
            proxy.prepare()
            begin = time.monotonic()
            proxy.spawn(leash=False)
            proxy.wait_ready(pause=0.0005)
            figures = {"start_ms": (time.monotonic() - begin) * 1000, "errors": 0}
            time.sleep(0.3)
            figures["idle_rss_kib"] = tools.rss_kib(proxy.process.pid)
            proxy.restart()  # on its leash again
            note(rows.START_GROUP, "openai", proxy, number, figures)
            results.setdefault("openai", {}).setdefault(proxy.name, []).append(figures)
    return results
