"""A bot that writes down what it gets."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter

import msgspec
from aiohttp import web

from tests.journeys.system import free_port


class Got(msgspec.Struct, frozen=True):
    """One event that came to the bot."""

    text: str  # of the webhook that it was made of
    key: str
    at: float


class Bot:
    """Answers 200 to every event, after a while if it is told to."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.delay, self.status = 0.0, 200
        self.refuses_first = False  # the first attempt of each event
        self._refused: set[str] = set()
        self.holds = False  # lets everybody wait, and then answers 503
        self.asked = 0

    async def start(self) -> str:
        app = web.Application()
        app.router.add_post("/{rest:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        self.port = free_port()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return f"http://127.0.0.1:{self.port}/"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        event = await request.json()
        text = json.loads(event["payload"]["body"])["text"]
        self.asked += 1
        if self.holds:
            return await self._kept_waiting()
        await asyncio.sleep(self.delay)
        key = request.headers["webhook-id"]
        if self.refuses_first and key not in self._refused:
            self._refused.add(key)
            return web.Response(status=503)
        if self.status == 200:
            self.got.append(Got(text, key, time.monotonic()))
        return web.Response(status=self.status)

    async def _kept_waiting(self) -> web.Response:
        while self.holds:
            await asyncio.sleep(0.02)
        return web.Response(status=503)

    def texts(self) -> Counter[str]:
        """How often each came."""
        return Counter(one.text for one in self.got)

    def keys_of(self) -> dict[str, set[str]]:
        """Under which keys each came."""
        found: dict[str, set[str]] = {}
        for one in self.got:
            found.setdefault(one.text, set()).add(one.key)
        return found
