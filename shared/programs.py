"""
How a program ends: when it is told to, or because it cannot go on, with one line that says why and a code.

What it does beside its work never ends before it does.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

import structlog

from shared.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

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
