"""
What accept, claim and settle cost the server while BENCH_DEPTH requests of BENCH_BODY bytes wait.

Asked again and again, and of each the median: one look takes 60 ms, in which a shared machine may do anything.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from shared.clock import SystemChance, SystemClock, new_id
from shared.fastloop import use_fast_loop
from shared.model.jobs import Accept
from shared.model.requests import RawRequest
from shared.storage.connection import connect
from shared.storage.ledger import Ending, Ledger, Limits

if TYPE_CHECKING:
    from shared.storage.connection import Store

CLOCK, CHANCE = SystemClock(), SystemChance()
DEPTH, SIZE = int(os.environ["BENCH_DEPTH"]), int(os.environ["BENCH_BODY"])
BATCH, TIMES, LOOKS = 64, 30, 15


def one() -> Accept:
    """One request whose body cannot be compressed."""
    id = new_id("req", CLOCK, CHANCE)
    raw = RawRequest(
        id=id, door="global", name="bench", method="POST", path="/", body=CHANCE.token(SIZE),
        headers=(("content-type", "application/json"), ("x-delivery", id)), received_at=time.time(),
    )  # fmt: skip
    body = msgspec.msgpack.encode(raw)
    return Accept(id=id, job="webhook", body=body, lane="bench", integration="bench", dedupe=id)


async def fill(ledger: Ledger, count: int) -> None:
    """Store *count* requests, two calls at a time."""

    async def some(batches: int) -> None:
        for _ in range(batches):
            await ledger.accept([one() for _ in range(200)])

    await asyncio.gather(some(count // 400), some(count // 400 + 1))


async def probe(store: Store, ledger: Ledger) -> dict[str, float]:
    """Microseconds in the server's script per record, for each of the three."""
    found, claims = {}, []
    await store.redis.config_resetstat()
    for _ in range(TIMES):
        await ledger.accept([one() for _ in range(BATCH)])
    found["acceptUs"] = await _spent(store)
    for _ in range(TIMES):
        claims += (await ledger.claim("bench", BATCH, timedelta(minutes=5)))[0]
    found["claimUs"] = await _spent(store)
    for start in range(0, len(claims), BATCH):
        await ledger.settle([
            Ending(id=c.record.id, epoch=c.record.epoch, end="done")
            for c in claims[start : start + BATCH]
        ])  # fmt: skip
    found["settleUs"] = await _spent(store)
    return found


async def _spent(store: Store) -> float:
    stats = await store.redis.info("commandstats")
    await store.redis.config_resetstat()
    return round(stats["cmdstat_evalsha"]["usec"] / BATCH / TIMES, 2)


async def main() -> None:
    """Fill up, then probe; the memory is what the waiting requests take."""
    async with await connect(os.environ["BENCH_STORE"], socket_timeout=30.0) as store:
        ledger = Ledger(store, Limits(records=10**9, bytes=1 << 50))
        empty = (await store.redis.info("memory"))["used_memory"]
        began = time.perf_counter()
        await fill(ledger, DEPTH)
        seconds = time.perf_counter() - began
        waiting = await store.redis.hget(_totals(), "accepted")  # type: ignore[misc]
        used = (await store.redis.info("memory"))["used_memory"] - empty
        looks = [await probe(store, ledger) for _ in range(LOOKS)]
    found = {name: statistics.median(one[name] for one in looks) for name in looks[0]}
    found["bytesPerRecord"] = round(used / int(waiting))
    found["filledPerSecond"] = round(int(waiting) / seconds)
    print(json.dumps(found))


def _totals() -> str:
    from shared.storage import keys  # noqa: PLC0415

    return keys.key("totals")


if __name__ == "__main__":
    use_fast_loop()
    asyncio.run(main())
