"""streaq: `produce` and `worker`."""

from __future__ import annotations

import asyncio
import os
import sys
import time

import uvloop
from meter import Meter, paced, payload
from streaq import Worker

METER = Meter()
WORKER = Worker(redis_url=os.environ["BENCH_STORE"], concurrency=100, prefetch=100)


@WORKER.task(ttl=0, silent=True)
async def noop(sent_at: float, text: str) -> None:  # noqa: ARG001
    """Do nothing; be counted."""
    METER.started(sent_at)


async def produce() -> None:
    """Enqueue BENCH_COUNT jobs, at BENCH_RATE a second or in large batches."""
    count, rate = METER.expected, float(os.environ["BENCH_RATE"])
    async with WORKER:
        for number in range(0, count, 1 if rate else 200):
            if rate:
                await paced(number, rate)
                await noop.enqueue(time.time(), payload())
            else:
                await WORKER.enqueue_many(
                    [noop.enqueue(time.time(), payload()) for _ in range(200)]
                )


if __name__ == "__main__":
    if sys.argv[1] == "produce":
        uvloop.run(produce())
    else:
        asyncio.set_event_loop(uvloop.new_event_loop())
        uvloop.run(WORKER.run_async())
