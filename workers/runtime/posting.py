"""One event to a bot's URL: signed, with the same id on every attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from shared.model.outcomes import Done, Outcome
from shared.model.requests import Reply
from shared.steps.delivery import DeliveryOrder, delivery
from shared.steps.effects import Call, Effect, Now, Reach, perform

if TYPE_CHECKING:
    from shared.model.events import Event
    from shared.model.installations import Bot
    from shared.model.jobs import Record
    from workers.tools import Tools


async def post(record: Record, event: Event, bot: Bot, tools: Tools) -> Outcome:
    """POST *event* once; the ledger's schedule brings it back where the bot is not there."""
    order = DeliveryOrder(
        event_id=event.id,
        url=bot.url,
        body=msgspec.json.encode(event),
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

    said = await tools.gates.through(
        f"bot:{bot.id}", record, lambda: perform(delivery(order), handle)
    )
    return Done(reason=f"{said}, attempt {record.attempts + 1}", reply=Reply())
