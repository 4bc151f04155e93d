"""Builds, signs, tampers with and posts a webhook. It posts to this machine only."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from aiohttp import ClientSession

from services.simulator.profile import PROFILES
from services.simulator.records import Account, users_of
from services.simulator.webhooks import acme, github, linear, notion, slack
from services.simulator.webhooks.occasion import (
    DISTANCE,
    Draft,
    Envelope,
    Occasion,
    Sent,
    Signed,
)
from services.simulator.webhooks.profiled import Profiled
from services.simulator.world import World


class Dialect(Protocol):
    """What each provider's module offers."""

    @property
    def KINDS(self) -> tuple[str, ...]:  # noqa: N802 - a module's constant
        """What can be sent."""

    @property
    def SIGNATURES(self) -> tuple[str, ...]:  # noqa: N802 - as above
        """The headers that hold the signature."""

    @property
    def HAS_TIME(self) -> bool:  # noqa: N802 - as above
        """Whether the signature covers a time."""

    def build(self, occasion: Occasion) -> Draft:
        """The request without its signature."""

    def sign(self, occasion: Occasion, secret: str, body: bytes) -> Mapping[str, str]:
        """The headers that sign it."""

    def new_id(self, uuid: str) -> str:
        """A delivery id in the provider's form."""


DIALECTS: Mapping[str, Dialect] = {
    "slack": slack, "github": github, "linear": linear, "notion": notion, "acme": acme,
    **{name: Profiled(profile) for name, profile in PROFILES.items()},
}  # fmt: skip


def prepare(
    world: World, provider: str, account: Account | str, kind: str, envelope: Envelope,
    content: Mapping[str, Any],
) -> Signed:  # fmt: skip
    """The webhook as it would go out. *account* may be an id that nobody added."""
    dialect = _dialect(provider, kind, envelope)
    occasion = Occasion(
        app=world.app_of(provider, envelope.client_id),
        account=_account(world, provider, account),
        kind=kind,
        content=content,
        delivery_id=envelope.delivery_id or dialect.new_id(world.uuid()),
        at=world.clock.now() + _shift(envelope),
        envelope=envelope,
    )
    return _signed(dialect, occasion)


def _dialect(provider: str, kind: str, envelope: Envelope) -> Dialect:
    dialect = DIALECTS[provider]
    if kind not in dialect.KINDS:
        message = f"{provider} sends no {kind!r} here: use one of {', '.join(dialect.KINDS)}"
        raise ValueError(message)
    if envelope.tamper in {"stale", "future"} and not dialect.HAS_TIME:
        message = f"{provider} signs no timestamp, so it cannot be {envelope.tamper}"
        raise ValueError(message)
    return dialect


def _account(world: World, provider: str, account: Account | str) -> Account:
    if isinstance(account, Account):
        return account
    known = world.accounts.get((provider, account))
    return known or Account(
        provider=provider, id=account, name=account, users=users_of((), account)
    )


def _shift(envelope: Envelope) -> float:
    return {"stale": -DISTANCE, "future": DISTANCE}.get(envelope.tamper, 0.0)


def _signed(dialect: Dialect, occasion: Occasion) -> Signed:
    draft, envelope = dialect.build(occasion), occasion.envelope
    secret = envelope.secret or occasion.app.signing_secret
    used = f"not {secret}" if envelope.tamper == "secret" else secret
    signature = dialect.sign(occasion, used, draft.body) if draft.signed else {}
    return Signed(
        url=f"{occasion.url}{draft.below}",
        headers={**draft.headers, **_spoiled(dialect, envelope, signature)},
        body=draft.body + b" " if envelope.tamper == "body" else draft.body,
        delivery_id=occasion.delivery_id,
    )


def _spoiled(
    dialect: Dialect, envelope: Envelope, signature: Mapping[str, str]
) -> dict[str, str]:
    if envelope.tamper == "missing":
        return {name: one for name, one in signature.items() if name not in dialect.SIGNATURES}
    if envelope.tamper == "signature":
        return {
            name: _flipped(one) if name in dialect.SIGNATURES else one
            for name, one in signature.items()
        }
    return dict(signature)


def _flipped(value: str) -> str:
    return value[:-1] + ("0" if value[-1] != "0" else "1")


async def post(session: ClientSession, request: Signed) -> Sent:
    """Post a prepared webhook, as it is, and tell what was answered."""
    if not is_local(request.url):
        message = f"the simulator posts to this machine only, not to {request.url!r}"
        raise ValueError(message)
    async with session.post(
        request.url, data=request.body, headers=request.headers, allow_redirects=False
    ) as answer:
        body = await answer.read()
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Sent(request=request, status=answer.status, headers=headers, body=body)


def is_local(url: str) -> bool:
    """
    Whether *url* stays on this machine.

    >>> is_local("http://127.0.0.1:8080/x"), is_local("http://localhost/"), is_local("http://[::1]/")
    (True, True, True)
    >>> is_local("http://10.0.0.1/"), is_local("https://hooks.example/"), is_local("")
    (False, False, False)
    """
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
