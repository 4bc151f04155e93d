"""Apps and accounts to start with: one Waypost installation, two customers at each provider."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from services.simulator.desk import Desk
from services.simulator.profile import PROFILES, filled
from services.simulator.records import App, User

ADA = User(id="", name="Ada Lovelace", email="ada@acme.example")
BOB = User(id="", name="Bob Kahn", email="bob@globex.example")


@dataclass(frozen=True, kw_only=True)
class Customer:
    """A name at a provider: account id and user id."""

    name: str
    account: str
    user: str
    person: User


CUSTOMERS: dict[str, tuple[Customer, Customer]] = {
    "slack": (
        Customer(name="Acme", account="T0ACME0001", user="U0ADA00001", person=ADA),
        Customer(name="Globex", account="T0GLOBEX01", user="U0BOB00001", person=BOB),
    ),
    "github": (
        Customer(name="Acme", account="51000001", user="7000001", person=ADA),
        Customer(name="Globex", account="51000002", user="7000002", person=BOB),
    ),
    "linear": (
        Customer(
            name="Acme",
            account="0a1c5f0e-9a52-4a55-8f0e-3f9d1c000001",
            user="5b6d0000-0000-4000-8000-00000000ada1",
            person=ADA,
        ),
        Customer(
            name="Globex",
            account="0a1c5f0e-9a52-4a55-8f0e-3f9d1c000002",
            user="5b6d0000-0000-4000-8000-00000000b0b1",
            person=BOB,
        ),
    ),
    "notion": (
        Customer(
            name="Acme",
            account="13950b26-c203-4f3b-b97d-93ec06000001",
            user="c2f20311-9e54-4d11-8c79-00000000ada1",
            person=ADA,
        ),
        Customer(
            name="Globex",
            account="13950b26-c203-4f3b-b97d-93ec06000002",
            user="c2f20311-9e54-4d11-8c79-00000000b0b1",
            person=BOB,
        ),
    ),
    "acme": (
        Customer(name="Acme", account="team-acme", user="user-ada", person=ADA),
        Customer(name="Globex", account="team-globex", user="user-bob", person=BOB),
    ),
}

CUSTOMERS |= {
    name: (
        Customer(name="Acme", account=profile.accounts[0], user="7000001", person=ADA),
        Customer(name="Globex", account=profile.accounts[1], user="7000002", person=BOB),
    )
    for name, profile in PROFILES.items()
}

SLUG = "waypost-simulated"  # of the GitHub App


def furnish(desk: Desk, public_url: str) -> list[App]:
    """Register one app per provider for the Waypost at *public_url*, and two customers each."""
    for provider, customers in CUSTOMERS.items():
        for one in customers:
            user = User(id=one.user, name=one.person.name, email=one.person.email)
            desk.add_account(provider, one.account, one.name, [user])
    return list(_apps(desk, public_url.rstrip("/")))


def signing_secret(provider: str) -> str:
    """What webhooks are signed with, in the form in which the provider hands it out."""
    profile = PROFILES.get(provider)
    text = profile.signing if profile else ""
    usual = f"simulated-{provider}-signing-secret"
    return filled(text, {"client_secret": f"simulated-{provider}-client-secret"}) or usual


def _apps(desk: Desk, public_url: str) -> Iterator[App]:
    for provider in CUSTOMERS:
        yield desk.register_app(
            provider,
            f"simulated-{provider}-client",
            f"simulated-{provider}-client-secret",
            [f"{public_url}/oauth"],
            signing_secret(provider),
            f"{public_url}/integration/global/{provider}",
            slug=SLUG if provider == "github" else "",
        )
