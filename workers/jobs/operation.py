"""An operation for an integration's own server: an action, a bot's message, a check whether it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from shared.botpress import Refusal
from shared.errors import Permanent
from shared.model.operations import Operation
from shared.model.outcomes import Ignored, Outcome
from shared.model.requests import Reply
from workers.installed import installed

if TYPE_CHECKING:
    from shared.model.jobs import Claim
    from workers.tools import Tools


async def operation(claim: Claim, tools: Tools) -> Outcome:
    """Send it; what the server answers is for a caller who waits."""
    asked = msgspec.msgpack.decode(claim.body, type=Operation)
    owner = await installed(tools, asked.webhook_id)
    if not owner.definition.url:
        reason = f"{owner.definition.name} has no server that could do {asked.name}"
        return Ignored(reason, _refused(reason, claim.record.id))
    raise Permanent("integrations with a url (HTTP servers) are not run by this version")


def _refused(reason: str, id: str) -> Reply:
    refusal = Refusal("InvalidPayload", reason)
    return Reply(status=refusal.status, body=refusal.document(id))
