# SPDX-License-Identifier: Apache-2.0
"""gateway - start the weir under test, watch it, stop it, and let nothing pass unseen.

A Gateway is one `weir serve` on a port and in a folder of its own. `stop` sends SIGTERM, wants exit
status 0 and no word of a sanitizer; the fixture calls it at the end of every test, so that a crash
or a leak fails the test that caused it.
"""

import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import http1

ROOT = Path(__file__).resolve().parents[2]
SANITIZER = re.compile(
    r"(ERROR|WARNING): (Address|Leak|Thread)Sanitizer|runtime error:|CHECK failed|assertion", re.I
)


def binary():
    """$WEIR_BIN, else what was built last of the usual folders."""
    if given := os.environ.get("WEIR_BIN"):
        return Path(given).absolute()
    built = [p for p in (ROOT / "build/asan/weir", ROOT / "build/release/weir") if p.exists()]
    return max(built, key=lambda p: p.stat().st_mtime) if built else ROOT / "build/asan/weir"


def sanitized():
    """Whether the binary is built with AddressSanitizer (its memory figures are then its own)."""
    return b"__asan_init" in binary().read_bytes()


def free_port():
    """A port of a range that belongs to this test process alone, below the ephemeral ones: weir
    listens with SO_REUSEPORT, so two tests on one port would share it without an error."""
    worker = int((os.environ.get("PYTEST_XDIST_WORKER") or "gw0")[2:])
    first = 15000 + worker * 2000
    for _ in range(2000):
        free_port.next = (getattr(free_port, "next", os.getpid()) + 1) % 2000
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", first + free_port.next))
                return first + free_port.next
            except OSError:
                continue
    raise RuntimeError("no free port")


def until(condition, seconds=5.0, what="it"):
    """Poll until condition() is true; its value. AssertionError when it is not in time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.01)


def environment(home, extra=None):
    """The caller's environment without anything that would configure weir."""
    names = re.compile(
        r"^(WEIR_.*|.*_API_KEY|APIKEY|.*_proxy|.*_PROXY|XDG_.*|ANTHROPIC_.*|OPENAI_.*|AWS_.*)$"
    )
    env = {k: v for k, v in os.environ.items() if not names.match(k)}
    env["HOME"] = str(home)
    # Freed memory is kept back for a while by AddressSanitizer: little enough for the tests of RSS.
    env["ASAN_OPTIONS"] = (
        env.get("ASAN_OPTIONS", "halt_on_error=1:abort_on_error=1") + ":quarantine_size_mb=4"
    )
    return {**env, **(extra or {})}


class Gateway:
    def __init__(
        self, folder, config, env=None, args=(), prefix=(), name="weir.yaml", wait=True, port=None
    ):
        self.folder = Path(folder)
        self.port = port or free_port()
        self.conf = self.folder / name
        self.output = self.folder / "output"
        self.stopped = False
        where = ["--config", str(self.conf)] if config is not None else []
        if config is not None:
            self.write_config(config)
        command = [
            *prefix,
            str(binary()),
            "serve",
            *where,
            "--data",
            str(self.folder / "data"),
            *args,
        ]
        with open(self.output, "ab") as out:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=environment(self.folder, env),
            )
        if wait:
            try:
                self.wait_ready()
            except BaseException:
                self.kill()
                raise

    def write_config(self, config):
        """Put a config text in place of the old one at once; @PORT@ is this gateway's port."""
        new = self.folder / "weir.new"
        new.write_text(config.replace("@PORT@", str(self.port)))
        new.replace(self.conf)

    def wait_ready(self, seconds=15.0):
        def ready():
            assert (
                self.process.poll() is None
            ), f"weir ended with {self.process.returncode}: {self.said()[-3000:]}"
            try:
                return http1.call(self.port, "GET", "/health", timeout=5).status
            except (OSError, http1.Ended):
                return None

        until(ready, seconds, "weir answers /health")
        self.first_rss = self.rss()

    def said(self):
        return self.output.read_text(errors="replace")

    def log(self):
        """The JSON records it has written so far."""
        records = []
        for line in self.said().splitlines():
            if line.startswith("{"):
                records.append(json.loads(line))
        return records

    def wait_log(self, condition, seconds=5.0, what="a log record"):
        """The first log record for which condition is true, once it is there."""
        return until(lambda: next((r for r in self.log() if condition(r)), None), seconds, what)

    def access(self, request_id, seconds=5.0):
        """The access record of a call, by the id its reply carried."""
        return self.wait_log(
            lambda r: r.get("id") == request_id and "status" in r,
            seconds,
            f"the access record of {request_id}",
        )

    # -- what the process costs

    def proc(self, name):
        return Path(f"/proc/{self.process.pid}/{name}")

    def rss(self):
        pages = int(self.proc("statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE")

    def peak_rss(self):
        """The most it ever had resident."""
        line = next(
            x for x in self.proc("status").read_text().splitlines() if x.startswith("VmHWM")
        )
        return int(line.split()[1]) * 1024

    def fds(self):
        return len(list(self.proc("fd").iterdir()))

    def cpu(self):
        """CPU seconds used so far."""
        fields = self.proc("stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # -- signals and the end

    def signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self, seconds=10.0):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(
                f"weir did not end within {seconds} s: {self.said()[-3000:]}"
            ) from None

    def stop(self, seconds=40.0):
        """SIGTERM (unless it has ended already), exit status 0, silence of the sanitizers."""
        if self.stopped:
            return
        self.stopped = True
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
            # What a test left open is not waited for: a second SIGTERM ends the drain at once.
            try:
                self.process.wait(0.04)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGTERM)
        status = self.wait_exit(seconds)
        assert not SANITIZER.search(self.said()), self.said()[-6000:]
        assert status == 0, f"exit status {status}: {self.said()[-3000:]}"

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


# ---- configs


def provider(name, up, models="[m]", extra=""):
    """A provider's row. `up` is an Upstream, or (dialect, base URL)."""
    dialect, base = (up.dialect, up.base) if hasattr(up, "base") else up
    return (
        f'  - {{ name: {name}, dialect: {dialect}, baseURL: "{base}", '
        f"apiKey: provider-secret-{name}, models: {models}{', ' + extra if extra else ''} }}\n"
    )


def config(*ups, extra="", timeouts="connect: 2s, firstByte: 5s, idle: 5s", options="", workers=1):
    """The config of most tests: providers `a`, `b`, … in order, each serving the model `up`; the
    logical model `m` on the first, falling back on the others in order. `options` go into every
    provider's row, `extra` stands at the end of the file. One worker, so that it is known which
    pool a call meets.
    """
    names = "abcdefgh"[: len(ups)]
    text = f"listen: 127.0.0.1:@PORT@\nworkers: {workers}\nproviders:\n"
    for name, up in zip(names, ups):
        row = f"timeouts: {{ {timeouts} }}" + (", " + options if options else "")
        text += provider(name, up, "[up]", row)
    text += "models:\n"
    others = [f"m{n}" for n in names[1:]]
    fallback = f", fallback: [ {', '.join(others)} ]" if others else ""
    text += f"  - {{ name: m, targets: [ {{ use: a/up }} ]{fallback} }}\n"
    for n in names[1:]:
        text += f"  - {{ name: m{n}, targets: [ {{ use: {n}/up }} ] }}\n"
    return text + extra


def one_model(
    *ups, regions=(), options="", extra="", strategy="weighted_round_robin", of_provider=""
):
    """A configuration with one model, `m`, on all of these providers, `a`, `b`, …"""
    text, uses = "listen: 127.0.0.1:@PORT@\nworkers: 1\nproviders:\n", []
    for i, up in enumerate(ups):
        name = "abcdefgh"[i]
        row = "timeouts: { connect: 2s, firstByte: 5s, idle: 5s }"
        if of_provider:
            row += f", {of_provider}"
        if regions:
            row += f", region: {regions[i]}"
        text += provider(name, up, "[up]", row)
        uses.append(f"{{ use: {name}/up }}")
    text += f"models:\n  - {{ name: m, targets: [ {', '.join(uses)} ], strategy: {strategy}"
    return text + (f", {options}" if options else "") + " }\n" + extra


def begin_a_window():
    """Retries are a share of the calls of a window of ten seconds: not at its very end."""
    while time.monotonic() % 10 > 6:
        time.sleep(0.1)
