"""What a bot says and wants done: messages to a conversation, actions of an integration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from services.api.admin.bots import bot_by_id
from services.api.answers import Asked, Given, Nothing, Text
from services.api.chat.kept import by_id, drop, shelf_of
from services.api.chat.messages import Talk, new_message, say, spoken
from services.api.operating import ask, check_server, send
from shared.botpress import bot_user_id
from shared.errors import NotFound
from shared.model.chat import Conversation, Message, User

if TYPE_CHECKING:
    from services.api.ports import ApiPorts
    from services.api.wire import Call
    from shared.model.installations import Installation

Tags = Annotated[
    dict[Annotated[str, Meta(max_length=500)], Annotated[str, Meta(max_length=500)]],
    Meta(max_length=50),
]


class BotMessage(Asked, frozen=True, kw_only=True):
    """What the bot says, and in which conversation."""

    conversation_id: Text
    type: Annotated[str, Meta(min_length=1, max_length=200)]
    payload: dict[str, Any]
    tags: Tags = msgspec.field(default_factory=dict)


class BotMessageAnswer(Given, frozen=True, kw_only=True):
    """The message, and the record that brings it to the integration."""

    message: Message
    request_id: str


class BotAction(Asked, frozen=True, kw_only=True):
    """Which action of which installation."""

    alias: Text
    type: Annotated[str, Meta(min_length=1, max_length=200)]
    input: dict[str, Any] = msgspec.field(default_factory=dict)


class BotActionAnswer(Given, frozen=True, kw_only=True):
    """What the action put out."""

    output: Any
    meta: dict[str, Any]


async def send_message(ports: ApiPorts, call: Call[Nothing, BotMessage]) -> BotMessageAnswer:
    """Store what the bot says, and let a worker bring it to the integration."""
    wanted = call.body
    home = await _home_of(ports, call.path["botId"], wanted.conversation_id)
    await check_server(ports, home)
    talk = Talk(
        home=home,
        user=await by_id(ports, home, User, bot_user_id(home.bot_id)),
        conversation=await by_id(ports, home, Conversation, wanted.conversation_id),
    )
    message, _ = await say(ports, talk, new_message(ports, talk, wanted))
    payload = spoken(talk, message, talk.conversation)
    try:
        request_id = await send(ports, home, "message_created", payload)
    except Exception:
        # For whatever reason: what nobody will bring to the integration does not stand in the conversation.
        await drop(ports, home, Message, message.id)
        raise
    return BotMessageAnswer(message=message, request_id=request_id)


async def call_action(ports: ApiPorts, call: Call[Nothing, BotAction]) -> BotActionAnswer:
    """Ask an integration to do something, and wait for what it puts out."""
    bot = await bot_by_id(ports, call.path["botId"])
    home = await ports.installations.by_alias(bot.id, call.body.alias)
    if home is None:
        raise NotFound(f"bot {bot.id} has no installation {call.body.alias[:60]}")
    await check_server(ports, home)
    payload = {"type": call.body.type, "input": call.body.input}
    said = await ask(ports, home, "action_triggered", payload)
    meta = said.get("meta")
    return BotActionAnswer(
        output=said.get("output"), meta=meta if isinstance(meta, dict) else {}
    )


async def _home_of(ports: ApiPorts, bot_id: str, conversation_id: str) -> Installation:
    bot = await bot_by_id(ports, bot_id)
    homes = {
        shelf_of(home, Conversation): home for home in await ports.installations.on_bot(bot.id)
    }
    shelf = await ports.objects.which(list(homes), conversation_id)
    if shelf is None:
        raise NotFound(f"bot {bot.id} has no conversation {conversation_id[:60]}")
    return homes[shelf]
