# SPDX-License-Identifier: Apache-2.0
"""The table: one line a metric, the proxies beside each other, ratios, goals."""

import statistics

import rows
import tools

NAME_WIDTH = 30
CELL = 10
RATIO = 24  # "1.02 × (0.95–1.10)"
LIMIT = 14


def values(metric, results, variant, name):
    """The metric of each round, or []. The direct way is always untranslated."""
    figures = results.get(variant, {}).get(name, [])
    direct = results.get(rows.PLAIN[variant], {}).get("direct", [])
    return [metric.value(d, direct[i] if i < len(direct) else None) for i, d in enumerate(figures)]


def ratios(ours, theirs):
    """The ratio within each round: slow drifts of the machine cancel out."""
    return [a / b for a, b in zip(ours, theirs) if a is not None and b]


def ratio_cell(seen):
    """Median, and between what lies the middle half."""
    if not seen:
        return ""
    text = f"{tools.median(seen):.2f} ×"
    if len(seen) >= 3:
        low, _, high = statistics.quantiles(seen, n=4, method="inclusive")
        text += f" ({low:.2f}–{high:.2f})"
    return text


def judge(limit, value, ratio):
    """ "ok", "MISS", or "" where there is nothing to judge."""
    seen = ratio if limit.ratio else value
    if seen is None:
        return ""
    return "ok" if seen <= limit.at_most else "MISS"


def number(value, digits):
    return "" if value is None else f"{value:,.{digits}f}"


def metric_lines(metric, group, variant, results, names, weirs):
    """One line of cells, and what was judged on it."""
    plain = rows.PLAIN[variant]
    cells, verdicts = [], []
    for name in names:
        seen = values(metric, results, variant if name in weirs else plain, name)
        cells.append(number(tools.median(seen), metric.digits))
    line = f"  {metric.text:{NAME_WIDTH - 2}}" + "".join(f"{c:>{CELL}}" for c in cells)
    base = values(metric, results, plain, "nginx")
    for name in weirs:
        ours = values(metric, results, variant, name)
        if group.own:
            base = values(metric, results, plain, name)
        seen = ratios(ours, base) if metric.compare else []
        cell = ratio_cell(seen) + (" own" if group.own and seen else "")
        line += f"{cell:>{RATIO}}  "
        for limit in metric.goals.get(variant, (None, None)):
            verdict = judge(limit, tools.median(ours), tools.median(seen)) if limit else ""
            line += f"{f'{limit} {verdict}' if limit else '':<{LIMIT}}"
            if verdict:
                verdicts.append((group.name, variant, metric.text, str(limit), verdict))
    if not weirs:
        goals = [str(limit) for limit in metric.goals.get(variant, ()) if limit]
        line += f"   {', '.join(goals)}"
    return line.rstrip(), verdicts


def header(names, weirs):
    line = " " * NAME_WIDTH + "".join(f"{n:>{CELL}}" for n in names)
    for name in weirs:
        line += f"{name + ' / nginx':>{RATIO}}  {'goal':<{LIMIT}}{'aim':<{LIMIT}}"
    return (line if weirs else line + "   goal, aim").rstrip()


def group_lines(group, variants, results, names, weirs):
    lines, verdicts = [], []
    for variant in variants:
        text = group.text
        if len(group.variants) > 1:
            text += f": {rows.VARIANTS[variant][2]}"
        lines.append(text)
        for metric in group.metrics:
            line, judged = metric_lines(metric, group, variant, results, names, weirs)
            lines.append(line)
            verdicts += judged
    return lines, verdicts
