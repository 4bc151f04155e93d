"""
Requests at BENCH_RATE a second, whether or not the ones before were answered, and the bot that reads their events.

Tells how long answers took, and how long it took from sending to the event in the bot's stream.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import random
import re
import time
from collections import deque

import uvloop
from meter import payload, summary
from redis.asyncio import Redis

SECRET = os.environ["BENCH_SECRET"].encode()
SENT_AT = re.compile(rb'sent_at\\*":\\*"?([0-9.]+)')


class Connection(asyncio.Protocol):
    """One connection; free again once its answer came."""

    def __init__(self, free: deque[Connection], took: list[float]) -> None:
        """Report to *took*, wait in *free*."""
        self._free, self._took = free, took

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be free."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._free.append(self)

    def send(self, request: bytes, since: float) -> None:
        """Send; it counts from *since*, when it should have left."""
        self._since = since
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """The answer; a refusal counts as none."""
        if data[9:10] == b"2":
            self._took.append(time.time() - self._since)
        self._free.append(self)


def request(path: str, number: str, sent_at: float) -> bytes:
    """One signed webhook."""
    body = f'{{"team_id":"T1","sent_at":"{sent_at:.6f}","text":"{payload()}"}}'.encode()
    signature = hmac.new(SECRET, body, "sha256").hexdigest()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"X-Delivery: {number}\r\nX-Signature: sha256={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def read(stream: str, arrived: list[float]) -> None:
    """The bot: every event as it comes."""
    redis, last = Redis.from_url(os.environ["BENCH_STORE"]), b"0"
    while True:
        for _, events in await redis.xread({stream: last}, count=500, block=1000):
            now = time.time()
            for last, fields in events:  # noqa: B007  the last one is where to go on
                arrived += [now - float(at) for at in SENT_AT.findall(fields[b"event"])[:1]]


async def visit(free: deque[Connection], rate: float, seconds: float) -> int:
    """Send by a Poisson process; returns how many."""
    dice, path, stamp = random.Random(7), os.environ["BENCH_PATH"], os.urandom(6).hex()
    due, sent, until = time.time(), 0, time.time() + seconds
    while due < until:
        due += dice.expovariate(rate)
        if (left := due - time.time()) > 0.0005:
            await asyncio.sleep(left)
        while not free:
            await asyncio.sleep(0.001)
        free.popleft().send(request(path, f"{stamp}{sent}", due), due)
        sent += 1
    return sent


async def main() -> None:
    """Visit, wait for the stragglers, tell."""
    rate, seconds = float(os.environ["BENCH_RATE"]), float(os.environ["BENCH_SECONDS"])
    free, took, arrived = deque[Connection](), list[float](), list[float]()
    loop = asyncio.get_running_loop()
    for _ in range(128):
        port = int(os.environ["BENCH_PORT"])
        await loop.create_connection(lambda: Connection(free, took), "127.0.0.1", port)
    bot = asyncio.create_task(read(os.environ["BENCH_STREAM"], arrived))
    sent = await visit(free, rate, seconds)
    until = time.time() + 10
    while len(arrived) < len(took) and time.time() < until:
        await asyncio.sleep(0.05)
    bot.cancel()
    found = {"sent": sent, "accepted": len(took), "arrived": len(arrived)}
    print(json.dumps(found | {"answer": summary(took), "way": summary(arrived)}))


if __name__ == "__main__":
    uvloop.run(main())
