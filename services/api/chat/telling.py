"""From a call of an integration to its bot: into the bot's stream, or by way of the ledger to its URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.botpress import unavailable
from shared.model.events import Event, accept_of

if TYPE_CHECKING:
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


def delivery_id_of(event_id: str) -> str:
    """
    The record that carries an event to a bot's URL.

    >>> delivery_id_of("evt_01m3250v0000000000000000ab")
    'dlv_01m3250v0000000000000000ab'
    """
    return f"dlv_{event_id.partition('_')[2]}"


async def tell(ports: ApiPorts, event: Event) -> None:
    """Hand *event* over, once however often it is told; durable when this returns, 503 when it cannot be."""
    bot = await ports.bots.get(event.bot_id)
    if bot is None or not bot.url:
        await ports.events.append(event)
        return
    (stored,) = await ports.ledger.accept([accept_of(event, event.delivery_id)])
    if stored.status == "full":
        raise unavailable("the queue is full, so the bot could not be told", 1)
