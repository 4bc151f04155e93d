"""
The invariants of the ledger, looked at key by key: for `waypost doctor --ledger`, tests, drills, and after a restore.

Each look is one short script over a few dozen keys, so every sentence was true at one instant, and a store at work goes
on working. Only sums need many looks: `ledger_sums.py`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from shared.model.jobs import STATES
from shared.storage import keys
from shared.storage.ledger import DEDUPE_LIFETIME
from shared.storage.ledger_sums import recounted, scores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from shared.storage.connection import Store

_KEPT = int(DEDUPE_LIFETIME.total_seconds() * 1000)
_PAGE = 1000  # keys per SCAN
_AT_A_TIME = 50  # keys per look: about a millisecond of the store's time
_KINDS = {
    "record": "record", "body": "body", "journal": "journal", "children": "children", "order": "order",
    "identifier": "identifier", "installation": "installation", "dedupe": "dedupe", "refresh-of": "refresh",
    "gate": "gate key",
}  # fmt: skip
Verdict = Literal["sound", "contradictory", "not all added up"]


class Soundness(Struct, frozen=True, kw_only=True):
    """What was looked at and what is wrong with it: one sentence per contradiction."""

    records: int
    sentences: tuple[str, ...]
    moving: tuple[
        str, ...
    ] = ()  # states whose bytes never stood still, so that they could not be added up

    @property
    def verdict(self) -> Verdict:
        """Sound only if all of it was added up too."""
        if self.sentences:
            return "contradictory"
        return "not all added up" if self.moving else "sound"


async def check(store: Store) -> list[str]:
    """The sentences alone, sorted, for a store at rest; none when the ledger is sound."""
    found = await soundness(store)
    return [
        *found.sentences,
        *(f"{one} was not added up: it kept changing" for one in found.moving),
    ]


async def soundness(store: Store) -> Soundness:
    """
    Every id is exactly one record in exactly one state with one body.

    Leases, tickets, places in the queue, due times, orders, gates, copies, deliveries and the parking lot agree with
    the records, and these with them; no step that is done once hangs, no refresh is forgotten; bindings say the same
    from both sides; the sums of bytes, those of bots' streams too, equal a recount.
    """
    look = _Look(store)
    await look.at_keys()
    for index in (*(f"state:{one}" for one in STATES), "queue", "due", "suspects"):
        await look.at_index(index)
    await look.at_totals()
    wrong, moving = await recounted(store, look.streams)
    return Soundness(
        records=look.records, sentences=tuple(sorted(look.sentences | wrong)), moving=moving
    )


class _Look:
    """One walk through the cell."""

    def __init__(self, store: Store) -> None:
        self._store, self.records = store, 0
        self.sentences: set[str] = set()
        self.streams: set[str] = set()  # bots that have one

    async def at_keys(self) -> None:
        """Every key once, in the order the store happens to tell them."""
        prefix = f"{keys.prefix()}:"
        async for page in self._pages(prefix):
            await self._at_page(page)
        tickets = f"arq:job:{keys.ticket('')}"
        async for page in self._pages(tickets):
            await self._script("arq job", page)

    async def _at_page(self, page: Sequence[str]) -> None:
        kinds: dict[str, list[str]] = defaultdict(list)
        for one in page:
            kind, _, name = one.partition(":")
            kinds[kind].append(name)
        self.records += len(kinds["record"])
        for kind in _KINDS.keys() & kinds.keys():
            await self._script(_KINDS[kind], kinds[kind])
        self.streams.update(map(keys.unescape, kinds["events"]))
        for where in kinds["parked"]:
            await self._members(f"parked:{where}", "parked", where)
        for gate in kinds["behind"]:
            await self._members(f"behind:{gate}", "behind", gate)
        for parent in kinds["children"]:
            await self._members(f"children:{parent}", "child", parent)

    async def at_totals(self) -> None:
        """What was counted, and what is listed by itself."""
        await self._script("totals", [""])
        await self._members("gates", "gate", "")

    async def at_index(self, index: str) -> None:
        """Nothing in it belongs to a record that is gone."""
        await self._members(index, "member", index)

    async def _members(self, zset: str, what: str, of: str) -> None:
        async for members in scores(self._store, zset):
            await self._script(what, [one for one, _ in members], of)

    async def _script(self, what: str, names: Sequence[str], of: str = "") -> None:
        for first in range(0, len(names), _AT_A_TIME):
            some = names[first : first + _AT_A_TIME]
            said = await self._store.scripts.run("check", [_KEPT, what, of, *some])
            self.sentences.update(one.decode() for one in said)

    async def _pages(self, prefix: str) -> AsyncIterator[list[str]]:
        cursor = 0
        while True:
            cursor, found = await self._store.redis.scan(cursor, f"{prefix}*", _PAGE)
            yield [one.decode()[len(prefix) :] for one in found]
            if cursor == 0:
                return
