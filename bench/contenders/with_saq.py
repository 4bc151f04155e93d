"""saq: `produce` and `worker`."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

import uvloop
from meter import Meter, paced, payload
from saq import Queue, Worker

METER = Meter()


async def noop(_: dict[str, Any], *, sent_at: float, text: str) -> None:  # noqa: ARG001
    """Do nothing; be counted."""
    METER.started(sent_at)


async def produce(queue: Queue) -> None:
    """Enqueue BENCH_COUNT jobs, at BENCH_RATE a second or as fast as it goes."""
    count, rate = METER.expected, float(os.environ["BENCH_RATE"])
    for number in range(0, count, 1 if rate else 50):
        if rate:
            await paced(number, rate)
        await asyncio.gather(
            *(
                queue.enqueue("noop", sent_at=time.time(), text=payload(), ttl=-1)
                for _ in range(1 if rate else 50)
            )
        )


async def main() -> None:
    """Run what the first argument names."""
    queue = Queue.from_url(os.environ["BENCH_STORE"])
    await queue.connect()
    if sys.argv[1] == "produce":
        await produce(queue)
    else:
        await Worker(queue, functions=[noop], concurrency=100).start()


if __name__ == "__main__":
    uvloop.run(main())
