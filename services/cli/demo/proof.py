"""The proof at the end of the demo: what went in, and where it arrived."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import astuple
from rich.table import Table

from services.cli.demo.plan import BOTS

if TYPE_CHECKING:
    from rich.console import Console

    from services.cli.demo.plan import Wish
    from services.cli.demo.steps import Sent, Stage

ARRIVAL = 60.0  # seconds

_RIGHT = (
    "{} sent, each arrived once, at the right bot and nowhere else;"
    " the forged one arrived nowhere"
)

Arrived = Counter[tuple[str, str]]  # how often each (bot, body) is there


class Row(Struct, frozen=True, rename="camel"):
    """One installation: what was sent for it, and where that is now."""

    integration: str
    account: str
    bot: str
    sent: int
    arrived: int
    at_the_other_bot: int


class Proof(Struct, frozen=True):
    """What is where; *right* when nothing is missing, doubled or astray."""

    right: bool
    sentence: str
    rows: list[Row]


async def proven(stage: Stage, sent: list[Sent]) -> Proof:
    """Wait until nothing is on its way, then look what is where."""
    expected = Counter((one.wish.bot, one.body) for one in sent)
    found = await _found(stage, expected)
    answered = all(one.status == 200 for one in sent)
    # The forged one would be one too many.
    right = found == expected and answered
    sentence = _RIGHT.format(len(sent)) if right else _wrong(sent, expected, found)
    return Proof(right, sentence, _rows(stage, sent, found))


def told(proof: Proof, out: Console) -> None:
    """The proof for people."""
    table = Table(
        "integration", "account", "bot", "sent", "arrived", "at the other bot", box=None
    )
    for row in proof.rows:
        table.add_row(*map(str, astuple(row)))
    out.print(table)
    out.print(proof.sentence, style="green" if proof.right else "red", soft_wrap=True)


async def _found(stage: Stage, expected: Arrived) -> Arrived:
    loop = asyncio.get_running_loop()
    until = loop.time() + ARRIVAL
    while True:
        arrived, is_quiet = await stage.arrived()
        found = Counter(arrived)
        if found == expected or is_quiet or loop.time() > until:
            return found
        await asyncio.sleep(0.1)


def _rows(stage: Stage, sent: list[Sent], found: Arrived) -> list[Row]:
    plan = stage.plan
    return [_row(wish, sent, found) for wish in (*plan.wishes, *plan.late)]


def _row(wish: Wish, sent: list[Sent], found: Arrived) -> Row:
    bodies = [one.body for one in sent if one.wish == wish]
    elsewhere = {one.body for one in sent if one.wish.bot != wish.bot}
    other = BOTS[1 - BOTS.index(wish.bot)]
    here = sum(found[wish.bot, body] for body in set(bodies))
    astray = sum(found[other, body] for body in set(bodies) - elsewhere)
    return Row(wish.integration, wish.customer, wish.bot, len(bodies), here, astray)


def _wrong(sent: list[Sent], expected: Arrived, found: Arrived) -> str:
    missing = (expected - found).total()
    more = (found - expected).total()
    refused = sum(one.status != 200 for one in sent)
    return (
        f"{len(sent)} sent: {missing} missing, {more} doubled or astray, {refused} refused."
        " See why: waypost queue ls --state dead,parked,ignored"
    )
