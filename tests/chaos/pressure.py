"""Somebody who stores requests as an ingress does, and remembers which of them were acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.ingress.acceptor import Acceptor, AcceptsMany
from shared.errors import WaypostError
from shared.storage import keys
from shared.storage.connection import Store
from shared.storage.ledger import Ledger, Limits
from tests.contracts.ledger_builders import an_accept

BODY = b"x" * 700


class Pressure:
    """Stores as fast as it gets answers."""

    def __init__(self, prefix: str = "r") -> None:
        self.prefix, self.number = prefix, 0
        self.acknowledged: list[str] = []
        self.refused: list[str] = []

    @asynccontextmanager
    async def on(self, ledger: AcceptsMany, at_once: int = 32) -> AsyncIterator[None]:
        """As long as the block lasts."""
        acceptor = Acceptor(ledger)
        tasks = [asyncio.create_task(self._insist(acceptor)) for _ in range(at_once)]
        try:
            yield
        finally:
            for one in tasks:
                one.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _insist(self, acceptor: Acceptor) -> None:
        while True:
            self.number += 1
            id = f"req_{self.prefix}{self.number:07}"
            try:
                stored = await acceptor.accept(an_accept(id, body=BODY))
            except WaypostError:
                self.refused.append(id)
                await asyncio.sleep(0.02)
                continue
            (self.refused if stored.status == "full" else self.acknowledged).append(id)

    async def until(self, count: int) -> None:
        """Wait until *count* are acknowledged, as long as it goes on."""
        while (before := len(self.acknowledged)) < count:
            async with asyncio.timeout(20):
                while len(self.acknowledged) < min(count, before + 1000):
                    await asyncio.sleep(0.01)

    async def until_refused(self, count: int) -> None:
        """Wait until *count* more are refused."""
        count += len(self.refused)
        async with asyncio.timeout(20):
            while len(self.refused) < count:
                await asyncio.sleep(0.01)

    async def missing(self, store: Store) -> list[str]:
        """What was acknowledged and is not there."""
        lost: list[str] = []
        for first in range(0, len(self.acknowledged), 500):
            some = self.acknowledged[first : first + 500]
            async with store.redis.pipeline(transaction=False) as pipe:
                for id in some:
                    pipe.hget(keys.key("record", id), "state")
                found = await pipe.execute()
            lost += [id for id, state in zip(some, found, strict=True) if state is None]
        return lost


def ledger_on(store: Store) -> Ledger:
    """A ledger that takes whatever comes."""
    return Ledger(store, Limits(records=10**9, bytes=1 << 50))
