"""What the demo does: who connects what, and which webhooks are sent."""

from __future__ import annotations

from msgspec import Struct

from services.simulator.defaults import CUSTOMERS, SLUG

INTEGRATIONS = ("slack", "github", "linear", "notion")
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


def wishes() -> list[Wish]:
    """Each of the four integrations on each of the two bots, every one with an account of its own."""
    return [
        Wish(name, bot, CUSTOMERS[name][n].account, CUSTOMERS[name][n].name)
        for name in INTEGRATIONS
        for n, bot in enumerate(BOTS)
    ]


def secrets_for(name: str) -> dict[str, str]:
    """What an operator would copy from the provider's page."""
    client, secret = f"simulated-{name}-client", f"simulated-{name}-client-secret"
    signing = f"simulated-{name}-signing-secret"
    own = {
        "slack": {"SIGNING_SECRET": signing},
        "github": {"WEBHOOK_SECRET": signing, "APP_SLUG": SLUG},
        "linear": {"WEBHOOK_SIGNING_SECRET": signing},
        "notion": {"VERIFICATION_TOKEN": signing},
    }
    return {"CLIENT_ID": client, "CLIENT_SECRET": secret, **own[name]}
