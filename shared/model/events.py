"""What a bot receives."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


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
