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
_OF_BYTE = (_CROCKFORD * 8).encode()  # 256 is a multiple of 32, so each is as likely
_STOCK = 8192  # bytes


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


class Stock:
    """
    The machine's randomness, drawn for many ids at once: a system call costs more than the rest of an id.

    Not for secrets, since what comes next lies in memory.
    """

    def __init__(self, chance: Chance) -> None:
        """Draw from *chance*."""
        self._chance, self._drawn, self._at = chance, b"", 0

    def fraction(self) -> float:
        """A float in [0, 1)."""
        return self._chance.fraction()

    def token(self, size: int) -> bytes:
        """*size* random bytes, of at most a few dozen."""
        end = self._at + size
        if end > len(self._drawn):
            self._drawn, self._at, end = self._chance.token(_STOCK), 0, size
        taken, self._at = self._drawn[self._at : end], end
        return taken


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
    drawn = chance.token(16).translate(_OF_BYTE).decode()
    return f"{prefix}_{_time(int(clock.now() * 1000))}{drawn}"


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
    return "".join([_CROCKFORD[(milliseconds >> shift) & 31] for shift in range(45, -1, -5)])
