"""How a program ends: when it is told to, or because it cannot go on, with one line that says why and a code."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

from shared.errors import Transient

if TYPE_CHECKING:
    from shared.errors import WaypostError

COMES_BACK = (
    75  # EX_TEMPFAIL of BSD's sysexits.h: the cause passes by itself, so start it again
)


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
