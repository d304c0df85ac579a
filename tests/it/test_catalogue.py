# SPDX-License-Identifier: Apache-2.0
"""The catalogue as a file that changes while weir serves: whole or not at all (F22, P12 to P15)."""

import json
import os
import signal
import threading
import time

import http1
import pytest
from fronts import CHAT
from gateway import Gateway, until
from test_process import check
from turns import Turn
from upstream import says, stalls

TURN = Turn(text="Hello.", input=1000, output=0)


def catalogue(**prices):
    """A whole catalogue: models of `openai` and what a million of their tokens cost."""
    models = [
        {"id": f"openai/{name}", "price": {"input": usd, "output": 0}}
        for name, usd in prices.items()
    ]
    return json.dumps(
        {
            "about": {"date": "2026-11-01"},
            "providers": [{"id": "openai", "hosts": ["api.openai.com"]}],
            "models": models,
        }
    )


def put(path, text):
    """In place of the old one at once, as editors and config maps do."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def config(up, where, more="", models="[m]"):
    return (
        "listen: 127.0.0.1:@PORT@\nworkers: 2\nproviders:\n"
        f'  - {{ name: openai, dialect: openai, baseURL: "{up.base}", apiKey: k, '
        f"models: {models}{more} }}\ncatalogue: {where}\n"
    )


def cost(w, model="m"):
    """What one more call costs, or None."""
    return w.access(CHAT.ask(w.port, model=model).get("x-weir-request-id"))["cost_usd"]


def ready(w):
    return http1.call(w.port, "GET", "/readyz").text


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "models.json"
    path.write_text(catalogue(m=1))
    return path


def test_a_file_stands_instead_of_the_built_in_one(weir, upstream, file):
    w = weir(config(upstream(default=says(TURN)), file, models="[m, gpt-4o]"))
    assert cost(w) == 0.001
    assert cost(w, "gpt-4o") is None


def test_p3_a_changed_file_is_in_force_at_once(weir, upstream, file):
    w = weir(config(upstream(default=says(TURN)), file))
    assert cost(w) == 0.001
    put(file, catalogue(m=2, other=3))
    until(lambda: "catalogue in force: 2 models of 2026-11-01" in w.said())
    until(lambda: cost(w) == 0.002 and cost(w) == 0.002 and cost(w) == 0.002)


BAD = {
    "cut": lambda good: good[: len(good) // 2],
    "empty": lambda good: "",
    "not-json": lambda good: "models: [ m ]",
    "other-json": lambda good: '{"data": []}',
    "wrong-type": lambda good: good.replace('"input": 2', '"input": "2"'),
    "negative": lambda good: good.replace('"input": 2', '"input": -2'),
    "absurd": lambda good: good.replace('"input": 2', '"input": 1e9'),
    "twice": lambda good: catalogue(m=2, M=3),
    "bad-utf8": lambda good: good.replace("openai/m", "openai/\xff"),
    "no-models": lambda good: catalogue(),
}


@pytest.mark.parametrize("how", BAD, ids=str)
def test_p12_a_bad_file_never_replaces_a_good_one(weir, upstream, file, how):
    w = weir(config(upstream(default=says(TURN)), file))
    bad = BAD[how](catalogue(m=2))
    file.with_suffix(".new").write_bytes(bad.encode("latin-1"))
    file.with_suffix(".new").replace(file)
    until(lambda: "the new catalogue is refused" in w.said())
    assert cost(w) == 0.001
    assert "catalogue was refused" in ready(w) and str(file) in ready(w)
    health = http1.call(w.port, "GET", "/health").json
    assert health["catalogue_error"] and "config_error" not in health
    # mended: the word about it goes
    put(file, catalogue(m=3))
    until(lambda: "catalogue in force" in w.said())
    until(lambda: cost(w) == 0.003)
    assert ready(w) == "ready\n"


def test_p12_a_bad_file_at_start(tmp_path, file):
    text = "providers: [ { name: openai, apiKey: k } ]\ncatalogue: models.json\n"
    assert check(tmp_path, text)[0] == 0
    file.write_text(catalogue(m=1).replace("1, ", "true, "))
    status, said = check(tmp_path, text)
    assert status == 2 and f"{file}:1:" in said and "price.input" in said, said
    file.unlink()
    status, said = check(tmp_path, text)
    assert status == 2 and "weir.yaml:2:" in said, said


def test_p13_what_is_no_file_is_not_read(weir, upstream, tmp_path, file):
    w = weir(config(upstream(default=says(TURN)), file))
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    os.replace(fifo, file)
    until(lambda: "this is no regular file" in w.said())
    with open(tmp_path / "big", "wb") as big:
        big.truncate(100 << 20)
    os.replace(tmp_path / "big", file)
    until(lambda: "larger than 8 MiB" in w.said())
    assert cost(w) == 0.001 and w.rss() < w.first_rss + (16 << 20)


def test_p13_through_a_link(weir, upstream, tmp_path):
    """As config maps do: the link is swapped, the name stays."""
    for n in (1, 2):
        (tmp_path / f"{n}.json").write_text(catalogue(m=n))
    link = tmp_path / "models.json"
    link.symlink_to("1.json")
    w = weir(config(upstream(default=says(TURN)), link))
    assert cost(w) == 0.001
    (tmp_path / "new").symlink_to("2.json")
    (tmp_path / "new").replace(link)
    until(lambda: cost(w) == 0.002, 8)


def test_p15_a_model_leaves_the_catalogue(weir, upstream, file):
    """What it costs is unknown from then on; it is served all the same."""
    w = weir(config(upstream(default=says(TURN)), file))
    assert cost(w) == 0.001
    put(file, catalogue(other=1))
    until(lambda: cost(w) is None)


def test_p15_a_price_list_leaves_the_catalogue(weir, upstream, file):
    w = weir(config(upstream(default=says(TURN)), file, ", prices: openai"))
    put(file, catalogue(m=2).replace("openai", "someone"))
    until(lambda: "the catalogue has no provider 'openai'" in w.said())
    assert cost(w) == 0.001


def test_p4_calls_in_flight_keep_their_prices(weir, upstream, file):
    """A stream that began under the old catalogue is charged by it."""
    up = upstream(default=says(Turn(text="word " * 40, input=1000, output=0), gap=0.05))
    w = weir(config(up, file))
    got = {}

    def ask():
        got["id"] = CHAT.ask(w.port, stream=True).get("x-weir-request-id")

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: up.hits)
    put(file, catalogue(m=2))
    until(lambda: "catalogue in force" in w.said())
    asking.join()
    assert w.access(got["id"])["cost_usd"] == 0.001
    assert cost(w) == 0.002


def test_p3_no_call_fails_while_catalogues_change(weir, upstream, file):
    w = weir(config(upstream(default=says(TURN)), file))
    end, bad = time.monotonic() + 3, []

    def ask():
        with http1.Conn(w.port) as conn:
            while time.monotonic() < end:
                r = conn.call("POST", CHAT.path, CHAT.body())
                bad.extend([r] if r.status != 200 else [])

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for t in asking:
        t.start()
    n = 1
    while time.monotonic() < end:
        n += 1
        put(file, catalogue(m=n) if n % 3 else "broken")
        time.sleep(0.15)
    for t in asking:
        t.join()
    assert not bad


# ---- from a URL


def from_url(up, host, more=""):
    return config(up, f'{{ url: "http://127.0.0.1:{host.port}/models.json?v=1" }}', more)


def answers(**prices):
    return lambda x: x.reply(200, json.loads(catalogue(**prices)))


def test_a_catalogue_from_a_url(weir, upstream):
    host = upstream(default=answers(m=5))
    w = weir(from_url(upstream(default=says(TURN)), host))
    until(lambda: "catalogue in force: 1 models of 2026-11-01" in w.said())
    until(lambda: cost(w) == 0.005)
    got = host.requests[0]
    assert (got.method, got.target) == ("GET", "/models.json?v=1")
    assert got.get("host") == f"127.0.0.1:{host.port}" and not got.get("authorization")
    # asked again on SIGHUP; what is refused leaves the last good one in force
    host.default = lambda x: x.reply(500, {"error": "no"})
    w.signal(signal.SIGHUP)
    until(lambda: "it answers 500" in w.said())
    assert cost(w) == 0.005 and "models.json: it answers 500" in ready(w)
    host.default = answers(m=6)
    w.signal(signal.SIGHUP)
    until(lambda: cost(w) == 0.006)
    assert ready(w) == "ready\n"


def cut(x):
    text = catalogue(m=5).encode()
    x.head(200, framing=len(text))
    x.write(text[:-9])
    x.close()


def huge(x):
    x.head(200, framing="chunked")
    for _ in range(9):
        x.data(b" " * (1 << 20))


def moved(x):
    x.reply(302, {}, [("location", "http://127.0.0.1:9/")])


REFUSED = {
    "moved": (moved, "a redirect; name the place it leads to"),
    "cut": (cut, "closed or reset"),
    "huge": (huge, "the document is too large"),
    "no-json": (lambda x: x.reply(200, b"<html>"), "not JSON"),
    "negative": (answers(m=-5), "cannot be a price"),
    "gone": (None, "connection was refused"),
}


@pytest.mark.parametrize("how", REFUSED, ids=str)
def test_p12_a_bad_answer_never_replaces_a_good_catalogue(weir, upstream, how):
    answer, why = REFUSED[how]
    host = upstream(default=answer)
    text = from_url(upstream(default=says(TURN)), host).replace("[m]", "[gpt-4o]")
    if not answer:
        host.stop()
    w = weir(text)
    until(lambda: "the new catalogue is refused" in w.said(), 10)
    assert why in w.said(), w.said()
    assert cost(w, "gpt-4o") == 0.0025 and "catalogue was refused" in ready(w)


def restarted(tmp_path, text):
    """A gateway in the folder of the last one, whose state it finds."""
    w = Gateway(tmp_path, text)
    try:
        until(lambda: w.said().count("the new catalogue is refused") > 0, 10)
        return cost(w), w.said()
    finally:
        w.stop()
        w.kill()


def test_p12_a_fetched_catalogue_outlives_a_restart(tmp_path, upstream):
    host, up = upstream(default=answers(m=5)), upstream(default=says(TURN))
    text = from_url(up, host, more=", prices: openai")
    w = Gateway(tmp_path, text)
    until(lambda: cost(w) == 0.005)
    w.stop()
    kept = tmp_path / "data" / "catalogue.kept"
    assert kept.stat().st_mode & 0o77 == 0 and not (tmp_path / "data" / "catalogue.kept.new").exists()
    host.default = answers(m=-5)  # what is refused now does not take its place either
    assert restarted(tmp_path, text)[0] == 0.005
    assert restarted(tmp_path, text)[0] == 0.005
    # another place's prices, a changed file and a cut one are as good as none
    good = kept.read_bytes()
    other = text.replace("models.json?v=1", "models.json?v=2")
    for bad in (good.replace(b"5", b"6"), good[:-1], good[:100], b"", b"weir-catalogue-1 \n{}"):
        kept.write_bytes(bad)
        usd, said = restarted(tmp_path, text)
        assert usd is None and "AddressSanitizer" not in said, bad[:80]
    kept.write_bytes(good)
    assert restarted(tmp_path, other)[0] is None


def test_a_place_that_cannot_be_written_is_said(tmp_path, upstream):
    host, up = upstream(default=answers(m=5)), upstream(default=says(TURN))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "catalogue.kept.new").mkdir()  # no file can be made there, by root neither
    w = Gateway(tmp_path, from_url(up, host))
    try:
        until(lambda: cost(w) == 0.005)
        assert "cannot be kept in" in w.said()
    finally:
        w.stop()
        w.kill()


def test_nothing_is_fetched_unless_asked_for(tmp_path):
    """And what cannot be asked for is said."""
    for url, says_ in (
        ("ftp://h/x", "catalogue.url"),
        ("https://u:p@h/x", "user and password"),
        ("https://h/x, file: m.json", "exclude each other"),
    ):
        text = f"providers: [ {{ name: openai, apiKey: k }} ]\ncatalogue: {{ url: {url} }}\n"
        text = text.replace("url: https://h/x, file", 'url: "https://h/x", file')
        status, said = check(tmp_path, text)
        assert status == 2 and says_ in said, said
    text = "providers: [ { name: openai, apiKey: k } ]\ncatalogue: { url: 'http://h.example/x' }\n"
    status, said = check(tmp_path, text)
    assert status == 0 and "use https" in said, said


def test_shutdown_while_fetching(weir, upstream):
    host = upstream(default=stalls(20))
    w = weir(from_url(upstream(default=says(TURN)), host))
    until(lambda: host.hits)
    w.stop(5)


# ---- what the configuration itself says of prices


def test_the_configuration_has_the_last_word(weir, upstream):
    up = upstream(default=says(Turn(text="x", input=1000, cached=1000, output=100)))
    models = (
        "[ { name: gpt-4o, price: { input: 2, output: 8 } }, { name: mine, as: openai/gpt-4o }, "
        "{ name: gift, price: { input: 0, output: 0 } }, gpt-5, other ]"
    )
    w = weir(config(up, "{}", models=models))
    assert cost(w, "gpt-4o") == 0.0048  # cached input as input: no discount was named
    assert cost(w, "mine") == 0.00475
    assert cost(w, "gift") == 0
    assert cost(w, "gpt-5") == 0.002375
    assert cost(w, "other") is None
    prices = [r["price"] for r in w.log() if "price" in r]
    assert prices == ["config", "catalogue", "config", "catalogue", "unknown"]


@pytest.mark.parametrize("prices,want", [("openai", 0.0025), ("free", 0), ("unknown", None)])
def test_whose_prices_count(weir, upstream, prices, want):
    up = upstream(default=says(TURN))
    text = config(up, "{}", f", prices: {prices}", "[gpt-4o]").replace("name: openai,", "name: box,")
    assert cost(weir(text), "gpt-4o") == want


def test_a_price_list_that_is_not_there(tmp_path):
    text = "providers: [ { name: openai, apiKey: k, prices: opnai } ]\n"
    status, said = check(tmp_path, text)
    assert status == 2 and "weir.yaml:1:" in said and "did you mean 'openai'?" in said, said
