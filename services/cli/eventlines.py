"""Reads a file of lines, or a pipe that never ends, without holding up the event loop."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent import futures
from typing import TYPE_CHECKING, Final

from shared.vrl.frames import LARGEST_EVENT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHUNK: Final = 1 << 18  # bytes read at once
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


async def lines_of(file: int) -> AsyncIterator[list[bytes]]:
    """The lines of the descriptor *file*, as many at a time as have arrived, without their newlines."""
    reader = _Reader(file)
    unfinished = _Unfinished()
    chunk = (await reader.next()).removeprefix(_BYTE_ORDER_MARK)
    while chunk:
        first, *others = chunk.split(b"\n")
        unfinished.add(first)
        if others:
            yield [unfinished.take(), *others[:-1]]
            unfinished.add(others[-1])
        chunk = await reader.next()
    if line := unfinished.take():
        yield [line]


class _Unfinished:
    """The parts of a line whose end has not come; it is cut where it is too long for an event anyway."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, part: bytes) -> None:
        if self._size <= LARGEST_EVENT:
            self._parts.append(part)
            self._size += len(part)

    def take(self) -> bytes:
        line = b"".join(self._parts)
        self._parts, self._size = [], 0
        return line


class _Reader:
    """
    Reads on a thread of its own, one chunk ahead.

    A daemon thread and no executor's, because Ctrl-C must not wait for somebody who types no more.
    """

    def __init__(self, file: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[bytes | OSError] = asyncio.Queue(1)
        threading.Thread(target=self._read, args=(file,), daemon=True).start()

    async def next(self) -> bytes:
        chunk = await self._chunks.get()
        if isinstance(chunk, OSError):
            raise chunk
        return chunk

    def _read(self, file: int) -> None:
        chunk = self._chunk(file)
        while self._hand_over(chunk) and chunk and isinstance(chunk, bytes):
            chunk = self._chunk(file)

    def _chunk(self, file: int) -> bytes | OSError:
        try:
            return os.read(file, CHUNK)
        except OSError as error:
            return error

    def _hand_over(self, chunk: bytes | OSError) -> bool:
        """Whether somebody still reads."""
        putting = self._chunks.put(chunk)
        try:
            asyncio.run_coroutine_threadsafe(putting, self._loop).result()
        except (RuntimeError, futures.CancelledError):
            putting.close()
            return False
        return True
