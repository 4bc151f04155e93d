"""The small records that a definition is made of; what OAuth, signatures and routing own lives there."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

JsonSchema = dict[str, Any]
Runtime = Literal["declarative", "python", "botpress"]
StateBinding = Literal["browser", "plain"]


class LinkScript(
    Struct,
    frozen=True,
    kw_only=True,
    rename="camel",
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """`identifier` of one configuration: whether it needs one, and the script of its link."""

    required: bool = False
    link_template_script: str | None = None


class SecretRule(
    Struct,
    frozen=True,
    kw_only=True,
    rename="camel",
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """A global secret by name; only a *public* one (a client id) may appear in links."""

    title: str = ""
    description: str = ""
    example: str = ""
    optional: bool = False
    public: bool = False


class StateRule(
    Struct,
    frozen=True,
    kw_only=True,
    rename="camel",
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """A named state: what it belongs to, and Botpress's JSON schema of its payload."""

    type: Literal["integration", "conversation", "user"] = "integration"
    title: str = ""
    description: str = ""
    schema: JsonSchema = {}


class ReplyRule(
    Struct,
    frozen=True,
    kw_only=True,
    rename="camel",
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """What the ingress answers: at once (`ack`), or what the worker says (`wait`)."""

    policy: Literal["ack", "wait"] = "ack"
    status: int = 200
    headers: dict[str, str] = {}
    body: str = ""
