"""
Most webhooks need no routing: one request, one installation, no code, a bot that reads a stream.

Nothing happens on the way but reading, so the script that closes the record asks once more whose it is, and puts the
event into the stream. What is anything else is routed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

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


class _Home(NamedTuple):
    """The one that has what was found, the gates before it, and what the closing script asks once more."""

    owner: Installed
    gates: tuple[str, ...]
    found: Found


async def unrouted(visit: Visit, found: list[Owned], tools: Tools) -> Outcome | None:
    """The end of *visit*, with its event; None where it has to be routed."""
    if len(found) != 1 or found[0].part.body is not None:
        return None
    (part, named), integration = found[0], visit.record.integration
    place = (integration, part.identifier, named)
    home = await tools.sharing.read(place, lambda: _home_of(*place, tools))
    if home is None or uninstall_in(home.owner.definition.uninstalls, visit.raw) is not None:
        return None
    if tools.gates.paused(home.gates):  # asked for each: an operator may just have closed one
        return None
    id = home.found.installation
    record = msgspec.structs.replace(visit.record, installation=id, identifier=part.identifier)
    return streamed(made_of(script_event(visit.raw, {}), record, home.owner), home.found)


async def _home_of(integration: str, identifier: str, named: str, tools: Tools) -> _Home | None:
    """The one installation that may have it, if all it takes is an event in a stream; of several, the *named* one."""
    found = await tools.installations.sole_owner(integration, identifier, named)
    if found is None or not found[0].enabled:
        return None
    owner, bot = await without_secrets(tools, found[0]), found[1]
    if owner.definition.event or not is_declarative(owner, tools) or (bot and bot.url):
        return None
    id = owner.installation.webhook_id
    asked = Found(
        integration=integration, identifier=identifier, installation=id, is_shared=bool(named)
    )
    return _Home(owner, owner.gates, asked)
