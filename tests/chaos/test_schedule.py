"""The whole schedule of retries on the store's own clock: never early, Retry-After to the letter, dead at its end."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from shared.clock import SystemClock
from shared.errors import ProviderBusy
from shared.model.jobs import Claim
from shared.model.outcomes import Outcome
from shared.retries import LONGEST_WAIT, MAX_ATTEMPTS
from shared.storage.connection import Store, connect
from shared.storage.embedded import EmbeddedValkey
from shared.storage.ledger_check import check
from tests.chaos.numbers import told
from tests.contracts.ledger_builders import Bench
from tests.unit.test_gates import FakeGates, HandClock, a_call
from workers.gates import Gatekeeper
from workers.journey import Journey
from workers.outbound import Outbound, Policy
from workers.sending import send
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


async def waits(bench: Bench, busy: Busy, early: Bench | None = None) -> list[float]:
    """Seconds between the attempts; before each one, *early* looks a moment too early."""
    journey, found = a_journey(bench, busy), []
    await bench.accept("req_1")
    (claim,) = await bench.claim()
    while True:
        await journey.carry(claim)
        record = await bench.record("req_1")
        if record.state == "dead":
            return found
        wait = (record.due_at - record.changed_at) / 1000
        bench.later(wait - 0.5)
        assert [] == await (early or bench).claim(), (
            f"after {len(found) + 1} attempts it came too early"
        )
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


async def test_a_worker_that_believes_its_own_clock_comes_early(
    store: Store, valkey: EmbeddedValkey
) -> None:
    """The control: the same journey, on scripts that take the time from a worker which is five minutes ahead."""
    busy, bench = Busy(timedelta(seconds=90)), Bench(store)
    async with await connect(valkey.url) as own:
        own.scripts.skew_ms = 300_000
        with pytest.raises(AssertionError, match="after 1 attempts it came too early"):
            await waits(bench, busy, Bench(own))


class Stormy:
    """A provider of which every other answer is 500, and the others never come."""

    def __init__(self) -> None:
        self.asked = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.asked % 2:
            return web.Response(status=500)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()


async def stormed(gates: Gatekeeper, offered: int = 200) -> int:
    """How many calls really reach the provider when so many are to be made."""
    stormy, app = Stormy(), web.Application()
    app.router.add_post("/", stormy.answer)
    outside = Outbound(Policy(allowed=(ip_network("127.0.0.0/8"),), https_only=False))
    tools: Any = SimpleNamespace(gates=gates, provider=outside, clock=SystemClock())
    async with TestServer(app) as server:
        call = a_call(url=str(server.make_url("/")), idempotent=True)
        for _ in range(offered // 40):
            few = (send(tools, "acme", call) for _ in range(40))
            await asyncio.gather(*few, return_exceptions=True)
        await outside.close()
    return stormy.asked


async def test_a_provider_in_a_storm_is_asked_a_fifth_more_at_most() -> None:
    """Its clock stands still: beside that fifth one retry a second is allowed, and one to begin with."""
    found = await stormed(Gatekeeper(FakeGates(), HandClock()))

    told("R18 a storm", offered=200, asked=found)
    assert 200 < found <= 1.2 * 200 + 1


async def test_a_provider_in_a_storm_is_buried_without_a_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: three tries for each, as anyone would."""
    monkeypatch.setattr(Gatekeeper, "may_retry", lambda *_: True)
    found = await stormed(Gatekeeper(FakeGates(), HandClock()), 80)

    told("R18 a storm without a budget (control)", offered=80, asked=found)
    assert found > 1.5 * 80
