"""
Time and chance, and nothing else that differs between two runs.

Everything that decides takes the time as a number (seconds since 1970) and chance as a float below 1;
composition roots pass `SystemClock` and `SystemChance`, tests and the simulation pass their own.
"""

from __future__ import annotations

import secrets
import time
from typing import Protocol

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> float:
        """Seconds since 1970, UTC."""

    def monotonic(self) -> float:
        """Seconds that only ever grow, for deadlines."""


class Chance(Protocol):
    """Draws what nobody can guess."""

    def fraction(self) -> float:
        """A float in [0, 1)."""

    def token(self, size: int) -> bytes:
        """*size* random bytes, fit for secrets."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()


class SystemChance:
    """The machine's randomness."""

    def fraction(self) -> float:
        """A float in [0, 1)."""
        return secrets.randbelow(1 << 53) / (1 << 53)

    def token(self, size: int) -> bytes:
        """*size* bytes fit for secrets."""
        return secrets.token_bytes(size)


def new_id(prefix: str, clock: Clock, chance: Chance) -> str:
    """
    An id that sorts by time: prefix, 48 bits of milliseconds, 80 random bits.

    >>> class At:
    ...     def now(self): return 1_790_000_000.0
    >>> class Zeros:
    ...     def token(self, size): return bytes(size)
    >>> new_id("req", At(), Zeros())
    'req_01m3250v000000000000000000'
    """
    number = (int(clock.now() * 1000) << 80) | int.from_bytes(chance.token(10), "big")
    return f"{prefix}_{_base32(number)}"


def first_id(prefix: str, ms: int) -> str:
    """
    An id before all that are made in that millisecond since 1970, and behind all that were made earlier.

    >>> first_id("req", 1_790_000_000_000)
    'req_01m3250v000000000000000000'
    """
    return f"{prefix}_{_base32(ms << 80)}"


def time_of(id: str) -> int:
    """
    When an id was made, in milliseconds since 1970.

    >>> time_of("req_01m3250v000000000000000000")
    1790000000000
    """
    number = 0
    for character in id.rpartition("_")[2]:
        number = number << 5 | _CROCKFORD.index(character)
    return number >> 80


def _base32(number: int) -> str:
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))
