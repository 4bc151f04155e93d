"""Time and chance for the simulator, which shares no code with what it tests."""

from __future__ import annotations

import secrets
import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> float:
        """Seconds since 1970, UTC."""


class Chance(Protocol):
    """Draws what nobody can guess."""

    def token(self, size: int) -> bytes:
        """*size* random bytes."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        return time.time()


class SystemChance:
    """The machine's randomness."""

    def token(self, size: int) -> bytes:
        """*size* bytes fit for secrets."""
        return secrets.token_bytes(size)
