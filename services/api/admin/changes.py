"""Changing an installation: on and off, its configuration, the version of its integration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from services.api.admin.installations import (
    ask_to_register,
    by_webhook_id,
    configuration_of,
    definition_of,
    has_handler,
    seen,
)
from services.api.answers import InstallationAnswer
from shared.botpress import invalid
from shared.integrations.definition import from_stored

if TYPE_CHECKING:
    from services.api.answers import ChangedInstallation, Nothing
    from services.api.ports import ApiPorts
    from services.api.wire import Call
    from shared.integrations.records import Definition
    from shared.model.installations import Installation


async def change(
    ports: ApiPorts, call: Call[Nothing, ChangedInstallation]
) -> InstallationAnswer:
    """
    Change what is given; the rest stays. States, identifier and connection stay in any case.

    An integration with code of its own is registered again, unless the installation is disabled.
    """
    home, wanted = await by_webhook_id(ports, call.path["webhookId"]), call.body
    definition = await _definition(ports, home, wanted)
    parts = await _parts(ports, home, definition, wanted)
    is_enabled = home.enabled if wanted.enabled is None else wanted.enabled
    registers = bool(parts) and is_enabled and has_handler(definition)
    if registers:
        parts |= {"status": "registration_pending", "status_reason": ""}
    if parts:
        await ports.installations.update(home.webhook_id, **parts)
    if registers:
        await ask_to_register(ports, home)
    await ports.audit.entry(
        "admin", "installation.changed", home.webhook_id, {"parts": sorted(parts)}
    )
    return InstallationAnswer(installation=await seen(ports, home.webhook_id))


async def _definition(
    ports: ApiPorts, home: Installation, wanted: ChangedInstallation
) -> Definition:
    if wanted.integration_id is None:
        return await definition_of(ports, home)
    document = await ports.definitions.by_id(wanted.integration_id)
    definition = from_stored(document) if document else None
    if definition is None or definition.name != home.integration:
        problem = f"is no version of {home.integration}"
        raise invalid(
            "integrationId", problem, "take the id that POST /v1/admin/integrations gave"
        )
    return definition


def _means_something(enabled: bool, home: Installation) -> bool:  # noqa: FBT001
    """Turning on what is on asks once more where it could not be registered."""
    return enabled != home.enabled or (enabled and home.status == "registration_failed")


async def _parts(
    ports: ApiPorts, home: Installation, definition: Definition, wanted: ChangedInstallation
) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    if wanted.enabled is not None and _means_something(wanted.enabled, home):
        parts["enabled"] = wanted.enabled
    if wanted.integration_id is not None and wanted.integration_id != home.integration_id:
        parts["integration_id"] = wanted.integration_id
    if wanted.configuration is not None:
        kind = home.configuration_type
        values = configuration_of(definition, kind, wanted.configuration)
        plain = msgspec.json.encode(values.secret) if values.secret else b""
        parts["configuration"] = values.public
        parts["sealed"] = (
            await ports.installations.sealed(home.webhook_id, plain) if plain else b""
        )
    return parts
