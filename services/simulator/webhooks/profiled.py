"""Webhooks of the providers that are described by a profile."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from services.simulator.profile import Profile, Sign, filled
from services.simulator.webhooks import published
from services.simulator.webhooks.occasion import Draft, Occasion

_JSON = {"Content-Type": "application/json"}
_SPOILT = "forged"  # stands for a secret that stands in the body or the address


class Profiled:
    """One provider's dialect."""

    KINDS = ("event",)

    def __init__(self, profile: Profile) -> None:
        """Speak as *profile* says."""
        self.profile = profile
        sign = profile.webhook.sign
        self.SIGNATURES = tuple(sign.headers)
        self.HAS_TIME = bool(sign.stamp)

    def build(self, occasion: Occasion) -> Draft:
        """The one kind of event; a secret that stands in it is spoiled as well."""
        rule, values = self.profile.webhook, self._values(occasion)
        if occasion.envelope.tamper in {"signature", "secret", "missing"}:
            values |= {"secret": _SPOILT}
        return Draft(
            body=filled(rule.body, values).encode(),
            headers=_JSON | {name: filled(one, values) for name, one in rule.headers.items()},
            below=filled(rule.below, values),
        )

    def sign(self, occasion: Occasion, secret: str, body: bytes) -> Mapping[str, str]:
        """The headers in which the profile puts the signature."""
        rule, values = self.profile.webhook.sign, self._values(occasion)
        url = f"{occasion.url}{filled(self.profile.webhook.below, values)}"
        values |= {"secret": secret, "url": url, "body": body.decode()}
        values |= {"form": _form(body), "stamp": _stamp(rule, occasion.at)}
        values["mac"] = _mac(rule, secret, values)
        return {name: filled(text, values) for name, text in rule.headers.items()}

    def new_id(self, uuid: str) -> str:
        """A delivery id."""
        return uuid

    def _values(self, occasion: Occasion) -> dict[str, str]:
        account, profile = occasion.account, self.profile
        known = dict(zip(profile.accounts, profile.webhook.subscriptions, strict=False))
        return {
            "account": account.id,
            "name": account.name,
            "subscription": known.get(account.id, ""),
            "id": occasion.delivery_id,
            "moment": occasion.moment,
            "now": str(int(occasion.at)),
            "secret": occasion.envelope.secret or occasion.app.signing_secret,
            "encoded": _encoded(account.id),
        }


def _encoded(account: str) -> str:
    """A mailbox as Gmail tells it through Pub/Sub."""
    said = {"emailAddress": account, "historyId": 1}
    return base64.b64encode(json.dumps(said).encode()).decode()


def _form(body: bytes) -> str:
    pairs = sorted(set(parse_qsl(body.decode(), keep_blank_values=True)))
    return "".join(name + value for name, value in pairs)


def _stamp(rule: Sign, at: float) -> str:
    if rule.stamp == "iso":
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(int(at * 1000)) if rule.stamp == "ms" else str(int(at))


def _mac(rule: Sign, secret: str, values: Mapping[str, str]) -> str:
    content = filled(rule.over, values).encode()
    match rule.kind:
        case "token":
            return secret
        case "jwt" | "jwks":
            return _token(rule, secret, values)
        case "sha256":
            made = hashlib.sha256(content).digest()
        case "ed25519":
            made = published.ed25519(content)
        case "ecdsa":
            made = published.ecdsa(content)
        case "hmac":
            made = hmac.digest(_key(rule, secret), content, rule.digest)
    return made.hex() if rule.form == "hex" else base64.b64encode(made).decode()


def _key(rule: Sign, secret: str) -> bytes:
    if rule.key == "utf8":
        return secret.encode()
    text = secret.removeprefix("not ").removeprefix("whsec_")
    key = base64.b64decode(text)
    return key[::-1] if secret.startswith("not ") else key


def _token(rule: Sign, secret: str, values: Mapping[str, str]) -> str:
    now = int(values["now"])
    claims = {
        name: filled(one, values) if isinstance(one, str) else one
        for name, one in rule.claims.items()
    } | {"iat": now, "exp": now + 300}
    if rule.kind == "jwks":
        return published.rs256(claims)
    header = {"alg": "HS256", "typ": "JWT"}
    content = ".".join(
        published.base64url(json.dumps(one).encode()) for one in (header, claims)
    )
    mac = hmac.digest(secret.encode(), content.encode(), "sha256")
    return f"{content}.{published.base64url(mac)}"
