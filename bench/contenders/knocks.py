"""BENCH_COUNT signed requests at the door, BENCH_RATE a second, evenly, whether or not those before were answered."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import deque

import uvloop
from meter import paced
from visits import Connection, request

CONNECTIONS = 16


async def main() -> None:
    """Knock, and wait for the answers; end badly where one is missing."""
    count, rate = int(os.environ["BENCH_COUNT"]), float(os.environ["BENCH_RATE"])
    path, stamp = os.environ["BENCH_PATH"], os.urandom(6).hex()
    free, took = deque[Connection](), list[float]()
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        port = int(os.environ["BENCH_PORT"])
        await loop.create_connection(lambda: Connection(free, took), "127.0.0.1", port)
    for number in range(count):
        await paced(number, rate)
        now = time.time()
        free.popleft().send(request(path, f"{stamp}{number}", now), now)
    until = time.time() + 10
    while len(took) < count and time.time() < until:
        await asyncio.sleep(0.05)
    if len(took) < count:
        sys.exit(f"{count - len(took)} of {count} were refused, or not answered")


if __name__ == "__main__":
    uvloop.run(main())
