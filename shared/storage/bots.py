"""Bots, and the streams in which their events wait."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from shared.clock import Clock, SystemClock
from shared.model.events import Event
from shared.model.installations import Bot
from shared.model.retention import Retention, Swept
from shared.sharing import Sharing
from shared.storage import keys
from shared.storage.client import LONGEST_WAIT
from shared.storage.ledger import span_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.secret import Secret
    from shared.storage.connection import Store
    from shared.storage.vault import Vault

_REMEMBERED = 7 * 24 * 3600  # seconds an event's id is known, so that it is stored once
_POSITION = re.compile(r"\d{1,19}-\d{1,19}", re.ASCII)
START = "0-0"
_MOST_NOTED = 10_000


def bot_of(id: str, row: dict[bytes, bytes]) -> Bot | None:
    """The bot in *row*; None when there is none."""
    if b"created" not in row:
        return None
    return Bot(
        id=id,
        url=row[b"url"].decode(),
        has_secret=b"secret" in row,
        created_at=float(row[b"created"]),
    )


class Bots:
    """Who receives events."""

    def __init__(self, store: Store, vault: Vault, clock: Clock | None = None) -> None:
        """Keep bots in *store*, their signing secrets sealed by *vault*."""
        self._redis, self._vault, self._clock = store.redis, vault, clock or SystemClock()
        self._reads = Sharing()

    async def put(self, bot_id: str, url: str = "", secret: Secret | None = None) -> Bot:
        """Make a bot, or say anew where its events go; without *secret* it keeps the one that it has."""
        home = keys.key("bot", bot_id)
        async with self._redis.pipeline() as together:
            together.hset(home, "url", url)
            together.hsetnx(home, "created", repr(self._clock.now()))
            together.sadd(keys.key("bots"), bot_id)
            if secret is not None:
                sealed = await self._vault.seal(
                    f"bot:{bot_id}", _place(bot_id), secret.reveal()
                )
                together.hset(home, mapping={"secret": sealed})
            await together.execute()
        found = await self.get(bot_id)
        assert found is not None  # just written; bots are never deleted
        return found

    async def get(self, bot_id: str) -> Bot | None:
        """One bot."""
        return await self._reads.read(bot_id, lambda: self._get(bot_id))

    async def _get(self, bot_id: str) -> Bot | None:
        return bot_of(bot_id, await self._redis.hgetall(keys.key("bot", bot_id)))  # type: ignore[misc]

    async def secret(self, bot_id: str) -> Secret | None:
        """What its events are signed with."""
        sealed = await self._redis.hget(keys.key("bot", bot_id), "secret")  # type: ignore[misc]
        return (
            await self._vault.open(f"bot:{bot_id}", _place(bot_id), sealed) if sealed else None
        )

    async def list(self) -> Sequence[Bot]:
        """Every bot, by id."""
        names = sorted(await self._redis.smembers(keys.key("bots")))  # type: ignore[misc]
        found = [await self.get(name.decode()) for name in names]
        return [bot for bot in found if bot is not None]


class Events:
    """
    A bot's events in the order in which they came; read by position, never removed by reading.

    Who reads on from a position has read everything up to it: that is what may go first.
    """

    def __init__(self, store: Store) -> None:
        """Keep them in *store*; a reader that waits uses a connection of its own."""
        self._store = store
        self._noted: dict[
            str, str
        ] = {}  # positions by bot, so that asking again costs no write

    async def append(self, event: Event, key: str = "") -> None:
        """Store *event* once per *key* (its id unless given), whatever number of attempts brings it."""
        args = (event.bot_id, key or event.id, msgspec.json.encode(event), _REMEMBERED)
        await self._store.scripts.run("append_event", args)

    async def read(
        self, bot_id: str, after: str = "", limit: int = 100, wait: float = 0.0
    ) -> tuple[Sequence[Event], str]:
        """
        Up to *limit* events behind the position *after*, and the position to go on from.

        With *wait* (seconds) the answer comes with the first event, or empty after that time. A position
        that no answer ever gave reads from the start: twice is better than never.
        """
        where, start = (
            keys.key("events", bot_id),
            after if _POSITION.fullmatch(after) else START,
        )
        await self._note(bot_id, start)
        rows = await self._store.redis.xrange(where, f"({start}", "+", count=limit)
        if not rows and wait > 0:
            milliseconds = max(int(min(wait, LONGEST_WAIT) * 1000), 1)
            news = await self._store.blocking.xread(
                {where: start}, count=limit, block=milliseconds
            )
            rows = news[0][1] if news else []
        found = [msgspec.json.decode(fields[b"event"], type=Event) for _, fields in rows]
        return found, rows[-1][0].decode() if rows else start

    async def _note(self, bot_id: str, position: str) -> None:
        if position != START and self._noted.get(bot_id) != position:
            await self._store.scripts.run("read_events", [bot_id, position])
            if len(self._noted) >= _MOST_NOTED:
                self._noted.clear()
            self._noted[bot_id] = position

    async def sweep(self, retention: Retention, most: int = 100) -> Swept:
        """End the retention of at most *most* events: what was read, and what nobody has read for too long."""
        ages = [span_of(retention, name) for name in ("read", "events")]
        args = [most, *ages, retention.bytes.get("events", -1)]
        events, unread = await self._store.scripts.run("sweep_events", args)
        return Swept(events=int(events), unread=int(unread))


def _place(bot_id: str) -> str:
    return f"{keys.key('bot', bot_id)}:secret"
