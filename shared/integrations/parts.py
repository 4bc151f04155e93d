"""The small records that a definition is made of; what OAuth, signatures and routing own lives there."""

from __future__ import annotations

from typing import Any, Literal

from shared.section import Section

JsonSchema = dict[str, Any]
Runtime = Literal["declarative", "python", "botpress"]
StateBinding = Literal["browser", "plain"]


class LinkScript(Section, frozen=True, kw_only=True):
    """`identifier` of one configuration: whether it needs one, and the script of its link."""

    required: bool = False
    link_template_script: str | None = None


class SecretRule(Section, frozen=True, kw_only=True):
    """A global secret by name; only a *public* one (a client id) may appear in links."""

    title: str = ""
    description: str = ""
    example: str = ""
    optional: bool = False
    public: bool = False


class StateRule(Section, frozen=True, kw_only=True):
    """A named state: what it belongs to, and Botpress's JSON schema of its payload."""

    type: Literal["integration", "conversation", "user"] = "integration"
    title: str = ""
    description: str = ""
    schema: JsonSchema = {}


class ReplyRule(Section, frozen=True, kw_only=True):
    """What the ingress answers: at once (`ack`), or what the worker says (`wait`)."""

    policy: Literal["ack", "wait"] = "ack"
    status: int = 200
    headers: dict[str, str] = {}
    body: str = ""
