"""A definition: one schema for `definition.toml` of a folder and for the JSON of the API."""

from __future__ import annotations

from typing import Any, Literal

from shared.handshakes import Handshake
from shared.integrations.parts import (
    JsonSchema,
    LinkScript,
    ReplyRule,
    Runtime,
    SecretRule,
    StateBinding,
    StateRule,
)
from shared.model.installations import Ownership
from shared.oauth import InputRule, OAuthProvider
from shared.routing import RoutingScripts, SandboxScripts
from shared.section import Section
from shared.signatures import SecretPlace, Verify
from shared.uninstalls import Uninstall


class ConfigurationType(Section, frozen=True, kw_only=True):
    """One way to configure an installation: `configuration` is the default, `configurations` the named ones."""

    title: str = ""
    description: str = ""
    schema: JsonSchema = {}
    identifier: LinkScript | None = None
    verify: Verify | tuple[Verify, ...] | None = (
        None  # instead of the definition's, for the installation's own webhook URL
    )
    oauth: bool | dict[str, Any] | None = (
        None  # sections that replace the definition's; false: no OAuth
    )
    token: SecretPlace | None = None  # where `ctx.token()` finds a token that a person typed in
    binds: bool = (
        True  # false: connecting binds no identifier, its webhooks come to its own URL
    )


class Definition(Section, frozen=True, kw_only=True):
    """All there is to know of an integration; the first half is Botpress's, the second ours."""

    name: str
    version: str
    title: str = ""
    description: str = ""
    icon: str = ""
    url: str | None = None  # of an HTTP integration server, which then is the handler
    identifier: RoutingScripts | None = None
    sandbox: SandboxScripts | None = None
    configuration: ConfigurationType | None = None
    configurations: dict[str, ConfigurationType] = {}
    states: dict[str, StateRule] = {}
    secrets: dict[str, SecretRule] = {}
    user: dict[str, Any] = {}
    channels: dict[str, Any] = {}
    events: dict[str, Any] = {}
    actions: dict[str, Any] = {}

    oauth: OAuthProvider | None = None
    inputs: dict[str, InputRule] = {}  # what the user is asked for before the redirect
    egress: tuple[str, ...] | None = (
        None  # hosts that its code may call beside those that `oauth` names; absent: all public ones
    )
    verify: Verify | tuple[Verify, ...] | None = (
        None  # several: the first that is given decides
    )
    reply: Literal["ack", "wait"] | ReplyRule | None = None
    handshakes: tuple[Handshake, ...] = ()
    uninstalls: tuple[Uninstall, ...] = ()  # events by which the provider says that it is over
    ownership: Ownership = "take_over"
    state_binding: StateBinding = "browser"
    public_url: str | None = None
    event: str | None = None  # script that names an event's type
    runtime: Runtime | None = None
    body_limit: int = 1 << 20  # bytes
    link_overrides: dict[
        str, str
    ] = {}  # scripts instead of the configurations' own, by type or "default"
    max_execution_time: int | None = None  # seconds that its handler has for one operation
    delivery_id: str | None = None  # header with the provider's delivery id, lower case
