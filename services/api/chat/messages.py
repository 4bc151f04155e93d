"""Messages: what users said is told to the bot, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec
from msgspec import UNSET, Struct, UnsetType, structs

from services.api.chat.conversations import counted, join
from services.api.chat.kept import (
    by_id,
    changed,
    drop,
    ms_of,
    now,
    page,
    put,
    referred,
    shelf_of,
    span_of,
    stamp,
)
from services.api.chat.records import Created, Done, Silence
from services.api.chat.talk import (
    CreateMessage,
    GetOrCreateMessage,
    ImportAnswer,
    ImportedMessage,
    ImportMessages,
    MessageAnswer,
    MessageFilter,
    MessageMade,
    MessagePage,
    UpdateMessage,
)
from services.api.chat.telling import due_of, event_of, tell_at
from services.api.chat.users import chosen
from shared.botpress import bot_user_id, invalid
from shared.model.chat import (
    ChatEvent,
    Conversation,
    Message,
    User,
    given,
    merged,
    relation,
    tag_terms,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.api.chat.wire import ChatCall
    from services.api.ports import ApiPorts
    from shared.clock import Clock
    from shared.model.installations import Installation

MESSAGE_CREATED = "message_created"  # the type of the event that tells of a message
UNTOLD = "untold"  # the term of a message of which the bot does not know yet


class Said(Protocol):
    """What every call that brings a message says of it."""

    @property
    def type(self) -> str:
        """What kind of message."""

    @property
    def payload(self) -> dict[str, Any]:
        """Its content."""

    @property
    def tags(self) -> Mapping[str, str | None]:
        """Its tags."""


class Talk(Struct, frozen=True, kw_only=True):
    """Who says something, and where."""

    home: Installation
    user: User
    conversation: Conversation


async def talk_of(
    ports: ApiPorts, home: Installation, user_id: str, conversation_id: str
) -> Talk:
    """Who and where a body names."""
    user = await referred(ports, home, User, user_id, "userId")
    conversation = await referred(ports, home, Conversation, conversation_id, "conversationId")
    return Talk(home=home, user=user, conversation=conversation)


async def create(ports: ApiPorts, call: ChatCall[Silence, CreateMessage]) -> MessageAnswer:
    """Store a message and tell the bot."""
    wanted = call.body
    due = due_of(ports, wanted.schedule)
    talk = await talk_of(
        ports, call.caller.installation, wanted.user_id, wanted.conversation_id
    )
    message, _ = await say(ports, talk, new_message(ports, talk, wanted), due=due)
    return MessageAnswer(message=message)


async def get_or_create(
    ports: ApiPorts, call: ChatCall[Silence, GetOrCreateMessage]
) -> MessageMade:
    """Find the message by tags in its conversation, or store it and tell the bot."""
    wanted = call.body
    due = due_of(ports, wanted.schedule)
    talk = await talk_of(
        ports, call.caller.installation, wanted.user_id, wanted.conversation_id
    )
    message = new_message(ports, talk, wanted)
    message, is_new = await say(ports, talk, message, by=wanted.discriminate_by_tags, due=due)
    return MessageMade(message=message, meta=Created(created=is_new))


async def say(
    ports: ApiPorts, talk: Talk, message: Message,
    *, by: Sequence[str] | None = None, due: int | None = None,
) -> tuple[Message, bool]:  # fmt: skip
    """
    Store *message*, or find the one with the same tags; either way the bot knows it when this returns, or at *due*.

    A process that dies in between leaves the message marked, so that the next call tells the bot.
    """
    same = _same(message, by) if by is not None else ()
    is_incoming = message.direction == "incoming"
    mark = (UNTOLD,) if is_incoming else ()
    message, result = await put(ports, talk.home, message, same=same, also=mark)
    await join(ports, talk.home, message.conversation_id, talk.user)
    if is_incoming and (result.is_new or UNTOLD in result.terms):
        await _tell(ports, talk, message, due)
    return message, result.is_new


def _same(message: Message, by: Sequence[str]) -> tuple[str, ...]:
    tags = tag_terms(chosen(message.tags, by))
    return (*tags, *relation("conversation", message.conversation_id)) if tags else ()


async def _tell(ports: ApiPorts, talk: Talk, message: Message, due: int | None) -> None:
    (conversation,) = await counted(ports, talk.home, [talk.conversation])
    event = ChatEvent(
        id=f"evt_{message.id.partition('_')[2]}", created_at=message.created_at, type=MESSAGE_CREATED,
        payload=spoken(talk, message, conversation), conversation_id=conversation.id,
        user_id=message.user_id, message_id=message.id,
    )  # fmt: skip
    await tell_at(ports, event_of(talk.home, event), due)
    await ports.objects.mark(shelf_of(talk.home, Message), message.id, drop=(UNTOLD,))


def spoken(talk: Talk, message: Message, conversation: Conversation) -> dict[str, Any]:
    """The payload that tells of a message: to the bot, and to the integration alike."""
    return {
        "type": message.type,
        "payload": message.payload,
        "conversation": msgspec.to_builtins(conversation),
        "user": msgspec.to_builtins(talk.user),
        "message": msgspec.to_builtins(message),
    }


def new_message(
    ports: ApiPorts,
    talk: Talk,
    wanted: Said,
    clock: Clock | None = None,
) -> Message:
    """What *talk* says; with *clock*, at that time."""
    id, at = stamp(ports, Message, clock)
    return Message(
        id=id, created_at=at, updated_at=at, type=wanted.type, payload=wanted.payload,
        direction=_direction(talk), user_id=talk.user.id, conversation_id=talk.conversation.id,
        tags=given(wanted.tags), origin=getattr(wanted, "origin", UNSET),
    )  # fmt: skip


def _direction(talk: Talk) -> Literal["incoming", "outgoing"]:
    is_bot = talk.user.id == bot_user_id(talk.home.bot_id)
    return "outgoing" if is_bot else "incoming"


async def get(ports: ApiPorts, call: ChatCall[Silence, None]) -> MessageAnswer:
    """Read a message."""
    message = await by_id(ports, call.caller.installation, Message, call.path["id"])
    return MessageAnswer(message=message)


async def update(ports: ApiPorts, call: ChatCall[Silence, UpdateMessage]) -> MessageAnswer:
    """Change a message; tags are merged, a payload is replaced."""
    wanted = call.body

    def change(message: Message) -> Message:
        payload = wanted.payload
        return structs.replace(
            message,
            updated_at=now(ports),
            tags=merged(message.tags, wanted.tags or {}),
            payload=message.payload if isinstance(payload, UnsetType) else payload,
        )

    home = call.caller.installation
    return MessageAnswer(message=await changed(ports, home, Message, call.path["id"], change))


async def delete(ports: ApiPorts, call: ChatCall[Silence, None]) -> Done:
    """Remove a message."""
    await drop(ports, call.caller.installation, Message, call.path["id"])
    return Done()


async def list_messages(ports: ApiPorts, call: ChatCall[MessageFilter, None]) -> MessagePage:
    """Read messages, newest first."""
    query = call.query
    terms = (*tag_terms(query.tags), *relation("conversation", query.conversation_id))
    span = span_of(
        Message, query.next_token, query.page_size, query.after_date, query.before_date
    )
    many, following = await page(ports, call.caller.installation, Message, terms, span)
    return MessagePage(messages=many, meta=following)


async def import_messages(
    ports: ApiPorts, call: ChatCall[Silence, ImportMessages]
) -> ImportAnswer:
    """Store messages of the past; the bot is not told."""
    home = call.caller.installation
    return ImportAnswer(
        messages=[await _imported(ports, home, one) for one in call.body.messages]
    )


async def _imported(ports: ApiPorts, home: Installation, wanted: ImportedMessage) -> Message:
    talk = await talk_of(ports, home, wanted.user_id, wanted.conversation_id)
    message = new_message(ports, talk, wanted, _past(wanted.created_at))
    same = _same(message, wanted.discriminate_by_tags)
    message, _ = await put(ports, home, message, same=same)
    await join(ports, home, message.conversation_id, talk.user)
    return message


class _At(Struct, frozen=True):
    """A clock that stands at one time, for an id that tells it."""

    seconds: float

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds


def _past(created_at: str) -> Clock:
    try:
        return _At(
            (ms_of(created_at) + 0.5) / 1000
        )  # in the middle: no rounding makes it another
    except (ValueError, OverflowError):
        fix = "give one such as 2026-01-31T12:00:00Z"
        raise invalid("createdAt", "is no time", fix) from None
