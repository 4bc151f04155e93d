"""
A second authorization server, on Authlib's framework-independent classes: nothing may hold for one server alone.

Storage and pages are ours, the protocol is Authlib's: PKCE (RFC 7636), `iss` (RFC 9207), revocation (RFC 7009). A spent
code or refresh token ends everything that came of it, as RFC 9700 §4.14.2 has it.
"""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web
from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request, grants
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from multidict import CIMultiDict
from yarl import URL

from tests.compat.oauth.front import Answer

LIFE = 3600
SCOPES = {"openid", "read", "write"}


class Client(ClientMixin):
    """An application that is registered here."""

    def __init__(self, client_id: str, secret: str, redirect_uri: str) -> None:
        self.client_id, self._secret, self._redirect_uri = client_id, secret, redirect_uri

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return self._redirect_uri

    def get_allowed_scope(self, scope: str) -> str:
        return " ".join(one for one in (scope or "").split() if one in SCOPES)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == self._redirect_uri

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(client_secret, self._secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in {"authorization_code", "refresh_token"}


class Issued(msgspec.Struct):
    """A code, or a pair of tokens; `family` is the code that it all came of."""

    client_id: str
    user: str
    scope: str
    family: str
    redirect_uri: str = ""
    code_challenge: str = ""
    code_challenge_method: str = ""

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def check_client(self, client: Client) -> bool:
        return client.client_id == self.client_id


class Shelf:
    """What was issued and is still good."""

    def __init__(self) -> None:
        self.codes: dict[str, Issued] = {}
        self.access: dict[str, Issued] = {}
        self.refresh: dict[str, Issued] = {}
        self.spent: dict[str, str] = {}  # code or refresh token: its family

    def end(self, family: str) -> None:
        """Nothing of that family works any more."""
        for shelf in (self.access, self.refresh):
            for token in [one for one, issued in shelf.items() if issued.family == family]:
                del shelf[token]

    def seen(self, shelf: dict[str, Issued], value: str) -> Issued | None:
        """What stands under *value*; one that was spent ends its family."""
        if value in self.spent:
            self.end(self.spent[value])
        return shelf.get(value)


class Codes(grants.AuthorizationCodeGrant):
    """RFC 6749 §4.1."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

    def save_authorization_code(self, code: str, request: Any) -> None:
        given = request.payload.data
        self.server.shelf.codes[code] = Issued(
            client_id=request.client.client_id, user=request.user, scope=request.scope,
            family=code, redirect_uri=request.payload.redirect_uri,
            code_challenge=given.get("code_challenge", ""),
            code_challenge_method=given.get("code_challenge_method", ""),
        )  # fmt: skip

    def query_authorization_code(self, code: str, client: Client) -> Issued | None:
        found = self.server.shelf.seen(self.server.shelf.codes, code)
        return found if found and found.check_client(client) else None

    def delete_authorization_code(self, authorization_code: Issued) -> None:
        family = authorization_code.family
        self.server.shelf.codes.pop(family)
        self.server.shelf.spent[family] = family

    def authenticate_user(self, authorization_code: Issued) -> str:
        self.request.family = authorization_code.family
        return authorization_code.user


class Refreshes(grants.RefreshTokenGrant):
    """RFC 6749 §6, with rotation."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Issued | None:
        return self.server.shelf.seen(self.server.shelf.refresh, refresh_token)

    def authenticate_user(self, refresh_token: Issued) -> str:
        self.request.family = refresh_token.family
        return refresh_token.user

    def revoke_old_credential(self, refresh_token: Issued) -> None:
        old = self.request.form["refresh_token"]
        self.server.shelf.refresh.pop(old)
        self.server.shelf.spent[old] = refresh_token.family


class Revocations(RevocationEndpoint):
    """RFC 7009; a refresh token takes its access tokens with it."""

    CLIENT_AUTH_METHODS = ("client_secret_basic",)

    def query_token(self, token_string: str, token_type_hint: str | None) -> Issued | None:
        shelf = self.server.shelf
        return shelf.refresh.get(token_string) or shelf.access.get(token_string)

    def revoke_token(self, token: Issued, request: Any) -> None:
        self.server.shelf.end(token.family)


class Asked(OAuth2Request):
    """Authlib's view of a request; it wants https, and the front has taken care of that."""

    family = ""

    def __init__(self, method: str, url: URL, headers: Any, body: bytes) -> None:
        super().__init__(method, str(url.with_scheme("https")), headers=headers)
        self._args = dict(url.query)
        self._form = dict(parse_qsl(body.decode()))
        self.payload = BasicOAuth2Payload(self._args | self._form)

    @property
    def args(self) -> dict[str, str]:
        return self._args

    @property
    def form(self) -> dict[str, str]:
        return self._form


class Named(IssuerParameter):
    """`iss` on every answer that goes through the browser."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    def get_issuer(self) -> str:
        return self._issuer


class AuthlibServer(AuthorizationServer):
    """The whole server; `login_hint` agrees as that user, and `deny` refuses."""

    def __init__(self, issuer: str, clients: list[Client]) -> None:
        super().__init__()
        self.shelf = Shelf()
        self._clients = {one.client_id: one for one in clients}
        bearer = BearerTokenGenerator(_token, _token, lambda *_: LIFE)
        self.register_token_generator("default", bearer)
        self.register_grant(Codes, [CodeChallenge(required=True)])
        self.register_grant(Refreshes)
        self.register_endpoint(Revocations)
        self.register_extension(Named(issuer))

    async def __call__(self, request: web.Request, body: bytes) -> Answer:
        """Answer one request, as the front wants it."""
        asked = Asked(request.method, request.url, request.headers, body)
        found: Answer
        match request.path.rpartition("/")[2]:
            case "auth":
                user = asked.args.get("login_hint", "")
                answer = self.create_authorization_response(
                    asked, user if user != "deny" else None, self.get_authorization_grant(asked)
                )
                found = answer.status, answer.headers, answer.body
            case "token":
                answer = self.create_token_response(asked)
                found = answer.status, answer.headers, answer.body
            case "revocation":
                answer = self.create_endpoint_response("revocation", asked)
                found = answer.status, answer.headers, answer.body
            case _:
                found = self._me(request.headers.get("Authorization", ""))
        return found

    def _me(self, header: str) -> Answer:
        issued = self.shelf.access.get(header.removeprefix("Bearer "))
        if issued is None:
            return 401, CIMultiDict(), b"{}"
        about = {"sub": issued.user, "name": f"Team {issued.user}"}
        return 200, CIMultiDict(), msgspec.json.encode(about)

    # ── What Authlib asks of a framework ──

    def query_client(self, client_id: str) -> Client | None:
        return self._clients.get(client_id)

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        issued = Issued(request.client.client_id, request.user, token["scope"], request.family)
        self.shelf.access[token["access_token"]] = issued
        self.shelf.refresh[token["refresh_token"]] = issued

    def create_oauth2_request(self, request: Asked) -> Asked:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Reply:
        raw = msgspec.json.encode(body) if isinstance(body, dict) else str(body or "").encode()
        return Reply(status, CIMultiDict(headers), raw)

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""


class Reply:
    """An answer that extensions may still change: `location` is how they see the redirect."""

    def __init__(self, status: int, headers: CIMultiDict[str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")

    @location.setter
    def location(self, value: str) -> None:
        self.headers["Location"] = value


def _token(**_: Any) -> str:
    return secrets.token_urlsafe(32)
