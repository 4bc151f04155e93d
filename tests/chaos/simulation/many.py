"""Many schedules, on all cores where there are many."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

Judged = Callable[
    [int, float], str
]  # what is wrong with the schedule of a seed, empty for nothing
FAULTS = (0.0, 0.005, 0.02, 0.06, 0.15)  # how likely each kind of trouble is at each effect
_PART = 5000


def wrong(judged: Judged, faults: float, first: int, count: int) -> list[str]:
    """One sentence per bad schedule among *count* from seed *first* on."""
    parts = [(at, min(_PART, first + count - at)) for at in range(first, first + count, _PART)]
    look = partial(_wrong_in, judged, faults)
    if len(parts) < 10:
        return [one for part in parts for one in look(part)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return [one for found in pool.map(look, parts) for one in found]


def _wrong_in(judged: Judged, faults: float, part: tuple[int, int]) -> list[str]:
    return list(_each(judged, faults, *part))


def _each(judged: Judged, faults: float, first: int, count: int) -> Iterator[str]:
    for seed in range(first, first + count):
        if said := judged(seed, faults):
            yield f"seed {seed}, faults {faults}: {said}"
