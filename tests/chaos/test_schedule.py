"""The whole schedule of retries on the store's own clock: never early, Retry-After to the letter, dead at its end."""

from __future__ import annotations

from datetime import timedelta

from shared.clock import SystemClock
from shared.errors import ProviderBusy
from shared.model.jobs import Claim
from shared.model.outcomes import Outcome
from shared.retries import LONGEST_WAIT, MAX_ATTEMPTS
from shared.storage import keys
from shared.storage.connection import Store
from shared.storage.ledger_check import check
from tests.chaos.numbers import told
from tests.contracts.ledger_builders import Bench
from workers.journey import Journey
from workers.settling import Settler


class Busy:
    """A provider that never has time, and may say when it has."""

    def __init__(self, after: timedelta | None = None) -> None:
        self.after, self.asked = after, 0

    async def job(self, _: Claim) -> Outcome:
        self.asked += 1
        raise ProviderBusy("429", self.after)


class Half:
    """Chance that is always in the middle."""

    def fraction(self) -> float:
        return 0.5


def a_journey(bench: Bench, busy: Busy) -> Journey:
    return Journey(
        jobs={"webhook": busy.job}, settler=Settler(bench.ledger), answers=None,  # type: ignore[arg-type]
        address_of=lambda _: None, clock=SystemClock(), chance=Half(),  # type: ignore[arg-type]
    )  # fmt: skip


async def waits(bench: Bench, busy: Busy) -> list[float]:
    """Seconds between the attempts; before each one it is looked a moment too early."""
    journey, found = a_journey(bench, busy), []
    await bench.accept("req_1")
    (claim,) = await bench.claim()
    while True:
        await journey.carry(claim)
        record = await bench.record("req_1")
        if record.state == "dead":
            return found
        wait = (record.due_at - record.changed_at) / 1000
        left = (await bench.redis.zscore(keys.key("due"), keys.ticket("req_1"))) / 1000
        assert left == record.due_at / 1000
        bench.later(wait - 0.5)
        assert [] == await bench.claim(), f"after {len(found) + 1} attempts it came too early"
        bench.later(0.6)
        (claim,) = await bench.claim()
        found.append(wait)


async def test_a_provider_that_never_has_time_is_asked_twelve_times(store: Store) -> None:
    busy, bench = Busy(), Bench(store)
    found = await waits(bench, busy)

    told("R18", attempts=busy.asked, hours=f"{sum(found) / 3600:.1f}")
    assert MAX_ATTEMPTS == busy.asked
    assert [1, 2, 4, 8, 16, 32] == [round(one) for one in found[:6]]
    assert max(found) <= LONGEST_WAIT.total_seconds()
    assert (await bench.record("req_1")).reason.startswith("gave up after 12 attempts")
    assert [] == await check(store)


async def test_what_a_provider_asks_for_is_kept_to(store: Store) -> None:
    found = await waits(Bench(store), Busy(timedelta(seconds=90)))

    assert {90.0} == set(found)


async def test_an_attempt_that_looks_at_another_clock_comes_early(store: Store) -> None:
    """The control: a worker that is five minutes ahead and believes itself, as stock arq does."""
    bench = Bench(store)
    claim = await bench.lease("req_1")
    await bench.settle(claim, "retry", delay=timedelta(seconds=60))
    ahead = (await bench.record("req_1")).due_at / 1000 - 60 + 300

    due = await bench.redis.zrangebyscore(keys.key("due"), "-inf", ahead * 1000)

    assert [keys.ticket("req_1").encode()] == due
    assert [] == await bench.claim()
