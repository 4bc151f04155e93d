"""Group commit of requests at the door."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from services.ingress.acceptor import (
    MOST,
    MOST_BYTES,
    MOST_WAITING,
    MOST_WAITING_BYTES,
    Acceptor,
)
from shared.errors import StoreUnavailable
from shared.group_commit import UNDER_WAY
from shared.model.jobs import Accept, Accepted


class SlowLedger:
    """Answers when told; one failure per call while there are some."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.may_answer = asyncio.Event()
        self.failures: list[Exception] = []
        self.under_way = self.most_under_way = 0

    async def accept(self, accepts: Sequence[Accept]) -> list[Accepted]:
        self.calls.append([one.id for one in accepts])
        self.under_way += 1
        self.most_under_way = max(self.under_way, self.most_under_way)
        await self.may_answer.wait()
        self.under_way -= 1
        if self.failures:
            raise self.failures.pop(0)
        return [Accepted(status="stored", id=one.id) for one in accepts]


@pytest.fixture
def ledger() -> SlowLedger:
    return SlowLedger()


async def _accept(
    acceptor: Acceptor, *numbers: int, size: int = 1
) -> list[asyncio.Task[Accepted]]:
    accepts = [
        Accept(id=f"req_{n}", job="webhook", body=b"x" * size, lane="l") for n in numbers
    ]
    tasks = [asyncio.create_task(acceptor.accept(one)) for one in accepts]
    await asyncio.sleep(0.01)
    return tasks


async def test_what_arrives_at_the_same_moment_goes_together(ledger: SlowLedger) -> None:
    acceptor = Acceptor(ledger)
    ledger.may_answer.set()
    tasks = await _accept(acceptor, *range(50))

    assert [f"req_{n}" for n in range(50)] == [one.id for one in await asyncio.gather(*tasks)]
    assert 1 == len(ledger.calls)


async def test_what_arrives_while_calls_are_under_way_goes_together(ledger: SlowLedger) -> None:
    acceptor = Acceptor(ledger)
    tasks = [
        *await _accept(acceptor, 0),
        *await _accept(acceptor, 1),
        *await _accept(acceptor, 2, 3, 4),
    ]
    ledger.may_answer.set()
    await asyncio.gather(*tasks)

    assert [["req_0"], ["req_1"], ["req_2", "req_3", "req_4"]] == ledger.calls
    assert UNDER_WAY == ledger.most_under_way


async def test_the_next_call_leaves_before_the_last_one_is_answered(ledger: SlowLedger) -> None:
    acceptor, seen = Acceptor(ledger), list[int]()
    accepts = [Accept(id=f"req_{n}", job="webhook", body=b"x", lane="l") for n in range(3)]
    for one in accepts:
        acceptor.submit(one, lambda _: seen.append(len(ledger.calls)))
        await asyncio.sleep(0.01)
    ledger.may_answer.set()
    await asyncio.sleep(0.01)

    assert [3, 3, 3] == seen


async def test_what_arrives_in_the_moment_when_calls_end_waits_for_nobody(
    ledger: SlowLedger,
) -> None:
    """Two calls end in one turn of the loop, and nothing comes later that would take it along."""
    acceptor, loop = Acceptor(ledger), asyncio.get_running_loop()
    late = loop.create_future()

    def submit_another(_: object) -> None:
        one = Accept(id="req_2", job="webhook", body=b"x", lane="l")
        loop.call_soon(acceptor.submit, one, late.set_result)

    first, second = (
        Accept(id=f"req_{n}", job="webhook", body=b"x", lane="l") for n in range(2)
    )
    acceptor.submit(first, submit_another)
    await asyncio.sleep(0.01)
    acceptor.submit(second, lambda _: None)
    await asyncio.sleep(0.01)
    ledger.may_answer.set()

    assert "req_2" == (await asyncio.wait_for(late, 5)).id


async def test_a_bug_in_what_follows_keeps_nobody_else_waiting(ledger: SlowLedger) -> None:
    acceptor, loop = Acceptor(ledger), asyncio.get_running_loop()
    told: list[dict[str, object]] = []
    loop.set_exception_handler(lambda _, context: told.append(context))
    acceptor.submit(Accept(id="req_0", job="webhook", body=b"x", lane="l"), lambda _: 1 / 0)
    ledger.may_answer.set()
    (task,) = await _accept(acceptor, 1)

    assert "req_1" == (await task).id
    assert ["what follows a write broke"] == [one["message"] for one in told]


async def test_a_call_carries_so_many_and_no_more(ledger: SlowLedger) -> None:
    tasks = await _accept(Acceptor(ledger), *range(MOST * 2 + 5))
    ledger.may_answer.set()
    await asyncio.gather(*tasks)

    assert [MOST, MOST, 5] == [len(call) for call in ledger.calls]


async def test_a_call_carries_so_many_bytes_and_one_more(ledger: SlowLedger) -> None:
    tasks = await _accept(Acceptor(ledger), *range(8), size=MOST_BYTES // 2)
    ledger.may_answer.set()
    await asyncio.gather(*tasks)

    assert [2, 2, 2, 2] == [len(call) for call in ledger.calls]


async def test_an_unknown_outcome_is_tried_once_more_with_the_same_ids(
    ledger: SlowLedger,
) -> None:
    ledger.failures = [StoreUnavailable("unknown")]
    ledger.may_answer.set()
    tasks = await _accept(Acceptor(ledger), 1, 2)

    assert ["req_1", "req_2"] == [one.id for one in await asyncio.gather(*tasks)]
    assert [["req_1", "req_2"]] * 2 == ledger.calls


@pytest.mark.parametrize("failures", [2, 1])
async def test_a_failure_is_everyones_in_that_call_and_nobody_elses(
    ledger: SlowLedger, failures: int
) -> None:
    error: Exception = StoreUnavailable("gone") if failures == 2 else ZeroDivisionError("a bug")
    ledger.failures = [error] * failures
    ledger.may_answer.set()
    acceptor = Acceptor(ledger)
    tasks = await _accept(acceptor, 1, 2)

    assert [error, error] == await asyncio.gather(*tasks, return_exceptions=True)
    assert failures == len(ledger.calls)
    (after,) = await _accept(acceptor, 3)
    assert "req_3" == (await after).id


async def test_a_caller_that_went_away_holds_up_nobody(ledger: SlowLedger) -> None:
    tasks = await _accept(Acceptor(ledger), 1, 2)
    tasks[0].cancel()
    ledger.may_answer.set()

    assert "req_2" == (await tasks[1]).id


async def test_an_answer_of_the_wrong_length_fails_all(
    ledger: SlowLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def short(accepts: Sequence[Accept]) -> list[Accepted]:
        return []

    monkeypatch.setattr(ledger, "accept", short)
    (task,) = await _accept(Acceptor(ledger), 1)

    with pytest.raises(ValueError, match="zip"):
        await task


@pytest.mark.parametrize(
    ("waiting", "size", "under_way"),
    [(9, 1, 1), (10, 1, UNDER_WAY), (1, MOST_BYTES, UNDER_WAY)],
)
async def test_a_second_call_is_under_way_only_when_it_carries_as_much_as_the_first(
    ledger: SlowLedger, waiting: int, size: int, under_way: int
) -> None:
    """The store has its next call when it ends one, and each call costs a write to disk."""
    acceptor = Acceptor(ledger)
    await _accept(acceptor, *range(-10, 0))
    await _accept(acceptor, *range(waiting), size=size)

    assert under_way == ledger.under_way


class TestACrowd:
    async def test_is_as_many_as_the_store_takes_in_time_by_its_last_calls(self) -> None:
        slow, quick = Acceptor(Timed(0.5), patience=0.1), Acceptor(Timed(0.0), patience=0.1)
        for acceptor in (slow, quick):
            await asyncio.gather(*await _accept(acceptor, 0))
            await _accept(acceptor, *range(MOST * (UNDER_WAY + 1) + 1))

        assert (True, False) == (slow.is_crowded, quick.is_crowded)

    async def test_is_a_thousand_however_quick_the_store_may_be(
        self, ledger: SlowLedger
    ) -> None:
        acceptor = Acceptor(ledger)
        await _accept(acceptor, *range(MOST_WAITING + MOST * UNDER_WAY - 1))
        before = acceptor.is_crowded
        await _accept(acceptor, -1)

        assert (False, True) == (before, acceptor.is_crowded)

    async def test_of_large_requests_is_counted_in_bytes(self) -> None:
        slow, quick = Acceptor(Timed(0.5), patience=0.1), Acceptor(Timed(0.0), patience=0.1)
        for acceptor in (slow, quick):
            await asyncio.gather(*await _accept(acceptor, 0))
            await _accept(acceptor, *range(2 * UNDER_WAY + 2), size=MOST_BYTES)

        assert (True, False) == (slow.is_crowded, quick.is_crowded)

    async def test_is_never_more_than_what_fits_into_memory(self, ledger: SlowLedger) -> None:
        acceptor, most = Acceptor(ledger), MOST_WAITING_BYTES // MOST_BYTES
        await _accept(acceptor, *range(most + UNDER_WAY - 1), size=MOST_BYTES)
        before = acceptor.is_crowded
        await _accept(acceptor, -1, size=MOST_BYTES)
        crowded = acceptor.is_crowded
        ledger.may_answer.set()
        await asyncio.sleep(0.05)

        assert (False, True, False) == (before, crowded, acceptor.is_crowded)

    async def test_is_never_too_large_without_patience(self, ledger: SlowLedger) -> None:
        acceptor = Acceptor(ledger, patience=0)
        await _accept(acceptor, *range(MOST_WAITING * 3))

        assert not acceptor.is_crowded


class Timed(SlowLedger):
    """Takes *seconds* by the clock of its loop for each call, and no longer than a blink by ours."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    async def accept(self, accepts: Sequence[Accept]) -> list[Accepted]:
        await asyncio.sleep(self.seconds)
        return [Accepted(status="stored", id=one.id) for one in accepts]
