"""
How a definition says who may sign a request.

One grammar describes every scheme: where the signature stands (`header`, `query` or `body`), how it is wrapped
(`format`, `encoding`), what made it (`algorithm`, `key`), what was signed (`parts`) and when (`time`). A named
scheme is a preset in this grammar; each field that a rule names itself wins over the preset's.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from shared.section import Section

Encoding = Literal["hex", "base64", "utf8"]
Algorithm = Literal[
    "hmac-sha256", "hmac-sha1", "sha256", "ed25519", "ecdsa-p256-sha256", "token", "jwt-hs256", "jwt-jwks",
]  # fmt: skip
Key = Literal["utf8", "base64", "whsec", "hex", "spki-b64"]


class SecretPlace(Section, frozen=True, kw_only=True):
    """
    Where a secret lies; for a state, *name* is the state's name, a dot, and the field.

    `subscription` needs no name: each subscription that an installation has made at the provider has one secret.
    """

    from_: Literal["global", "configuration", "state", "subscription"]
    name: str = ""

    @property
    def is_known_at_once(self) -> bool:
        """Whether it can be read before anybody knows whose request it is."""
        return self.from_ == "global"


class ValuePlace(Section, frozen=True, kw_only=True):
    """Where a value lies that a claim must equal; `body` is a path in the JSON body."""

    from_: Literal["global", "configuration", "body"]
    name: str


class Claims(Section, frozen=True, kw_only=True):
    """What a JWT must say beside being signed (RFC 7519, RFC 8725)."""

    keys: str = ""  # address of the published keys (RFC 7517), for jwt-jwks
    algorithms: tuple[str, ...] = ()  # of jwt-jwks; default RS256
    issuers: tuple[str, ...] = ()  # exact, but that `*` stands for one part of a path
    audience: Literal["url", "any"] | ValuePlace | None = None  # `url`: the request's own
    claims: dict[str, str | bool | ValuePlace] = {}  # further claims and what each must be
    endorses: str = ""  # path in the body of what the key's `endorsements` must list
    qsh: bool = False  # the hash of method, path and query that Atlassian Connect adds
    leeway: int = 0  # seconds


class Timestamp(Section, frozen=True, kw_only=True):
    """When a request says it was signed, and how far from now that may be."""

    from_: (
        str | tuple[str, ...]
    )  # header:N | kv:LABEL | json:PATH | query:N; the first one present
    unit: Literal["s", "ms", "iso"] = "s"
    past: int = 300  # seconds
    future: int = 300  # seconds


class Grammar(Struct, frozen=True, kw_only=True):
    """A whole scheme."""

    header: tuple[str, ...] = ()  # lower case; any of them may carry the signature
    query: str = ""
    body: str = ""  # path in a JSON body: `passcode`, or `value[].clientState` for every item
    format: str = "plain"  # plain | prefix:P | prefix?:P | list:SEPARATOR:KV:LABEL | jwt
    encoding: Encoding = "hex"
    algorithm: Algorithm = "hmac-sha256"
    key: Key = "utf8"
    parts: tuple[str, ...] = (
        "body",
    )  # lit:X | header:N | kv:LABEL | body | url | url-decoded | …
    time: Timestamp | None = None
    body_hash: str = ""  # query parameter with the body's SHA-256 where `parts` hold no body
    jwt: Claims = Claims()

    @property
    def place(self) -> tuple[tuple[str, ...], str, str]:
        """Where the signature stands."""
        return self.header, self.query, self.body

    @property
    def needs_keys(self) -> bool:
        """Whether the provider publishes the keys, so that no secret is shared."""
        return self.algorithm == "jwt-jwks"


class Verify(Section, frozen=True, kw_only=True):
    """A definition's `[verify]`: a named scheme, `custom`, `none` or `handler`, and where its secret lies."""

    scheme: str
    secret: SecretPlace | tuple[SecretPlace, ...] | None = None  # several: roll-over
    header: str | tuple[str, ...] | None = None
    query: str | None = None
    body: str | None = None
    format: str | None = None
    encoding: Encoding | None = None
    algorithm: Algorithm | None = None
    key: Key | None = None
    parts: tuple[str, ...] | None = None
    time: Timestamp | None = None
    body_hash: str | None = None
    jwt: Claims | None = None  # laid over the preset's, field by field
    also: bool = (
        False  # must hold beside the rule that was chosen, where its signature is given
    )

    @property
    def places(self) -> tuple[SecretPlace, ...]:
        """Where the active secrets lie, in order."""
        if self.secret is None:
            return ()
        return self.secret if isinstance(self.secret, tuple) else (self.secret,)
