"""End the tokens of an installation that is about to be removed; whoever removes it waits for the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from shared.errors import FlowRefused, NotFound, Permanent
from shared.integrations.configurations import provider_of
from shared.model.operations import Revocation
from shared.model.outcomes import Done, Outcome
from shared.model.requests import Reply
from shared.steps.effects import Call, Effect, IsActive, perform
from shared.steps.revoke import revoked
from workers.clients import account_values, client_of
from workers.installed import Installed, installed
from workers.sending import send
from workers.tokens import RefreshEffects, is_in_use

if TYPE_CHECKING:
    from shared.model.jobs import Claim
    from workers.tools import Tools


async def revocation(claim: Claim, tools: Tools) -> Outcome:
    """Best effort, a few tries: an installation is removed whatever its provider says."""
    asked = msgspec.msgpack.decode(claim.body, type=Revocation)
    try:
        said = await _revoked(await installed(tools, asked.webhook_id), tools)
    except (FlowRefused, NotFound, Permanent) as error:
        said = "failed"
        return Done(reason=f"not revoked: {error}", reply=_told(said))
    return Done(reason=f"revocation: {said}", reply=_told(said))


def _told(said: str) -> Reply:
    return Reply(body=said.encode())


async def _revoked(owner: Installed, tools: Tools) -> str:
    provider = provider_of(owner.definition, owner.installation.configuration_type)
    if provider is None or provider.revoke is None:
        return "not_supported"

    async def handle(effect: Effect) -> Any:
        match effect:
            case Call(call=call):
                return await send(tools, owner.definition.name, call)
            case IsActive(tokens=tokens):
                return await is_in_use(tokens, owner, tools, beside=owner.installation)
            case _:
                raise TypeError(f"a revocation asks for no {type(effect).__name__}")

    try:
        stored = await RefreshEffects(owner, tools).read()
    except NotFound:
        return "not_needed"
    client = await client_of(provider, owner, tools)
    values = await account_values(owner, tools)
    return await perform(
        revoked(provider, client, stored.tokens, values, now=tools.clock.now()), handle
    )
