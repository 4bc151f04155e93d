"""Installations: one integration on one bot, under an alias."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

import msgspec

from services.api.admin.bots import bot_by_id
from services.api.admin.integrations import current
from services.api.answers import (
    InstallationAnswer,
    InstallationList,
    InstallationQuery,
    InstallationView,
    NewInstallation,
    Nothing,
)
from services.api.wire import Call, matching
from shared.botpress import Refusal, invalid, unavailable
from shared.clock import new_id
from shared.errors import AlreadyBound, DefinitionInvalid, NotFound
from shared.explain import rfc3339
from shared.integrations.configurations import can_connect, filled, type_of
from shared.integrations.definition import from_stored
from shared.integrations.spelling import Misspelt
from shared.model.installations import Installation
from shared.model.jobs import registration_of
from shared.storage.definitions import integration_id_of

if TYPE_CHECKING:
    from services.api.ports import ApiPorts
    from shared.integrations.fields import Filled
    from shared.integrations.records import Definition

_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_CURSOR = re.compile(r"(\d{1,15}:[0-9a-f-]{36})?", re.ASCII)


async def install(ports: ApiPorts, call: Call[Nothing, NewInstallation]) -> InstallationAnswer:
    """Install an integration on a bot; secret fields are sealed and never returned."""
    wanted = call.body
    alias = matching(
        call.path["alias"], _ALIAS, "alias", "use letters, digits, dot, dash, underscore, slash"
    )
    bot = await bot_by_id(ports, call.path["botId"])
    integration_id, definition = await _integration(ports, wanted.integration)
    values = configuration_of(definition, wanted.configuration_type, wanted.configuration)
    installation = Installation(
        webhook_id=_webhook_id(ports),
        bot_id=bot.id,
        alias=alias,
        integration=definition.name,
        integration_id=integration_id,
        configuration_type=wanted.configuration_type,
        configuration=values.public,
        enabled=wanted.enabled,
        status="registration_pending" if has_handler(definition) else "registered",
        connection="pending" if can_connect(definition, wanted.configuration_type) else "none",
        created_at=ports.clock.now(),
        updated_at=ports.clock.now(),
    )
    await _keep(ports, installation, values)
    await _bind(ports, installation, definition, wanted.identifier)
    if _may_register(definition, wanted):
        await _register_or_undo(ports, installation)
    await ports.audit.entry(
        "admin", "installation.made", installation.webhook_id, {"alias": alias, "bot": bot.id}
    )
    return InstallationAnswer(installation=await seen(ports, installation.webhook_id))


async def _integration(ports: ApiPorts, named: str) -> tuple[str, Definition]:
    """The current version of an integration, or the one that stands behind an @."""
    name, _, version = named.partition("@")
    try:
        return await (_version(ports, name, version) if version else current(ports, name))
    except NotFound as error:
        raise Refusal(
            "ReferenceNotFound", f"integration: {error}", metadata={"field": "integration"}
        ) from None


async def _version(ports: ApiPorts, name: str, version: str) -> tuple[str, Definition]:
    integration_id = integration_id_of(name, version)
    document = await ports.definitions.by_id(integration_id)
    definition = from_stored(document) if document else None
    if definition is None:
        raise NotFound(f"there is no version {version[:60]} of {name[:60]}")
    if not definition.url:
        problem = f"{name} is run by Waypost itself, which always runs its current version"
        raise invalid("integration", problem, f"leave @{version} out")
    return integration_id, definition


def configuration_of(
    definition: Definition, kind: str | None, values: dict[str, Any]
) -> Filled:
    """*values* as the configuration type *kind* wants them, secret ones apart."""
    try:
        type_of(definition, kind)
    except NotFound as error:
        raise invalid("configurationType", str(error), "null is the default type") from None
    try:
        return filled(definition, kind, values)
    except (DefinitionInvalid, Misspelt) as error:
        raise invalid(f"configuration.{error.field}", error.problem, error.fix) from None


def _webhook_id(ports: ApiPorts) -> str:
    return str(uuid.UUID(bytes=ports.chance.token(16), version=4))


def has_handler(definition: Definition) -> bool:
    """Whether it brings code that can set itself up."""
    return bool(definition.url) or definition.runtime in {"python", "botpress"}


def _may_register(definition: Definition, wanted: NewInstallation) -> bool:
    """At once, unless it is disabled, or a server's that is to be connected first."""
    kind = wanted.configuration_type
    scripts = type_of(definition, kind).identifier
    is_required = bool(definition.url and scripts and scripts.required)
    must_connect = is_required and can_connect(definition, kind) and not wanted.identifier
    return has_handler(definition) and wanted.enabled and not must_connect


async def _keep(ports: ApiPorts, installation: Installation, values: Filled) -> None:
    sealed = b""
    if values.secret:
        plain = msgspec.json.encode(values.secret)
        sealed = await ports.installations.sealed(installation.webhook_id, plain)
    await ports.installations.create(installation, sealed)


async def _bind(
    ports: ApiPorts, installation: Installation, definition: Definition, identifier: str
) -> None:
    if not identifier:
        return
    where = (definition.name, identifier, installation.webhook_id)
    try:
        await ports.ledger.bind(*where, definition.ownership, in_flow=False)
    except AlreadyBound as error:
        await ports.installations.delete(installation.webhook_id)
        problem = f"identifier: installation {error.owner} has {identifier} already"
        raise Refusal(
            "AlreadyExists", f"{problem} (uninstall that one, or leave identifier out)"
        ) from None
    await ports.audit.entry(
        "admin", "installation.bound", installation.webhook_id, {"identifier": identifier}
    )


async def _register_or_undo(ports: ApiPorts, installation: Installation) -> None:
    try:
        await ask_to_register(ports, installation)
    except Refusal:
        await ports.installations.delete(installation.webhook_id)
        raise


async def ask_to_register(ports: ApiPorts, installation: Installation) -> None:
    """A worker lets the integration's own code set itself up; the api never runs handlers."""
    ticket = registration_of(installation, new_id("req", ports.clock, ports.chance))
    (accepted,) = await ports.ledger.accept([ticket])
    if accepted.status == "full":
        raise unavailable("the queue is full, so register could not be asked for", 10)


async def list_installations(
    ports: ApiPorts, call: Call[InstallationQuery, None]
) -> InstallationList:
    """Read installations, by bot and integration."""
    query = call.query
    cursor = matching(query.cursor, _CURSOR, "cursor", "give the cursor of an earlier answer")
    found, following = await ports.installations.list(
        bot=query.bot or None,
        integration=query.integration or None,
        cursor=cursor,
        limit=query.limit,
    )
    return InstallationList(installations=[view(ports, one) for one in found], cursor=following)


async def get_installation(ports: ApiPorts, call: Call[Nothing, None]) -> InstallationAnswer:
    """Read an installation."""
    return InstallationAnswer(installation=await seen(ports, call.path["webhookId"]))


async def by_webhook_id(ports: ApiPorts, webhook_id: str) -> Installation:
    """The installation, or `NotFound`."""
    found = await ports.installations.by_webhook_id(webhook_id)
    if found is None:
        raise NotFound(
            f"there is no installation {webhook_id[:80]}; see GET /v1/admin/installations"
        )
    return found


async def definition_of(ports: ApiPorts, installation: Installation) -> Definition:
    """The version that the installation was made with, or the current one where that is gone."""
    document = await ports.definitions.by_id(installation.integration_id)
    return (
        from_stored(document)
        if document
        else (await current(ports, installation.integration))[1]
    )


async def seen(ports: ApiPorts, webhook_id: str) -> InstallationView:
    """It, as the api shows it now."""
    return view(ports, await by_webhook_id(ports, webhook_id))


def view(ports: ApiPorts, one: Installation) -> InstallationView:
    """An installation as the api shows it."""
    return InstallationView(
        webhook_id=one.webhook_id,
        webhook_url=f"{ports.settings.public_url}/{one.webhook_id}",
        bot_id=one.bot_id,
        alias=one.alias,
        integration=one.integration,
        integration_id=one.integration_id,
        configuration_type=one.configuration_type,
        configuration=one.configuration,
        enabled=one.enabled,
        status=one.status,
        status_reason=one.status_reason or None,
        connection=one.connection,
        identifier=one.identifier or None,
        account=one.account,
        created_at=rfc3339(one.created_at * 1000),
        updated_at=rfc3339(one.updated_at * 1000),
    )
