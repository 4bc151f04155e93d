"""What the simulated world consists of: apps, accounts, grants, tokens and the log of calls."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict


class Settings(TypedDict, total=False):
    """What `register_app` takes by name beside the six that every app has."""

    auto: str | None
    slug: str
    rotation: bool
    code_lifetime: float
    access_lifetime: float
    refresh_grace: float
    issuer: str


@dataclass(kw_only=True)
class App:
    """An application as its developer registered it at the provider. Fields may be changed."""

    provider: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uris: tuple[str, ...]  # compared as whole strings
    signing_secret: str = field(default="", repr=False)  # for Notion: the verification token
    webhook_url: str = ""
    auto: str | None = None  # account id, "account/user" or "deny": no page is shown
    slug: str = ""  # GitHub: set for a GitHub App, empty for an OAuth App
    rotation: bool = False  # Slack, GitHub App: tokens expire and are refreshed
    code_lifetime: float = 600.0  # seconds
    access_lifetime: float | None = None  # seconds; None is the provider's own
    refresh_grace: float | None = None  # seconds a spent refresh token still works
    issuer: str = ""  # sent as `iss` with the callback when set (RFC 9207)


@dataclass(frozen=True, kw_only=True)
class User:
    """A person who can log in at the provider."""

    id: str
    name: str
    email: str = ""


@dataclass(kw_only=True)
class Account:
    """A workspace, organization or GitHub installation target, and who belongs to it."""

    provider: str
    id: str
    name: str
    users: tuple[User, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def handle(self) -> str:
        """The name as it stands in addresses: lower case, dashes."""
        return "-".join(self.name.lower().split()) or self.id

    def user(self, user_id: str) -> User | None:
        """The member with that id, the first member for an empty one."""
        return next((one for one in self.users if user_id in ("", one.id)), None)


@dataclass(kw_only=True)
class Ask:
    """A valid authorization request that waits for the user's decision."""

    id: str
    app: App
    csrf: str = field(repr=False)
    session: str = field(repr=False)
    redirect_uri: str
    sent_redirect_uri: bool  # then the token request must repeat it (RFC 6749 §4.1.3)
    state: str | None
    challenge: str
    scopes: tuple[str, ...]
    user_scopes: tuple[str, ...]
    installing: bool  # GitHub's installation page, which adds installation_id


@dataclass(kw_only=True, eq=False)
class Grant:
    """What a user allowed: the code stands for it first, tokens afterwards."""

    app: App
    account: Account
    user: User
    ask: Ask
    expires_at: float  # of the code
    used: bool = False
    revoked: bool = False


@dataclass(kw_only=True, eq=False)
class Token:
    """An access or refresh token. `dead` is final, `spent_at` is a refresh token's one use."""

    value: str = field(repr=False)
    kind: str  # "access", "user" or "refresh"
    grant: Grant
    issued_at: float
    expires_at: float | None
    dead: bool = False
    spent_at: float | None = None

    def is_live(self, now: float) -> bool:
        """Whether an API call with this token succeeds."""
        expired = self.expires_at is not None and now >= self.expires_at
        return not (self.dead or self.grant.revoked or expired)


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request the simulator received. Codes and tokens appear as hashes only."""

    at: float
    provider: str
    method: str
    path: str  # host and path of the real provider, without the query
    status: int  # what the caller was told; 0 for a cut connection
    outcome: str  # what happened inside, whatever the caller was told
    client_id: str = ""
    grant_type: str = ""
    code_hash: str = ""
    refresh_hash: str = ""
    fault: str = ""


@dataclass(frozen=True, kw_only=True)
class Received:
    """One request a bot received."""

    at: float
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


def code_hash(code: str) -> str:
    """
    How the log names a code: the start of its SHA-256.

    >>> code_hash("abc")
    'ba7816bf8f01cfea'
    """
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def users_of(
    people: Iterable[User | Mapping[str, str] | str], account_id: str
) -> tuple[User, ...]:
    """Members from whatever shape is at hand; a bare string is an id and a name at once."""
    return tuple(_user(one) for one in people) or (User(id=f"user-{account_id}", name="Ada"),)


def _user(one: User | Mapping[str, str] | str) -> User:
    if isinstance(one, User):
        return one
    return User(id=one, name=one) if isinstance(one, str) else User(**one)
