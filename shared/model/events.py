"""What a bot receives."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from shared.model.jobs import Accept


class Event(Struct, frozen=True, kw_only=True, rename="camel"):
    """One event; the body of a POST to a bot's URL and an entry of its stream alike."""

    id: str  # evt_…, the same on every attempt
    type: str
    created_at: str  # RFC 3339, UTC
    bot_id: str
    integration: str
    alias: str
    webhook_id: str
    identifier: str
    delivery_id: str
    payload: dict[str, Any]
    conversation_id: str | UnsetType = UNSET
    user_id: str | UnsetType = UNSET
    message_id: str | UnsetType = UNSET


class Outgoing(Struct, frozen=True, kw_only=True):
    """The stored body of an `event` record."""

    event: Event


def delivery_id_of(event_id: str) -> str:
    """
    The record that carries an event to a bot's URL.

    >>> delivery_id_of("evt_01m3250v0000000000000000ab")
    'dlv_01m3250v0000000000000000ab'
    """
    return f"dlv_{event_id.partition('_')[2]}"


def accept_of(event: Event, id: str) -> Accept:
    """The record by which a worker carries *event* to its bot's URL."""
    return Accept(
        id=id,
        job="event",
        body=msgspec.msgpack.encode(Outgoing(event=event)),
        integration=event.integration,
        lane=event.webhook_id,
        installation=event.webhook_id,
        bot=event.bot_id,
    )
