"""
What the calls on states, events and the integration itself take and give.

Names that are not known are left alone: clients of all ages call.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from services.api.answers import Given
from shared.model.chat import ChatEvent, EventStatus

LONGEST_IDLE = 2_592_000_000  # ms: 30 days

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Id = Annotated[str, Meta(min_length=1, max_length=200)]
TagName = Annotated[str, Meta(min_length=1, max_length=500)]
TagValue = Annotated[str, Meta(max_length=500)]
Tags = Annotated[dict[TagName, TagValue | None], Meta(max_length=50)]
Names = Annotated[tuple[str, ...], Meta(max_length=50)]
Text = Annotated[str, Meta(max_length=2000)]
Expiry = Annotated[int, Meta(ge=1, le=LONGEST_IDLE)]
Payload = dict[str, Any]
StateKind = Literal["integration", "conversation", "user", "bot", "workflow", "task"]
Period = Literal[
    "hourly", "daily", "weekly", "bi-weekly", "monthly", "bi-monthly", "quarterly", "yearly",
]  # fmt: skip


class Heard(Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of all bodies and queries here; an optional part is `UNSET` when it is absent, which is not null."""


class Silence(Heard, frozen=True, kw_only=True):
    """No query."""


class Done(Given, frozen=True, kw_only=True):
    """It is done; there is nothing to say."""


class Cached(Given, frozen=True, kw_only=True):
    """Nothing is ever cached: what is read is what was written."""

    cached: bool = False


class Created(Given, frozen=True, kw_only=True):
    """Whether it was made by this call."""

    created: bool


class Next(Given, frozen=True, kw_only=True):
    """Where the next page begins; absent on the last one."""

    next_token: str | UnsetType = UNSET


class Paged(Heard, frozen=True, kw_only=True):
    """Which page, and how many at once (1000 at most)."""

    next_token: str = ""
    page_size: Annotated[int, Meta(ge=1)] = 20


class Tagged(Paged, frozen=True, kw_only=True):
    """Filters by tags and by time of creation."""

    tags: dict[str, str] = {}
    after_date: str = ""
    before_date: str = ""


class Sorted(Tagged, frozen=True, kw_only=True):
    """And in which order."""

    sort_field: Literal["createdAt", "updatedAt"] = "createdAt"
    sort_direction: Literal["asc", "desc"] = "desc"


class Schedule(Heard, frozen=True, kw_only=True):
    """When something is to happen."""

    date_time: str | UnsetType = UNSET
    delay: float | UnsetType = UNSET


# states


class SetState(Heard, frozen=True, kw_only=True):
    """The whole payload, null to remove the state; and how many milliseconds it may lie untouched."""

    payload: Payload | None
    expiry: Expiry | None = None


class GetOrSetState(Heard, frozen=True, kw_only=True):
    """The payload of a state that is not there yet."""

    payload: Payload
    expiry: Expiry | None = None


class PatchState(Heard, frozen=True, kw_only=True):
    """Fields that replace those of the same name."""

    payload: Payload
    expiry: Expiry | UnsetType | None = UNSET


class SetExpiry(Heard, frozen=True, kw_only=True):
    """How many milliseconds it may lie untouched; null: for ever."""

    expiry: Expiry | None


class StateView(Given, frozen=True, kw_only=True):
    """A state."""

    id: str
    created_at: str
    updated_at: str
    bot_id: str
    name: str
    type: str
    payload: Payload
    conversation_id: str | UnsetType = UNSET
    user_id: str | UnsetType = UNSET
    expiry: int | UnsetType = UNSET
    expires_at: str | UnsetType = UNSET


class StateAnswer(Given, frozen=True, kw_only=True):
    """The state as it is now."""

    state: StateView


class StateRead(Given, frozen=True, kw_only=True):
    """The state as it is now."""

    state: StateView
    meta: Cached = Cached()


# integrations


class Configure(Heard, frozen=True, kw_only=True):
    """What the installation is bound to, and how often it is registered again; null takes it away."""

    identifier: Annotated[str, Meta(max_length=200)] | UnsetType | None = UNSET
    schedule_register_call: Period | UnsetType | None = UNSET
    sandbox_identifiers: Payload | UnsetType | None = UNSET


class Analytics(Heard, frozen=True, kw_only=True):
    """Something was counted."""

    name: Name
    count: float


class CallAction(Heard, frozen=True, kw_only=True):
    """One of the integration's own actions: `name`, or `alias:name`."""

    type: Name
    input: Payload


class ActionAnswer(Given, frozen=True, kw_only=True):
    """What the action put out."""

    output: Payload
    meta: Cached = Cached()


# events


class CreateEvent(Heard, frozen=True, kw_only=True):
    """An event for the bot, and what it is about."""

    type: Name
    payload: Payload
    conversation_id: Id | UnsetType = UNSET
    user_id: Id | UnsetType = UNSET
    message_id: Id | UnsetType = UNSET
    schedule: Schedule | UnsetType = UNSET


class EventAnswer(Given, frozen=True, kw_only=True):
    """One event."""

    event: ChatEvent


class EventFilter(Paged, frozen=True, kw_only=True):
    """Which events."""

    type: str | UnsetType = UNSET
    conversation_id: str | UnsetType = UNSET
    user_id: str | UnsetType = UNSET
    message_id: str | UnsetType = UNSET
    status: EventStatus | UnsetType = UNSET


class EventPage(Given, frozen=True, kw_only=True):
    """Events, newest first."""

    events: list[ChatEvent]
    meta: Next = Next()
