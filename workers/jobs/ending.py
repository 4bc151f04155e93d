"""A provider says that an installation is over: its identifier is free, and operator and bot are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.integrations.configurations import rules_in, verify_of
from shared.oauth import tokens_from
from shared.signatures import UNCHECKED
from shared.uninstalls import uninstall_in
from workers.tokens import OAUTH_STATE

if TYPE_CHECKING:
    from shared.model.requests import RawRequest
    from workers.installed import Installed
    from workers.tools import Tools

USUAL_REASON = "it was removed at the provider"


async def end_if_uninstalled(raw: RawRequest, owner: Installed, tools: Tools) -> None:
    """Disconnect *owner* where *raw* says so and is signed; saying it again changes nothing."""
    found = uninstall_in(owner.definition.uninstalls, raw)
    if found is None or not _is_signed(raw, owner):
        return
    if await _was_connected_since(raw, owner, tools):
        return
    await tools.installations.disconnect(
        owner.installation.webhook_id, found.note or USUAL_REASON
    )


def _is_signed(raw: RawRequest, owner: Installed) -> bool:
    kind = owner.installation.configuration_type
    own = verify_of(owner.definition, kind) if raw.door == "installation" else ()
    rules = own or rules_in(owner.definition.verify)
    return bool(rules) and rules[0].scheme not in UNCHECKED


async def _was_connected_since(raw: RawRequest, owner: Installed, tools: Tools) -> bool:
    """What waited in the queue, or is replayed, must not end what was connected anew in the meantime."""
    home = owner.installation
    state = await tools.states.get(
        home, "integration", home.integration_id or home.integration, OAUTH_STATE
    )
    if state is None:
        return False
    try:
        return tokens_from(state.payload).obtained_at > raw.received_at
    except ValueError:
        return False
