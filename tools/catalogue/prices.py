# SPDX-License-Identifier: Apache-2.0
"""prices - rows from genai-prices: who asks what for which model, since when, from which size on."""
import decimal
import re

import literal

# Its units: US dollars for a million tokens, a thousand calls, an hour.
MEGA = {
    "input_mtok": "input", "output_mtok": "output", "cache_read_mtok": "cacheRead",
    "cache_write_mtok": "cacheWrite", "cache_write_1h_mtok": "cacheWrite1h",
    "output_reasoning_mtok": "reasoning", "input_audio_mtok": "audioInput",
    "output_audio_mtok": "audioOutput", "cache_audio_read_mtok": "audioCacheRead",
    "input_image_mtok": "imageInput", "output_image_mtok": "imageOutput",
    "audio_hours": "audioHour", "input_audio_hours": "audioHour",
}
KILO = {"web_searches_kcount": "search", "requests_kcount": "request"}
ORDER = ["input", "output", "cacheRead", "cacheWrite", "cacheWrite1h", "reasoning", "audioInput",
         "audioOutput", "audioCacheRead", "imageInput", "imageOutput", "request", "search",
         "audioHour"]
# Prices of things whose use no answer of a model reports, or that weir does not carry.
IGNORED = {"input_video_mtok", "output_video_mtok", "input_document_kpages",
           "input_annotated_document_kpages", "storage_searches_kcount", "cache_image_read_mtok",
           "output_citation_mtok", "input_text_messages_kcount"}


def number(text, per=1):
    """A price as exact decimal, to nine places: JSON of it is what weir reads."""
    value = (decimal.Decimal(text) / per).quantize(decimal.Decimal("1e-9"))
    if value < 0:
        raise ValueError(f"negative price {text}")
    return value.normalize()


def load(path):
    text = open(path, encoding="utf-8").read()
    start = re.search(r"^const \w+ = (?=\[\s*\{\s*id:)", text, re.M)
    return literal.read(text, start.end())


def _price(prices):
    base, tiers = {}, {}
    for key, value in prices.items():
        if key in IGNORED or value is None:
            continue
        name, per = (MEGA[key], 1) if key in MEGA else (KILO[key], 1000)
        if not isinstance(value, dict):
            base[name] = number(value, per)
            continue
        base[name] = number(value["base"], per)
        for tier in value["tiers"]:
            tiers.setdefault(int(decimal.Decimal(tier["start"])), {})[name] = number(tier["price"], per)
    base = {key: base[key] for key in ORDER if key in base}
    if tiers:
        base["tiers"] = [{"above": above, **{key: tiers[above][key] for key in ORDER
                                             if key in tiers[above]}} for above in sorted(tiers)]
    return base


def _periods(prices):
    if isinstance(prices, dict):
        price = _price(prices)
        return [price] if price else []
    found = []
    for entry in prices:
        price, rule = _price(entry["prices"]), entry.get("constraint")
        if rule and rule["type"] == "start_date":
            price = {"from": rule["start_date"], **price}
        elif rule:
            price = {"hours": f'{_minute(rule["start_time"])}-{_minute(rule["end_time"])}', **price}
        found.append(price)
    return found


def _minute(text):
    if not re.fullmatch(r"\d\d:\d\d:00Z", text):
        raise ValueError(f"{text}: only whole minutes of UTC are understood")
    return text[:5]


def _match(rule, row):
    """Spread a rule into the row's lists. A pattern says "and dates of it": weir knows dates."""
    for kind, value in rule.items():
        if kind == "and" and sum("regex" not in part for part in value) > 1:
            raise ValueError(f"{row['id']}: two conditions at once are not understood")
        if kind in ("or", "and"):
            for part in value:
                _match(part, row)
        elif kind == "equals":
            row["also"].append(value)
        elif kind != "regex":
            row[{"starts_with": "starts", "contains": "contains", "ends_with": "ends"}[kind]].append(
                value)


def rows(provider):
    """One row a model: id, names, periods, context."""
    found = []
    for model in provider["models"]:
        row = {"id": model["id"], "also": [], "starts": [], "contains": [], "ends": [],
               "periods": _periods(model["prices"])}
        if model.get("context_window"):
            row["context"] = int(decimal.Decimal(model["context_window"]))
        _match(model["match"], row)
        row["also"] = [name for name in row["also"] if name.lower() != row["id"].lower()]
        found.append(row)
    return found
