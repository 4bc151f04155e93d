"""The OAuth application of an installation, and what addresses of its provider may name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import FlowRefused
from shared.integrations.configurations import public_secrets
from shared.oauth import Client
from workers.installed import secret_at

if TYPE_CHECKING:
    from shared.oauth import OAuthProvider
    from workers.installed import Installed
    from workers.tools import Tools


async def client_of(provider: OAuthProvider, owner: Installed, tools: Tools) -> Client:
    """The application: the server's own, or the one that the configuration brings."""
    place = provider.client.secret
    secret = (
        await secret_at(tools, place, owner.definition, owner.configuration) if place else None
    )
    return Client(
        id=await client_id(provider, owner, tools),
        secret=secret,
        nonce=tools.chance.token(16).hex(),
    )


async def client_id(provider: OAuthProvider, owner: Installed, tools: Tools) -> str:
    """The client id of the application, or `FlowRefused` with what is missing."""
    found = await secret_at(tools, provider.client.id, owner.definition, owner.configuration)
    if found is None:
        raise FlowRefused("misconfigured", f"{provider.client.id.name} is not set")
    return found.reveal().decode()


async def template_values(owner: Installed, tools: Tools) -> dict[str, str]:
    """What addresses of a provider may name: public secrets, and public fields of the configuration."""
    public = owner.installation.configuration
    return await shown_secrets(owner, tools) | {
        name: value for name, value in public.items() if isinstance(value, str)
    }


async def account_values(owner: Installed, tools: Tools) -> dict[str, str]:
    """What addresses may name once somebody has connected: also what that account brought."""
    values, account = await template_values(owner, tools), owner.installation.account
    if account is None:
        return values
    return {**values, **account.inputs, **account.facts, "accountId": account.id}


async def shown_secrets(owner: Installed, tools: Tools) -> dict[str, str]:
    """The global secrets that may stand in a link."""
    return {
        name: secret.reveal().decode()
        for name in sorted(public_secrets(owner.definition))
        if (secret := await tools.secrets.reveal(owner.definition.name, name))
    }
