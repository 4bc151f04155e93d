"""
How a program ends: when it is told to, or because it cannot go on, with one line that says why and a code.

What it does beside its work never ends before it does.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING, Any

import structlog

from shared.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from shared.errors import WaypostError

COMES_BACK = (
    75  # EX_TEMPFAIL of BSD's sysexits.h: the cause passes by itself, so start it again
)
AGAIN = 5.0  # seconds until what broke is begun again

log = structlog.get_logger()


async def kept_up(work: Callable[[], Awaitable[None]]) -> None:
    """
    Do *work* until cancelled; where it breaks, that is told, and it begins again a moment later.

    A task that nobody waits for would end without a word, and what it does would be missed much later.
    """
    while True:
        try:
            await work()
        except Exception:
            log.exception("background.broke")
        await asyncio.sleep(AGAIN)


async def cancelled(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """
    Cancel until it is heard.

    Before Python 3.12 `asyncio.wait_for`, in which redis-py sends, may swallow a cancellation:
    https://github.com/python/cpython/issues/86296
    """
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=0.2)


async def told_to_stop() -> None:
    """Return on SIGINT or SIGTERM, which then end nothing by themselves."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


def ended(name: str, error: WaypostError) -> SystemExit:
    """What to raise in `main` for *error*, once it is told."""
    sys.stderr.write(f"waypost {name}: {error}\n")
    return SystemExit(COMES_BACK if isinstance(error, Transient) else 1)
