"""An event that a handler made beside others, on its own way to the bot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from shared.model.events import Outgoing
from shared.model.outcomes import Done, Outcome
from workers.runtime.posting import post

if TYPE_CHECKING:
    from shared.model.jobs import Claim
    from workers.tools import Tools


async def event(claim: Claim, tools: Tools) -> Outcome:
    """Carry it; a bot that has no URL reads it in its stream."""
    sent = msgspec.msgpack.decode(claim.body, type=Outgoing).event
    gates = (f"installation:{sent.webhook_id}", f"bot:{sent.bot_id}")
    await tools.gates.let_in(claim.record, gates)
    bot = await tools.bots.get(sent.bot_id)
    if bot is None or not bot.url:
        await tools.events.append(sent)
        return Done(reason=f"in the stream of bot {sent.bot_id}")
    return await post(claim.record, sent, bot, tools)
