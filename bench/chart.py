"""The chart of docs/performance.md, drawn from the results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from bench.contestants import WAYPOST

if TYPE_CHECKING:
    from collections.abc import Iterable

WIDTH, LEFT, ROW, GAP = 760, 190, 24, 54
INK, QUIET, OURS, THEIRS = "#1f2430", "#667085", "#2f6f4f", "#b8c0cc"

PANELS = (
    ("accept", "of", "perSecond", "Durable accepts per second, one core", 1),
    ("worker", "of", "perSecond", "No-op jobs per second, one core", 1),
    ("worker", "receivedAt50", "p50Ms", "From received to started at 50 a second, p50 in ms (less is better)", 2),
    ("whole", "of", "perSecond", "The whole way, request to bot, events per second, two cores", 1),
    ("whole", "of", "cpuUs", "Processor per event on the whole way, µs (less is better)", 1),
)  # fmt: skip


def svg(found: dict[str, Any]) -> str:
    """All panels whose part was measured."""
    parts, top = [], 20
    for part, table, figure, title, digits in PANELS:
        rows = {name: row[figure] for name, row in found.get(part, {}).get(table, {}).items()}
        if rows:
            drawn, top = _bars(title, rows, top, digits - 1)
            parts += drawn
    if "growth" in found:
        drawn, top = _depths(found["growth"]["depth"], top)
        parts += drawn
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="13">\n'
        f"<title>Waypost beside its peers</title>\n"
        f'<rect width="{WIDTH}" height="{top}" rx="8" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _bars(title: str, rows: dict[str, float], top: int, digits: int) -> tuple[list[str], int]:
    """One panel: a bar per contender, ours in colour."""
    most = max(rows.values()) or 1.0
    parts = [_text(20, top + 16, title, weight=600)]
    for n, (name, value) in enumerate(rows.items()):
        y, ours = top + 30 + n * ROW, name == WAYPOST
        length = max(2.0, value / most * (WIDTH - LEFT - 110))
        parts += [
            _text(LEFT - 10, y + 13, name, anchor="end", colour=INK if ours else QUIET),
            f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="17" rx="3" fill="{OURS if ours else THEIRS}"/>',
            _text(LEFT + length + 8, y + 13, f"{value:,.{digits}f}", colour=INK),
        ]
    return parts, top + len(rows) * ROW + GAP


def _depths(depths: dict[str, dict[str, float]], top: int) -> tuple[list[str], int]:
    """What accepting, claiming and settling cost the server as the queue grows, a group of bars per depth."""
    colours = {"acceptUs": "#2f6f4f", "claimUs": "#6fa287", "settleUs": "#b4cfc1"}
    most = max(row[name] for row in depths.values() for name in colours)
    parts = [
        _text(
            20,
            top + 16,
            "Server time in the script, per record, as the queue grows, µs",
            weight=600,
        )
    ]
    width = (WIDTH - LEFT - 40) / len(depths)
    for n, (depth, row) in enumerate(depths.items()):
        x = LEFT + n * width
        for m, (name, colour) in enumerate(colours.items()):
            height = row[name] / most * 90
            parts += [
                f'<rect x="{x + m * 34:.0f}" y="{top + 140 - height:.1f}" width="30" height="{height:.1f}" fill="{colour}"/>',
                _text(x + m * 34 + 15, top + 136 - height, f"{row[name]:.0f}", anchor="middle"),
            ]
        parts.append(
            _text(x + 49, top + 158, f"{int(depth):,} waiting", anchor="middle", colour=QUIET)
        )
    parts += _legend(colours.items(), top + 60)
    return parts, top + 180


def _legend(colours: Iterable[tuple[str, str]], top: int) -> list[str]:
    parts = []
    for n, (name, colour) in enumerate(colours):
        y = top + n * 20
        parts += [
            f'<rect x="40" y="{y}" width="12" height="12" fill="{colour}"/>',
            _text(60, y + 11, name.removesuffix("Us")),
        ]
    return parts


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    colour: str = INK,
    weight: int = 400,
) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{colour}"'
        f' font-weight="{weight}">{escape(text)}</text>'
    )
