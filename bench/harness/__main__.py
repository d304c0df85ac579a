# SPDX-License-Identifier: Apache-2.0
"""script/bench: nginx, HAProxy and weir in turn on the same traffic. See bench/README.md."""

import argparse
import json
import os
import pathlib
import platform
import signal
import sys
import tempfile
import time

import measure
import proxies
import report
import rows
import soak
import tools

FULL = measure.Plan(rounds=7, seconds=1, warmup=0.3)
QUICK = measure.Plan(rounds=2, seconds=0.5, warmup=0.1)
QUICK_ROWS = [
    "json-1k", "json-100k", "json-1m", "burst", "paced", "pairs-1k", "streams-1000", "latency-openai", "one", "start",
]  # fmt: skip


def count(text):
    """400000, 400k or 10m."""
    unit = {"k": 1000, "m": 1_000_000}.get(text[-1:], 1)
    return int(text[:-1] if unit > 1 else text) * unit


def options():
    p = argparse.ArgumentParser(
        prog="script/bench",
        description="Measure weir beside nginx and HAProxy as plain reverse proxies, in one run on one machine.",
        epilog=f"rows: {', '.join(rows.names())} (or a group, such as json-1k)",
    )
    p.add_argument("--quick", action="store_true", help="about a minute instead of about ten")
    p.add_argument("--only", metavar="ROW,…", help="only these rows or groups of rows")
    p.add_argument("--proxies", metavar="NAME,…", default="nginx,haproxy,weir", help="of nginx, haproxy, weir")
    p.add_argument("--rounds", type=int, help=f"how often each is measured ({FULL.rounds})")
    p.add_argument("--seconds", type=float, help=f"length of one measurement ({FULL.seconds})")
    p.add_argument("--workers", type=int, default=1, help="workers or threads of each proxy (1)")
    p.add_argument("--weir", metavar="[NAME=]BINARY", action="append", help="another binary, or several to compare")
    p.add_argument("--json", metavar="FILE", help="write all figures of all rounds")
    p.add_argument("--verbose", action="store_true", help="print every measurement as it is made")
    p.add_argument("--no-build", action="store_true", help="take build/release as it is")
    p.add_argument("--strict", action="store_true", help="exit 1 when a goal is missed")
    p.add_argument("--soak", metavar="N", type=count, help="instead: N calls of all kinds, and memory over time")
    p.add_argument("--serve", action="store_true", help="instead: start all, print ports and commands, wait")
    p.add_argument("--attach", metavar="NAME=PORT:PID", action="append", help="measure a proxy already running")
    p.add_argument("--direct", metavar="PORT:PID", help="with --attach: its upstream")
    return p.parse_args()


def weirs_of(args, directory, upstream):
    """The weir processes to measure; none, with a note, when it is not built."""
    if "weir" not in args.proxies.split(","):
        return []
    made = []
    for text in args.weir or [""]:
        name, _, path = text.rpartition("=")
        binary = pathlib.Path(path) if path else tools.weir_binary()
        if binary is None or not binary.is_file():
            tools.say(f"weir is skipped: {path or 'its binary in build/release'} is not there")
            continue
        made.append(proxies.Weir(directory, upstream, args.workers, binary.resolve(), name or None))
    return made


def running_server(option, text, name):
    port, _, pid = text.partition(":")
    if not (port.isdigit() and pid.isdigit()):
        raise tools.BenchError(f"{option} {text}: PORT:PID is needed, such as 3456:12345")
    return proxies.Attached(name, int(port), int(pid))


def attached(args):
    """What --attach and --direct name: the mock, the lineup, and which of it is no plain proxy."""
    found = []
    for text in args.attach:
        name, _, where = text.partition("=")
        found.append(running_server("--attach", where, name))
    ours = [p.name for p in found if p.name not in ("nginx", "haproxy")]
    if not args.direct:
        return proxies.NOTHING, found, ours
    upstream = running_server("--direct", args.direct, "upstream")
    return upstream, [proxies.Direct(upstream), *found], ours


def started(args, directory):
    """Start the mock and the proxies; whatever started is in `running` even when one fails."""
    upstream = proxies.Upstream(directory)
    running = [upstream]
    try:
        upstream.start()
        lineup = []
        for kind in (proxies.Nginx, proxies.Haproxy):
            if kind.name in args.proxies.split(","):
                lineup.append(kind(directory, upstream, args.workers))
        weirs = weirs_of(args, directory, upstream)
        for proxy in lineup + weirs:
            running.append(proxy)
            proxy.start()
    except BaseException:
        stop_all(running)
        raise
    return upstream, [proxies.Direct(upstream), *lineup, *weirs], [w.name for w in weirs]


def stop_all(servers):
    for server in reversed(servers):
        server.stop()


def plan_of(args):
    base = QUICK if args.quick else FULL
    return measure.Plan(args.rounds or base.rounds, args.seconds or base.seconds, base.warmup)


class Notes:
    """What is said while measuring; failed calls are remembered."""

    def __init__(self, verbose):
        self.verbose, self.failures = verbose, []

    def __call__(self, group, variant, proxy, number, figures):
        what = f"{group.name}-{variant} {proxy.name} round {number + 1}"
        held = figures.get("ready", figures.get("conns"))
        if figures["errors"] or (("ready" in figures) and held != figures["conns"]):
            text = f"{what}: {figures['errors']} failed: {figures.get('first_error', '')}"
            self.failures.append(text)
            tools.say(text)
        if self.verbose:
            shown = {m.text: m.value(figures, None) for m in group.metrics if "added" not in m.text}
            latency = figures.get("latency_us")
            if latency:
                shown["p50 µs"] = latency["p50"]
            tools.say(f"{what}: " + ", ".join(f"{k} {v:,.2f}" for k, v in shown.items() if v is not None))


def run_rows(args, upstream, lineup, weirs):
    only = args.only.split(",") if args.only else QUICK_ROWS if args.quick else None
    plan, notes = plan_of(args), Notes(args.verbose)
    names, everything, verdicts = [p.name for p in lineup], {}, []
    print(report.header(names, weirs), flush=True)
    for group, variants in rows.choose(only):
        if group.name == rows.START:
            results = measure.start_times(lineup, plan, notes)
        else:
            results = measure.run_group(
                group, variants, lineup, upstream, plan, lambda p: p.name in weirs, notes
            )
        lines, judged = report.group_lines(group, variants, results, names, weirs)
        print("\n".join(lines), flush=True)
        everything[group.name] = results
        verdicts += judged
    missed = [v for v in verdicts if v[4] == "MISS"]
    print(f"\n{len(verdicts) - len(missed)} goals and aims reached, {len(missed)} missed, "
          f"{len(notes.failures)} measurements with failed calls")  # fmt: skip
    if args.json:
        save(args.json, args, plan, everything, verdicts, notes)
    return 1 if notes.failures or (args.strict and missed) else 0


def save(path, args, plan, everything, verdicts, notes):
    document = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"cores": os.cpu_count(), "kernel": platform.release(), "load": os.getloadavg()},
        "plan": vars(plan) | {"workers": args.workers},
        "rows": everything,
        "verdicts": [dict(zip(("row", "variant", "metric", "limit", "verdict"), v)) for v in verdicts],
        "failures": notes.failures,
    }
    pathlib.Path(path).write_text(json.dumps(document, indent=1))


def serve(lineup, upstream):
    print(f"{'upstream':9} 127.0.0.1:{upstream.port}  pid {upstream.process.pid}")
    for proxy in lineup:
        if not hasattr(proxy, "spawn"):
            continue
        streams = f", unbuffered on {proxy.stream_port}" if proxy.stream_port else ""
        print(f"{proxy.name:9} 127.0.0.1:{proxy.port}{streams}  pid {proxy.process.pid}")
        print(f"{'':9} {' '.join(proxy.command)}")
        print(f"{'':9} {tools.LOAD} --to {proxy.port} --pid {proxy.process.pid} --model oai/bench-json")
    print("Ctrl-C ends them.", flush=True)
    signal.pause()


def main():
    args = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not args.no_build:
        tools.say("building build/release")
        tools.build()
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as directory:
        os.chmod(directory, 0o755)
        if args.attach:
            return run_rows(args, *attached(args))
        upstream, lineup, weirs = started(args, directory)
        try:
            if args.serve:
                serve(lineup, upstream)
            if args.soak:
                chosen = [p for p in lineup if p.name in weirs] or lineup[1:2]
                return 0 if all([soak.run(p, upstream, args.soak) for p in chosen]) else 1
            return run_rows(args, upstream, lineup, weirs)
        finally:
            stop_all([upstream, *lineup])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (tools.BenchError, ValueError) as e:
        tools.say(str(e))
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
