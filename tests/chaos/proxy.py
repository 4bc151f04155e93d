"""A bad line between two programs: latency, resets, lost replies, half-open, little bandwidth, small pieces."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections import Counter
from typing import Self

from msgspec import Struct

_PIECE = 1 << 16


class Weather(Struct):
    """What a line does; a proxy's may be changed while it stands, and holds for what is sent from then on."""

    latency: float = 0.0  # seconds, each way …
    jitter: float = 0.0  # … give or take
    bytes_per_second: float = 0.0  # 0: no limit
    piece: int = 0  # bytes per write; 0: as they came
    reset: float = 0.0  # the share of replies in the middle of which the connection breaks
    drops_replies_after: int | None = None  # this many more bytes come back, then nothing
    is_half_open: bool = False  # takes everything, passes nothing on, and stays


class Proxy:
    """Listens on `port` and passes on to `host:port`, in the weather of the moment."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        """Stand before *port* of *host*."""
        self._target = (host, port)
        self.weather = Weather()
        self.chance = random.Random(0)  # a drill brings its own
        self.happened = Counter[str]()  # so far, by what did it
        self._resets_due = 0.0
        self._lines: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Open the port."""
        self._server = await asyncio.start_server(self._line, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the port and break what is open."""
        self._server.close()
        for line in self._lines:
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    async def _line(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        task.add_done_callback(self._lines.discard)
        try:
            far, on = await asyncio.open_connection(*self._target)
        except OSError:
            _break(back)
            return
        with contextlib.suppress(asyncio.CancelledError):  # the proxy is closed
            await self._both_ways(near, on, far, back)

    async def _both_ways(
        self, near: asyncio.StreamReader, on: asyncio.StreamWriter,
        far: asyncio.StreamReader, back: asyncio.StreamWriter,
    ) -> None:  # fmt: skip
        """Until one side ends, or the line breaks; then both are cut."""
        ways = [
            asyncio.create_task(self._pass(near, on, is_reply=False)),
            asyncio.create_task(self._pass(far, back, is_reply=True)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in ways:
                one.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            _break(on)
            _break(back)

    async def _pass(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_reply: bool
    ) -> None:
        has_gap = False
        with contextlib.suppress(OSError):
            while data := await source.read(_PIECE):
                await self._delay()
                if has_gap and not self._withholds(is_reply=is_reply):
                    return  # TCP never delivers what comes after a gap: the two sides find out, and hang up
                if is_reply and self._breaks():
                    sink.write(data[: len(data) // 2])
                    return
                kept = self._kept(data, is_reply)
                has_gap = has_gap or len(kept) < len(data)
                if kept:
                    await self._write(sink, kept)

    def _breaks(self) -> bool:
        """Every so many replies: what chance would never draw would prove nothing."""
        self._resets_due += self.weather.reset
        is_due = self._resets_due >= 1.0
        self._resets_due -= is_due
        self.happened["resets"] += is_due
        return is_due

    async def _delay(self) -> None:
        weather = self.weather
        if weather.latency:
            self.happened["delays"] += 1
            off = weather.jitter * (2 * self.chance.random() - 1)
            await asyncio.sleep(max(0.0, weather.latency + off))

    def _withholds(self, *, is_reply: bool) -> bool:
        drops = is_reply and self.weather.drops_replies_after is not None
        return self.weather.is_half_open or drops

    def _kept(self, data: bytes, is_reply: bool) -> bytes:
        """What of *data* gets through."""
        weather, kept = self.weather, data
        if weather.is_half_open:
            kept = b""
        elif is_reply and weather.drops_replies_after is not None:
            kept = data[: weather.drops_replies_after]
            weather.drops_replies_after -= len(kept)
        self.happened["bytes dropped"] += len(data) - len(kept)
        return kept

    async def _write(self, sink: asyncio.StreamWriter, data: bytes) -> None:
        weather = self.weather
        size = weather.piece or len(data)
        for first in range(0, len(data), size):
            some = data[first : first + size]
            sink.write(some)
            await sink.drain()
            if weather.piece:
                self.happened["pieces"] += 1
                await asyncio.sleep(0)
            if weather.bytes_per_second:
                self.happened["waits"] += 1
                await asyncio.sleep(len(some) / weather.bytes_per_second)


def _break(writer: asyncio.StreamWriter) -> None:
    """End a connection so that its other side sees a reset."""
    with contextlib.suppress(OSError, AttributeError):
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
