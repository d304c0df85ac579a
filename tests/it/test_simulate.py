# SPDX-License-Identifier: Apache-2.0
"""`weir simulate`: configurations side by side, scenarios by name and from files, recorded calls."""

import json
import subprocess

import gateway
import http1
from fronts import CHAT

CONFIG = """providers:
  - { name: a, dialect: openai, baseURL: 'http://a.invalid/v1', models: [ { name: m, price: { input: 1, output: 10 } } ] }
  - { name: b, dialect: openai, baseURL: 'http://b.invalid/v1', models: [ { name: m, price: { input: 1, output: 10 } } ] }
models: [ { name: s, strategy: STRATEGY, targets: [ { use: a/m }, { use: b/m } ] } ]
"""
SHORT = "duration: 20s\nrate: 20\ntargets: [ { ttft: 2s }, { ttft: 200ms } ]\n"


def simulate(folder, *words, stdin=None):
    done = subprocess.run(
        [str(gateway.binary()), "simulate", *words],
        env=gateway.environment(folder),
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert not gateway.SANITIZER.search(done.stderr), done.stderr
    return done


def write(folder):
    for strategy in ("balanced", "priority"):
        (folder / f"{strategy}.yaml").write_text(CONFIG.replace("STRATEGY", strategy))
    (folder / "short.yaml").write_text(SHORT)
    return ["--config", "balanced.yaml", "--config", "priority.yaml"]


def test_two_configurations(tmp_path):
    both = write(tmp_path)
    done = simulate(tmp_path, *both, "--scenario", "short.yaml", "--json")
    assert done.returncode == 0, done.stderr
    balanced, priority = json.loads(done.stdout)["runs"]
    assert balanced["config"] == "balanced.yaml" and balanced["calls"] == priority["calls"] > 300
    assert balanced["p50_ms"] + 1000 < priority["p50_ms"]
    assert priority["targets"][0]["attempts"] == priority["attempts"]
    assert sum(balanced["targets"][1]["attempts_by_10s"]) == balanced["targets"][1]["attempts"]
    assert simulate(tmp_path, *both, "--scenario", "short.yaml", "--json").stdout == done.stdout
    other = simulate(tmp_path, *both, "--scenario", "short.yaml", "--json", "--seed", "9")
    assert other.stdout != done.stdout
    table = simulate(tmp_path, *both, "--scenario", "short.yaml").stdout
    assert "balanced.yaml" in table and "priority.yaml" in table and "p95 ms" in table


def test_without_a_configuration(tmp_path):
    """There is nobody to ask: four targets of the program's own stand in, and that is said."""
    (tmp_path / "short.yaml").write_text(SHORT)
    done = simulate(tmp_path, "--scenario", "short.yaml", "--strategy", "balanced,oracle", "--json")
    assert done.returncode == 0 and "four made-up" in done.stderr, done.stderr
    for run in json.loads(done.stdout)["runs"]:
        assert run["served"] == run["calls"] > 300 and run["cost_usd"] > 0
        assert run["config"] == "four targets"


def test_scenarios_by_name(tmp_path):
    write(tmp_path)
    conf = ["--config", "balanced.yaml"]
    done = simulate(tmp_path, *conf, "--scenario", "price-change", "--strategy", "random,oracle")
    assert done.returncode == 0 and "random" in done.stdout and "oracle" in done.stdout
    done = simulate(tmp_path, *conf, "--scenario", "nix")
    assert done.returncode == 2 and "flash-crowd" in done.stderr
    (tmp_path / "bad.yaml").write_text("rate: 1\nevents: [ { when: now } ]\n")
    done = simulate(tmp_path, *conf, "--scenario", "bad.yaml")
    assert done.returncode == 2 and "bad.yaml:2:" in done.stderr
    for words in (["--nix"], ["--strategy", "best"], ["--config"], ["--seed", "x"]):
        assert simulate(tmp_path, *words).returncode == 2, words
    assert "--replay" in simulate(tmp_path, "--help").stdout


def test_recorded_calls(weir, upstream, tmp_path):
    """What weir has logged is traffic for the next configuration."""
    w = weir(upstream(), upstream())
    for _ in range(8):
        assert http1.call(w.port, "POST", CHAT.path, CHAT.body()).status == 200
    w.stop()
    log = w.folder / "output"
    done = simulate(tmp_path, "--config", str(w.conf), "--replay", str(log), "--json")
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)["runs"][0]
    assert run["calls"] == 8 and run["served"] == 8 and run["unknown_model"] == 0
    (tmp_path / "out.yaml").write_text("events: [ { from: 0s, fault: error } ]\n")
    done = simulate(
        tmp_path, "--config", str(w.conf), "--replay", str(log), "--script", "out.yaml", "--json"
    )
    assert json.loads(done.stdout)["runs"][0]["served"] == 0, done.stderr
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()
    done = simulate(nowhere, "--replay", str(log))
    assert done.returncode == 2 and "--config" in done.stderr and not done.stdout
    done = simulate(tmp_path, "--config", str(w.conf), "--replay", "-", stdin="nothing\n")
    assert done.returncode == 2 and "access log" in done.stderr
