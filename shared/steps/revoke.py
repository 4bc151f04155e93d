"""Ends tokens that nobody uses."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, Literal

from shared.errors import FlowRefused, LeaseLost, WaypostError
from shared.model.calls import HttpAnswer
from shared.oauth.answers import document_of
from shared.oauth.clientauth import Client
from shared.oauth.clientcalls import revoke_call
from shared.oauth.endpoints import Predicate
from shared.oauth.records import OAuthProvider
from shared.oauth.tokens import Tokens, holds
from shared.steps.effects import Call, Effect, IsActive

Revoked = Literal["revoked", "failed", "in_use", "not_supported"]


def revoked(
    provider: OAuthProvider,
    client: Client,
    tokens: Tokens,
    inputs: Mapping[str, str] | None = None,
    *,
    now: float = 0.0,
) -> Generator[Effect, Any, Revoked]:
    """
    Revoke *tokens* unless an installation works with them; says what became of them.

    Best effort: a provider that does not answer leaves tokens that nobody knows.
    """
    try:
        call = revoke_call(provider, client, tokens, inputs, now=now)
    except FlowRefused:
        return "failed"
    if call is None:
        return "not_supported"
    # Slack gives the same bot token to every installation in a workspace.
    if (yield IsActive(tokens)):
        return "in_use"
    try:
        answer: HttpAnswer = yield Call(call)
        is_done = _succeeded(provider.revoke.ok if provider.revoke else None, answer)
    except LeaseLost:
        raise
    except WaypostError:
        return "failed"
    return "revoked" if is_done else "failed"


def _succeeded(rule: Predicate | None, answer: HttpAnswer) -> bool:
    is_2xx = 200 <= answer.status < 300
    return is_2xx and (rule is None or holds(rule, document_of(answer)))
