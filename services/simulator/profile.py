"""
The providers that differ in data only: one file each in `profiles/`, generated from the conformance fixtures.

Texts in a profile are templates. `$account`, `$name`, `$user`, `$email` say who has connected; `$access`, `$refresh`,
`$scope`, `$idtoken` what was granted; `$body`, `$stamp`, `$url`, `$secret`, `$mac`, `$id` belong to a webhook.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Literal

import msgspec
from msgspec import Struct

FILES = Path(__file__).parent / "profiles"


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A misspelt key would be a provider that behaves otherwise."""


class OAuth(_Part, frozen=True, kw_only=True):
    """The authorization server. Paths are host and path."""

    authorize: str
    token: str
    answer: str
    refresh: str = ""  # where it differs from `token`
    revoke: str = ""
    trade: tuple[str, ...] = ()  # paths that trade an access token for a longer-lived one
    separator: str = " "
    needs_response_type: bool = True
    client: Literal["post", "basic", "secret_as_user"] = "post"
    lifetime: float | None = None
    returns: dict[str, str] = {}  # what comes back beside the code
    signs_callback: bool = False  # as Shopify does
    claims: dict[str, str] = {}  # of `$idtoken`


class ApiCall(_Part, frozen=True, kw_only=True):
    """A call of the provider's API with the user's token."""

    request: str
    answer: str


class Sign(_Part, frozen=True, kw_only=True):
    """How webhooks are signed; `headers` hold `$mac`, `$stamp` or `$secret`."""

    kind: Literal["hmac", "sha256", "token", "ed25519", "ecdsa", "jwt", "jwks"] = "hmac"
    over: str = "$body"
    digest: str = "sha256"
    form: Literal["hex", "base64"] = "hex"
    key: Literal["utf8", "base64"] = "utf8"
    stamp: Literal["", "s", "ms", "iso"] = ""
    headers: dict[str, str] = {}
    claims: dict[str, str | int | bool] = {}
    keys: str = ""  # where the public keys are served


class Webhook(_Part, frozen=True, kw_only=True):
    """What is sent, and where to."""

    body: str = ""
    headers: dict[str, str] = {}
    below: str = ""  # path or query after the webhook's address
    own: bool = False  # to the installation's own address
    subscriptions: tuple[str, ...] = ()  # one for each of the accounts
    sign: Sign


class Profile(_Part, frozen=True, kw_only=True):
    """One provider."""

    title: str
    noun: str = "account"
    colour: str = "#334155"
    accounts: tuple[str, str]
    signing: str = ""  # the secret of webhooks where its form matters
    secrets: dict[str, str] = {}  # what an operator copies
    inputs: dict[str, str] = {}  # what a user types before connecting
    configuration: dict[str, str] = {}  # what is typed in where there is no one click
    oauth: OAuth | None = None
    calls: tuple[ApiCall, ...] = ()
    webhook: Webhook


def _loaded() -> dict[str, Profile]:
    files = sorted(FILES.glob("*.toml"))
    return {
        file.stem: msgspec.convert(tomllib.loads(file.read_text("utf-8")), Profile)
        for file in files
    }


PROFILES: Mapping[str, Profile] = _loaded()


def filled(text: str, values: Mapping[str, str]) -> str:
    """
    *text* with the names in it replaced.

    >>> filled("$account at $$5", {"account": "T1"})
    'T1 at $5'
    """
    return Template(text).safe_substitute(values)
