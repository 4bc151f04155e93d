"""
The invariants of the ledger, looked at key by key: for `waypost doctor --ledger`, tests, drills, and after a restore.

Each look is one short script over a few dozen keys, so every sentence was true at one instant, and a store at work goes
on working. Only the sums of stored bytes need many looks: they are compared where nothing changed meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from shared.model.jobs import OPEN, STATES
from shared.storage import keys
from shared.storage.ledger import DEDUPE_LIFETIME
from shared.storage.rows import came

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from shared.storage.connection import Store

_KEPT = int(DEDUPE_LIFETIME.total_seconds() * 1000)
_PAGE = 1000  # keys per SCAN
_AT_A_TIME = 50  # keys per look: about a millisecond of the store's time
_LOOKS = 3  # at sums that may be moving
_KINDS = {
    "record": "record", "body": "body", "journal": "journal", "children": "children", "order": "order",
    "identifier": "identifier", "installation": "installation", "dedupe": "dedupe", "refresh-of": "refresh",
    "gate": "gate key",
}  # fmt: skip
Verdict = Literal["sound", "contradictory", "not all added up"]
EVENT = 128  # bytes that `lua/streams.lua` counts beside an event


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
    moving: list[str] = [one for one in STATES if not await look.at_bytes(one)]
    moving += [f"events:{bot}" for bot in await look.bots() if not await look.at_stream(bot)]
    if not await look.at_lanes():
        moving.append("lanes")
    if not await look.at_all_streams():
        moving.append("events")
    return Soundness(
        records=look.records, sentences=tuple(sorted(look.sentences)), moving=tuple(moving)
    )


class _Look:
    """One walk through the cell."""

    def __init__(self, store: Store) -> None:
        self._store, self.records = store, 0
        self.sentences: set[str] = set()
        self._streams: set[str] = set()

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
        self._streams.update(kinds["events"])
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
        async for members in self._scores(zset):
            await self._script(what, [one for one, _ in members], of)

    async def at_bytes(self, state: str) -> bool:
        """Whether the stored bytes of *state* stood still long enough to be added up."""
        for _ in range(_LOOKS):
            before = await self._said(state)
            found = await self._recounted(state)
            if before == await self._said(state):
                if before[0] != found:
                    self.sentences.add(
                        f"{state} counts {before[0]} bytes, but its records have {found}"
                    )
                return True
        return False

    async def _said(self, state: str) -> tuple[int, int, int]:
        """Bytes and count of a state; the number of accepted requests tells of changes that cancel out."""
        async with self._store.redis.pipeline() as pipe:
            pipe.hget(keys.key("bytes"), state)
            pipe.zcard(_key(f"state:{state}"))
            pipe.hget(keys.key("totals"), "accepted")
            said, count, accepted = await pipe.execute()
        return int(said or 0), int(count), int(accepted or 0)

    async def _recounted(self, state: str) -> int:
        sizes: dict[str, int] = {}  # a moving index may tell a member twice
        async for members in self._scores(f"state:{state}"):
            ids = [one for one, _ in members]
            async with self._store.redis.pipeline(transaction=False) as pipe:
                for id in ids:
                    pipe.hget(keys.key("record", id), "came")
                found = await pipe.execute()
            sizes.update(zip(ids, map(_size, found), strict=True))
        return sum(sizes.values())

    async def at_lanes(self) -> bool:
        """Whether what is open stood still long enough to be added up by lane."""
        for _ in range(_LOOKS):
            before = await self._lanes()
            found: dict[bytes, int] = defaultdict(int)
            for state in sorted(OPEN):
                async for members in self._scores(f"state:{state}"):
                    for lane, size in await self._lanes_of([id for id, _ in members]):
                        found[b"n:" + lane] += 1
                        found[b"b:" + lane] += size
            if before == await self._lanes():
                for name in sorted(before[0].keys() | found.keys()):
                    if before[0].get(name, 0) != found[name]:
                        self.sentences.add(
                            f"{name.decode()} counts {before[0].get(name, 0)}, but what is open there {found[name]}"
                        )
                return True
        return False

    async def _lanes(self) -> tuple[dict[bytes, int], object]:
        """What is said; and what changes with every move of what is open, so that moves that cancel out are noticed."""
        async with self._store.redis.pipeline() as pipe:
            pipe.hgetall(keys.key("lanes-open"))
            pipe.hgetall(keys.key("totals"))
            pipe.hgetall(keys.key("lanes"))
            pipe.get(keys.key("vtime"))
            for state in STATES:
                pipe.zcard(keys.key("state", state))
            rows, *moves = await pipe.execute()
        return {name: int(value) for name, value in rows.items()}, moves

    async def _lanes_of(self, ids: Sequence[str]) -> list[tuple[bytes, int]]:
        async with self._store.redis.pipeline(transaction=False) as pipe:
            for id in ids:
                pipe.hmget(keys.key("record", id), ["lane", "came"])
            rows = await pipe.execute()
        return [_load(lane, how) for lane, how in rows]

    async def bots(self) -> list[str]:
        """Those whose stream was seen, or is counted."""
        found = {keys.unescape(one) for one in self._streams}
        async for members in self._scores("events-bytes"):
            found.update(bot for bot, _ in members)
        return sorted(found)

    async def at_stream(self, bot: str) -> bool:
        """Whether a stream stood still long enough to be added up."""
        for _ in range(_LOOKS):
            before, rows = await self._said_of(bot)
            size, since = await self._stream(bot, rows)
            if before[2] == len(rows) or before == (await self._said_of(bot))[0]:
                if before[0] != (size or None):
                    self.sentences.add(
                        f"the stream of {bot} counts {before[0]} bytes, but its events have {size}"
                    )
                if before[1] != since:
                    self.sentences.add(
                        f"the stream of {bot} is said to begin at {before[1]}, but does at {since}"
                    )
                return True
        return False

    async def at_all_streams(self) -> bool:
        """Whether the sum of all streams stood still long enough to be compared."""
        for _ in range(_LOOKS):
            said = int(await self._store.redis.hget(keys.key("bytes"), "events") or 0)  # type: ignore[misc]
            sizes: dict[str, float] = {}
            async for members in self._scores("events-bytes"):
                sizes.update(members)
            if said == sum(sizes.values()):
                return True
            if said == int(await self._store.redis.hget(keys.key("bytes"), "events") or 0):  # type: ignore[misc]
                self.sentences.add(
                    f"events count {said} bytes, but their streams {sum(sizes.values()):.0f}"
                )
                return True
        return False

    async def _said_of(
        self, bot: str
    ) -> tuple[tuple[float | None, float | None, int], list[Any]]:
        """Its bytes, its beginning and its length, with the first of its events, at one instant."""
        async with self._store.redis.pipeline() as pipe:
            pipe.zscore(keys.key("events-bytes"), bot)
            pipe.zscore(keys.key("events-since"), bot)
            pipe.xlen(keys.key("events", bot))
            pipe.xrange(keys.key("events", bot), count=_AT_A_TIME)
            size, since, count, rows = await pipe.execute()
        return (size, since, count), rows

    async def _stream(self, bot: str, rows: list[Any]) -> tuple[int, float | None]:
        """What its events take, of which *rows* are the first, and when the first one came."""
        since = float(rows[0][0].partition(b"-")[0]) if rows else None
        size = 0
        while rows:
            size += sum(len(event[b"event"]) + EVENT for _, event in rows)
            if len(rows) < _AT_A_TIME:
                break
            rows = await self._store.redis.xrange(
                keys.key("events", bot), f"({rows[-1][0].decode()}", "+", count=_AT_A_TIME
            )
        return size, since

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

    async def _scores(self, zset: str) -> AsyncIterator[list[tuple[str, float]]]:
        cursor = 0
        while True:
            cursor, found = await self._store.redis.zscan(_key(zset), cursor, count=_PAGE)
            yield [(one.decode(), score) for one, score in found]
            if cursor == 0:
                return


def _size(how: bytes | None) -> int:
    return came(how).bytes if how else 0


def _load(lane: bytes | None, how: bytes | None) -> tuple[bytes, int]:
    if how is None:
        return lane or b"", 0
    one = came(how)
    return lane or one.lane.encode(), one.bytes


def _key(name: str) -> str:
    return f"{keys.prefix()}:{name}"
