"""One event to a bot's URL: signed, with the same id on every attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from shared.model.outcomes import Done, Outcome
from shared.model.requests import Reply
from shared.steps.delivery import DeliveryOrder
from shared.steps.delivery import delivery as steps
from shared.steps.effects import Call, Effect, Now, Reach, perform
from workers.runtime.events import Outgoing

if TYPE_CHECKING:
    from shared.model.events import Event
    from shared.model.installations import Bot
    from shared.model.jobs import Claim, Record
    from workers.tools import Tools


async def event(claim: Claim, tools: Tools) -> Outcome:
    """Carry an event that a handler made."""
    sent = msgspec.msgpack.decode(claim.body, type=Outgoing).event
    bot = await tools.bots.get(sent.bot_id)
    if bot is None or not bot.url:
        await tools.events.append(sent)
        return Done(reason=f"in the stream of bot {sent.bot_id}")
    return await post(claim.record, sent, bot, tools)


async def post(record: Record, sent: Event, bot: Bot, tools: Tools) -> Outcome:
    """POST *sent* once; the ledger's schedule brings it back where the bot is not there."""
    order = DeliveryOrder(
        event_id=sent.id,
        url=bot.url,
        body=msgspec.json.encode(sent),
        secret=await tools.bots.secret(bot.id),
    )

    async def handle(effect: Effect) -> Any:
        match effect:
            case Reach(name=name):
                return tools.reach(name)
            case Now():
                return tools.clock.now()
            case Call(call=call):
                return await tools.admin.send(call)
            case _:
                raise TypeError(f"a delivery asks for no {type(effect).__name__}")

    said = await perform(steps(order), handle)
    return Done(reason=f"{said}, attempt {record.attempts + 1}", reply=Reply())
