"""The proof at the end of the demo: what went in, and where it arrived."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from rich.table import Table

from services.cli.demo.plan import BOTS, LATE, wishes

if TYPE_CHECKING:
    from rich.console import Console

    from services.cli.demo.steps import Sent, Stage

ARRIVAL = 60.0  # seconds

Arrived = Counter[tuple[str, str]]  # how often each (bot, body) is there


async def proven(stage: Stage, sent: list[Sent], forged: Sent, out: Console) -> bool:
    """Wait until nothing is on its way, then say what is where. True when nothing is missing, doubled or astray."""
    expected = Counter((one.wish.bot, one.body) for one in sent)
    found = await _found(stage, expected)
    out.print(_table(sent, found))
    answered = all(one.status == 200 for one in sent)
    right = found == expected and answered and not any(found[b, forged.body] for b in BOTS)
    out.print(
        f"[green]{len(sent)} sent, each arrived once, at the right bot and nowhere else;"
        " the forged one arrived nowhere[/green]"
        if right
        else f"[red]{_wrong(sent, expected, found)}[/red]",
        soft_wrap=True,
    )
    return right


async def _found(stage: Stage, expected: Arrived) -> Arrived:
    loop = asyncio.get_running_loop()
    until = loop.time() + ARRIVAL
    while True:
        arrived, is_quiet = await stage.arrived()
        found = Counter(arrived)
        if found == expected or is_quiet or loop.time() > until:
            return found
        await asyncio.sleep(0.1)


def _table(sent: list[Sent], found: Arrived) -> Table:
    table = Table(
        "integration", "account", "bot", "sent", "arrived", "at the other bot", box=None
    )
    for wish in (*wishes(), LATE):
        bodies = [one.body for one in sent if one.wish == wish]
        other = BOTS[1 - BOTS.index(wish.bot)]
        here = sum(found[wish.bot, body] for body in bodies)
        astray = sum(found[other, body] for body in bodies)
        numbers = (str(len(bodies)), str(here), str(astray))
        table.add_row(wish.integration, wish.customer, wish.bot, *numbers)
    return table


def _wrong(sent: list[Sent], expected: Arrived, found: Arrived) -> str:
    missing = (expected - found).total()
    more = (found - expected).total()
    refused = sum(one.status != 200 for one in sent)
    return (
        f"{len(sent)} sent: {missing} missing, {more} doubled or astray, {refused} refused."
        " See why: waypost queue ls --state dead,parked,ignored"
    )
