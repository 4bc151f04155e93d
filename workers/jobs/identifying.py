"""Whose a webhook is, by what the extract script finds in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.errors import Permanent, ScriptFailed, ScriptInvalid
from shared.routing import (
    LARGEST_SCRIPT_BODY,
    Slice,
    by_pointer,
    left_out,
    script_event,
    slices,
    subscribed,
)
from shared.vrl.parts import reads
from workers.scripts import run_script

if TYPE_CHECKING:
    from workers.jobs.visits import Visit
    from workers.tools import Tools


async def identify(visit: Visit, tools: Tools) -> list[Slice] | str:
    """Whose it is: slices with identifiers, or a sentence why there are none."""
    found = await _identify(visit, tools)
    if isinstance(found, str) or not visit.finds_subscriptions:
        return found
    return [Slice(subscribed(one.identifier), one.body) for one in found]


async def _identify(visit: Visit, tools: Tools) -> list[Slice] | str:
    scripts = visit.definition.identifier
    if scripts is None or not scripts.extract_script:
        return "the integration has no extract script"
    if len(visit.raw.body) > LARGEST_SCRIPT_BODY:
        if not scripts.extract_pointer:
            raise Permanent("too large to route")
        return (
            by_pointer(scripts.extract_pointer, visit.raw) or "the pointer found no identifier"
        )
    try:
        value = await run_script(
            tools,
            f"{visit.definition.name} identifier.extractScript",
            scripts.extract_script,
            await event_of(visit, tools, scripts.extract_script),
        )
    except (ScriptFailed, ScriptInvalid) as error:
        return f"the extract script found no identifier: {error}"
    return slices(value) or _nothing(value)


def _nothing(value: Any) -> str:
    left = left_out(value)
    return "the extract script found no identifier" + (
        f"; {left} of its values are none" if left else ""
    )


async def event_of(visit: Visit, tools: Tools, script: str) -> dict[str, Any]:
    """What the extract and fallback scripts read; secrets only for a *script* that may look at them."""
    if not reads(script, "secrets"):
        return script_event(visit.raw, {})
    found = await tools.secrets.all(visit.definition.name)
    named = {name: secret.reveal().decode("utf-8", "replace") for name, secret in found.items()}
    return script_event(visit.raw, named)
