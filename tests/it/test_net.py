# SPDX-License-Identifier: Apache-2.0
"""RELIABILITY U39-U43: names and networks that fail, in a network namespace of the test's own.

Everything of a test lives in it: weir (by `ip netns exec`, which also lays the namespace's own
hosts and resolv.conf over /etc), the fake provider and the client (their sockets are made in a
thread that has moved there). Needs root, ip and nft; skipped with the reason where one is missing.
"""

import ctypes
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

import gateway
from fronts import assert_error, assert_served, assert_stream_error
from turns import Turn, prelude
from turns import stream as stream_of
from upstream import Upstream, events, says

A = Turn(text="This is the text of provider a.")
CLONE_NEWNET = 0x40000000


class Namespace:
    def __init__(self, name):
        self.name = name
        self.etc = Path("/etc/netns") / name
        self.etc.mkdir(parents=True)
        self.made, self.children = [], []
        self.write("hosts", "127.0.0.1 localhost\n")
        self.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        self.ip("netns", "add", name)
        self.run("ip", "link", "set", "lo", "up")
        self.run("nft", "add", "table", "inet", "t")
        self.run(
            "nft", "add", "chain", "inet", "t", "out", "{ type filter hook output priority 0; }"
        )

    def ip(self, *args):
        subprocess.run(["ip", *args], check=True, capture_output=True, timeout=10)

    def run(self, *command):
        self.ip("netns", "exec", self.name, *command)

    def write(self, name, text):
        (self.etc / name).write_text(text)

    def spawn(self, *command):
        self.children.append(
            subprocess.Popen(["ip", "netns", "exec", self.name, *command], stdin=subprocess.DEVNULL)
        )

    def drop(self, *rule):
        self.run("nft", "add", "rule", "inet", "t", "out", *rule, "drop")

    def inside(self, make):
        """What make() returns, its sockets made in this namespace."""
        box = []

        def body():
            fd = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
            assert ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET) == 0
            os.close(fd)
            try:
                box.append(make())
            except Exception as broken:  # raised again in the caller's thread
                box.append(broken)

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if isinstance(box[0], Exception):
            raise box[0]
        return box[0]

    def upstream(self, *args, **options):
        self.made.append(self.inside(lambda: Upstream(*args, **options)))
        return self.made[-1]

    def ask(self, front, w, **options):
        return self.inside(lambda: front.ask(w.port, **options))

    def weir(self, folder, text):
        folder.mkdir()
        prefix = ("ip", "netns", "exec", self.name)
        return self.inside(lambda: gateway.Gateway(folder, text, prefix=prefix))

    def remove(self):
        for up in self.made:
            up.stop()
        for child in self.children:
            child.kill()
            child.wait()
        self.ip("netns", "del", self.name)
        shutil.rmtree(self.etc)


@pytest.fixture
def space(tmp_path):
    for tool in ("ip", "nft"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    try:
        one = Namespace(f"weir-it-{os.getpid()}")
    except (subprocess.SubprocessError, OSError) as broken:
        detail = getattr(broken, "stderr", b"") or b""
        pytest.skip(f"no network namespace to be had: {broken} {detail.decode().strip()}")
    gateways = []
    one.start = (
        lambda text: gateways.append(one.weir(tmp_path / f"w{len(gateways)}", text)) or gateways[-1]
    )
    yield one
    try:
        for w in gateways:
            w.stop()
    finally:
        for w in gateways:
            w.kill()
        one.remove()


def test_U42_the_provider_vanishes(space, front):
    """No FIN, no RST, nothing: the idle limit notices."""

    def vanish(x):
        space.drop("tcp", "sport", str(x.up.port))
        space.drop("tcp", "dport", str(x.up.port))
        x.pause(20)

    up = space.upstream(
        "openai", default=events(stream_of("openai", A)[: len(prelude("openai")) + 2], vanish)
    )
    w = space.start(gateway.config(up, timeouts="idle: 700ms, firstByte: 2s"))
    started = time.monotonic()
    r = space.ask(front, w, stream=True)
    assert_stream_error(front, front.read(r), "timeout")
    assert time.monotonic() - started < 6


def test_U2_packets_to_the_provider_are_dropped(space, front):
    up = space.upstream("openai")
    space.drop("tcp", "dport", str(up.port))
    w = space.start(gateway.config(up, timeouts="connect: 400ms"))
    started = time.monotonic()
    assert_error(front, space.ask(front, w), "timeout")
    assert 0.3 < time.monotonic() - started < 4


def test_U43_a_lossy_link(space, front, back):
    """One packet in twenty is lost, both ways: correct, just slow."""
    up = space.upstream(back, default=says(Turn(text="word " * 2000, pieces=50)))
    space.drop("tcp", "dport", str(up.port), "numgen", "random", "mod", "100", "<", "5")
    space.drop("tcp", "sport", str(up.port), "numgen", "random", "mod", "100", "<", "5")
    w = space.start(gateway.config(up, timeouts="connect: 5s, idle: 10s, firstByte: 10s"))
    for stream in (True, False, True):
        assert_served(front, space.ask(front, w, stream=stream), "word " * 2000)


def named(up, host):
    return (up.dialect, up.base.replace("127.0.0.1", host))


def test_U41_ipv6_is_a_black_hole(space, front):
    """Both families have an address; the first never answers: the other is tried soon, not after
    its time."""
    space.write("hosts", "127.0.0.1 localhost two.test\n::1 two.test\n")
    up = space.upstream("openai", default=says(A))
    space.drop("ip6", "daddr", "::1", "tcp", "dport", str(up.port))
    w = space.start(gateway.config(named(up, "two.test"), timeouts="connect: 5s"))
    started = time.monotonic()
    assert_served(front, space.ask(front, w), A.text)
    assert time.monotonic() - started < 2


def dnsmasq(space, *options):
    if not shutil.which("dnsmasq"):
        pytest.skip("dnsmasq is not installed")
    space.spawn(
        "dnsmasq",
        "--keep-in-foreground",
        "--no-resolv",
        "--no-hosts",
        "--port=53",
        "--user=root",
        "--listen-address=127.0.0.1",
        "--bind-interfaces",
        "--conf-file=/dev/null",
        "--pid-file=",
        *options,
    )
    gateway.until(lambda: answers(space), 5, "dnsmasq answers")


def answers(space):
    def ask():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.3)
            s.connect(("127.0.0.1", 53))
            try:
                s.send(
                    b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04test\x00\x00\x01\x00\x01"
                )
                return bool(s.recv(512))
            except OSError:
                return False

    return space.inside(ask)


@pytest.mark.parametrize("how", ["nxdomain", "servfail", "silence"])
def test_U39_a_name_that_does_not_resolve(space, front, how):
    up = space.upstream("openai", default=says(A))
    if how == "silence":
        space.drop("udp", "dport", "53")
    elif how == "nxdomain":
        dnsmasq(space, "--address=/test/")
    else:
        dnsmasq(space)  # without a server to ask: REFUSED
    w = space.start(gateway.config(named(up, "gone.test"), up, timeouts="connect: 2s"))
    alone = space.start(gateway.config(named(up, "gone.test"), timeouts="connect: 2s"))
    started = time.monotonic()
    assert_served(front, space.ask(front, w), A.text, "b")
    assert_error(front, space.ask(front, alone), "unavailable", "timeout")
    assert time.monotonic() - started < 12
