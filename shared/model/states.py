"""Named JSON that an integration keeps, sealed at rest."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

StateType = Literal["integration", "conversation", "user"]


class StoredState(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One state of one installation."""

    id: str
    type: StateType
    name: str
    payload: dict[str, Any]
    bot_id: str
    owner: str  # the object the state belongs to: integration, conversation or user id
    created_at: float
    updated_at: float
    expiry: int | None = None  # idle time in ms
