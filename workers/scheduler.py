"""What integrations asked for later: `register` again (`scheduleRegisterCall`), events to their bot (`schedule`)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import structlog

from shared.errors import StoreUnavailable
from shared.model.events import accept_of, delivery_id_of
from shared.model.jobs import registration_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.model.events import Event
    from shared.model.installations import Installation
    from shared.model.jobs import Accept, Accepted

log = structlog.get_logger()

PAUSE = 20.0  # seconds; the shortest period is an hour
EVENT_PAUSE = 1.0  # seconds; so much later than asked for an event may be told


class Schedules(Protocol):
    """Knows whose time has come."""

    async def due(self, most: int = ...) -> Sequence[tuple[str, int]]:
        """WebhookIds, and the time in ms that has come."""

    async def passed(self, webhook_id: str, due: int) -> bool:
        """That time has passed."""


class Installed(Protocol):
    """Finds installations."""

    async def by_webhook_id(self, webhook_id: str) -> Installation | None:
        """One installation."""


class Accepts(Protocol):
    """Stores work."""

    async def accept(self, accepts: Sequence[Accept]) -> list[Accepted]:
        """Once per id."""


async def schedule_for_ever(
    schedule: Schedules, installations: Installed, ledger: Accepts
) -> None:
    """Look until cancelled; every worker does, and each time that comes is one record."""
    while True:
        try:
            count = await register_due(schedule, installations, ledger)
        except StoreUnavailable:
            count = 0
        if count:
            log.info("registrations.scheduled", count=count)
        await asyncio.sleep(PAUSE)


async def register_due(schedule: Schedules, installations: Installed, ledger: Accepts) -> int:
    """
    Ask for every registration whose time has come; returns how many were asked for.

    The record's id is made of the time, so two workers, or one that died in between, ask once. What the queue cannot
    take stays due.
    """
    asked = 0
    for webhook_id, due in await schedule.due():
        home = await installations.by_webhook_id(webhook_id)
        if home is not None and home.enabled:
            record = registration_of(home, f"req_again_{webhook_id}_{due}")
            (stored,) = await ledger.accept([record])
            if stored.status == "full":
                continue
            asked += 1
        await schedule.passed(webhook_id, due)
    return asked


class HoldsBack(Protocol):
    """Knows which events' time has come."""

    async def due(self, most: int = ...) -> Sequence[Event]:
        """Events whose time has come."""

    async def gone(self, event: Event) -> None:
        """It is on its way."""


async def tell_for_ever(later: HoldsBack, ledger: Accepts) -> None:
    """Look until cancelled; every worker does, and each event is one record."""
    while True:
        with suppress(StoreUnavailable):
            await tell_due(later, ledger)
        await asyncio.sleep(EVENT_PAUSE)


async def tell_due(later: HoldsBack, ledger: Accepts) -> int:
    """
    Put every event whose time has come on its way; returns how many.

    What the queue cannot take stays due, and so does all of an installation that has its share of it, in its order.
    """
    told, crowded = 0, set[str]()
    for event in await later.due():
        if event.webhook_id in crowded:
            continue
        (stored,) = await ledger.accept([accept_of(event, delivery_id_of(event.id))])
        if stored.is_crowded:
            crowded.add(event.webhook_id)
        elif stored.status == "full":
            break
        else:
            await later.gone(event)
            told += 1
    return told
