# SPDX-License-Identifier: Apache-2.0
"""What is known of each target: over all workers, by provider and region, and over a restart."""

import json
import os
from types import SimpleNamespace

import http1
from fronts import CHAT, assert_served
from gateway import one_model, until
from turns import Turn
from upstream import refuses, says

A = Turn(text="This is a.")

OFTEN = "routing: { remember: 100ms }\n"


def targets(w, key=None):
    headers = [("authorization", f"Bearer {key}")] if key else []
    r = http1.call(w.port, "GET", "/api/v1/targets", headers=headers)
    assert r.status == 200, r.body
    return r.json


def of(listed, **who):
    return next(x for x in listed if all(x[k] == v for k, v in who.items()))


def ask(w, times=1):
    for _ in range(times):
        assert_served(CHAT, http1.call(w.port, "POST", CHAT.path, CHAT.body()), A.text)


def kept(w):
    """What stands in the state file, or None while there is none."""
    try:
        head, text = (w.folder / "data/state.kept").read_bytes().split(b"\n", 1)
    except (OSError, ValueError):
        return None
    assert head.startswith(b"weir-state-1 ")
    return json.loads(text)


def kept_samples(w):
    state = kept(w)
    return sum(t.get("n", 0) for t in state["targets"]) if state else 0


def test_figures_of_targets_providers_and_regions(weir, upstream):
    """Each call is counted once, whichever worker had it; a provider's figures are its targets'."""
    a, b, c = (upstream(default=says(A)) for _ in range(3))
    text = one_model(a, b, c, regions=["east", "east", "west"], strategy="round_robin")
    w = weir(text.replace("workers: 1", "workers: 3"))
    ask(w, 12)
    b.default, before, more = refuses(503), b.hits, 0
    while b.hits == before:  # its turn comes, whichever workers have the calls
        ask(w)
        more += 1

    def all_counted():
        seen = targets(w)
        served = sum(p["window"]["served"] for p in seen["providers"])
        return seen if served == 12 + more else None

    seen = until(all_counted, 10, "all calls are in the figures of some worker")
    assert seen["workers"] == 3 and seen["left_out"] == 0
    assert {t["provider"] for t in seen["targets"]} == {"a", "b", "c"}
    bad = of(seen["targets"], provider="b", model="up")
    assert bad["key"] == 0 and bad["region"] == "east" and 1 <= bad["workers"] <= 3
    assert bad["window"]["errors_by_class"].keys() == {"server_error"}
    assert bad["window"]["failed"] == bad["window"]["errors_by_class"]["server_error"] >= 1
    assert 0 < bad["errors_by_class"]["server_error"] <= bad["error_rate"] < 1
    good = of(seen["targets"], provider="a")
    assert good["error_rate"] == 0 and good["state"] == "ok" and good["in_flight"] == 0
    assert good["window"]["response_p50_ms"] is not None and good["response_ms"] is not None
    assert good["usd_per_mtok"]["input"] is None  # nobody knows its price, and it is not zero
    east, west = of(seen["regions"], region="east"), of(seen["regions"], region="west")
    assert (east["targets"], west["targets"]) == (2, 1)
    for figure in ("attempts", "served", "failed"):
        parts = [of(seen["providers"], provider=p)["window"][figure] for p in "ab"]
        assert east["window"][figure] == sum(parts)
    assert "provider-secret" not in json.dumps(seen)
    health = http1.call(w.port, "GET", "/health?targets").json
    assert health["figures"].keys() == seen.keys() and health["providers"].keys() == set("abc")
    assert "figures" not in http1.call(w.port, "GET", "/health").json
    question = json.dumps({"model": "m", "tokens": 10}).encode()
    explained = http1.call(
        w.port, "POST", "/api/v1/explain", question, [("content-type", "application/json")]
    ).json["candidates"]
    assert all({"tokens_per_s", "response_ms", "errors_by_class"} <= c["figures"].keys() for c in explained)


def test_who_may_see_figures(weir, upstream):
    w = weir(one_model(upstream(default=says(A)), extra="admin: { key: admin-key-0123456789 }\n"))
    assert http1.call(w.port, "GET", "/api/v1/targets").status == 401
    assert targets(w, "admin-key-0123456789")["targets"] == []


def test_P5_what_was_learned_outlives_a_kill(weir, upstream):
    """kill -9: what was written last is known again. Who was down before is not called first after."""
    a, b = upstream(default=refuses(503)), upstream(default=says(A))
    text = one_model(a, b, strategy="priority", extra=OFTEN)
    w = weir(text)
    ask(w, 8)
    until(lambda: kept_samples(w) > 10, 10, "the state is written")
    before = targets(w)
    assert of(before["targets"], provider="a")["state"] == "open"
    w.kill()
    w.stopped = True
    raw = (w.folder / "data/state.kept").read_bytes()
    assert b"provider-secret" not in raw
    assert (os.stat(w.folder / "data/state.kept").st_mode & 0o777) == 0o600

    again = weir(text, again=w)
    after = targets(again)
    bad, good = of(after["targets"], provider="a"), of(after["targets"], provider="b")
    assert bad["state"] == "open" and bad["workers"] == 0 and bad["key"] == 0
    assert bad["error_rate"] > 0.3 and good["error_rate"] < 0.1 and good["samples"] > 3
    asked = a.hits
    ask(again, 3)
    assert a.hits == asked
    assert of(targets(again)["targets"], provider="b")["workers"] == 1


def test_P17_a_damaged_state_is_set_aside(weir, upstream):
    """Cut, changed, of another version or not ours at all: said, kept for whoever wants to look, and the
    gateway starts. A section that makes no sense costs that section."""
    up = upstream(default=says(A))
    text = one_model(up, extra=OFTEN)
    w = weir(text)
    ask(w, 3)
    w.stop()  # and what was learned is written once more
    assert kept_samples(w) > 2
    file = w.folder / "data/state.kept"
    whole = file.read_bytes()
    for bad, why in (
        (whole[: len(whole) // 2], "damaged"),
        (whole[:40], "cut off"),
        (whole.replace(b'"n":', b'"m":'), "damaged"),
        (whole.replace(b"weir-state-1", b"weir-state-9"), "another version"),
        (b"", "no file of weir's state"),
        (os.urandom(3000), "no file of weir's state"),
    ):
        file.write_bytes(bad)
        before = len(w.said())
        again = weir(text, again=w)
        said = again.said()[before:]
        assert why in said and "state.kept.bad" in said
        assert targets(again)["targets"] == []
        again.stop()
        assert not file.exists()  # nothing was learned, nothing was written
        assert (w.folder / "data/state.kept.bad").read_bytes() == bad
    file.write_bytes(whole)
    assert of(targets(weir(text, again=w))["targets"], provider="a")["samples"] > 2


def test_P11_the_disk_is_full(weir, upstream):
    """Said once, calls go on; and when there is room again it is written, and that is said."""
    w = weir(one_model(upstream(default=says(A)), extra=OFTEN))
    (w.folder / "data/state.kept.new").symlink_to("/dev/full")  # where it is written first
    ask(w)
    until(lambda: "No space left on device" in w.said(), 10, "the failure is told")
    ask(w)
    until(lambda: kept_samples(w) > 1, 10, "it is written after all")
    until(lambda: "is kept again" in w.said(), 10, "and told")
    assert w.said().count("No space left") == 1


def test_P11_a_folder_that_cannot_be_written(weir, upstream, tmp_path):
    (tmp_path / "data").write_text("not a folder")
    here = SimpleNamespace(folder=tmp_path)
    w = weir(one_model(upstream(default=says(A)), extra=OFTEN), again=here)
    ask(w)
    until(lambda: "cannot be kept" in w.said(), 10, "the failure is told")
    ask(w, 3)
    w.stop()
    assert w.said().count("cannot be kept") == 1


def test_nothing_is_kept(weir, upstream):
    w = weir(one_model(upstream(default=says(A)), extra="routing: { remember: 0 }\n"))
    ask(w)
    w.stop()
    assert not (w.folder / "data/state.kept").exists()
