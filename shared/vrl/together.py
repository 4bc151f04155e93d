"""
Events of one moment go to a worker in one frame: waking it costs more than most scripts do.

Which events those are is decided when there is a worker for them: what came up in the same turn of the loop, and what
came while all workers were busy. The worker stops a frame after a moment and what is left goes in another, so that
neither a script with many events nor one with slow ones holds up its neighbours; a slow one's events soon go one by
one, so that all workers take part.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

import orjson

from shared.vrl import frames

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shared.vrl.script import Script

MOST_EVENTS: Final = 64
MOST_BYTES: Final = 128 << 10
_OF_ALL: Final = frozenset({"compile", "quarantined"})  # said of the script, not of an event


class _Waiting:
    """One event, and the line that answers it."""

    __slots__ = ("body", "frame", "line")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.line: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.frame: Frame | None = None


class Frame:
    """Events that a worker gets at once; `body` chooses them, once."""

    def __init__(self, script: Script, waiting: deque[_Waiting]) -> None:
        """Choose among *waiting*."""
        self.script, self._waiting = script, waiting
        self.events: list[_Waiting] = []
        self.began = 0.0
        self.task: asyncio.Task[None] | None = None

    def body(self, most: int) -> bytes:
        """The events, a line each, at most so many."""
        if not self.events:
            self._choose(most)
        self.began = asyncio.get_running_loop().time()
        return b"\n".join(one.body for one in self.events)

    def is_alone(self) -> bool:
        """Whether what happens is the doing of one event."""
        return len(self.events) == 1

    def fail(self, error: Exception) -> None:
        """Everybody hears of *error*, those too for whom there was no worker yet."""
        for one in self.events or self._waiting:
            if not one.line.done():
                one.line.set_exception(error)
        if not self.events:
            self._waiting.clear()

    def _choose(self, most: int) -> None:
        size = 0
        while self._waiting and len(self.events) < most:
            one = self._waiting[0]
            size += len(one.body)
            if self.events and size > MOST_BYTES:
                break
            self._waiting.popleft()
            if not one.line.done():
                one.frame = self
                self.events.append(one)


class Together:
    """Collects events by script and sends them in frames."""

    def __init__(self, ask: Callable[[Frame], Awaitable[bytes]]) -> None:
        """Send with *ask*, which asks `body` for the events when it has a worker."""
        self._ask = ask
        self._waiting: dict[str, deque[_Waiting]] = {}
        self._next: dict[str, Frame] = {}  # has no worker yet
        self._room: dict[str, int] = {}  # events in a frame of a script that is not quick

    async def line(self, script: Script, body: bytes) -> bytes:
        """The worker's line for one event."""
        one = _Waiting(body)
        waiting = self._waiting.setdefault(script.key, deque())
        waiting.append(one)
        self._send_next(script, waiting)
        try:
            return await one.line
        except asyncio.CancelledError:
            _give_up(one.frame)
            raise

    def _send_next(self, script: Script, waiting: deque[_Waiting]) -> None:
        if script.key not in self._next:
            frame = self._next[script.key] = Frame(script, waiting)
            frame.task = asyncio.create_task(self._send(frame))

    async def _send(self, frame: Frame) -> None:
        try:
            reply = await self._ask(frame)
        except Exception as error:  # noqa: BLE001 - handed to everyone who waits for it
            frame.fail(error)
        else:
            self._answer(frame, reply)
        finally:
            self._begun(frame)

    def body(self, frame: Frame) -> bytes:
        """What a worker gets for *frame*; what comes from now on, or has no room in it, goes in the next one."""
        lines = frame.body(self._room.get(frame.script.key, MOST_EVENTS))
        self._begun(frame)
        return lines

    def _begun(self, frame: Frame) -> None:
        key = frame.script.key
        if self._next.get(key) is not frame:
            return
        del self._next[key]
        if self._waiting[key]:
            self._send_next(frame.script, self._waiting[key])
        else:
            del self._waiting[key]

    def _answer(self, frame: Frame, reply: bytes) -> None:
        if reply[:1] == frames.LINES:
            lines = reply[1:].split(b"\n")
            self._learn(frame, len(lines))
            for one, line in zip(frame.events, lines, strict=False):
                _tell(one, line)
            self._again(frame, frame.events[len(lines) :])
        elif frame.is_alone() or orjson.loads(reply[1:])["kind"] in _OF_ALL:
            for one in frame.events:
                _tell(one, b'{"error":' + reply[1:] + b"}")
        else:
            self._one_by_one(frame)

    def _learn(self, frame: Frame, answered: int) -> None:
        key, took = frame.script.key, asyncio.get_running_loop().time() - frame.began
        if answered < len(frame.events):
            self._room[key] = answered
        elif key in self._room and took < frames.LONGEST_TURN / 2:
            self._room[key] *= 2
            if self._room[key] >= MOST_EVENTS:
                del self._room[key]

    def _again(self, frame: Frame, left: list[_Waiting]) -> None:
        if left:
            waiting = self._waiting.setdefault(frame.script.key, deque())
            waiting.extendleft(reversed(left))
            self._send_next(frame.script, waiting)

    def _one_by_one(self, frame: Frame) -> None:
        """Which event took the worker down is not known: only one that does so alone counts against the script."""
        for one in frame.events:
            alone = Frame(frame.script, deque([one]))
            alone.task = asyncio.create_task(self._send(alone))


def _tell(one: _Waiting, line: bytes) -> None:
    if not one.line.done():
        one.line.set_result(line)


def _give_up(frame: Frame | None) -> None:
    """What nobody waits for any more is stopped."""
    if frame and frame.task and all(one.line.done() for one in frame.events):
        frame.task.cancel()
