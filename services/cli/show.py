"""Printing: tables for people, JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Sequence

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

_COLOURS = {
    "done": "green", "connected": "green", "registered": "green", "dead": "red", "needs_reauth": "red",
    "retrying": "yellow", "parked": "yellow", "waiting": "yellow", "pending": "yellow", "leased": "cyan",
}  # fmt: skip


def console() -> Console:
    """Standard output; wide enough for ids when it is no terminal."""
    out = Console(highlight=False)
    return out if out.is_terminal else Console(highlight=False, width=200)


def json(value: Any) -> None:
    """Print *value* as JSON."""
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def json_line(value: Any) -> None:
    """Print *value* as JSON on one line, for a program that reads as we go on."""
    typer.echo(orjson.dumps(value).decode())


def line(text: str) -> None:
    """Print one line, as it is."""
    console().print(text, markup=False)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], empty: str, to: Console | None = None
) -> None:
    """Print a table, or *empty*, which says what to do."""
    drawn = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        drawn.add_row(*(_cell(value) for value in row))
    (to or console()).print(drawn if drawn.row_count else empty)


def results(found: Sequence[dict[str, Any]]) -> None:
    """What came of each record that was acted on."""
    rows = [(one["id"], one["result"], one["was"], one["reason"]) for one in found]
    table(("id", "result", "was", "reason"), rows, "Nothing matches.")


def groups(counted: Counter[tuple[str, str, str]], to: Console) -> None:
    """How many records are in which state, of which integration, for which reason."""
    rows = [(count, *group) for group, count in counted.most_common()]
    table(("count", "state", "integration", "reason"), rows, "Nothing matches.", to)


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    safe = text.replace("[", "\\[")
    colour = _COLOURS.get(text)
    return f"[{colour}]{safe}[/{colour}]" if colour else safe
