"""Registrations that come again are asked for once each time, events are told, and what cannot be stored stays due."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from shared.model.events import Event
from shared.model.installations import Installation
from shared.model.jobs import Accept, Accepted
from tests.contracts.storage_builders import an_event, an_installation
from workers.scheduler import register_due, tell_due


class FakeSchedule:
    def __init__(self, *due: tuple[str, int]) -> None:
        self.times = list(due)

    async def due(self, most: int = 100) -> Sequence[tuple[str, int]]:
        return self.times[:most]

    async def passed(self, webhook_id: str, due: int) -> bool:
        self.times.remove((webhook_id, due))
        return True


class FakeInstallations:
    def __init__(self, *there: Installation) -> None:
        self.there = {one.webhook_id: one for one in there}

    async def by_webhook_id(self, webhook_id: str) -> Installation | None:
        return self.there.get(webhook_id)


class FakeLedger:
    def __init__(self, *, full: bool = False, crowded: str = "") -> None:
        self.full, self.crowded, self.stored = full, crowded, dict[str, Accept]()

    async def accept(self, accepts: Sequence[Accept]) -> list[Accepted]:
        if self.full or self.crowded in {one.lane for one in accepts}:
            return [Accepted(status="full", id="", is_crowded=not self.full) for _ in accepts]
        self.stored |= {one.id: one for one in accepts}
        return [Accepted(status="stored", id=one.id) for one in accepts]


class FakeLater:
    def __init__(self, *held: Event) -> None:
        self.held = list(held)

    async def due(self, most: int = 100) -> Sequence[Event]:
        return self.held[:most]

    async def gone(self, event: Event) -> None:
        self.held.remove(event)


ONE = an_installation(webhook_id="w1")


async def test_a_time_that_has_come_is_a_registration() -> None:
    schedule, ledger = FakeSchedule(("w1", 5000)), FakeLedger()

    assert 1 == await register_due(schedule, FakeInstallations(ONE), ledger)
    (record,) = ledger.stored.values()
    assert ("registration", "w1", "shop", "slack") == (
        record.job, record.installation, record.bot, record.integration,
    )  # fmt: skip
    assert {"installation": "w1"} == msgspec.msgpack.decode(record.body)
    assert [] == schedule.times


async def test_two_workers_ask_once() -> None:
    ledger = FakeLedger()
    for _ in range(2):
        await register_due(FakeSchedule(("w1", 5000)), FakeInstallations(ONE), ledger)

    assert 1 == len(ledger.stored)
    await register_due(FakeSchedule(("w1", 9000)), FakeInstallations(ONE), ledger)
    assert 2 == len(ledger.stored)


async def test_what_the_queue_cannot_take_stays_due() -> None:
    schedule = FakeSchedule(("w1", 5000))

    assert 0 == await register_due(schedule, FakeInstallations(ONE), FakeLedger(full=True))
    assert [("w1", 5000)] == schedule.times


async def test_a_disabled_installation_lets_its_time_pass() -> None:
    disabled = msgspec.structs.replace(ONE, enabled=False)
    schedule, ledger = FakeSchedule(("w1", 5000), ("gone", 6000)), FakeLedger()

    assert 0 == await register_due(schedule, FakeInstallations(disabled), ledger)
    assert ({}, []) == (ledger.stored, schedule.times)


async def test_an_installation_that_has_its_share_of_the_queue_holds_up_no_others() -> None:
    loud, quiet = [an_event(n, webhook_id="loud") for n in (1, 2)], an_event(3, webhook_id="w1")
    later, ledger = FakeLater(*loud, quiet), FakeLedger(crowded="loud")

    assert 1 == await tell_due(later, ledger)
    assert ["dlv_3"] == list(ledger.stored)
    assert loud == later.held
