"""A connect link, the flow a browser opened from it, and the ways a flow can end."""

from __future__ import annotations

import hmac
from typing import Any, Literal

from msgspec import Struct

LINK_LIFETIME = 24 * 3600.0  # seconds
FLOW_LIFETIME = 30 * 60.0  # seconds, sliding
OAUTH_STATE_LIFETIME = 10 * 60.0  # seconds

CAUSES: tuple[str, ...] = (
    "cancelled", "admin_approval", "link_expired", "link_used", "already_used", "flow_expired",
    "no_account", "other_browser", "unknown_link", "unknown_state", "provider_error", "provider_busy",
    "exchange_unknown", "scopes_missing", "already_bound", "wrong_account", "redirect_mismatch",
    "not_allowed", "invalid_input", "misconfigured", "internal", "no_flow", "server_away",
)  # fmt: skip

FlowStatus = Literal[
    "open", "authorizing", "exchanging", "choosing", "confirming", "connected", "failed", "void"
]


class ConnectLink(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a connect link stands for; stored under the hash of its token."""

    flow_id: str
    installation: str  # webhookId
    return_to: str = ""
    confirm: bool = False
    created_at: float
    expires_at: float
    used: bool = False  # a flow of it has succeeded


class Option(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One of several accounts that the user may pick; all of it are the provider's words."""

    id: str
    name: str
    detail: str = ""


class Flow(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One attempt to connect, bound to one browser by the hash of its cookie."""

    id: str
    link: str  # hash of the link's token
    installation: str
    integration: str
    cookie_hash: str
    status: FlowStatus = "open"
    cause: str = ""  # one of CAUSES when failed
    detail: str = ""  # the provider's words, untrusted
    facts: dict[str, str] = {}  # what the cause's page names, as untrusted
    oauth_state: str = ""  # hash of the one state that may finish it; a new start replaces it
    verifier: bytes = b""  # sealed PKCE verifier
    token: bytes = b""  # sealed token of the link, for "start again"
    redirect_uri: str = ""
    inputs: dict[str, Any] = {}
    options: tuple[Option, ...] = ()  # while choosing
    choice: str = ""  # id of the option that was picked
    account_id: str = ""
    account_name: str = ""
    scopes: tuple[str, ...] = ()
    missing_scopes: tuple[str, ...] = ()
    return_to: str = ""
    confirm: bool = False
    created_at: float
    expires_at: float

    def is_of(self, cookie_hash: str) -> bool:
        """Whether it was begun by the browser whose cookie has this hash."""
        return bool(cookie_hash) and _same(cookie_hash, self.cookie_hash)

    def expects(self, state_hash: str) -> bool:
        """Whether the OAuth state with this hash is the one that may finish it."""
        return _same(state_hash, self.oauth_state)


def _same(given: str, kept: str) -> bool:
    return hmac.compare_digest(given.encode(), kept.encode())
