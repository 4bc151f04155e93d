"""
What is asked of an integration's own server, beside webhooks.

The api (or a worker) accepts a record of the kind `operation` whose body is an `Operation` as msgpack; a worker sends
it to the integration's `url` as the protocol of `@botpress/sdk` says (`x-bp-operation: NAME`, *payload* as ASCII JSON)
and, where somebody waits, publishes what the server answered to *reply_to*: its status and its body.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from shared.model.requests import ReplyAddress

OperationName = Literal[
    "register", "unregister", "ping", "message_created", "message_updated",
    "conversation_updated", "action_triggered", "create_user", "create_conversation",
]  # fmt: skip


class Operation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One operation for the server behind one installation."""

    webhook_id: str
    name: OperationName
    payload: dict[str, Any] = {}  # the body, as the operation's handler expects it
    reply_to: ReplyAddress | None = None  # somebody waits: sent once, never again


class Revocation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    The tokens of an installation that is about to be removed; the body of a record of the kind `revocation`.

    The reply's body is one word: `revoked`, `failed`, `in_use` (another installation works with the same tokens),
    `not_needed`, `not_supported`.
    """

    webhook_id: str
    reply_to: ReplyAddress | None = None
