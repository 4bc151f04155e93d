"""What every Python contender measures in the same way: when jobs started, and what that cost."""

from __future__ import annotations

import asyncio
import json
import os
import time


def percentile(values: list[float], share: float) -> float:
    """
    The value below which *share* of *values* lie.

    >>> percentile([3.0, 1.0, 2.0], 0.5)
    2.0
    """
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def summary(seconds: list[float]) -> dict[str, float]:
    """Milliseconds at the middle and at the edge."""
    return {
        "p50Ms": round(percentile(seconds, 0.5) * 1000, 3),
        "p99Ms": round(percentile(seconds, 0.99) * 1000, 3),
        "maxMs": round(max(seconds, default=0.0) * 1000, 3),
    }


class Meter:
    """Counts the jobs that start; tells once *expected* of them have."""

    def __init__(self) -> None:
        """Expect as many as the environment says."""
        self.expected = int(os.environ["BENCH_COUNT"])
        self.waited: list[float] = []
        self._first = (0.0, 0.0)

    def started(self, sent_at: float) -> None:
        """One job has started that was sent at *sent_at*."""
        self.waited.append(time.time() - sent_at)
        if len(self.waited) == 1:
            self._first = (time.perf_counter(), time.process_time())
        elif len(self.waited) == self.expected:
            self._tell()

    def _tell(self) -> None:
        seconds = time.perf_counter() - self._first[0]
        cpu = time.process_time() - self._first[1]
        found = {
            "jobs": self.expected,
            "jobsPerSecond": round(self.expected / seconds),
            "cpuUsPerJob": round(cpu / self.expected * 1e6, 1),
            "startedAfter": summary(self.waited),
        }
        print(json.dumps(found), flush=True)


async def paced(count: int, rate: float) -> None:
    """Sleep between two of *count* sends so that *rate* a second leave, evenly, without drift."""
    loop = asyncio.get_running_loop()
    paced.began = getattr(paced, "began", None) or loop.time()  # type: ignore[attr-defined]
    until = paced.began + count / rate  # type: ignore[attr-defined]
    await asyncio.sleep(max(0.0, until - loop.time()))


def payload() -> str:
    """What a job carries beside the time it was sent."""
    return "x" * 400
