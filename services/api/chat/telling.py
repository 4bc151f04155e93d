"""From a call of an integration to its bot: into the bot's stream, or by way of the ledger to its URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UnsetType

from services.api.chat.kept import ms_of
from shared.botpress import Refusal, invalid, unavailable
from shared.errors import Conflict
from shared.model.events import Event, accept_of, delivery_id_of

if TYPE_CHECKING:
    from services.api.chat.records import Schedule
    from services.api.ports import ApiPorts
    from shared.model.chat import ChatEvent
    from shared.model.installations import Installation


def event_of(home: Installation, event: ChatEvent) -> Event:
    """What the bot receives."""
    return Event(
        id=event.id,
        type=event.type,
        created_at=event.created_at,
        bot_id=home.bot_id,
        integration=home.integration,
        alias=home.alias,
        webhook_id=home.webhook_id,
        identifier=home.identifier,
        delivery_id=delivery_id_of(event.id),
        payload=event.payload,
        conversation_id=event.conversation_id,
        user_id=event.user_id,
        message_id=event.message_id,
    )


async def tell(ports: ApiPorts, event: Event) -> None:
    """Hand *event* over, once however often it is told; durable when this returns, 503 when it cannot be."""
    bot = await ports.bots.get(event.bot_id)
    is_streamed = bot is None or not bot.url
    if is_streamed and not await ports.gates.is_closed(f"bot:{event.bot_id}"):
        await ports.events.append(event)
        return
    (stored,) = await ports.ledger.accept([accept_of(event, event.delivery_id)])
    if stored.status == "full":
        raise unavailable("the queue is full, so the bot could not be told", 1)


LONGEST_DELAY = 366 * 86_400_000  # ms


def due_of(ports: ApiPorts, schedule: Schedule | UnsetType) -> int | None:
    """When something is to be told, in ms since 1970; None for at once."""
    if isinstance(schedule, UnsetType):
        return None
    now, at = int(ports.clock.now() * 1000), schedule.date_time
    if isinstance(at, UnsetType) == isinstance(schedule.delay, UnsetType):
        raise invalid("schedule", "is a dateTime or a delay", "give one of the two")
    due = now + _delay(schedule.delay) if isinstance(at, UnsetType) else _time(at)
    if due - now > LONGEST_DELAY:
        raise invalid("schedule", "is more than a year away", "give a nearer time")
    return due


def _delay(given: float | UnsetType) -> int:
    if isinstance(given, UnsetType) or not 0 <= given <= LONGEST_DELAY:
        raise invalid("schedule.delay", "is no delay", "give milliseconds, a year at most")
    return int(given)


def _time(given: str) -> int:
    try:
        return ms_of(given)
    except (ValueError, OverflowError):
        fix = "give one such as 2026-01-31T12:00:00Z"
        raise invalid("schedule.dateTime", "is no time", fix) from None


async def tell_at(ports: ApiPorts, event: Event, due: int | None) -> None:
    """Hand *event* over at *due*, None: now; durable when this returns."""
    if due is None:
        return await tell(ports, event)
    try:
        await ports.later.put(event, due)
    except Conflict as error:
        raise Refusal("LimitExceeded", f"schedule: {error}") from None
