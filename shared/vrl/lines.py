"""One script over many events: a line of JSON in, a line of JSON out, in order, on all workers at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import orjson

from shared.errors import ScriptInvalid
from shared.vrl import frames
from shared.vrl.diagnostics import problem
from shared.vrl.pool import VrlPool
from shared.vrl.script import Script, script

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator

BATCH_LINES: Final = 256
BATCH_BYTES: Final = 128 << 10


async def run_lines(
    pool: VrlPool, name: str, source: str, chunks: AsyncIterator[list[bytes]]
) -> AsyncGenerator[list[bytes], None]:
    """
    For each event line one line `{"result":…}` or `{"error":{kind,message,line}}`, as soon as it is known.

    Lines come and go in lists, so that a slow source is answered at once and a large file in large steps.
    Who does not read to the end closes it (`contextlib.aclosing`) before the pool.
    """
    running = _Running(2 * pool.size)
    feeder = asyncio.create_task(running.feed(_Batches(pool, name, source), chunks))
    try:
        async for answers in running:
            yield answers
        await feeder
    finally:
        for task in (feeder, *running.tasks):
            task.cancel()
        await asyncio.gather(feeder, *running.tasks, return_exceptions=True)


class _Running:
    """Batches under way, in order, no more than *most* before the first is taken away."""

    def __init__(self, most: int) -> None:
        self.tasks: set[asyncio.Task[list[bytes]]] = set()
        self._room = asyncio.Semaphore(most)
        self._ordered: asyncio.Queue[asyncio.Task[list[bytes]] | None] = asyncio.Queue()

    async def feed(self, batches: _Batches, chunks: AsyncIterator[list[bytes]]) -> None:
        try:
            async for lines in chunks:
                for batch in _split(lines):
                    await self._room.acquire()
                    self._start(batches.answer(batch))
        finally:
            self._ordered.put_nowait(None)

    def _start(self, answering: Coroutine[None, None, list[bytes]]) -> None:
        task = asyncio.create_task(answering)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        self._ordered.put_nowait(task)

    async def __aiter__(self) -> AsyncIterator[list[bytes]]:
        while task := await self._ordered.get():
            yield await task
            self._room.release()


def _split(lines: list[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for line in lines:
        if batch and (len(batch) >= BATCH_LINES or size + len(line) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield batch


class _Batches:
    """Answers batches of one script's events."""

    def __init__(self, pool: VrlPool, name: str, source: str) -> None:
        self._pool = pool
        self._refusal = b""
        self._script: Script | None = None
        try:
            self._script = script(name, source)
        except ScriptInvalid as error:
            self._refusal = orjson.dumps(problem(error.kind, error.message, error.line))

    async def answer(self, lines: list[bytes]) -> list[bytes]:
        """One line for each of *lines*."""
        answers: list[bytes] = []
        while len(answers) < len(lines):
            answers += await self._some(lines[len(answers) :])
        return answers

    async def _some(self, lines: list[bytes]) -> list[bytes]:
        """Answers for the first of *lines*, at least one."""
        if self._script is None:
            return [_error(self._refusal)] * len(lines)
        if len(lines[0]) > frames.LARGEST_EVENT:
            text = f"the event is larger than {frames.LARGEST_EVENT >> 20} MiB"
            return [_error(orjson.dumps(problem("input", text)))]
        # A batch that takes its worker down does not say which line did: each is tried alone then, and
        # only a line alone counts against the script.
        alone = len(lines) == 1
        reply = await self._pool.ask(self._script, "lines", b"\n".join(lines), may_blame=alone)
        if reply[:1] == frames.LINES:
            return reply[1:].split(b"\n")
        if alone:
            return [_error(reply[1:])]
        return await self._one_by_one(reply, lines)

    async def _one_by_one(self, reply: bytes, lines: list[bytes]) -> list[bytes]:
        if orjson.loads(reply[1:])["kind"] in ("compile", "quarantined"):
            return [_error(reply[1:])] * len(lines)
        return [answer for line in lines for answer in await self._some([line])]


def _error(problem_json: bytes) -> bytes:
    return b'{"error":' + problem_json + b"}"
