"""The table of what was measured: goal, ours, stock, verdict; Markdown, which reads well in a terminal too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rows import Goal, Row

HEAD = ("Row", "Metric", "Goal", "Finial", "Stock", "Stock/Finial", "")


def of(rows: Sequence[Row], kept: dict[str, Any]) -> str:
    lines = [HEAD, tuple("-" * len(name) for name in HEAD)]
    for row in rows:
        lines += lines_of(row, kept["rows"].get(row.name, {}))
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEAD))]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in lines
    )


def lines_of(row: Row, measured: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    title = row.title
    for goal in row.goals if measured else ():
        ours, stock = (measured.get(name, {}).get(goal.metric) for name in ("finial", "stock"))
        if ours is None and stock is None:
            continue
        yield (
            title,
            named(goal),
            limit(goal),
            shown(ours),
            shown(stock),
            ratio(goal, ours, stock),
            verdict(goal, ours),
        )
        title = ""


def named(goal: Goal) -> str:
    name = goal.metric.removesuffix("_us").removesuffix("_ms").removesuffix("_s").replace("_", " ")
    return f"{name}, {goal.unit}" if name not in ("ms", "mib") else goal.unit


def limit(goal: Goal) -> str:
    if goal.limit is None:
        return ""
    return f"{'>=' if goal.at_least else '<='} {shown(goal.limit)}"


def shown(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def ratio(goal: Goal, ours: float | None, stock: float | None) -> str:
    if not ours or not stock:
        return ""
    return f"{ours / stock if goal.at_least else stock / ours:.2f}"


def verdict(goal: Goal, ours: float | None) -> str:
    if goal.limit is None or ours is None:
        return ""
    return "met" if goal.met(ours) else "MISSED"
