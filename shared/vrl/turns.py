"""Who is next: workers are handed out in turn between scripts, so one busy script delays no other."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.vrl.worker import Worker


class Turns:
    """Idle workers and waiting callers, in a ring of scripts; within a script first come, first served."""

    def __init__(self) -> None:
        self._idle: list[Worker] = []
        self._waiting: OrderedDict[str, deque[asyncio.Future[Worker]]] = OrderedDict()
        self._closed: Exception | None = None

    async def take(self, key: str) -> Worker:
        """A worker for one job of script *key*; `give` it back."""
        if self._closed:
            raise self._closed
        if self._idle:
            return self._best_for(key)
        turn: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, deque()).append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give(turn.result())  # it was handed over in the moment of the cancellation
            raise

    def _best_for(self, key: str) -> Worker:
        """One that holds the program; of several the last that was idle, for its caches are warm."""
        last = len(self._idle) - 1
        held = (place for place in range(last, -1, -1) if key in self._idle[place].holds)
        return self._idle.pop(next(held, last))

    def give(self, worker: Worker) -> None:
        """Hand *worker* to the next caller, or keep it."""
        while self._waiting:
            key, turns = self._waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._waiting[key] = turns  # to the end of the ring
            if not turn.done():
                turn.set_result(worker)
                return
        self._idle.append(worker)

    def drop(self, worker: Worker) -> None:
        """*worker* is handed out no more."""
        if worker in self._idle:
            self._idle.remove(worker)

    def close(self, reason: Exception) -> None:
        """Everybody who waits, or will, gets *reason*."""
        self._closed = reason
        for turns in self._waiting.values():
            for turn in turns:
                if not turn.done():
                    turn.set_exception(reason)
        self._waiting.clear()
