"""
Layouts 1 and 2 become 4.

Since layout 2 what is open is counted by lane, and each bot's stream has its bytes and its beginning. Since layout 4
how a record came is one field, and what is leased is indexed by the ends of its leases.

Everything is counted into fresh keys, which take their places together with the stamp, and the new field stands beside
those it is made of. So one that is stopped half way leaves the layout before behind, and the next one begins anew.
Nobody may work on the store meanwhile: who started with another layout goes on without counting.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import structlog

from shared.errors import LeaseLost, SetupFailed
from shared.model.jobs import OPEN, STATES
from shared.storage import keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from shared.model.jobs import State
    from shared.storage.connection import Store

log = structlog.get_logger()

SILENCE = 11_000  # ms: who has not beaten twice is gone; a worker that stops does not say so
LOOK = 0.5  # seconds between two looks
LEASE = 10_000  # ms
PAGE = 1000  # records, or keys
TOLD = 100  # pages between two lines of the log
EVENTS = 50  # at a time; one may be large
EVENT = 128  # bytes that `lua/streams.lua` counts beside an event
_HELD, _SETTLED = 0, -1


async def migrate(store: Store, before: str) -> None:
    """
    Bring a cell of the layout *before* to ours, or wait until another process has.

    Raises `SetupFailed` while programs of that layout are at work.
    """
    is_told = False
    while (turn := await _take(store, before)) != _SETTLED:
        if turn != _HELD:
            try:
                return await _Migration(store, before, turn).run()
            except LeaseLost:
                continue
        if not is_told:
            log.info("layout.waiting", seen="another program, which migrates the store")
            is_told = True
        await asyncio.sleep(LOOK)
    return None


async def _take(store: Store, before: str) -> int:
    """A turn, once nobody of the layout *before* is seen any more."""
    began, is_told = await _now(store), False
    while seen := await _at_work(store):
        if await store.redis.get(keys.layout_stamp()) != before.encode():
            return _SETTLED
        for name, beat in seen.items():
            if beat > began:
                raise _refused(before, name)
        if not is_told:
            log.info("layout.waiting", seen=", ".join(sorted(seen)))
            is_told = True
        await asyncio.sleep(LOOK)
    return int(await _script(store, before, "take", LEASE))


async def _at_work(store: Store) -> dict[str, float]:
    """Who is seen, and when last (ms): workers by their beats, the others by what they listen to."""
    since = await _now(store) - SILENCE
    beats = await store.redis.zrangebyscore(keys.key("workers"), since, "+inf", withscores=True)
    inboxes = await store.redis.pubsub_channels(f"{keys.key('inbox')}:*")
    found = {f"worker {name.decode()}": float(beat) for name, beat in beats}
    return found | ({"an ingress or an api": float("inf")} if inboxes else {})


def _refused(before: str, name: str) -> SetupFailed:
    return SetupFailed(
        f"the store has layout {before}, and {name} of an older version is at work on it",
        "stop all programs of the older version first: they do not write what this version reads",
    )


async def _now(store: Store) -> float:
    seconds, micros = await store.redis.time()
    return float(seconds * 1000 + micros // 1000)


async def _script(store: Store, before: str, what: str, *args: str | float) -> int:
    return int(await store.scripts.run("layout", [what, keys.layout_stamp(), before, *args]))


class _Migration:
    """One turn at it."""

    def __init__(self, store: Store, before: str, turn: int) -> None:
        self._store, self._before, self._turn = store, before, turn
        self._records = self._all = 0
        self._lanes: set[str] = set()
        self._streams: dict[str, int] = {}

    async def run(self) -> None:
        """Count everything, and put it in its place. `LeaseLost` where it took too long, and somebody else began."""
        for state in STATES:
            self._all += await self._store.redis.zcard(keys.key("state", state))
        log.info("layout.begun", before=self._before, layout=keys.LAYOUT, records=self._all)
        for state in STATES:
            await self._go_through(state)
        async for bots in self._bots():
            for bot in set(bots) - self._streams.keys():
                await self._count_stream(bot)
        for name in await _at_work(self._store):
            raise _refused(self._before, name)
        await self._fenced("swap", keys.LAYOUT, sum(self._streams.values()))
        log.info(
            "layout.settled", layout=keys.LAYOUT, records=self._records,
            lanes=len(self._lanes), streams=len(self._streams),
        )  # fmt: skip

    async def _go_through(self, state: State) -> None:
        """By places, not by a cursor, which may tell a record twice: nothing moves."""
        page, index = 0, keys.key("state", state)
        while rows := await self._store.redis.zrange(
            index, page * PAGE, page * PAGE + PAGE - 1
        ):
            page += 1
            ids = [one.decode() for one in rows]
            await self._fenced("fold", LEASE, *ids)
            if state in OPEN:
                await self._note("lanes-open", await self._loads(ids))
            self._records += len(ids)
            if page % TOLD == 0:
                log.info("layout.counted", records=self._records, of=self._all)

    async def _loads(self, ids: list[str]) -> Counter[str]:
        async with self._store.redis.pipeline(transaction=False) as pipe:
            for id in ids:
                pipe.hmget(keys.key("record", id), ["lane", "bytes"])
            rows = await pipe.execute()
        found: Counter[str] = Counter()
        for lane, size in rows:
            name = (lane or b"").decode()
            self._lanes.add(name)
            found[f"n:{name}"] += 1
            found[f"b:{name}"] += int(size or 0)
        return found

    async def _bots(self) -> AsyncIterator[list[str]]:
        """Those who have a stream, some at a time, perhaps more than once."""
        start, cursor = keys.key("events") + ":", 0
        while True:
            cursor, found = await self._store.redis.scan(cursor, f"{start}*", PAGE)
            await self._note("lanes-open", {})
            yield [keys.unescape(one.decode()[len(start) :]) for one in found]
            if cursor == 0:
                return

    async def _count_stream(self, bot: str) -> None:
        size, first, after = 0, 0, "-"
        while rows := await self._store.redis.xrange(
            keys.key("events", bot), after, "+", count=EVENTS
        ):
            first = first or int(rows[0][0].partition(b"-")[0])
            size += sum(len(event[b"event"]) + EVENT for _, event in rows)
            after = f"({rows[-1][0].decode()}"
            await self._note("events-bytes", {})
        if size:
            await self._note("events-bytes", {bot: size})
            await self._note("events-since", {bot: first})
            self._streams[bot] = size

    async def _note(self, key: str, numbers: Mapping[str, int]) -> None:
        flat = [part for pair in numbers.items() for part in pair]
        await self._fenced("note", LEASE, key, *flat)

    async def _fenced(self, what: str, *args: str | int) -> None:
        if not await _script(self._store, self._before, what, self._turn, *args):
            raise LeaseLost("another program migrates the store")
