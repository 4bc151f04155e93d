"""Sweeping goes on at once while there is more to do."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from shared.errors import StoreUnavailable
from shared.model.retention import Retention, Swept
from workers import sweeper
from workers.sweeper import AT_A_TIME, sweep_for_ever

KEPT = Retention(ages={"done": timedelta(hours=1)})


class FakeLedger:
    """Answers each sweep with the next of what it was told; then the sweeper is stopped."""

    def __init__(self, *swept: Swept | Exception) -> None:
        self._swept = list(swept)

    async def sweep(self, retention: Retention, most: int = 0) -> Swept:
        assert (KEPT, AT_A_TIME) == (retention, most)
        if not self._swept:
            raise asyncio.CancelledError
        said = self._swept.pop(0)
        if isinstance(said, Exception):
            raise said
        return said


@pytest.mark.parametrize(
    ("swept", "short"),
    [
        (Swept(), False),
        (Swept(removed=AT_A_TIME - 1, unmatched=AT_A_TIME - 1), False),
        (Swept(removed=AT_A_TIME), True),
        (Swept(unmatched=AT_A_TIME), True),  # parked requests that nobody came for
        (Swept(events=AT_A_TIME), True),
        (StoreUnavailable("away"), False),
    ],
)
async def test_the_pause_is_short_while_there_is_more(
    monkeypatch: pytest.MonkeyPatch, swept: Swept | Exception, short: bool
) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(sweeper.asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await sweep_for_ever(KEPT, FakeLedger(Swept()), FakeLedger(swept))

    assert [sweeper.SHORT_PAUSE if short else sweeper.PAUSE] == pauses
