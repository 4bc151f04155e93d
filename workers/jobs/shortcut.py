"""
The short way of most webhooks: one request, one installation, no code, a bot that reads a stream.

Nothing happens on it but reading, so the request is not routed first: the script that closes the record asks once more
whose it is, and puts the event into the stream. What is anything else takes the long way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from shared.model.outcomes import Found
from shared.routing import script_event
from shared.uninstalls import uninstall_in
from workers.installed import Installed, without_secrets
from workers.runtime import is_declarative
from workers.runtime.declarative import made_of
from workers.runtime.events import streamed

if TYPE_CHECKING:
    from shared.model.outcomes import Outcome
    from workers.jobs.verification import Owned
    from workers.jobs.visits import Visit
    from workers.tools import Tools


async def shortcut(visit: Visit, found: list[Owned], tools: Tools) -> Outcome | None:
    """The end of *visit*, with its event; None where it takes the long way."""
    if len(found) != 1 or found[0].part.body is not None:
        return None
    (part, named), integration = found[0], visit.record.integration
    owners = await tools.installations.owners_of(integration, part.identifier)
    wanted = [one for one in owners if named in {"", one}]
    owner = await without_secrets(tools, wanted[0]) if len(wanted) == 1 else None
    if owner is None or not await _is_simple(owner, visit, tools):
        return None
    id = owner.installation.webhook_id
    record = msgspec.structs.replace(visit.record, installation=id, identifier=part.identifier)
    place = Found(
        integration=integration, identifier=part.identifier, installation=id, is_shared=bool(named)
    )  # fmt: skip
    done = streamed(made_of(script_event(visit.raw, {}), record, owner))
    return msgspec.structs.replace(done, found=place)


async def _is_simple(owner: Installed, visit: Visit, tools: Tools) -> bool:
    home, definition = owner.installation, owner.definition
    if not home.enabled or definition.event or not is_declarative(owner, tools):
        return False
    if uninstall_in(definition.uninstalls, visit.raw) is not None:
        return False
    if tools.gates.paused(owner.gates):
        return False
    bot = await tools.bots.get(home.bot_id)
    return bot is None or not bot.url
