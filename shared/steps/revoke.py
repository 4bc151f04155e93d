"""Ends tokens that nobody uses."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from shared.errors import FlowRefused, LeaseLost, WaypostError
from shared.oauth.clientauth import Client
from shared.oauth.clientcalls import revoke_call
from shared.oauth.records import OAuthProvider
from shared.oauth.tokens import Tokens
from shared.steps.effects import Call, Effect, IsActive


def revoked(
    provider: OAuthProvider,
    client: Client,
    tokens: Tokens,
    inputs: Mapping[str, str] | None = None,
) -> Generator[Effect, Any, bool]:
    """
    Revoke *tokens* unless an installation works with them; False when nothing was revoked.

    Best effort: a provider that does not answer leaves tokens that nobody knows.
    """
    try:
        call = revoke_call(provider, client, tokens, inputs)
    except FlowRefused:
        return False
    # Slack gives the same bot token to every installation in a workspace.
    if call is None or (yield IsActive(tokens)):
        return False
    try:
        answer = yield Call(call)
    except LeaseLost:
        raise
    except WaypostError:
        return False
    return bool(200 <= answer.status < 300)
