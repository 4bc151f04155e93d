"""What the calls take and give, as records; the OpenAPI document is made of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from shared.integrations.fields import Field
from shared.model.events import Event
from shared.model.installations import Account, Connection, Status

Text = Annotated[str, Meta(min_length=1, max_length=20_000)]
Identifier = Annotated[str, Meta(max_length=200)]


class Asked(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Base of all bodies and queries: a name that is not known is refused, not ignored."""


class Given(Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of all answers."""


class Nothing(Asked, frozen=True, kw_only=True):
    """No body, or no query."""


# bots


class PutBot(Asked, frozen=True, kw_only=True):
    """Where a bot's events go; without `url` they wait in its stream."""

    url: Annotated[str, Meta(max_length=2000)] | None = None
    secret: Annotated[str, Meta(max_length=500)] | None = None  # Standard Webhooks, whsec_…


class BotView(Given, frozen=True, kw_only=True):
    """A bot; its secret is never returned."""

    id: str
    url: str | None
    has_secret: bool
    created_at: str


class BotAnswer(Given, frozen=True, kw_only=True):
    """One bot."""

    bot: BotView


class BotList(Given, frozen=True, kw_only=True):
    """All bots."""

    bots: list[BotView]


class EventQuery(Asked, frozen=True, kw_only=True):
    """Where to read on, how much at once, and how many seconds to wait for the first event."""

    after: Annotated[str, Meta(max_length=64)] = ""
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    wait: Annotated[float, Meta(ge=0, le=30)] = 0


class EventList(Given, frozen=True, kw_only=True):
    """Events in order; pass `nextAfter` as `after` to go on."""

    events: list[Event]
    next_after: str


# integrations


class SecretView(Given, frozen=True, kw_only=True):
    """A global secret by name; its value is never returned."""

    name: str
    title: str
    description: str  # where to find it at the provider
    public: bool
    optional: bool
    is_set: bool


class ConfigurationView(Given, frozen=True, kw_only=True):
    """A way to configure an installation; `name` is null for the default."""

    name: str | None
    title: str
    can_connect: bool  # it has a connect link
    fields: list[Field]


class IntegrationView(Given, frozen=True, kw_only=True):
    """An integration, and the two addresses to paste at the provider."""

    id: str
    name: str
    version: str
    title: str
    description: str
    verify: str  # the scheme; "none" checks nothing
    redirect_url: str
    webhook_url: str
    configurations: list[ConfigurationView]
    secrets: list[SecretView]


class IntegrationAnswer(Given, frozen=True, kw_only=True):
    """One integration, and what will not work of it."""

    integration: IntegrationView
    warnings: list[str] = []


class IntegrationDetail(Given, frozen=True, kw_only=True):
    """One integration with its whole definition."""

    integration: IntegrationView
    definition: dict[str, Any]


class IntegrationList(Given, frozen=True, kw_only=True):
    """All integrations."""

    integrations: list[IntegrationView]


class NewToken(Asked, frozen=True, kw_only=True):
    """Which version of an integration the token speaks for."""

    integration_id: Text
    note: Annotated[str, Meta(max_length=200)] = ""


class TokenAnswer(Given, frozen=True, kw_only=True):
    """A runtime token; the value is shown this once."""

    id: str
    value: str


class PutSecret(Asked, frozen=True, kw_only=True):
    """A global secret's value."""

    value: Text


class SecretAnswer(Given, frozen=True, kw_only=True):
    """The secret that was set."""

    secret: SecretView


class SecretList(Given, frozen=True, kw_only=True):
    """Names of the global secrets."""

    secrets: list[SecretView]


# installations


class NewInstallation(Asked, frozen=True, kw_only=True):
    """What to install, and with which configuration."""

    integration: Text
    configuration_type: str | None = None
    configuration: dict[str, Any] = {}
    enabled: bool = True
    identifier: Identifier = ""


class ChangedInstallation(Asked, frozen=True, kw_only=True):
    """What to change; what is left out stays. A configuration is given whole, secret fields included."""

    enabled: bool | None = None
    configuration: dict[str, Any] | None = None
    integration_id: str | None = None  # of another version of the same integration


class InstallationView(Given, frozen=True, kw_only=True):
    """One integration on one bot; secret fields of the configuration are not shown."""

    webhook_id: str
    webhook_url: str
    bot_id: str
    alias: str
    integration: str
    integration_id: str
    configuration_type: str | None
    configuration: dict[str, Any]
    enabled: bool
    status: Status
    status_reason: str | None
    connection: Connection
    identifier: str | None
    account: Account | None
    created_at: str
    updated_at: str


class InstallationAnswer(Given, frozen=True, kw_only=True):
    """One installation."""

    installation: InstallationView


class InstallationQuery(Asked, frozen=True, kw_only=True):
    """Which installations; an empty part matches all."""

    bot: str = ""
    integration: str = ""
    cursor: Annotated[str, Meta(max_length=300)] = ""
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class InstallationList(Given, frozen=True, kw_only=True):
    """One page; an empty cursor is the end."""

    installations: list[InstallationView]
    cursor: str


# not_needed: it had no tokens. not_supported: the provider has no way. in_use: another installation works with the same
# tokens. unanswered: no worker said in time what became of them; the provider may still honour them.
Revocation = Literal["not_needed", "not_supported", "revoked", "in_use", "failed", "unanswered"]


class Receipt(Given, frozen=True, kw_only=True):
    """What an uninstall removed."""

    webhook_id: str
    bot_id: str
    alias: str
    integration: str
    identifier: str | None
    deleted_at: str
    data_key_destroyed: (
        bool  # sealed values of the installation cannot be opened any more, in backups neither
    )
    unregistered: Literal[
        "not_needed", "done", "failed", "unanswered"
    ]  # what the integration's own code said when it was asked to take itself down
    revocation: Revocation


class ReceiptAnswer(Given, frozen=True, kw_only=True):
    """The receipt of an uninstall."""

    receipt: Receipt


class NewLink(Asked, frozen=True, kw_only=True):
    """Where the browser goes afterwards, and whether the operator confirms who came."""

    return_to: Annotated[str, Meta(max_length=2000)] = ""
    confirm: bool = False


class LinkAnswer(Given, frozen=True, kw_only=True):
    """A connect link; the URL is shown this once."""

    url: str
    flow_id: str
    expires_at: str


class FlowAnswer(Given, frozen=True, kw_only=True):
    """Where a connect flow stands."""

    flow_id: str
    status: str
    webhook_id: str
