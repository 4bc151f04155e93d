"""An installation with its definition and its configuration, secret fields included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from shared.errors import Permanent
from shared.integrations.records import Definition
from shared.model.installations import Installation
from shared.secret import Secret

if TYPE_CHECKING:
    from shared.oauth import ClientPlace
    from shared.signatures import SecretPlace
    from workers.tools import Tools


class Installed(Struct, frozen=True, kw_only=True):
    """What a handler works for."""

    installation: Installation
    definition: Definition
    configuration: dict[str, Any]  # secret fields included; never logged

    @property
    def scope(self) -> str:
        """The data key that seals what belongs to this installation."""
        return f"installation:{self.installation.webhook_id}"

    @property
    def gates(self) -> tuple[str, ...]:
        """The gates that every request for it passes."""
        home = self.installation
        return (
            f"installation:{home.webhook_id}",
            f"bot:{home.bot_id}",
            f"handler:{home.integration}",
        )


async def installed(tools: Tools, webhook_id: str) -> Installed:
    """Load it; `Permanent` when it was uninstalled."""
    found = await tools.installations.opened(webhook_id)
    if found is None:
        raise Permanent("the installation was removed")
    installation, secret = found
    definition = await _definition_of(installation, tools)
    configuration = dict(installation.configuration)
    if secret is not None:
        configuration |= msgspec.json.decode(secret.reveal(), type=dict[str, Any])
    return Installed(
        installation=installation, definition=definition, configuration=configuration
    )


async def without_secrets(tools: Tools, installation: Installation) -> Installed:
    """The same for what needs no secret field."""
    return Installed(
        installation=installation,
        definition=await _definition_of(installation, tools),
        configuration=installation.configuration,
    )


async def _definition_of(installation: Installation, tools: Tools) -> Definition:
    """
    The version that it was installed with, where a server of its own runs it; else the current one.

    A server speaks for one version; what Waypost runs by itself is mended for everybody by publishing it.
    """
    pinned = await tools.catalogue.version(installation.integration_id)
    if pinned is not None and pinned.url:
        return pinned
    return await tools.catalogue.definition(installation.integration)


async def secret_at(
    tools: Tools,
    place: SecretPlace | ClientPlace,
    definition: Definition,
    configuration: dict[str, Any],
) -> Secret | None:
    """The secret that lies at *place*, `global` or `configuration`; None when it was never set."""
    if place.from_ == "global":
        return await tools.secrets.reveal(definition.name, place.name)
    value = configuration.get(place.name)
    return Secret(str(value).encode()) if value else None
