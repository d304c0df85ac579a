# SPDX-License-Identifier: Apache-2.0
"""The table: one line a metric, the proxies beside each other, ratios, goals."""

import rows
import tools

NAME_WIDTH = 30
CELL = 10


def values(metric, results, variant, name):
    """The metric of each round, or []."""
    figures = results.get(variant, {}).get(name, [])
    direct = results.get(variant, {}).get("direct", [])
    return [metric.value(d, direct[i] if i < len(direct) else None) for i, d in enumerate(figures)]


def ratio(ours, theirs):
    """Median of the ratios within each round: slow drifts of the machine cancel out."""
    pairs = [(a, b) for a, b in zip(ours, theirs) if a is not None and b]
    return tools.median([a / b for a, b in pairs])


def judge(limit, value, to_nginx):
    """ "ok", "MISS", or "" where there is nothing to judge."""
    seen = to_nginx if limit.ratio else value
    if seen is None:
        return ""
    return "ok" if seen <= limit.at_most else "MISS"


def number(value, digits):
    return "" if value is None else f"{value:,.{digits}f}"


def metric_lines(metric, group, variant, results, names, weirs):
    """Lines of cells, and what was judged: [(text, verdict, limit)]."""
    plain = rows.PLAIN[variant]
    cells = []
    for name in names:
        source = variant if name in weirs or name == "direct" and variant in results else plain
        seen = values(metric, results, source if name != "direct" else plain, name)
        cells.append(number(tools.median(seen), metric.digits))
    line = f"  {metric.text:{NAME_WIDTH - 2}}" + "".join(f"{c:>{CELL}}" for c in cells)
    verdicts = []
    nginx = values(metric, results, plain, "nginx")
    for name in weirs:
        ours = values(metric, results, variant, name)
        to_nginx = ratio(ours, nginx)
        line += f"{number(to_nginx, 2) + ' ×' if to_nginx is not None else '':>{CELL}}"
        for limit in metric.goals.get(variant, (None, None)):
            verdict = judge(limit, tools.median(ours), to_nginx) if limit else ""
            line += f"   {f'{limit} {verdict}' if limit else '':<12}"
            if limit and verdict:
                verdicts.append((group.name, variant, metric.text, str(limit), verdict))
    if not weirs:
        goal = [str(limit) for limit in metric.goals.get(variant, ()) if limit]
        line += f"   {', '.join(goal)}"
    return line.rstrip(), verdicts


def header(names, weirs):
    line = " " * NAME_WIDTH + "".join(f"{n:>{CELL}}" for n in names)
    for name in weirs:
        line += f"{name + '/nginx':>{CELL}}   {'goal':<12}   {'aim':<12}"
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
