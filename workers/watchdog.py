"""
Ends a worker whose event loop stands still.

A handler that never gives way would keep its worker from renewing leases, from beating and from being told to stop,
and the next one that gets the record would stand still too. A dead worker is started again; a stuck one is not.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from shared.storage.ledger import LEASE

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

log = structlog.get_logger()

TICK = 1.0  # seconds
PATIENCE = int(LEASE.total_seconds())  # ticks; by then its leases are lost anyway
STUCK = 70  # exit code, EX_SOFTWARE


def _die() -> None:
    os._exit(STUCK)


class Watchdog:
    """
    A thread that asks the loop for a sign once a second.

    It counts ticks and not time, so that a process that was suspended as a whole does not count as stuck.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        end: Callable[[], None] = _die,
        tick: float = TICK,
    ) -> None:
        """Watch *loop*; call *end* once it has given no sign for `PATIENCE` ticks."""
        self._loop, self._end, self._tick = loop, end, tick
        self._stopped, self._sign = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        missed = 0
        while not self._stopped.wait(self._tick):
            missed = 0 if self._sign.is_set() else missed + 1
            if missed > PATIENCE:
                with suppress(OSError, ValueError):  # a log that is closed or full saves nobody
                    log.error("worker.stuck", seconds=PATIENCE * self._tick)
                self._end()
                return
            self._sign.clear()
            self._loop.call_soon_threadsafe(self._sign.set)
