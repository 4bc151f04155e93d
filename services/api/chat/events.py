"""Events that an integration makes for its bot."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from services.api.chat.kept import by_id, page, put, referred, span_of, stamp
from services.api.chat.records import (
    CreateEvent,
    EventAnswer,
    EventFilter,
    EventPage,
    Silence,
)
from services.api.chat.telling import due_of, event_of, tell_at
from shared.model.chat import ChatEvent, Conversation, EventStatus, Message, User, relation
from shared.model.events import delivery_id_of

if TYPE_CHECKING:
    from services.api.chat.wire import ChatCall
    from services.api.ports import ApiPorts
    from shared.model.installations import Installation
    from shared.model.jobs import State

_STATUS: dict[State, EventStatus] = {
    "done": "processed",
    "ignored": "ignored",
    "dead": "failed",
}


async def create(ports: ApiPorts, call: ChatCall[Silence, CreateEvent]) -> EventAnswer:
    """Tell the bot of an event."""
    home, wanted = call.caller.installation, call.body
    due = due_of(ports, wanted.schedule)
    await _check_references(ports, home, wanted)
    id, created_at = stamp(ports, ChatEvent)
    event = ChatEvent(
        id=id, created_at=created_at, type=wanted.type, payload=wanted.payload,
        conversation_id=wanted.conversation_id, user_id=wanted.user_id, message_id=wanted.message_id,
    )  # fmt: skip
    await tell_at(ports, event_of(home, event), due)
    await put(ports, home, event)
    if due is not None:
        event = msgspec.structs.replace(event, status="scheduled")
    return EventAnswer(event=event)


async def _check_references(ports: ApiPorts, home: Installation, wanted: CreateEvent) -> None:
    if isinstance(wanted.conversation_id, str):
        await referred(ports, home, Conversation, wanted.conversation_id, "conversationId")
    if isinstance(wanted.user_id, str):
        await referred(ports, home, User, wanted.user_id, "userId")
    if isinstance(wanted.message_id, str):
        await referred(ports, home, Message, wanted.message_id, "messageId")


async def get(ports: ApiPorts, call: ChatCall[Silence, None]) -> EventAnswer:
    """Read an event, and what became of it."""
    home = call.caller.installation
    event = await by_id(ports, home, ChatEvent, call.path["id"])
    return EventAnswer(event=await _with_status(ports, home, event))


async def list_events(ports: ApiPorts, call: ChatCall[EventFilter, None]) -> EventPage:
    """Read events, newest first."""
    query = call.query
    terms = (
        *relation("type", query.type),
        *relation("conversation", query.conversation_id),
        *relation("user", query.user_id),
        *relation("message", query.message_id),
    )
    span = span_of(ChatEvent, query.next_token, query.page_size)
    home = call.caller.installation
    found, following = await page(ports, home, ChatEvent, terms, span)
    told = await asyncio.gather(*(_with_status(ports, home, one) for one in found))
    wanted = [one for one in told if query.status in (one.status, msgspec.UNSET)]
    return EventPage(events=wanted, meta=following)


async def _with_status(ports: ApiPorts, home: Installation, event: ChatEvent) -> ChatEvent:
    """An event in the bot's stream has no record: it is where it belongs."""
    if await ports.later.holds(home.webhook_id, event.id):
        return msgspec.structs.replace(event, status="scheduled")
    record = await ports.ledger.show(delivery_id_of(event.id))
    status = _STATUS.get(record.state, "pending") if record else "processed"
    reason = record.reason if record and status == "failed" else None
    return msgspec.structs.replace(event, status=status, failure_reason=reason)
