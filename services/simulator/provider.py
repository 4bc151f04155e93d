"""What differs between the providers' authorization pages."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from services.simulator.profile import PROFILES, Profile, filled
from services.simulator.records import Account, App


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One simulated provider, as far as its authorization page goes."""

    name: str  # first part of every path here
    title: str
    colour: str  # of the page's button
    noun: str  # what a user connects: workspace, organization
    authorize: str  # host and path of the authorization endpoint
    separator: str = " "  # between scopes
    needs_response_type: bool = True  # Slack and GitHub take its absence for "code"
    denied: Mapping[str, str] | None = None  # more parameters of a refusal
    returns: Callable[[Account], Mapping[str, str]] | None = None  # beside the code
    signed: Callable[[App, Mapping[str, str]], Mapping[str, str]] | None = None  # the callback

    @property
    def path(self) -> str:
        """Where the authorization page is served here."""
        return f"/{self.name}/{self.authorize}"


SLACK = Provider(
    name="slack",
    title="Slack",
    colour="#611f69",
    noun="workspace",
    authorize="slack.com/oauth/v2/authorize",
    separator=",",
    needs_response_type=False,
)
GITHUB = Provider(
    name="github",
    title="GitHub",
    colour="#1f883d",
    noun="account",
    authorize="github.com/login/oauth/authorize",
    needs_response_type=False,
    denied={"error_description": "The user has denied your application access."},
)
LINEAR = Provider(
    name="linear",
    title="Linear",
    colour="#5e6ad2",
    noun="workspace",
    authorize="linear.app/oauth/authorize",
    separator=",",
)
NOTION = Provider(
    name="notion",
    title="Notion",
    colour="#2383e2",
    noun="workspace",
    authorize="api.notion.com/v1/oauth/authorize",
)
ACME = Provider(
    name="acme",
    title="Acme",
    colour="#0b7285",
    noun="team",
    authorize="acme.example/oauth/authorize",
)


def _profiled(name: str, profile: Profile) -> Provider:
    """The page of a provider that is described by data; without OAuth nobody finds it."""
    oauth = profile.oauth
    if oauth is None:
        return Provider(
            name=name, title=profile.title, colour=profile.colour, noun=profile.noun,
            authorize="none",
        )  # fmt: skip
    return Provider(
        name=name,
        title=profile.title,
        colour=profile.colour,
        noun=profile.noun,
        authorize=oauth.authorize,
        separator=oauth.separator,
        needs_response_type=oauth.needs_response_type,
        returns=lambda account: {
            key: filled(text, {"account": account.id}) for key, text in oauth.returns.items()
        },
        signed=shopify_signed if oauth.signs_callback else None,
    )


def shopify_signed(app: App, answer: Mapping[str, str]) -> Mapping[str, str]:
    """
    *answer* with the HMAC of all its parameters, in the order of their names.

    https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant
    """
    content = urlencode(sorted(answer.items()))
    mac = hmac.new(app.client_secret.encode(), content.encode(), "sha256").hexdigest()
    return {**answer, "hmac": mac}


PROVIDERS: Mapping[str, Provider] = {
    one.name: one for one in (SLACK, GITHUB, LINEAR, NOTION, ACME)
} | {name: _profiled(name, profile) for name, profile in PROFILES.items()}
