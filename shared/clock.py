"""
Time and chance, and nothing else that differs between two runs.

Everything that decides takes the time as a number (seconds since 1970) and chance as a float below 1;
composition roots pass `SystemClock` and `SystemChance`, tests and the simulation pass their own.
"""

from __future__ import annotations

import functools
import os
import secrets
import time
from typing import Protocol

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(a + b for a in _CROCKFORD for b in _CROCKFORD)
_40_BITS = (1 << 40) - 1


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
        return os.urandom(size)


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
    drawn = int.from_bytes(chance.token(10), "big")
    return f"{prefix}_{_time(int(clock.now() * 1000))}{_base32(drawn >> 40, 8)}{_base32(drawn & _40_BITS, 8)}"


def first_id(prefix: str, ms: int) -> str:
    """
    An id before all that are made in that millisecond since 1970, and behind all that were made earlier.

    >>> first_id("req", 1_790_000_000_000)
    'req_01m3250v000000000000000000'
    """
    return f"{prefix}_{_time(ms)}{'0' * 16}"


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


@functools.lru_cache(4)  # the same millisecond comes many times
def _time(milliseconds: int) -> str:
    return _base32(milliseconds, 10)


def _base32(number: int, characters: int) -> str:
    """Small numbers, since shifting large ones is what an id costs."""
    return "".join(
        [_PAIRS[(number >> shift) & 1023] for shift in range(characters * 5 - 10, -1, -10)]
    )
