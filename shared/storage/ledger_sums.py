"""
What the ledger counts beside its records, compared with a recount: bytes of states, open work by lane, bots' streams.

A sum takes many commands, so it is compared only where nothing changed while it was added up.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any

from shared.model.jobs import OPEN, STATES
from shared.storage import keys
from shared.storage.rows import came

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

    from shared.storage.connection import Store

    _Look = Callable[[], Awaitable[list[str] | None]]

EVENT = 128  # bytes that `lua/streams.lua` counts beside an event
_LOOKS = 3  # at sums that may be moving
_PAGE = 1000  # members per ZSCAN
_AT_A_TIME = 50  # events; one may be large


async def recounted(store: Store, streams: Iterable[str]) -> tuple[set[str], tuple[str, ...]]:
    """One sentence for each sum that is wrong, *streams* among them; and the names of those that never stood still."""
    sums, sentences, moving = _Sums(store), set[str](), list[str]()
    bots = sorted({*streams, *await sums.counted_bots()})
    looks: dict[str, _Look] = {state: partial(sums.of_state, state) for state in STATES}
    looks |= {f"events:{bot}": partial(sums.of_stream, bot) for bot in bots}
    looks |= {"lanes": sums.of_lanes, "events": sums.of_all_streams}
    for name, look in looks.items():
        said = await _still(look)
        if said is None:
            moving.append(name)
        else:
            sentences.update(said)
    return sentences, tuple(moving)


async def _still(look: _Look) -> list[str] | None:
    """What the first *look* says during which nothing moved; None where something did each time."""
    for _ in range(_LOOKS):
        said = await look()
        if said is not None:
            return said
    return None


class _Sums:
    """Each look says what is wrong, or None where what it looked at was moving."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of_state(self, state: str) -> list[str] | None:
        """The stored bytes of *state*."""
        before = await self._said(state)
        found = await self._recounted(state)
        if before != await self._said(state):
            return None
        wrong = f"{state} counts {before[0]} bytes, but its records have {found}"
        return [wrong] * (before[0] != found)

    async def _said(self, state: str) -> tuple[int, int, int]:
        """Bytes and count of a state; the number of accepted requests tells of changes that cancel out."""
        async with self._store.redis.pipeline() as pipe:
            pipe.hget(keys.key("bytes"), state)
            pipe.zcard(keys.key("state", state))
            pipe.hget(keys.key("totals"), "accepted")
            said, count, accepted = await pipe.execute()
        return int(said or 0), int(count), int(accepted or 0)

    async def _recounted(self, state: str) -> int:
        sizes: dict[str, int] = {}  # a moving index may tell a member twice
        async for members in scores(self._store, f"state:{state}"):
            ids = [one for one, _ in members]
            async with self._store.redis.pipeline(transaction=False) as pipe:
                for id in ids:
                    pipe.hget(keys.key("record", id), "came")
                found = await pipe.execute()
            sizes.update(zip(ids, map(_size, found), strict=True))
        return sum(sizes.values())

    async def of_lanes(self) -> list[str] | None:
        """What is open, by lane."""
        before = await self._lanes()
        found: dict[bytes, int] = defaultdict(int)
        for state in sorted(OPEN):
            async for members in scores(self._store, f"state:{state}"):
                for lane, size in await self._lanes_of([id for id, _ in members]):
                    found[b"n:" + lane] += 1
                    found[b"b:" + lane] += size
        if before != await self._lanes():
            return None
        said = before[0]
        return [
            f"{name.decode()} counts {said.get(name, 0)}, but what is open there {found[name]}"
            for name in sorted(said.keys() | found.keys())
            if said.get(name, 0) != found[name]
        ]

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

    async def counted_bots(self) -> set[str]:
        """Those whose stream is counted."""
        return {
            bot async for members in scores(self._store, "events-bytes") for bot, _ in members
        }

    async def of_stream(self, bot: str) -> list[str] | None:
        """One bot's stream: its bytes, and when its first event came."""
        before, rows = await self._said_of(bot)
        size, since = await self._stream(bot, rows)
        if before[2] != len(rows) and before != (await self._said_of(bot))[0]:
            return None
        bytes_are = f"the stream of {bot} counts {before[0]} bytes, but its events have {size}"
        begins_at = f"the stream of {bot} is said to begin at {before[1]}, but does at {since}"
        return [bytes_are] * (before[0] != (size or None)) + [begins_at] * (before[1] != since)

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

    async def of_all_streams(self) -> list[str] | None:
        """The sum of all streams; where it fits, it need not have stood still."""
        said = await self._said_of_all()
        sizes: dict[str, float] = {}
        async for members in scores(self._store, "events-bytes"):
            sizes.update(members)
        found = sum(sizes.values())
        if said == found:
            return []
        if said != await self._said_of_all():
            return None
        return [f"events count {said} bytes, but their streams {found:.0f}"]

    async def _said_of_all(self) -> int:
        return int(await self._store.redis.hget(keys.key("bytes"), "events") or 0)  # type: ignore[misc]


async def scores(store: Store, zset: str) -> AsyncIterator[list[tuple[str, float]]]:
    """All members of the cell's *zset*, a page at a time."""
    cursor = 0
    while True:
        cursor, found = await store.redis.zscan(f"{keys.prefix()}:{zset}", cursor, count=_PAGE)
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
