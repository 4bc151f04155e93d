"""Many schedules, on all cores where there are many."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

from tests.chaos.simulation.schedule import Schedule

# How likely each kind of trouble is at each effect: from one fault in a schedule or none, to several.
FAULTS = (0.04, 0.06, 0.09, 0.13, 0.2)
MOST = 0.6  # of the schedules meet a fault, else they would show little
_PART = 5000


class Judged(NamedTuple):
    """What came of one schedule."""

    said: str  # what is wrong with it, empty for nothing
    met: bool  # whether anything failed in it

    @classmethod
    def of(cls, world: Schedule, said: str) -> Judged:
        """The verdict on a *world* that was played."""
        return cls(said, world.met > 0)


class Found(NamedTuple):
    """What came of many."""

    wrong: list[str]  # one sentence per bad schedule
    met: int  # how many met a fault


Judge = Callable[[int, float], Judged]  # of a seed and a rate of faults


def played(judge: Judge, faults: float, first: int, count: int) -> Found:
    """What came of *count* schedules from seed *first* on."""
    parts = [(at, min(_PART, first + count - at)) for at in range(first, first + count, _PART)]
    look = partial(_part, judge, faults)
    if len(parts) < 10:
        return _together(look(part) for part in parts)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return _together(pool.map(look, parts))


def _part(judge: Judge, faults: float, part: tuple[int, int]) -> Found:
    first, count = part
    found = {seed: judge(seed, faults) for seed in range(first, first + count)}
    wrong = [f"seed {s}, faults {faults}: {one.said}" for s, one in found.items() if one.said]
    return Found(wrong, sum(one.met for one in found.values()))


def _together(parts: Iterable[Found]) -> Found:
    some = list(parts)
    return Found([one for part in some for one in part.wrong], sum(part.met for part in some))
