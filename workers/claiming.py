"""
When a worker claims, and how much: decided here from what it is told; `engine.py` does it.

A slot is in use from the claim until the job has decided how its record ends. While that is written the slot is free
again, so the next claim leaves together with the endings: one write, one fsync of the store.
"""

from __future__ import annotations

from shared.storage.ledger import LEASE

BATCH = 64  # records per claim
GROUP = 32  # that should be free before more are claimed: a claim of a few costs as much as one of many
DISTANCE = 0.002  # seconds between two claims, unless the queue has plenty
MOMENT = 0.002  # seconds in which more slots may become free
# Seconds until the store is asked again, by how often it was away.
_PAUSES = (0.2, 0.4, 0.8, 1.6, 3.0)


class Claiming:
    """What is known of the queue and of the slots. Times are seconds of one clock."""

    def __init__(self, slots: int) -> None:
        """Fill *slots*; nothing is known of the queue yet."""
        self._slots, self._wanted = slots, min(GROUP, slots // 4)
        self._asked = 0  # slots that claims under way may fill
        self._under_way = self._failures = 0
        self._is_woken, self._is_plenty = True, False
        self._is_put_off = self._is_trying = False
        self._begun, self._due, self._not_before = -DISTANCE, float("inf"), 0.0
        self._few_since: float | None = None

    def wake(self) -> None:
        """A ticket became ready; so the store is there."""
        self._is_woken, self._not_before = True, 0.0

    def is_idle(self) -> bool:
        """Whether the queue is known to be empty, as far as anything can be known."""
        return not (self._is_woken or self._is_plenty or self._under_way)

    def free(self, working: int, held: int) -> int:
        """Slots for new claims: *working* are in use, *held* leases are not ended in the store (it may be slow)."""
        return min(self._slots - working, 2 * self._slots - held) - self._asked

    def is_alone(self, held: int) -> bool:
        """Whether a claim that begins now is for a worker that has nothing else in hand, or on its way."""
        return not held and not self._asked

    def wait(self, now: float, working: int, held: int) -> float | None:
        """Seconds until it is time to claim; 0 is now, None only after news."""
        self._is_trying = self._is_trying and held > 0
        if self._is_trying:
            return None
        if now >= self._due or (self._is_put_off and not held):
            self._is_woken = True
        if not self._is_woken and not self._is_plenty:
            return self._due - now
        if self._under_way and not self._is_plenty:
            return None
        free = self.free(working, held)
        if free <= 0:
            self._few_since = None
            return None
        return max(0.0, self._earliest(now, free) - now)

    def _earliest(self, now: float, free: int) -> float:
        earliest = self._not_before
        if not self._is_plenty:  # what comes in the meantime comes along
            earliest = max(earliest, self._begun + DISTANCE)
        if free < self._wanted:
            if self._few_since is None:
                self._few_since = now
            earliest = max(earliest, self._few_since + MOMENT)
        return earliest

    def begin(self, now: float, working: int, held: int) -> int:
        """A claim begins; returns for how many records."""
        limit = min(self.free(working, held), BATCH)
        self._asked += limit
        self._under_way += 1
        self._is_woken, self._is_put_off, self._few_since, self._begun = False, False, None, now
        self._due = float("inf")  # until the answer tells
        return limit

    def answered(
        self, limit: int, found: int, pause: float | None, now: float, *, alone: bool
    ) -> None:
        """
        A claim for *limit* brought *found*, and after *pause* seconds something is due (None: nothing is).

        What stopped its workers is given only to who has nothing else in hand, so who got nothing and was not *alone*
        when it asked asks again then.
        """
        self._under_way -= 1
        self._asked -= limit - found
        self._failures = 0
        self._is_plenty = pause == 0
        self._is_put_off = not found and not alone
        # A claim that was given up may still be on its way, and lease after the next one was told of nothing.
        longest = LEASE.total_seconds()
        self._due = now + (longest if pause is None else min(pause, longest))

    def put_off(self) -> None:
        """What was found, and is about to start, is tried alone: what else is ready is asked for when it has ended."""
        self._is_put_off = self._is_trying = True

    def started(self) -> None:
        """One of those that were found has taken its slot."""
        self._asked -= 1

    def failed(self, limit: int, now: float) -> None:
        """The store did not answer a claim for *limit*."""
        self._under_way -= 1
        self._asked -= limit
        self._is_woken, self._is_plenty = True, False
        self._not_before = now + _PAUSES[min(self._failures, len(_PAUSES) - 1)]
        self._failures += 1
