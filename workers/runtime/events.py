"""From a handler to a bot: one event, its id, and the way it goes."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from shared.errors import HandlerUnavailable
from shared.model.events import Event, accept_of
from shared.model.outcomes import Done, Found, Outcome, StreamedEvent
from shared.model.requests import Reply
from shared.routing import SUBSCRIPTION
from workers.runtime.posting import post

if TYPE_CHECKING:
    from shared.model.jobs import Record
    from workers.installed import Installed
    from workers.tools import Tools

_EMPTY = Reply()


def event_of(
    record: Record, owner: Installed, type: str, payload: dict[str, Any], n: int = 0
) -> Event:
    """The *n*-th event of a delivery; its id is the same on every attempt."""
    home = owner.installation
    suffix = f"_e{n}" if n else ""
    return Event(
        id=f"evt_{record.id.partition('_')[2]}{suffix}",
        type=type,
        created_at=_written(record.accepted_at),
        bot_id=home.bot_id,
        integration=home.integration,
        alias=home.alias,
        webhook_id=home.webhook_id,
        identifier=_identifier(record.identifier) or home.identifier,
        delivery_id=record.id,
        payload=payload,
    )


@lru_cache(256)  # many are accepted at once
def _written(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()


def _identifier(of_record: str) -> str:
    """What a bot is told; a subscription is nobody's name."""
    return "" if of_record.startswith(SUBSCRIPTION) else of_record


async def hand_over(record: Record, event: Event, tools: Tools) -> Outcome:
    """Give the one event of *record* to its bot and close the record with it."""
    bot = await tools.bots.get(event.bot_id)
    if bot is None or not bot.url:
        return streamed(event)
    return await post(record, event, bot, tools)


def streamed(event: Event, found: Found | None = None) -> Done:
    """The end of a record whose one event waits in a stream; with *found*, if it still is for who was found."""
    return Done(
        reason=f"in the stream of bot {event.bot_id}",
        event=StreamedEvent(bot=event.bot_id, body=msgspec.json.encode(event)),
        reply=_EMPTY,
        found=found,
    )


async def emit(record: Record, event: Event, tools: Tools) -> None:
    """
    An event that a handler made beside others: durable when this returns, delivered on its own.

    Raises `HandlerUnavailable` when the queue is full: nothing is stored, and the handler is to run again later.
    """
    await announce(event, tools, f":{record.replays}" if record.replays else "")


async def announce(event: Event, tools: Tools, again: str = "") -> None:
    """
    An event on its own way to its bot; *again* tells apart what a person sends once more.

    Raises `HandlerUnavailable` when the queue is full: nothing is stored.
    """
    bot = await tools.bots.get(event.bot_id)
    is_streamed = bot is None or not bot.url
    if is_streamed and not tools.gates.paused((f"bot:{event.bot_id}",)):
        await tools.events.append(event, f"{event.id}{again}")
        return
    suffix = event.id.partition("_")[2]
    id = f"dlv_{suffix}_out{again.replace(':', '')}"
    (stored,) = await tools.ledger.accept([accept_of(event, id)])
    if stored.status == "full":
        raise HandlerUnavailable("the queue is full, so an event could not be stored")
