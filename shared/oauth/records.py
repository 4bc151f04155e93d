"""
What a definition's `oauth` section says about a provider.

Field names are camelCase in a definition. Addresses, parameter values and header values are templates: `{name}` stands
for an input, a public secret, and from `token` on for what the callback and the identity brought; see
`shared.oauth.templates`.
"""

from __future__ import annotations

from typing import Literal

from shared.oauth.endpoints import Limits, Refresh, Revoke, TokenEndpoint
from shared.oauth.identities import Identity
from shared.oauth.section import ClientPlaces, InputRule
from shared.section import Section


class Scopes(Section, frozen=True, kw_only=True):
    """What is asked for. *also* are further parameters with scopes of their own, Slack's `user_scope`."""

    join: str = " "
    default: tuple[str, ...] = ()
    also: dict[str, tuple[str, ...]] = {}
    implies: dict[str, tuple[str, ...]] = {}  # SCOPE: narrower ones that it covers
    optional: tuple[str, ...] = ()  # of those asked for: not missed when they are not granted


class Authorize(Section, frozen=True, kw_only=True):
    """`oauth.authorize`: where the browser is sent, RFC 6749 §4.1.1."""

    url: str
    pkce: Literal["S256", "off"] = "S256"
    why_no_pkce: str = ""  # for people; asked for where pkce is off
    scopes: Scopes = Scopes()
    params: dict[str, str] = {}
    rename: dict[str, str] = {}  # our parameter: the provider's; "" leaves it out
    raw: tuple[str, ...] = ()  # parameters that are sent without percent-encoding
    fragment: str = ""  # what the address ends with, after #
    issuer: str = ""  # RFC 9207: the callback's `iss` must be this
    issuer_required: bool = True  # whether a callback without `iss` is refused


class Callback(Section, frozen=True, kw_only=True):
    """`oauth.callback`: what comes back through the browser. Anyone can have written it."""

    code: str = "code"
    strip: str = ""  # what the provider hangs on to the code
    capture: tuple[str, ...] = ()  # kept for `identity`
    inputs: dict[str, InputRule] = {}  # checked like what a user types; templates may name them
    equals: dict[str, str] = {}  # parameter: what it must be, a template
    mac: str = ""  # a signature scheme over the query, keyed by the client secret


class OAuthProvider(Section, frozen=True, kw_only=True):
    """One provider's OAuth, as data."""

    client: ClientPlaces
    authorize: Authorize
    token: TokenEndpoint
    identity: Identity
    callback: Callback = Callback()
    refresh: Refresh = Refresh()
    revoke: Revoke | None = None
    limits: Limits = Limits()
