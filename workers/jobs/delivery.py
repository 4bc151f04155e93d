"""One slice for one installation: its handler makes events of it, and they go to the bot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.model.outcomes import Ignored, Outcome
from shared.model.requests import RawRequest, Reply
from workers.installed import Installed, installed
from workers.jobs.ending import end_if_uninstalled
from workers.jobs.sealed import readable
from workers.runtime import runtime_of

if TYPE_CHECKING:
    from shared.model.jobs import Claim, Record
    from workers.tools import Tools


DISABLED = Reply(
    status=404,
    headers=(("content-type", "application/json"),),
    body=b'{"id":"none","code":404,"type":"ResourceNotFound","message":"the installation is disabled"}',
)


async def delivery(claim: Claim, tools: Tools) -> Outcome:
    """Carry a delivery that was split off, released, or tried before."""
    raw = readable(claim.body, tools)
    owner = await installed(tools, claim.record.installation)
    return await deliver(claim.record, raw, owner, tools)


async def deliver(record: Record, raw: RawRequest, owner: Installed, tools: Tools) -> Outcome:
    """Hand *raw* to the handler of *owner*, in a slot that nobody else needs more."""
    await end_if_uninstalled(raw, owner, tools)
    if not owner.installation.enabled:
        return Ignored("the installation is disabled", DISABLED)
    await tools.gates.let_in(record, owner.gates)
    async with tools.slots.of(owner.installation.webhook_id):
        return await runtime_of(owner, tools).webhook(record, raw, owner)
