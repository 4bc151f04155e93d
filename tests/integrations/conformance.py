"""
What a provider does, as recorded: one `conformance.toml` per integration, in `fixtures/NAME/`.

Written from the provider's own pages, never from our definition. Every answer is in the form that the provider
gives; every signature is made by somebody else's code (`signers`), or is one that was published.
"""

from __future__ import annotations

import base64
import functools
import json
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from shared.integrations.definition import Definition, load_folder
from shared.integrations.registry import BUILT_IN
from shared.model.requests import RawRequest
from tests.integrations.signers import SIGNERS, Signer, vector
from tests.integrations.signing import Request

ROOT = Path(__file__).parents[2]


def folders_in(place: Path) -> dict[str, Path]:
    """Every integration in *place*, by the name of its folder."""
    return {path.parent.name: path.parent for path in sorted(place.glob("*/definition.toml"))}


FOLDERS = folders_in(BUILT_IN)
BY_CLICK = [
    name
    for name, folder in FOLDERS.items()
    if "[oauth." in (folder / "definition.toml").read_text()
]
everyone = pytest.mark.parametrize("name", FOLDERS)
by_click = pytest.mark.parametrize("name", BY_CLICK)
one_loop = pytest.mark.asyncio(loop_scope="module")
FIXTURES = Path(__file__).parent / "fixtures"
NOON = 1_790_000_000.0  # 2026-09-21 14:13:20 UTC
ORIGIN = "https://hooks.example.test"


class _Fixture(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A misspelt key would check nothing."""


class AuthorizeCase(_Fixture, frozen=True, kw_only=True):
    """The authorization page, beside what RFC 6749 says of every one."""

    url: str
    pkce: bool = False
    query: dict[str, str] = {}
    without: tuple[str, ...] = ()
    issuer: str = ""  # what the callback brings as `iss`, if anything (RFC 9207)


class AnswerCase(_Fixture, frozen=True, kw_only=True):
    """A token answer, and what is in it; `code` where it is a refusal."""

    body: str
    status: int = 200
    headers: dict[str, str] = {}
    access: str = ""
    refresh: str = ""
    lives: int | None = None
    scopes: tuple[str, ...] | None = None
    claims: dict[str, str] = {}  # of the JWT that stands for IDTOKEN in the body
    code: str = ""


class FollowUpCase(_Fixture, frozen=True, kw_only=True):
    """A further exchange, for a token that lives longer; *fields* are all that is sent."""

    request: str
    fields: dict[str, str]
    answer: AnswerCase


class TokenCase(_Fixture, frozen=True, kw_only=True):
    """The token endpoint: what it wants beside code, redirect_uri and verifier, and what it answers."""

    url: str
    auth: str = "post"
    body: str = "form"
    fields: dict[str, str] = {}
    without: tuple[str, ...] = ()
    headers: dict[str, str] = {}
    answers: tuple[AnswerCase, ...]
    then: tuple[FollowUpCase, ...] = ()


class CallCase(_Fixture, frozen=True, kw_only=True):
    """One call that asks who has connected."""

    request: str
    body: str
    authorization: str = ""
    headers: dict[str, str] = {}


class IdentityCase(_Fixture, frozen=True, kw_only=True):
    """Who has connected, by the first token answer."""

    id: str
    name: str = ""
    callback: dict[str, str] = {}
    calls: tuple[CallCase, ...] = ()
    facts: dict[str, str] = {}


class RefreshCase(_Fixture, frozen=True, kw_only=True):
    """A refresh; `kept` where the old refresh token stays good."""

    url: str = ""
    method: str = "POST"
    fields: dict[str, str] = {}
    without: tuple[str, ...] = ()
    kept: bool = False
    answer: AnswerCase


class RevokeCase(_Fixture, frozen=True, kw_only=True):
    """How tokens are ended."""

    request: str
    auth: str = "post"
    body: str = "form"
    fields: dict[str, str] = {}


class OAuthCase(_Fixture, frozen=True, kw_only=True):
    """All of a provider's OAuth. `inputs` are what people and operators filled in."""

    inputs: dict[str, str] = {}
    authorize: AuthorizeCase
    token: TokenCase
    identity: IdentityCase
    refresh: RefreshCase | None = None
    revoke: RevokeCase | None = None


class ReplyCase(_Fixture, frozen=True, kw_only=True):
    """What a handshake is answered with."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = {}


class WebhookCase(_Fixture, frozen=True, kw_only=True):
    """One request of the provider; signed at test time, or as published (`vector`)."""

    about: str
    vector: str = ""
    signer: str = ""
    secret: str = ""
    method: str = "POST"
    path: str = ""
    query: str = ""
    headers: dict[str, str] = {}
    values: dict[str, str] = {}  # public secrets that a token is held against
    body: str = ""
    identifiers: tuple[str, ...] = ()
    parts: tuple[str, ...] | None = None  # each one's own, as JSON; None: the whole request
    event: str = ""
    reply: ReplyCase | None = None  # it is a handshake
    uninstall: bool = False  # it says that the installation is over


class Conformance(_Fixture, frozen=True, kw_only=True):
    """All of one provider. `without_oauth` and `unsigned` say why where there is none."""

    oauth: OAuthCase | None = None
    without_oauth: str = ""
    unsigned: str = ""
    webhooks: tuple[WebhookCase, ...]


@functools.cache
def definition_of(name: str) -> Definition:
    """The definition in the folder *name*."""
    return load_folder(FOLDERS[name])


@functools.cache
def recorded(name: str) -> Conformance:
    """The provider's own side of the integration *name*."""
    text = (FIXTURES / name / "conformance.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Conformance)


def signed_as(case: WebhookCase, name: str) -> tuple[Request, Signer]:
    """The request, and who signed it."""
    if case.vector:
        return vector(case.vector)
    signer = SIGNERS[case.signer or "nobody"]
    body = (
        base64.b64decode(case.body[7:])
        if case.body.startswith("base64:")
        else case.body.encode()
    )
    query = f"?{case.query}" if case.query else ""
    request = Request(
        method=case.method,
        url=f"{ORIGIN}/integration/global/{name}{case.path}{query}",
        headers={key.lower(): value for key, value in case.headers.items()},
        body=body,
        secret=case.secret,
        values=case.values,
    )
    return signer.sign(request, NOON), signer


def received(request: Request, name: str) -> RawRequest:
    """*request* as the ingress stores it."""
    address, _, query = request.url.partition("?")
    _, _, path = address.partition(f"/integration/global/{name}")
    return RawRequest(
        id="req_1",
        door="global",
        name=name,
        method=request.method,
        path=path or "/",
        query=query,
        headers=tuple(request.headers.items()),
        body=request.body,
        received_at=request.now,
    )


def read(body: bytes | None) -> Any:
    """A part's body as JSON, or None for the whole request."""
    return None if body is None else json.loads(body)
