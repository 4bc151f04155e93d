"""
Accounts that several bots share for demonstrations: whose a request below `/sandbox` is, by who sent it.

Who writes an installation's shareable id joins it; what they send from then on is for that installation, until they
write `//leave` or join another. The id, and everybody who has joined, are subscriptions of the installation: nobody
else can have them, and they go with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from shared.errors import Conflict, NotFound, ScriptFailed, ScriptInvalid
from shared.model.requests import RawRequest
from shared.routing import (
    SANDBOX,
    SHAREABLE,
    SandboxScripts,
    Slice,
    identifier_of,
    subscribed,
)
from workers.jobs.identifying import event_of
from workers.scripts import run_script

if TYPE_CHECKING:
    from shared.model.installations import Installation
    from workers.jobs.visits import Visit
    from workers.tools import Tools

LEAVE = "//leave"
OPERATION = "x-bp-sandbox-operation"


class Sent(Struct, frozen=True, kw_only=True):
    """A request of somebody who has joined; *operation* where it is the one with which they join or leave."""

    sender: str  # the subscription that stands for them
    home: Installation
    operation: Literal["", "join", "leave"] = ""

    def part_of(self, raw: RawRequest) -> tuple[RawRequest, Slice]:
        """
        The request as the integration gets it.

        One that joins or leaves is a part of its own, which says so; so is one whose sender says so without us.
        """
        identifier = subscribed(self.sender)
        if not self.operation and raw.header(OPERATION) is None:
            return raw, Slice(identifier)
        kept = tuple(pair for pair in raw.headers if pair[0] != OPERATION)
        said = ((OPERATION, self.operation),) if self.operation else ()
        return msgspec.structs.replace(raw, headers=(*kept, *said)), Slice(identifier, raw.body)


def is_sandbox(visit: Visit) -> bool:
    """Whether it came to the shared account's address."""
    if visit.installed is not None or visit.definition.sandbox is None:
        return False
    return visit.raw.path == "/sandbox" or visit.raw.path.startswith("/sandbox/")


async def sent_to(visit: Visit, tools: Tools) -> Sent | str:
    """Whose it is, or a sentence why nobody's; who joins has joined when this returns."""
    scripts = visit.definition.sandbox or SandboxScripts()
    who = await _said(
        visit, tools, "identifierExtractScript", scripts.identifier_extract_script
    )
    if who is None:
        return "the sandbox script found no sender"
    sender, name = f"{SANDBOX}{who}", visit.definition.name
    text = await _said(visit, tools, "messageExtractScript", scripts.message_extract_script)
    text = (text or "").strip()
    current = await _owner(name, sender, tools)
    invited = await _owner(name, f"{SHAREABLE}{text}", tools) if text else None
    if invited:
        return await _joined(sender, current, invited, tools)
    if current is None:
        return "the sender has joined no installation"
    return Sent(sender=sender, home=current, operation="leave" if text == LEAVE else "")


async def _owner(name: str, subscription: str, tools: Tools) -> Installation | None:
    owners = await tools.installations.owners_of(name, subscribed(subscription))
    return await tools.installations.by_webhook_id(owners[0]) if owners else None


async def _joined(
    sender: str, current: Installation | None, home: Installation, tools: Tools
) -> Sent | str:
    """Doing it again changes nothing."""
    if current and current.webhook_id != home.webhook_id:
        await tools.subscriptions.remove(current, sender)
    try:
        await tools.subscriptions.put(home, sender)
    except (Conflict, NotFound) as error:
        return f"the sender could not join: {error}"
    return Sent(sender=sender, home=home, operation="join")


async def leave(sent: Sent, tools: Tools) -> None:
    """What the sender of *sent* writes from now on is for nobody."""
    await tools.subscriptions.remove(sent.home, sent.sender)


async def _said(visit: Visit, tools: Tools, name: str, script: str | None) -> str | None:
    if not script:
        return None
    title = f"{visit.definition.name} sandbox.{name}"
    try:
        value = await run_script(tools, title, script, await event_of(visit, tools, script))
    except (ScriptFailed, ScriptInvalid):
        return None
    return identifier_of(value)
