#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""catalogue - makes data/models.json, the table of models that is built into weir.

Prices, names and their rules come from genai-prices; context, longest answer and capabilities from the
models.dev snapshot inside opencode, which also gives the prices of providers that genai-prices does
not have. Both are packages of npm, MIT licensed:

    npm pack @pydantic/genai-prices       # dist/index.js of it
    npm pack opencode-linux-x64-baseline  # bin/opencode of it
    python3 tools/catalogue --prices index.js --limits opencode \\
        --prices-version 0.1.8 --prices-date 2026-09-23 \\
        --limits-version 1.18.33 --limits-date 2026-09-25 > data/models.json

The output is sorted, one model a line: review its diff as one reviews code. docs/prices.md says what
each field means. Nothing of the packages is run, only read.
"""
import argparse
import decimal
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import limits  # noqa: E402
import prices  # noqa: E402
from providers import FIRST_HAND, MAKERS, PROVIDERS, TELLING  # noqa: E402

DATE = re.compile(r"([-@])(20\d{6}|20\d\d-\d\d-\d\d)$|-latest$")
KINDS = ("also", "starts", "contains", "ends")


def exact(rows, name):
    name = name.lower()
    for row in rows:
        if name == row["id"].lower() or name in (other.lower() for other in row["also"]):
            return row
    return None


def resolve(rows, name):
    """As src/price/catalogue.c does: the whole name, then without its date, then the longest rule."""
    for spelling in (name, DATE.sub("", name)):
        row = exact(rows, spelling)
        if row:
            return row
    best, length = None, 0
    tests = {"starts": str.startswith, "ends": str.endswith, "contains": str.__contains__}
    for row in rows:
        for kind, test in tests.items():
            for part in row[kind]:
                if len(part) > length and test(name.lower(), part.lower()):
                    best, length = row, len(part)
    return best


def is_free(row):
    return row["id"].endswith(":free")


def known_price(model_id, periods):
    """models.dev writes 0 and 0 for what nobody told it; only a name can say that it is free."""
    zero = periods and not periods[0].get("input") and not periods[0].get("output")
    return [] if zero and not model_id.endswith(":free") else periods


def new_row(model_id, periods):
    return {"id": model_id, "also": [], "starts": [], "contains": [], "ends": [], "periods": periods}


def merge(rows, models):
    """The limits of models.dev onto the rows; a model that no row is for gets one of its own."""
    for model_id, model in sorted(models.items()):
        facts, row = limits.facts(model), resolve(rows, model_id)
        if row is None:
            row = new_row(model_id, known_price(model_id, limits.periods(model)))
            row["of"] = "models.dev"
            rows.append(row)
        elif "can" in row and any(row.get(key) != value for key, value in facts.items()):
            # Two models under one price that can do different things.
            if exact([row], model_id):
                continue
            own = new_row(model_id, row["periods"])
            rows.append(own)
            row = own
        for key, value in facts.items():
            row[key] = value


def borrow_prices(all_rows):
    """models.dev has one price for what an answer holds, genai-prices one for each kind. Where a
    provider asks what those ask whose models it serves, theirs is the fuller list; where it has no
    price of its own, theirs counts."""
    for p in PROVIDERS:
        for row in all_rows[p.id]:
            if row.get("of") != "models.dev":
                continue
            theirs = next(filter(None, (exact(all_rows[other], row["id"]) for other in p.like)), None)
            if not theirs or not theirs["periods"]:
                continue
            same = row["periods"] and any(period.get("input") == row["periods"][0].get("input")
                                          for period in theirs["periods"])
            if same or not row["periods"]:
                row["periods"] = theirs["periods"]
                del row["of"]


def borrow_limits(all_rows):
    """A row without limits takes those of its maker's model: Bedrock's Claude is Anthropic's."""
    for provider, rows in all_rows.items():
        for row in rows:
            bare = re.sub(r"^.*/|^([a-z-]+\.)+(?=[a-z])|[-:]v\d+(:\d+)?$", "", row["id"].lower())
            for part, maker in MAKERS:
                if "can" in row or maker == provider or part not in bare:
                    continue
                found = resolve(all_rows[maker], bare.replace(".", "-") if part == "claude" else bare)
                for key in ("context", "maxOutput", "can"):
                    if found and key in found:
                        row.setdefault(key, found[key])


def mend(row):
    """What both sources leave out although its maker documents it."""
    for price in row["periods"]:
        tiers = price.get("tiers", [])
        # Anthropic: what is kept in the cache for an hour costs twice the input, wherever it runs.
        if "claude" in row["id"] and "cacheWrite" in price and "cacheWrite1h" not in price:
            for part in [price, *tiers]:
                if "input" in part and "cacheWrite" in part:
                    part["cacheWrite1h"] = 2 * part["input"]
    if not row["periods"] and is_free(row):
        row["periods"] = [{"input": decimal.Decimal(0), "output": decimal.Decimal(0)}]


class Encoder(json.JSONEncoder):
    """Compact, with decimals as they are."""

    def encode(self, o):
        if isinstance(o, decimal.Decimal):
            return format(o, "f")
        if isinstance(o, dict):
            return "{" + ",".join(f"{json.dumps(key)}:{self.encode(value)}"
                                  for key, value in o.items()) + "}"
        if isinstance(o, list):
            return "[" + ",".join(self.encode(value) for value in o) + "]"
        return json.dumps(o, ensure_ascii=False)


def line(provider, row):
    out = {"id": f"{provider}/{row['id']}"}
    for kind in KINDS:
        names = sorted(set(row[kind]), key=str.lower)
        if names:
            out[kind] = names
    for key in ("context", "maxOutput", "can"):
        if row.get(key):
            out[key] = row[key]
    if len(row["periods"]) == 1:
        out["price"] = row["periods"][0]
    elif row["periods"]:
        out["prices"] = row["periods"]
    if row.get("of") and row["periods"]:
        out["of"] = row["of"]
    return Encoder().encode(out)


def drop_shadowed(rows):
    """Each name once: a name two rows claim belongs to the row it is the id of, else to the first."""
    taken = {row["id"].lower() for row in rows}
    for row in rows:
        own = []
        for name in row["also"]:
            if name.lower() not in taken:
                taken.add(name.lower())
                own.append(name)
        row["also"] = own
        # A rule that only says what a whole name says already.
        row["starts"] = [part for part in row["starts"] if part]


def gather(price_data, limit_data):
    by_id = {provider["id"]: provider for provider in price_data}
    all_rows = {}
    for p in PROVIDERS:
        rows = prices.rows(by_id[p.prices]) if p.prices else []
        merge(rows, limit_data[p.limits]["models"] if p.limits else {})
        drop_shadowed(rows)
        all_rows[p.id] = rows
    borrow_prices(all_rows)
    borrow_limits(all_rows)
    for rows in all_rows.values():
        for row in rows:
            mend(row)
    return all_rows


def about(args):
    return {
        "what": "models: prices, limits, capabilities; made by tools/catalogue, see docs/prices.md",
        "unit": "US dollars for a million tokens; request, search: for one; audioHour: for an hour",
        "date": max(args.prices_date, args.limits_date),
        "sources": [
            {"name": "@pydantic/genai-prices", "version": args.prices_version,
             "date": args.prices_date, "licence": "MIT",
             "copyright": "Copyright (c) Pydantic Services Inc. 2025 to present"},
            {"name": "models.dev, as opencode carries it", "version": args.limits_version,
             "date": args.limits_date, "licence": "MIT",
             "copyright": "Copyright (c) 2025 spin.dev"}],
    }


def main():
    parser = argparse.ArgumentParser(prog="catalogue", description=__doc__.split("\n")[0])
    for name in ("prices", "limits", "prices-version", "prices-date", "limits-version",
                 "limits-date"):
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    all_rows = gather(prices.load(args.prices), limits.load(args.limits))
    encode = Encoder().encode
    print('{"about":' + encode(about(args)) + ',\n"providers":[')
    print(",\n".join(
        encode({"id": p.id, "hosts": p.hosts, **({"also": list(p.also)} if p.also else {}),
                **({"like": list(p.like)} if p.like else {}),
                **({"maker": True} if p.id in FIRST_HAND else {}),
                **({"tells": True} if p.id in TELLING else {})}) for p in PROVIDERS))
    print('],\n"models":[')
    lines = [(f"{provider}/{row['id']}".lower(), line(provider, row))
             for provider, rows in all_rows.items() for row in rows]
    print(",\n".join(text for _, text in sorted(lines)))
    print("]}")


if __name__ == "__main__":
    main()
