# SPDX-License-Identifier: Apache-2.0
"""tools/catalogue: packages are read and never run; prices stay decimals; the file is what it says."""

import decimal
import json
import re
import sys

import pytest

sys.path.insert(0, str(__import__("pathlib").Path(__file__).resolve().parents[2] / "tools/catalogue"))

import literal  # noqa: E402
import prices  # noqa: E402


def test_literals():
    text = r"""[{ id: "a-b", 'x y': !0, no: !1, none: null, gone: void 0, n: 2e5, f: .5, neg: -1.25,
               s: 'it\'s', t: `a\u00e9\x41\u{1F600}`, list: [1, [], {}, "é",], }]"""
    assert literal.read(text) == [
        {
            "id": "a-b", "x y": True, "no": False, "none": None, "gone": None, "n": "2e5", "f": ".5",
            "neg": "-1.25", "s": "it's", "t": "aéA😀", "list": ["1", [], {}, "é"],
        }
    ]


@pytest.mark.parametrize("text", ["{a:b}", "{a:f()}", "[1", "{a 1}", "(1)", "", "{a:1+1}", "`${x}"])
def test_what_is_no_literal_is_refused(text):
    with pytest.raises(ValueError):
        literal.read(text)


def test_prices_are_decimals():
    assert prices.number("0.27") == decimal.Decimal("0.27")
    assert prices.number("2e-7") == decimal.Decimal("2E-7")
    assert prices.number("10", 1000) == decimal.Decimal("0.01")
    assert prices.number("0.19999999999999998") == decimal.Decimal("0.2")
    with pytest.raises(ValueError):
        prices.number("-1")


def test_periods_and_tiers():
    model = {
        "id": "m", "context_window": "2e5", "match": {"or": [{"equals": "m"}, {"starts_with": "m-"}]},
        "prices": [
            {"prices": {"input_mtok": {"base": "3", "tiers": [{"start": "200000", "price": "6"}]}}},
            {"constraint": {"type": "start_date", "start_date": "2026-03-13"}, "prices": {"input_mtok": "2"}},
            {"constraint": {"type": "time_of_date", "start_time": "01:00:00Z", "end_time": "04:30:00Z"},
             "prices": {"input_mtok": "1", "web_searches_kcount": "10"}},
        ],
    }
    (row,) = prices.rows({"models": [model]})
    D = decimal.Decimal
    assert row["context"] == 200000 and row["starts"] == ["m-"] and row["also"] == []
    assert row["periods"] == [
        {"input": D(3), "tiers": [{"above": 200000, "input": D(6)}]},
        {"from": "2026-03-13", "input": D(2)},
        {"hours": "01:00-04:30", "input": D(1), "search": D("0.01")},
    ]


def test_the_file_says_where_it_is_from(root):
    text = (root / "data/models.json").read_text()
    data = json.loads(text)
    assert [s["licence"] for s in data["about"]["sources"]] == ["MIT", "MIT"]
    assert all(re.fullmatch(r"2\d{3}-\d\d-\d\d", s["date"]) for s in data["about"]["sources"])
    assert len(text) < 600 * 1024
    ids = [m["id"].lower() for m in data["models"]]
    assert ids == sorted(ids) and len(set(ids)) == len(ids)
    for source in data["about"]["sources"]:
        assert source["copyright"] in (root / "data/README.md").read_text()
