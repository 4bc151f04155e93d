"""
A creating call that the client sends again, because no answer reached it, creates nothing twice.

`@botpress/client` sends a POST again when its connection broke, and says nothing by which the second one is known.
So a call counts as sent again when it is the same to the byte, of the same installation, within the same invocation of
the integration (`traceparent`), on another connection, after the first one's connection has ended. Then it gets the
first one's answer, even where that is still being made. Each api process remembers its own calls for a minute.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from shared.clock import Clock

REMEMBERED = 60.0  # seconds
MOST = 10_000

Answer = tuple[int, bytes]  # status, JSON


class _First(Struct):
    at: float
    transport: asyncio.Transport | None
    answer: asyncio.Future[Answer]

    def is_over(self) -> bool:
        return self.transport is None or self.transport.is_closing()


class Repeats:
    """Remembers creating calls."""

    def __init__(self, clock: Clock) -> None:
        """Forget by *clock*."""
        self._clock = clock
        self._known = OrderedDict[bytes, _First]()

    async def once(
        self,
        request: web.Request,
        home: str,
        body: bytes,
        make: Callable[[], Awaitable[Answer]],
    ) -> Answer:
        """What *make* answers, or what it answered when this call was made before."""
        trace = request.headers.get("traceparent", "")
        if not trace:
            return await make()
        name = _name(home, request.method, request.raw_path, trace, body)
        self._forget()
        first = self._known.get(name)
        if first is not None and first.transport is not request.transport and first.is_over():
            return await asyncio.shield(first.answer)
        return await self._made(name, request, make)

    async def _made(
        self, name: bytes, request: web.Request, make: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._known[name] = _First(self._clock.monotonic(), request.transport, answer)
        try:
            answer.set_result(await make())
        except Exception as error:
            # What failed is done anew: only what was made must not be made twice.
            self._known.pop(name, None)
            answer.set_exception(error)
            answer.exception()  # somebody may wait for it, nobody must
            raise
        return answer.result()

    def _forget(self) -> None:
        oldest = self._clock.monotonic() - REMEMBERED
        while self._known:
            name, first = next(iter(self._known.items()))
            if first.at > oldest and len(self._known) < MOST:
                return
            del self._known[name]


def _name(*parts: str | bytes) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        digest.update(b"%d:" % len(raw))
        digest.update(raw)
    return digest.digest()
