# SPDX-License-Identifier: Apache-2.0
"""Paths, the two programs of bench/load, and reading /proc."""

import json
import os
import pathlib
import random
import shutil
import socket
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build" / "release"
LOAD = BUILD / "bench" / "load" / "load"
UPSTREAM = BUILD / "bench" / "load" / "upstream"
KEY = "bench-key-0123456789abcdef"  # what load sends by default


class BenchError(Exception):
    """Something that ends the run; its text is for the user."""


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def weir_binary():
    """The release binary, wherever Meson puts it; None while it is not built."""
    for place in (BUILD / "weir", BUILD / "src" / "app" / "weir", BUILD / "src" / "weir"):
        if place.is_file():
            return place
    return None


def build():
    """Bring build/release up to date, the load tools included. script/server may have made it without them."""
    ninja = BUILD / "build.ninja"
    if not ninja.exists():
        setup = ["meson", "setup", str(BUILD), "--buildtype=release", "-Dtests=false", "-Dbench=true"]
        run_quietly(setup, "meson setup")
    elif "bench/load/load" not in ninja.read_text():
        run_quietly(["meson", "configure", str(BUILD), "-Dbench=true"], "meson configure")
    run_quietly(["ninja", "-C", str(BUILD)], "ninja")


def run_quietly(command, what):
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{what} failed:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")


def load(to, *options, pids=(), upstream_pids=(), cores=None, progress=None):
    """Run the load generator and return its figures. Failed calls are in them, not raised."""
    command = [str(LOAD), "--to", str(to), *map(str, options)]
    for pid in pids:
        command += ["--pid", str(pid)]
    for pid in upstream_pids:
        command += ["--upstream-pid", str(pid)]
    if cores is not None:
        command = ["taskset", "-c", cores, *command]
    done = subprocess.run(
        command, text=True, stdout=subprocess.PIPE, stderr=progress or subprocess.PIPE, check=False
    )
    if done.returncode not in (0, 1) or not done.stdout:
        raise BenchError(f"{' '.join(command)}\nended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def port_candidates():
    """Ports outside the range that connections get theirs from: thousands of open streams would else
    take the port of a proxy while it is started anew."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as f:
        first = int(f.read().split()[0])
    low = 10000 if first > 12000 else 1024
    numbers = list(range(low, first if first > low + 1000 else 60000))
    random.shuffle(numbers)
    yield from numbers


CANDIDATES = port_candidates()


def free_ports(count):
    """Ports that nothing listens on, never the same one twice in a run."""
    found = []
    while len(found) < count:
        port = next(CANDIDATES)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
    return found


def fill(template, words):
    text = (ROOT / "bench" / template).read_text()
    for word, value in words.items():
        text = text.replace(f"@{word}@", str(value))
    return text


def descendants(pid):
    """A process and all below it."""
    tree = [pid]
    for parent in tree:
        try:
            for task in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{task}/children", encoding="ascii") as f:
                    tree += [int(child) for child in f.read().split()]
        except OSError:
            continue
    return tree


def rss_kib(pid):
    """Resident memory of a process and its children."""
    total = 0
    for p in descendants(pid):
        try:
            with open(f"/proc/{p}/smaps_rollup", encoding="ascii") as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith("Rss:"))
        except OSError:
            continue
    return total


def pin(pid, cores):
    """Bind every thread of a process and its children to these cores."""
    for p in descendants(pid):
        for task in os.listdir(f"/proc/{p}/task"):
            os.sched_setaffinity(int(task), cores)


def program(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise BenchError(f"{name} is not installed (script/bootstrap installs it)")
    return path


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None
