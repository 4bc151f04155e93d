"""What the calls on users, conversations and messages take and give."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from services.api.answers import Given
from services.api.chat.records import (
    Created,
    Heard,
    Id,
    Name,
    Names,
    Next,
    Payload,
    Schedule,
    Sorted,
    Tagged,
    Tags,
    Text,
)
from shared.model.chat import Conversation, Message, User

# users


class CreateUser(Heard, frozen=True, kw_only=True):
    """Somebody new."""

    tags: Tags
    name: Text | UnsetType = UNSET
    picture_url: Text | UnsetType = UNSET
    properties: Tags | UnsetType = UNSET
    attributes: Tags | UnsetType = UNSET


class GetOrCreateUser(CreateUser, frozen=True, kw_only=True):
    """Somebody who is known by all of these tags, or by those that are named."""

    discriminate_by_tags: Names = ()


class UpdateUser(Heard, frozen=True, kw_only=True):
    """What changes; tags are merged, and null or an empty text takes away."""

    tags: Tags | UnsetType = UNSET
    name: Text | UnsetType | None = UNSET
    picture_url: Text | UnsetType | None = UNSET
    properties: Tags | UnsetType = UNSET
    attributes: Tags | UnsetType = UNSET


class UserAnswer(Given, frozen=True, kw_only=True):
    """One user."""

    user: User


class UserMade(Given, frozen=True, kw_only=True):
    """One user, and whether they are new."""

    user: User
    meta: Created


class UserFilter(Sorted, frozen=True, kw_only=True):
    """Which users."""

    conversation_id: str | UnsetType = UNSET


class UserPage(Given, frozen=True, kw_only=True):
    """Users."""

    users: list[User]
    meta: Next = Next()


# conversations


class CreateConversation(Heard, frozen=True, kw_only=True):
    """A new place to talk."""

    channel: Name
    tags: Tags
    properties: Tags | UnsetType = UNSET


class GetOrCreateConversation(CreateConversation, frozen=True, kw_only=True):
    """The place that is known by its channel and all of these tags, or by those that are named."""

    discriminate_by_tags: Names = ()


class UpdateConversation(Heard, frozen=True, kw_only=True):
    """What changes; tags are merged, and null or an empty text takes away."""

    tags: Tags | UnsetType = UNSET
    properties: Tags | UnsetType = UNSET


class ConversationAnswer(Given, frozen=True, kw_only=True):
    """One conversation."""

    conversation: Conversation


class ConversationMade(Given, frozen=True, kw_only=True):
    """One conversation, and whether it is new."""

    conversation: Conversation
    meta: Created


class ConversationFilter(Sorted, frozen=True, kw_only=True):
    """Which conversations."""

    channel: str | UnsetType = UNSET
    participant_ids: tuple[str, ...] = ()
    integration_name: str | UnsetType = UNSET


class ConversationPage(Given, frozen=True, kw_only=True):
    """Conversations."""

    conversations: list[Conversation]
    meta: Next = Next()


class AddParticipant(Heard, frozen=True, kw_only=True):
    """Who joins."""

    user_id: Id


class ParticipantAnswer(Given, frozen=True, kw_only=True):
    """Who is in the conversation."""

    participant: User


class ParticipantPage(Given, frozen=True, kw_only=True):
    """Who is in the conversation."""

    participants: list[User]
    meta: Next = Next()


# messages


class AnyMessage(Heard, frozen=True, kw_only=True):
    """What every call that brings a message says of it."""

    type: Name
    payload: Payload
    tags: Tags
    origin: Literal["synthetic"] | UnsetType = UNSET


class PlacedMessage(AnyMessage, frozen=True, kw_only=True):
    """And who says it where."""

    user_id: Id
    conversation_id: Id


class CreateMessage(PlacedMessage, frozen=True, kw_only=True):
    """What somebody said, for the bot."""

    schedule: Schedule | UnsetType = UNSET


class GetOrCreateMessage(CreateMessage, frozen=True, kw_only=True):
    """What somebody said, if the conversation has no message yet with these tags."""

    payload: Payload = msgspec.field(default_factory=dict)
    discriminate_by_tags: Names = ()


class UpdateMessage(Heard, frozen=True, kw_only=True):
    """What changes; tags are merged, a payload is replaced."""

    tags: Tags | UnsetType = UNSET
    payload: Payload | UnsetType = UNSET


class MessageAnswer(Given, frozen=True, kw_only=True):
    """One message."""

    message: Message


class MessageMade(Given, frozen=True, kw_only=True):
    """One message, and whether it is new."""

    message: Message
    meta: Created


class MessageFilter(Tagged, frozen=True, kw_only=True):
    """Which messages."""

    conversation_id: str | UnsetType = UNSET


class MessagePage(Given, frozen=True, kw_only=True):
    """Messages, newest first."""

    messages: list[Message]
    meta: Next = Next()


class ImportedMessage(PlacedMessage, frozen=True, kw_only=True):
    """A message of the past."""

    created_at: str
    discriminate_by_tags: Names = ()


class ImportMessages(Heard, frozen=True, kw_only=True):
    """Messages of the past; the bot is not told of them."""

    messages: Annotated[list[ImportedMessage], Meta(max_length=1000)]


class ImportAnswer(Given, frozen=True, kw_only=True):
    """Them, as they lie here now."""

    messages: list[Message]


class FirstMessage(AnyMessage, frozen=True, kw_only=True):
    """The message of `initializeIncomingMessage`."""

    discriminate_by_tags: Names = ()


class Initialize(Heard, frozen=True, kw_only=True):
    """Who says what where, each by id or as in their get-or-create call."""

    user_id: Id | UnsetType = UNSET
    user: GetOrCreateUser | UnsetType = UNSET
    conversation_id: Id | UnsetType = UNSET
    conversation: GetOrCreateConversation | UnsetType = UNSET
    message: FirstMessage | UnsetType = UNSET


class Initialized(Given, frozen=True, kw_only=True):
    """Who said what where."""

    user: User
    conversation: Conversation
    message: Message | UnsetType = UNSET
