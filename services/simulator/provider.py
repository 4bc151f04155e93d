"""What differs between the providers' authorization pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


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

PROVIDERS: Mapping[str, Provider] = {
    one.name: one for one in (SLACK, GITHUB, LINEAR, NOTION, ACME)
}
