"""
A walk through all records that match, oldest first, in as many calls as it takes.

Where it stands travels as the cursor, so nothing is kept here and a walk goes on after whatever stopped it. It is of
the moment it began: what was accepted or changed since is passed over, so it ends, and meets each record once, even
where a call is made again.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from services.api.queues import by_id, page_of, wanted_of
from shared.botpress import invalid
from shared.model.jobs import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.api.ledger_answers import Filter
    from services.api.ports import ApiPorts
    from shared.storage.inspection import Filter as Wanted

Place = tuple[int, str]
_FIX = "give the cursor of the answer before, with the same filter, or leave it out"


class Walk(Struct, frozen=True, kw_only=True):
    """Where a walk stands."""

    of: int  # what it does with which filter
    run: str  # by which the audit knows it
    began: int  # ms since 1970, by the store's clock
    at: int  # time of acceptance, or place in the list of ids
    id: str = ""
    acted: int = 0
    refused: int = 0

    def cursor_at(self, at: int, id: str) -> str:
        """The walk as a client hands it back, to go on from there."""
        there = msgspec.structs.replace(self, at=at, id=id)
        return base64.urlsafe_b64encode(msgspec.json.encode(there)).decode().rstrip("=")


def name_of(what: str, given: Filter) -> int:
    """By which a cursor is known to belong to what is asked for."""
    return zlib.crc32(what.encode() + msgspec.json.encode(given))


def resumed(cursor: str, of: int) -> Walk:
    """The walk of a *cursor*; one that no answer gave, or gave for something else, is refused."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        walk = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=Walk)
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        raise invalid("cursor", "is not one that an answer gave", _FIX) from None
    if walk.of != of:
        raise invalid("cursor", "belongs to another filter, or to another call", _FIX)
    return walk


async def begun(ports: ApiPorts, of: int) -> Walk:
    """A walk that has not looked at anything yet."""
    run = ports.chance.token(8).hex()
    return Walk(of=of, run=run, began=await ports.inspection.now(), at=0)


def counted(walk: Walk, acted: int, refused: int) -> Walk:
    """With so many records more behind it."""
    return msgspec.structs.replace(
        walk, acted=walk.acted + acted, refused=walk.refused + refused
    )


async def step(
    ports: ApiPorts, given: Filter, walk: Walk, limit: int
) -> tuple[list[tuple[Record, Place]], Place | None]:
    """The next records, each with where to go on behind it; and behind them all, None at the end."""
    if given.ids:
        found, following = await _named(ports, given.ids, walk, limit)
    else:
        found, following = await _matching(ports, given, walk, limit)
    return [(one, place) for one, place in found if one.changed_at <= walk.began], following


async def _named(
    ports: ApiPorts, ids: Sequence[str], walk: Walk, limit: int
) -> tuple[list[tuple[Record, Place]], Place | None]:
    """An id that nobody knows is refused; later on it may be one that this walk has dropped."""
    found = list[tuple[Record, Place]]()
    for at, id in enumerate(ids[walk.at : walk.at + limit], walk.at + 1):
        record = await (ports.ledger.show(id) if walk.at else by_id(ports, id))
        if record is not None:
            found.append((record, (at, "")))
    at = walk.at + limit
    return found, (at, "") if at < len(ids) else None


def wanted_by(given: Filter, began: int) -> Wanted:
    """What matches for a walk that began then: what is dead if no state is named, and nothing newer."""
    wanted = wanted_of(given, began / 1000)
    return msgspec.structs.replace(
        wanted,
        states=wanted.states or ("dead",),
        until=min(wanted.until or began, began),
    )


async def _matching(
    ports: ApiPorts, given: Filter, walk: Walk, limit: int
) -> tuple[list[tuple[Record, Place]], Place | None]:
    wanted = wanted_by(given, walk.began)
    page = await page_of(ports, wanted, f"{walk.at}:{walk.id}", limit, oldest_first=True)
    at, _, id = page.cursor.partition(":")
    found = [(one, (one.accepted_at, one.id)) for one in page.records]
    return found, (int(at), id) if page.cursor else None
