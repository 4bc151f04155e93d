"""User, conversation and message in one call, as `initializeIncomingMessage` makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from services.api.chat.conversations import counted
from services.api.chat.conversations import known_or_new as conversation_of
from services.api.chat.kept import referred
from services.api.chat.messages import Talk, new_message, say
from services.api.chat.records import Silence
from services.api.chat.talk import FirstMessage, Initialize, Initialized
from services.api.chat.users import known_or_new as user_of
from shared.botpress import invalid
from shared.model.chat import Conversation, Message, User

if TYPE_CHECKING:
    from services.api.chat.wire import ChatCall
    from services.api.ports import ApiPorts
    from shared.model.installations import Installation


async def initialize(ports: ApiPorts, call: ChatCall[Silence, Initialize]) -> Initialized:
    """Find or make who speaks and where, then store what they say and tell the bot."""
    home, wanted = call.caller.installation, call.body
    talk = Talk(
        home=home,
        user=await _user(ports, home, wanted),
        conversation=await _conversation(ports, home, wanted),
    )
    message = await _message(ports, talk, wanted.message)
    (conversation,) = await counted(ports, home, [talk.conversation])
    return Initialized(user=talk.user, conversation=conversation, message=message)


async def _user(ports: ApiPorts, home: Installation, wanted: Initialize) -> User:
    if isinstance(wanted.user_id, str):
        return await referred(ports, home, User, wanted.user_id, "userId")
    if isinstance(wanted.user, UnsetType):
        raise invalid("user", "is missing", "give user or userId")
    return (await user_of(ports, home, wanted.user))[0]


async def _conversation(
    ports: ApiPorts, home: Installation, wanted: Initialize
) -> Conversation:
    if isinstance(wanted.conversation_id, str):
        id = wanted.conversation_id
        return await referred(ports, home, Conversation, id, "conversationId")
    if isinstance(wanted.conversation, UnsetType):
        raise invalid("conversation", "is missing", "give conversation or conversationId")
    return (await conversation_of(ports, home, wanted.conversation))[0]


async def _message(
    ports: ApiPorts, talk: Talk, wanted: FirstMessage | UnsetType
) -> Message | UnsetType:
    if isinstance(wanted, UnsetType):
        return UNSET
    message = new_message(ports, talk, wanted)
    return (await say(ports, talk, message, by=wanted.discriminate_by_tags))[0]
