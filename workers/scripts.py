"""Running an integration's script: what it says, and what passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.errors import HandlerUnavailable, ScriptFailed

if TYPE_CHECKING:
    from workers.tools import Tools

PASSES = frozenset({"timeout", "crashed", "quarantined"})  # not the script's word on this event


async def run_script(tools: Tools, name: str, source: str, event: dict[str, Any]) -> Any:
    """
    The script's value.

    Raises:
        ScriptFailed: it said no: it aborted, or failed on this event.
        HandlerUnavailable: it had no chance to say anything; to be tried again.

    """
    try:
        return await tools.scripts.run(name, source, event)
    except ScriptFailed as error:
        if error.kind in PASSES:
            raise HandlerUnavailable(str(error)) from None
        raise
