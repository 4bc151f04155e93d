"""Reading the ledger: lists by filter and the queue at a glance. Never walks all keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from shared.model.jobs import STATES, Page, QueueStats, Record, State, StateLoad
from shared.storage.rows import record_of, table

if TYPE_CHECKING:
    from shared.storage.connection import Store

_FAR = 9_007_199_254_740_991
_BUDGET = 50_000  # records looked at per call


class Filter(Struct, frozen=True, kw_only=True):
    """Which records; an empty part matches all."""

    states: tuple[State, ...] = ()
    integration: str = ""
    installation: str = ""
    bot: str = ""
    identifier: str = ""
    reason: str = ""  # words that it has, whatever their case
    since: int = 0  # ms since 1970
    until: int = 0  # ms since 1970; 0: no end

    def fits(self, one: Record) -> bool:
        """Whether *one* matches, whenever it was accepted."""
        pairs = (
            (self.integration, one.integration), (self.installation, one.installation),
            (self.bot, one.bot), (self.identifier, one.identifier),
        )  # fmt: skip
        return (
            (one.state in self.states or not self.states)
            and all(wanted in ("", its) for wanted, its in pairs)
            and self.reason.lower() in one.reason.lower()
        )


class Inspection:
    """What operators see of the ledger."""

    def __init__(self, store: Store) -> None:
        """Read from *store*."""
        self._store = store

    async def list(
        self, wanted: Filter, cursor: str = "", limit: int = 50, *, oldest_first: bool = False
    ) -> Page:
        """One page of records, newest first if not told otherwise; ValueError for a cursor that no page gave."""
        start, start_id = (
            _cursor(cursor) if cursor else (0, "") if oldest_first else (_FAR, "~")
        )
        args: list[str | int] = [
            ",".join(wanted.states or STATES), wanted.integration, wanted.installation,
            wanted.bot, wanted.identifier, wanted.reason, wanted.since, wanted.until or _FAR,
            "oldest" if oldest_first else "newest", start, start_id, limit, _BUDGET,
        ]  # fmt: skip
        at, last, *rows = await self._store.scripts.run("list", args)
        records = tuple(record_of(row[-1].decode(), row[:-2]) for row in rows)
        return Page(records=records, cursor=f"{at.decode()}:{last.decode()}" if at else "")

    async def now(self) -> int:
        """Milliseconds since 1970 by the store's clock, by which records are stamped."""
        seconds, micros = await self._store.redis.time()
        return int(seconds) * 1000 + int(micros) // 1000

    async def stats(self) -> QueueStats:
        """Counts, bytes, ages, throughput and workers."""
        reply = await self._store.scripts.run("stats", [])
        now, oldest, states, totals, _, minute, workers, held = reply
        return QueueStats(
            now=int(now),
            oldest_ready_age=None if int(oldest) < 0 else int(oldest) / 1000,
            states={s.decode(): StateLoad(count=int(n), bytes=int(b)) for s, n, b in states},
            totals={name: int(value) for name, value in table(totals).items()},
            last_minute={name: int(value) for name, value in table(minute).items()},
            workers=tuple({"id": w.decode(), **table(facts)} for w, facts in workers),
            held={name: int(value) for name, value in table(held).items()},
        )

    async def unread(self, most: int = 100) -> dict[str, int]:
        """Since when (ms) the oldest event lies there that a bot has not read; of *most* bots, the oldest streams."""
        said = await self._store.scripts.run("unread", [most])
        return {bot: int(since) for bot, since in table(said).items()}


def _cursor(cursor: str) -> tuple[int, str]:
    at, colon, last = cursor.partition(":")
    if not (colon and at.isascii() and at.isdigit()):
        raise ValueError("cursor: not one that a page gave")
    return int(at), last
