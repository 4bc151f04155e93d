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

if TYPE_CHECKING:
    from services.api.ledger_answers import Filter
    from services.api.ports import ApiPorts
    from shared.model.jobs import Record
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
) -> tuple[list[Record], Place | None]:
    """The next records, and where to go on; None at the end."""
    if given.ids:
        some = given.ids[walk.at : walk.at + limit]
        records, at = [await by_id(ports, id) for id in some], walk.at + limit
        following: Place | None = (at, "") if at < len(given.ids) else None
    else:
        records, following = await _matching(ports, given, walk, limit)
    return [one for one in records if one.changed_at <= walk.began], following


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
) -> tuple[list[Record], Place | None]:
    wanted = wanted_by(given, walk.began)
    page = await page_of(ports, wanted, f"{walk.at}:{walk.id}", limit, oldest_first=True)
    at, _, id = page.cursor.partition(":")
    return list(page.records), (int(at), id) if page.cursor else None
