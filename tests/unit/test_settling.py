"""Group commit of endings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from shared.errors import CommandRefused, StoreUnavailable
from shared.storage.ledger import Ending
from workers import settling
from workers.settling import MOST, Settler


class SlowLedger:
    """Answers when told; one failure per call while there are some."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.may_answer = asyncio.Event()
        self.lost: set[str] = set()
        self.failures: list[Exception] = []
        self.then: Callable[[], object] = lambda: None  # as soon as it answers

    async def settle(self, endings: Sequence[Ending]) -> list[bool]:
        self.calls.append([one.id for one in endings])
        await self.may_answer.wait()
        self.then()
        if self.failures:
            raise self.failures.pop(0)
        return [one.id not in self.lost for one in endings]


@pytest.fixture
def ledger() -> SlowLedger:
    return SlowLedger()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "PAUSES", (0, 0, 0))


def _ending(n: int) -> Ending:
    return Ending(id=f"req_{n}", epoch=1, end="done")


async def _settle(settler: Settler, *numbers: int) -> list[asyncio.Task[bool]]:
    tasks = [asyncio.create_task(settler.settle(_ending(n))) for n in numbers]
    await asyncio.sleep(0.01)
    return tasks


async def test_what_ends_while_a_call_is_under_way_goes_together(ledger: SlowLedger) -> None:
    settler = Settler(ledger)
    first = await _settle(settler, 0)
    rest = await _settle(settler, 1, 2, 3)
    ledger.may_answer.set()

    assert [True] * 4 == await asyncio.gather(*first, *rest)
    assert [["req_0"], ["req_1", "req_2", "req_3"]] == ledger.calls


async def test_what_ends_as_the_last_calls_come_back_is_not_left_behind(
    ledger: SlowLedger,
) -> None:
    """It would be held, its lease renewed, and never ended, until something else ended."""
    settler = Settler(ledger)
    under_way = [*await _settle(settler, 0), *await _settle(settler, 1)]
    late: list[asyncio.Task[bool]] = []
    ledger.then = lambda: late or late.append(asyncio.create_task(settler.settle(_ending(2))))
    ledger.may_answer.set()
    await asyncio.gather(*under_way)
    async with asyncio.timeout(1):
        settled = await late[0]

    assert settled


async def test_a_call_carries_so_many_and_no_more(ledger: SlowLedger) -> None:
    settler = Settler(ledger)
    tasks = await _settle(settler, *range(2 * MOST + 5))
    ledger.may_answer.set()
    await asyncio.gather(*tasks)

    assert [MOST, MOST, 5] == [len(call) for call in ledger.calls]


async def test_everyone_hears_of_the_own_lease(ledger: SlowLedger) -> None:
    ledger.lost = {"req_1"}
    tasks = await _settle(Settler(ledger), 0, 1, 2)
    ledger.may_answer.set()

    assert [True, False, True] == await asyncio.gather(*tasks)


async def test_an_ending_outlives_a_short_absence_of_the_store(ledger: SlowLedger) -> None:
    """It is safe to repeat: the lease is ended once. Else the work would be done again after the lease."""
    ledger.failures = [StoreUnavailable("gone")] * 3
    tasks = await _settle(Settler(ledger), 0, 1)
    ledger.may_answer.set()

    assert [True, True] == await asyncio.gather(*tasks)
    assert [["req_0", "req_1"]] * 4 == ledger.calls


async def test_each_writing_is_told_before_it(ledger: SlowLedger) -> None:
    """A claim that left with one that failed has not heard when what waits is due; the next one will."""
    settler, told = Settler(ledger), list[int]()
    settler.before = lambda _: told.append(len(ledger.calls))
    ledger.failures = [StoreUnavailable("gone")] * 3
    (task,) = await _settle(settler, 0)
    ledger.may_answer.set()
    await task

    assert [0, 1, 2, 3] == told


@pytest.mark.parametrize("error", [StoreUnavailable("gone"), CommandRefused("NOPERM no")])
async def test_a_store_that_stays_away_is_everyones_error(
    ledger: SlowLedger, error: Exception
) -> None:
    settler = Settler(ledger)
    ledger.failures = [error] * 4
    tasks = await _settle(settler, 0, 1)
    ledger.may_answer.set()

    assert [error, error] == await asyncio.gather(*tasks, return_exceptions=True)
    ledger.failures = []
    assert await settler.settle(_ending(2))


async def test_what_is_refused_for_good_is_not_repeated(ledger: SlowLedger) -> None:
    ledger.failures = [CommandRefused("NOPERM no")]
    tasks = await _settle(Settler(ledger), 0)
    ledger.may_answer.set()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert 1 == len(ledger.calls)


async def test_one_who_no_longer_waits_holds_up_nobody(ledger: SlowLedger) -> None:
    tasks = await _settle(Settler(ledger), 0, 1)
    tasks[0].cancel()
    ledger.may_answer.set()

    assert await tasks[1]
    assert tasks[0].cancelled()
