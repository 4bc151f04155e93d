"""What a worker has in hand: each record is in work until its end is decided, and leased until that is written."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

from shared.programs import cancelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shared.model.jobs import Record
    from shared.storage.ledger import Ending

log = structlog.get_logger()


class InHand:
    """The claimed records of one worker, and the task that carries each."""

    def __init__(self, worker: str) -> None:
        """Nothing is in the hand of *worker* yet."""
        self._worker = worker
        self._held: dict[str, tuple[Record, asyncio.Task[Any]]] = {}  # until its end is written
        self._working: set[asyncio.Task[Any]] = set()  # until its end is decided

    @property
    def working(self) -> int:
        """Slots in use."""
        return len(self._working)

    @property
    def held(self) -> int:
        """Leases that the store has not ended."""
        return len(self._held)

    def leases(self) -> dict[str, int]:
        """The epoch of each record that is held."""
        return {record.id: record.epoch for record, _ in self._held.values()}

    def tasks(self) -> list[asyncio.Task[Any]]:
        """Those of all that is held."""
        return [task for _, task in self._held.values()]

    def take(self, record: Record, task: asyncio.Task[Any]) -> None:
        """*task* begins to carry *record*; one that carries it already was lost before we heard of it."""
        self.lose(record.id)
        self._held[record.id] = (record, task)
        self._working.add(task)

    def decided(self, endings: Iterable[Ending]) -> None:
        """How these end is about to be written: their slots are free."""
        for one in endings:
            record, task = self._held.get(one.id, (None, None))
            if record is not None and record.epoch == one.epoch:
                self._working.discard(task)

    def ended(self, task: asyncio.Task[Any]) -> None:
        """Nothing more comes of it."""
        if self._held.get(task.get_name(), (None, None))[1] is task:
            del self._held[task.get_name()]
        self._working.discard(task)

    def lost(self, ids: Iterable[str], epochs: dict[str, int]) -> None:
        """The leases of *ids* were lost, if they are still those of *epochs*."""
        for id in ids:
            if id in self._held and self._held[id][0].epoch == epochs[id]:
                self.lose(id)

    def lose(self, id: str) -> None:
        """Stop the job; one that has decided its end hears from the store what became of that."""
        _, task = self._held.get(id, (None, None))
        if task in self._working:
            log.warning("lease.lost", record=id, worker=self._worker)
            task.cancel()

    async def finish(self, seconds: float) -> Sequence[Record]:
        """Wait for what is in hand, then stop the rest; returns what was left."""
        if self._held:
            await asyncio.wait(self.tasks(), timeout=seconds)
        left = list(self._held.values())
        await cancelled([task for _, task in left])
        return [record for record, _ in left]
