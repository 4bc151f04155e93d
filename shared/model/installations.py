"""Bots and the integrations installed on them."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

Status = Literal[
    "registration_pending", "registered", "registration_failed",
    "unregistration_pending", "unregistered", "unregistration_failed",
]  # fmt: skip
Connection = Literal["none", "pending", "connected", "needs_reauth"]
Ownership = Literal["take_over", "exclusive", "share"]


class Bot(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Who receives events; without a *url* they wait in the bot's stream."""

    id: str
    url: str = ""
    has_secret: bool = False
    created_at: float = 0.0


class Account(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What was connected at the provider, for people."""

    id: str
    name: str = ""
    scopes: tuple[str, ...] = ()
    missing_scopes: tuple[str, ...] = ()
    facts: dict[str, str] = {}  # api hosts and the like, checked
    inputs: dict[str, str] = {}  # what the user was asked for, checked; addresses name it


class Installation(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One integration on one bot, under an alias; keyed by its webhookId."""

    webhook_id: str
    bot_id: str
    alias: str
    integration: str
    integration_id: str = ""  # id of the definition's version
    configuration_type: str | None = None
    configuration: dict[str, Any] = {}  # public fields only; secret fields are sealed apart
    enabled: bool = True
    status: Status = "registration_pending"
    status_reason: str = ""
    connection: Connection = "none"
    identifier: str = ""
    account: Account | None = None
    created_at: float = 0.0
    updated_at: float = 0.0
