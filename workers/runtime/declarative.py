"""Integrations without code: every request becomes one event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from shared.errors import ScriptFailed
from shared.routing import script_event
from workers.runtime.events import event_of, hand_over
from workers.scripts import run_script

if TYPE_CHECKING:
    from shared.model.events import Event
    from shared.model.jobs import Record
    from shared.model.outcomes import Outcome
    from shared.model.requests import RawRequest
    from workers.installed import Installed
    from workers.tools import Tools

log = structlog.get_logger()

USUAL_TYPE = "webhook"


def made_of(
    seen: dict[str, Any], record: Record, owner: Installed, type: str = USUAL_TYPE
) -> Event:
    """The event of a request, as a script would have *seen* it."""
    payload = {name: seen.get(name) for name in ("method", "path", "query", "headers", "body")}
    return event_of(record, owner, type, payload)


class Declarative:
    """Runs a definition."""

    def __init__(self, tools: Tools) -> None:
        """Work with *tools*."""
        self._tools = tools

    async def webhook(self, record: Record, raw: RawRequest, owner: Installed) -> Outcome:
        """Make an event of *raw* and hand it to the bot."""
        seen = script_event(raw, {})
        event = made_of(seen, record, owner, await self._type(owner, seen))
        return await hand_over(record, event, self._tools)

    async def _type(self, owner: Installed, seen: dict[str, Any]) -> str:
        """What the `event` script says; a script that fails or says no text leaves the usual type."""
        script = owner.definition.event
        if not script:
            return USUAL_TYPE
        try:
            value = await run_script(
                self._tools, f"{owner.definition.name} event", script, seen
            )
        except ScriptFailed as error:
            log.warning("script.failed", script=error.script, kind=error.kind, line=error.line)
            return USUAL_TYPE
        return value if isinstance(value, str) and value else USUAL_TYPE
