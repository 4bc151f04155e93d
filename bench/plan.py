"""How much is measured, and who says what is going on."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from bench.programs import Failed

if TYPE_CHECKING:
    from collections.abc import Iterator


class Plan(Struct, frozen=True, kw_only=True):
    """The size of one run."""

    rounds: int = 3  # each contender takes its turn so often; the median counts
    seconds: float = 3.0  # of one closed loop
    warm: float = 1.0
    scale: float = 1.0  # of the counts of jobs
    deepest: int = 1_000_000  # records
    fsync_delay: float = 2.0  # ms of the slow disk; 0: without
    peers: bool = True
    began: float = 0.0
    failed: list[str] = msgspec.field(default_factory=list)  # parts and contenders, by name

    def say(self, what: str) -> None:
        """Show how far it is."""
        print(f"{time.monotonic() - self.began:6.0f} s  {what}", file=sys.stderr, flush=True)

    @contextmanager
    def peer(self, name: str) -> Iterator[None]:
        """One contender's turn, or one part: if it fails it is left out and named, and the rest goes on."""
        try:
            yield
        except Failed as error:
            self.say(f"{name} is left out: {error}")
            self.failed.append(name)

    def count(self, usual: int, at_least: int = 500) -> int:
        """A count of jobs in this run's size, in hundreds."""
        return max(at_least, int(usual * self.scale) // 500 * 500)


QUICK = Plan(rounds=1, seconds=1.0, warm=1.0, scale=0.1, deepest=10_000, fsync_delay=0.0)
TINY = Plan(
    rounds=1, seconds=1.0, warm=1.0, scale=0.005, deepest=1000, fsync_delay=0.0, peers=False
)


def middle(rows: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure."""
    return {name: round(median(row[name] for row in rows), 3) for name in rows[0]}
