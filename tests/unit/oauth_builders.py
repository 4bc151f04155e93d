"""Providers, tokens and answers for the tests of OAuth; facts from reference/oauth-and-webhooks.md §1."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from shared.model.calls import HttpAnswer
from shared.oauth import Client, OAuthProvider, Tokens
from shared.secret import Secret

NOON = 1_790_000_000.0
CLIENT = Client(id="client-1", secret=Secret(b"client-secret-canary"))


def a_provider(**sections: Any) -> OAuthProvider:
    """A plain provider; each given section replaces the usual one."""
    document = {
        "client": {"id": {"name": "CLIENT_ID"}, "secret": {"name": "CLIENT_SECRET"}},
        "authorize": {
            "url": "https://acme.example/oauth/authorize",
            "scopes": {"default": ["read", "write"]},
        },
        "token": {"url": "https://acme.example/oauth/token"},
        "identity": {"externalId": {"path": "team.id"}},
        "revoke": {"url": "https://acme.example/oauth/revoke"},
        **sections,
    }
    return msgspec.convert(document, OAuthProvider)


SLACK = a_provider(
    authorize={
        "url": "https://slack.com/oauth/v2/authorize",
        "pkce": "off",
        "whyNoPkce": "it makes the app a public client",
        "scopes": {
            "join": ",",
            "default": ["chat:write", "users:read"],
            "also": {"user_scope": ["search:read"]},
        },
    },
    token={"url": "https://slack.com/api/oauth.v2.access", "ok": {"path": "ok"}},
    identity={
        "externalId": {"path": "team.id", "otherwise": "enterprise.id"},
        "name": {"path": "team.name", "otherwise": "enterprise.name"},
    },
    revoke={"url": "https://slack.com/api/auth.revoke", "auth": "bearer", "param": ""},
)
GITHUB_APP = a_provider(
    authorize={
        "url": "https://github.com/apps/{APP_SLUG}/installations/new",
        "pkce": "off",
        "whyNoPkce": "the page takes no challenge",
        "rename": {"client_id": "", "redirect_uri": "", "response_type": ""},
    },
    callback={"capture": ["installation_id", "setup_action"]},
    token={
        "url": "https://github.com/login/oauth/access_token",
        "rename": {"redirect_uri": ""},
    },
    identity={
        "externalId": {"from": "callback", "path": "installation_id"},
        "verify": {
            "url": "https://api.github.com/user/installations?per_page=100",
            "items": "installations",
            "name": "account.login",
        },
    },
    revoke={
        "url": "https://api.github.com/applications/{clientId}/token",
        "method": "DELETE",
        "auth": "basic",
        "body": "json",
        "param": "access_token",
    },
)
LINEAR = a_provider(
    authorize={
        "url": "https://linear.app/oauth/authorize",
        "scopes": {"join": ",", "default": ["read"]},
        "params": {"actor": "app", "prompt": "consent"},
    },
    identity={
        "externalId": {"from": "call", "path": "data.organization.id"},
        "name": {"from": "call", "path": "data.organization.name"},
        "call": {
            "method": "POST",
            "url": "https://api.linear.app/graphql",
            "json": {"query": "{ organization { id name } }"},
        },
    },
)
NOTION = a_provider(
    authorize={
        "url": "https://api.notion.com/v1/oauth/authorize",
        "pkce": "off",
        "params": {"owner": "user"},
    },
    token={"url": "https://api.notion.com/v1/oauth/token", "auth": "basic", "body": "json"},
    identity={"externalId": {"path": "workspace_id"}, "name": {"path": "workspace_name"}},
)


def answered(body: Any = None, status: int = 200, **headers: str) -> HttpAnswer:
    """An answer; underscores in header names are dashes, a body that is not bytes is JSON."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return HttpAnswer(status=status, headers=named, body=raw)


def granted(**more: Any) -> HttpAnswer:
    """A usual success of `a_provider`."""
    usual = {"access_token": "access-1", "team": {"id": "T1"}, "scope": "read write"}
    return answered({**usual, **more})


def some_tokens(**changes: Any) -> Tokens:
    """Tokens that are good for an hour."""
    usual = {
        "access": Secret(b"access-1"),
        "refresh": Secret(b"refresh-1"),
        "obtained_at": NOON,
        "expires_at": NOON + 3600,
    }
    return Tokens(**{**usual, **changes})
