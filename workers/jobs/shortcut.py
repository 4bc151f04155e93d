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
    place = (integration, part.identifier, named)
    owner = await tools.sharing.read(place, lambda: _simple_owner(*place, tools))
    if owner is None or uninstall_in(owner.definition.uninstalls, visit.raw) is not None:
        return None
    if tools.gates.paused(owner.gates):  # asked for each: an operator may just have closed one
        return None
    id = owner.installation.webhook_id
    record = msgspec.structs.replace(visit.record, installation=id, identifier=part.identifier)
    found_by = Found(
        integration=integration, identifier=part.identifier, installation=id, is_shared=bool(named)
    )  # fmt: skip
    done = streamed(made_of(script_event(visit.raw, {}), record, owner))
    return msgspec.structs.replace(done, found=found_by)


async def _simple_owner(
    integration: str, identifier: str, named: str, tools: Tools
) -> Installed | None:
    """The one installation that may have it, if all it takes is an event in a stream; of several, the *named* one."""
    owners = await tools.installations.owners_of(integration, identifier)
    wanted = [one for one in owners if named in {"", one}]
    owner = await without_secrets(tools, wanted[0]) if len(wanted) == 1 else None
    if owner is None or not owner.installation.enabled or owner.definition.event:
        return None
    if not is_declarative(owner, tools):
        return None
    bot = await tools.bots.get(owner.installation.bot_id)
    return owner if bot is None or not bot.url else None
