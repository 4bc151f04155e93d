"""What the demo does: who connects what, and which webhooks are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from services.simulator.defaults import CUSTOMERS, SLUG, signing_secret
from services.simulator.profile import PROFILES, Profile, filled
from services.simulator.webhooks.published import public_key
from shared.errors import SetupFailed
from shared.integrations.spelling import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

INTEGRATIONS = ("slack", "github", "linear", "notion")  # unless others are asked for
BOTS = ("support", "sales")  # the first reads its stream, the second has a URL
ROUNDS = 6  # webhooks per installation

KINDS: dict[str, tuple[str, ...]] = {
    "slack": ("message", "app_mention", "command", "interactive"),
    "github": ("issues", "push"),
    "linear": ("Issue", "Comment"),
    "notion": ("page.created", "page.content_updated"),
}


class Wish(Struct, frozen=True):
    """One installation: an integration on a bot, connected to one account."""

    integration: str
    bot: str
    account: str
    customer: str


LATE = Wish(
    "linear", BOTS[0], "0a1c5f0e-9a52-4a55-8f0e-3f9d1c000003", "Initech"
)  # sends before it connects


class Plan(Struct, frozen=True):
    """Which integrations are played."""

    integrations: tuple[str, ...] = INTEGRATIONS

    @property
    def wishes(self) -> list[Wish]:
        """Each integration on each of the two bots, every one with an account of its own."""
        return [
            Wish(name, bot, CUSTOMERS[name][n].account, CUSTOMERS[name][n].name)
            for name in self.integrations
            for n, bot in enumerate(BOTS)
        ]

    @property
    def late(self) -> tuple[Wish, ...]:
        """Who sends before anybody has connected; played with Linear only."""
        return (LATE,) if LATE.integration in self.integrations else ()


def plan_for(only: Sequence[str]) -> Plan:
    """The usual four, or *only* those; raises `SetupFailed` that names the nearest one there is."""
    known = (*INTEGRATIONS, *PROFILES)
    for name in only:
        if name not in known:
            fix = nearest(name, known)
            raise SetupFailed(f"there is no simulated integration {name!r}", fix)
    return Plan(tuple(dict.fromkeys(only))) if only else Plan()


def kinds_of(name: str) -> tuple[str, ...]:
    """The kinds of webhooks that are sent, in turn."""
    return KINDS.get(name, ("event",))


def secrets_for(name: str) -> dict[str, str]:
    """What an operator would copy from the provider's page."""
    if profile := PROFILES.get(name):
        values = _values(name, profile)
        return {secret: filled(text, values) for secret, text in profile.secrets.items()}
    client, secret = f"simulated-{name}-client", f"simulated-{name}-client-secret"
    signing = signing_secret(name)
    own = {
        "slack": {"SIGNING_SECRET": signing},
        "github": {"WEBHOOK_SECRET": signing, "APP_SLUG": SLUG},
        "linear": {"WEBHOOK_SIGNING_SECRET": signing},
        "notion": {"VERIFICATION_TOKEN": signing},
    }
    return {"CLIENT_ID": client, "CLIENT_SECRET": secret, **own[name]}


def typed_by(wish: Wish) -> tuple[dict[str, str], dict[str, str]]:
    """What the user types in: as configuration, and on the connect page."""
    profile = PROFILES.get(wish.integration)
    if profile is None:
        return {}, {}
    label = wish.account.partition(".")[0]
    values = {**_values(wish.integration, profile), "account": wish.account, "label": label}
    configuration = {name: filled(one, values) for name, one in profile.configuration.items()}
    return configuration, {name: filled(one, values) for name, one in profile.inputs.items()}


def subscription_of(wish: Wish) -> str:
    """The id under which webhooks of this account come; empty where it is not needed."""
    profile = PROFILES.get(wish.integration)
    if profile is None or not profile.webhook.subscriptions:
        return ""
    return profile.webhook.subscriptions[profile.accounts.index(wish.account)]


def comes_to_own_url(name: str) -> bool:
    """Whether webhooks go to the installation's own address."""
    profile = PROFILES.get(name)
    return profile is not None and profile.webhook.own


def _values(name: str, profile: Profile) -> dict[str, str]:
    kind = profile.webhook.sign.kind
    signing = public_key(kind) if kind in {"ed25519", "ecdsa"} else signing_secret(name)
    return {
        "client_id": f"simulated-{name}-client",
        "client_secret": f"simulated-{name}-client-secret",
        "signing": signing,
        "public_key": signing,
    }
