"""Where the browser goes to ask the user: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import FlowRefused
from shared.oauth.queries import with_query
from shared.oauth.templates import filled_params, filled_url

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.oauth.records import Authorize, OAuthProvider, Scopes


def authorize_url(  # noqa: PLR0913  the parameters of RFC 6749 §4.1.1
    provider: OAuthProvider,
    *,
    client_id: str,
    redirect_uri: str,
    oauth_state: str,
    challenge: str,
    scopes: Sequence[str] | None = None,
    inputs: Mapping[str, str] | None = None,
) -> str:
    """
    The address to redirect to. *scopes* are the definition's own unless given; *inputs* fill its templates.

    Raises `FlowRefused` when PKCE is on and there is no *challenge*, or a template cannot be filled.
    """
    section, values = provider.authorize, dict(inputs or {})
    if section.pkce == "S256" and not challenge:
        raise FlowRefused(
            "internal", "this provider is asked with PKCE and there is no challenge"
        )
    ours = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        **_scope_params(section.scopes, scopes),
        "state": oauth_state,
    }
    if section.pkce == "S256":
        ours |= {"code_challenge": challenge, "code_challenge_method": "S256"}
    params = {**filled_params(section.params, values), **_renamed(section, ours)}
    url = with_query(filled_url(section.url, values), params, section.raw)
    return f"{url}#{section.fragment}" if section.fragment else url


def asked_scopes(provider: OAuthProvider) -> tuple[str, ...]:
    """All the scopes that `authorize_url` asks for by itself."""
    scopes = provider.authorize.scopes
    return (*scopes.default, *(one for more in scopes.also.values() for one in more))


def _scope_params(rule: Scopes, scopes: Sequence[str] | None) -> dict[str, str]:
    asked = {"scope": rule.default if scopes is None else tuple(scopes), **rule.also}
    return {name: rule.join.join(values) for name, values in asked.items() if values}


def _renamed(section: Authorize, params: Mapping[str, str]) -> dict[str, str]:
    named = {section.rename.get(name, name): value for name, value in params.items()}
    return {name: value for name, value in named.items() if name}
