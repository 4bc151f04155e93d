"""
`make bench`: what accepting and carrying costs on this machine, on the embedded Valkey with `always`.

Peers side by side come with a later issue; until then nothing here is a claim, only a number to compare with itself.
"""

from __future__ import annotations

import asyncio
import json
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from services.ingress.acceptor import Acceptor
from shared.clock import SystemChance, SystemClock, new_id
from shared.model.jobs import Accept
from shared.storage.connection import connect
from shared.storage.embedded import EmbeddedValkey
from shared.storage.ledger import Ending, Ledger

if TYPE_CHECKING:
    from shared.storage.connection import Store

REQUESTS, CALLERS, BODY = 20_000, 128, 1024


async def main() -> None:
    """Run all and print JSON."""
    with tempfile.TemporaryDirectory(prefix="waypost-bench-") as folder:
        async with EmbeddedValkey(Path(folder)) as valkey, await connect(valkey.url) as store:
            found = {
                "machine": platform.platform(),
                "python": platform.python_version(),
                "requests": REQUESTS,
                "callers": CALLERS,
                "bodyBytes": BODY,
                "durableAcceptsPerSecond": round(await _accepts(store)),
                **await _carried(store),
            }
    json.dump(found, sys.stdout, indent=2)


async def _accepts(store: Store) -> float:
    """Through the ingress' group commit, *CALLERS* at a time."""
    acceptor, clock, chance = Acceptor(Ledger(store)), SystemClock(), SystemChance()
    body = chance.token(BODY)

    async def caller() -> None:
        for _ in range(REQUESTS // CALLERS):
            id = new_id("req", clock, chance)
            await acceptor.accept(Accept(id=id, job="webhook", body=body, lane="bench"))

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return REQUESTS / (time.perf_counter() - began)


async def _carried(store: Store) -> dict[str, float]:
    """Claim and finish in batches, as the engine does, without a job in between."""
    ledger, carried = Ledger(store), 0
    await store.redis.config_resetstat()
    began = time.perf_counter()
    while claims := (await ledger.claim("bench", 64))[0]:
        await ledger.settle(
            [Ending(id=c.record.id, epoch=c.record.epoch, end="done") for c in claims]
        )
        carried += len(claims)
    seconds = time.perf_counter() - began
    commands = await store.redis.info("commandstats")
    calls = sum(one["calls"] for one in commands.values())
    return {
        "claimedAndSettledPerSecond": round(carried / seconds),
        "commandsPerJob": round(calls / carried, 1),
    }


if __name__ == "__main__":
    asyncio.run(main())
