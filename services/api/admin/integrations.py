"""Integrations: register or replace a definition, read it, its global secrets, its runtime tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.api.answers import (
    ConfigurationView,
    IntegrationAnswer,
    IntegrationDetail,
    IntegrationList,
    IntegrationView,
    NewToken,
    Nothing,
    PutSecret,
    SecretAnswer,
    SecretList,
    SecretView,
    TokenAnswer,
)
from services.api.wire import Call, names
from shared.botpress import invalid
from shared.errors import NotFound, ScriptInvalid
from shared.integrations.configurations import (
    can_connect,
    configuration_fields,
    schemes_in,
)
from shared.integrations.definition import (
    compile_scripts,
    decode,
    document_of,
    door_of,
    from_stored,
    stored,
)
from shared.integrations.shape import shaped
from shared.integrations.spelling import nearest
from shared.secret import Secret

if TYPE_CHECKING:
    from services.api.ports import ApiPorts
    from shared.integrations.records import ConfigurationType, Definition


async def register(ports: ApiPorts, call: Call[Nothing, dict[str, Any]]) -> IntegrationAnswer:
    """Register a definition, or replace it; nothing changes unless all of it is right."""
    given = shaped(call.body)
    definition = decode(given.document, "body", allow_loopback=ports.settings.allow_loopback)
    warnings = [f"{name}: is not known here and left out" for name in given.left_out]
    warnings += await _compiled(definition, ports)
    integration_id = await ports.definitions.publish(
        stored(definition), definition.name, definition.version, door_of(definition)
    )
    for name, value in given.secrets.items():
        await ports.secrets.set(definition.name, name, Secret(value.encode()))
    await ports.audit.entry(
        "admin", "integration.registered", definition.name, {"version": definition.version}
    )
    view = await _view(ports, integration_id, definition)
    return IntegrationAnswer(integration=view, warnings=warnings)


async def _compiled(definition: Definition, ports: ApiPorts) -> list[str]:
    """
    Compile every script; what does not compile is refused, or told where a server's author wrote it.

    Integrations that run at Botpress have such scripts (LinkedIn's), and the rest of them works all the same.
    """
    try:
        await compile_scripts(definition, ports.scripts)
    except ScriptInvalid as error:
        if definition.url:
            return [f"{error}; it counts as a script that finds nothing"]
        raise
    return []


async def list_all(ports: ApiPorts, call: Call[Nothing, None]) -> IntegrationList:
    """Read all integrations."""
    del call
    found = [await current(ports, name) for name in sorted(await ports.definitions.names())]
    return IntegrationList(integrations=[await _view(ports, *one) for one in found])


async def get(ports: ApiPorts, call: Call[Nothing, None]) -> IntegrationDetail:
    """Read an integration with its definition."""
    integration_id, definition = await current(ports, call.path["name"])
    view = await _view(ports, integration_id, definition)
    return IntegrationDetail(integration=view, definition=document_of(definition))


async def issue_token(ports: ApiPorts, call: Call[Nothing, NewToken]) -> TokenAnswer:
    """Make a runtime token for an integration's own server."""
    wanted = call.body.integration_id
    if await ports.definitions.by_id(wanted) is None:
        fix = "take the id from GET /v1/admin/integrations"
        raise invalid(
            "integrationId", f"there is no integration with the id {wanted[:60]}", fix
        )
    token_id, value = await ports.tokens.issue(wanted, call.body.note)
    await ports.audit.entry("admin", "token.issued", wanted, {"id": token_id})
    return TokenAnswer(id=token_id, value=value)


async def put_secret(ports: ApiPorts, call: Call[Nothing, PutSecret]) -> SecretAnswer:
    """Set a global secret that the definition names."""
    _, definition = await current(ports, call.path["name"])
    secret = call.path["secret"]
    if secret not in definition.secrets:
        hint = nearest(secret, definition.secrets)
        raise NotFound(f"{definition.name} has no secret {secret[:60]}; {hint}")
    await ports.secrets.set(definition.name, secret, Secret(call.body.value.encode()))
    await ports.audit.entry("admin", "secret.set", definition.name, {"name": secret})
    return SecretAnswer(secret=_secret(definition, secret, {secret}))


async def list_secrets(ports: ApiPorts, call: Call[Nothing, None]) -> SecretList:
    """Read the names of an integration's secrets, and which are set."""
    _, definition = await current(ports, call.path["name"])
    return SecretList(secrets=await _secrets(ports, definition))


async def current(ports: ApiPorts, name: str) -> tuple[str, Definition]:
    """The current version of an integration, or `NotFound` that names those there are."""
    found = await ports.definitions.current(name)
    if found is None:
        known = names(await ports.definitions.names(), "none is registered")
        raise NotFound(f"there is no integration {name[:60]}; known here: {known}")
    return found[0], from_stored(found[1])


async def _view(
    ports: ApiPorts, integration_id: str, definition: Definition
) -> IntegrationView:
    origin = definition.public_url or ports.settings.public_url
    return IntegrationView(
        id=integration_id,
        name=definition.name,
        version=definition.version,
        title=definition.title or definition.name,
        description=definition.description,
        verify=schemes_in(definition.verify),
        redirect_url=f"{origin}/oauth",
        webhook_url=f"{origin}/integration/global/{definition.name}",
        configurations=_configurations(definition),
        secrets=await _secrets(ports, definition),
    )


def _configurations(definition: Definition) -> list[ConfigurationView]:
    types: list[tuple[str | None, ConfigurationType | None]] = [
        (None, definition.configuration)
    ]
    types += definition.configurations.items()
    return [
        ConfigurationView(
            name=name,
            title=rule.title if rule else "",
            can_connect=can_connect(definition, name),
            fields=list(configuration_fields(definition, name)),
        )
        for name, rule in types
    ]


async def _secrets(ports: ApiPorts, definition: Definition) -> list[SecretView]:
    known = set(await ports.secrets.names(definition.name))
    return [_secret(definition, name, known) for name in definition.secrets]


def _secret(definition: Definition, name: str, known: set[str]) -> SecretView:
    rule = definition.secrets[name]
    return SecretView(
        name=name,
        title=rule.title or name,
        description=rule.description,
        public=rule.public,
        optional=rule.optional,
        is_set=name in known,
    )
