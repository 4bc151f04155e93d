"""What the simulator's tests are made of: apps, a client that speaks each dialect, a page reader."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import ClientSession

from services.simulator import Simulator

NOON = 1_790_000_000.0
CALLBACK = "https://waypost.example/oauth"
SECRET = "client-secret"
SIGNING = "signing-secret"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=")
ACCOUNTS = {
    "slack": "T0ACME0001",
    "github": "51000001",
    "linear": "org-acme",
    "notion": "workspace-acme",
    "acme": "team-acme",
}
AUTHORIZE = {
    "slack": "/slack/slack.com/oauth/v2/authorize",
    "github": "/github/github.com/login/oauth/authorize",
    "linear": "/linear/linear.app/oauth/authorize",
    "notion": "/notion/api.notion.com/v1/oauth/authorize",
    "acme": "/acme/acme.example/oauth/authorize",
}
TOKEN = {
    "slack": "/slack/slack.com/api/oauth.v2.access",
    "github": "/github/github.com/login/oauth/access_token",
    "linear": "/linear/api.linear.app/oauth/token",
    "notion": "/notion/api.notion.com/v1/oauth/token",
    "acme": "/acme/acme.example/oauth/token",
}
PROVIDERS = tuple(ACCOUNTS)


class Hand:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> float:
        """Where the hand stands."""
        return self.at


def a_world(simulator: Simulator) -> Simulator:
    """One app per provider, called `client`, and Ada's account and another one."""
    for provider, account in ACCOUNTS.items():
        simulator.register_app(
            provider, "client", SECRET, [CALLBACK], SIGNING, simulator.bot_url(provider)
        )
        simulator.add_account(provider, account, "Acme Corp", [{"id": "700", "name": "Ada"}])
        simulator.add_account(provider, "9" + account, "Globex", [{"id": "800", "name": "Bob"}])
    return simulator


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, read."""

    status: int
    headers: Mapping[str, str]
    text: str
    json: Any

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the Location header."""
        return {
            name: values[0]
            for name, values in parse_qs(urlsplit(self.headers["Location"]).query).items()
        }


async def get(http: ClientSession, url: str, **options: Any) -> Answer:
    """One GET, redirects not followed."""
    return await call(http, "GET", url, **options)


async def call(http: ClientSession, method: str, url: str, **options: Any) -> Answer:
    """One request, redirects not followed."""
    async with http.request(method, url, allow_redirects=False, **options) as answer:
        text = await answer.text()
        json = await answer.json() if answer.content_type == "application/json" else None
        return Answer(answer.status, answer.headers, text, json)


async def authorize(
    http: ClientSession, simulator: Simulator, provider: str, **parameters: str
) -> Answer:
    """An authorization request; automatic mode unless `login_hint` is given as empty."""
    usual = {
        "client_id": "client",
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "state": "s1",
        "scope": "read write",
        "login_hint": ACCOUNTS[provider],
    }
    merged = {name: value for name, value in {**usual, **parameters}.items() if value != ""}
    return await get(http, simulator.url + AUTHORIZE[provider], params=merged)


async def a_code(
    http: ClientSession, simulator: Simulator, provider: str, **parameters: str
) -> str:
    """A fresh code of the provider."""
    answer = await authorize(http, simulator, provider, **parameters)
    return answer.query["code"]


async def exchange(
    http: ClientSession, simulator: Simulator, provider: str, code: str, **parameters: str
) -> Answer:
    """A token request in the provider's own encoding; `secret=` and `redirect_uri=` override."""
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        **parameters,
    }
    return await token_call(http, simulator, provider, fields)


async def refresh(
    http: ClientSession, simulator: Simulator, provider: str, token: str
) -> Answer:
    """A refresh in the provider's own encoding."""
    fields = {"grant_type": "refresh_token", "refresh_token": token}
    return await token_call(http, simulator, provider, fields)


async def token_call(
    http: ClientSession, simulator: Simulator, provider: str, fields: dict[str, str]
) -> Answer:
    """Any token request."""
    secret = fields.pop("secret", SECRET)
    client = fields.pop("client_id", "client")
    url = simulator.url + TOKEN[provider]
    if provider == "notion":
        return await call(http, "POST", url, json=fields, headers=_basic(client, secret))
    form = {"client_id": client, "client_secret": secret, **fields}
    return await call(http, "POST", url, data=form, headers={"Accept": "application/json"})


def _basic(client: str, secret: str) -> dict[str, str]:
    given = base64.b64encode(f"{client}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {given}"}


async def whoami(
    http: ClientSession, simulator: Simulator, provider: str, token: str
) -> Answer:
    """The provider's identity call."""
    bearer = {"Authorization": f"Bearer {token}"}
    match provider:
        case "slack":
            url = simulator.url + "/slack/slack.com/api/auth.test"
            return await call(http, "POST", url, headers=bearer)
        case "github":
            return await get(
                http, simulator.url + "/github/api.github.com/user", headers=bearer
            )
        case "linear":
            url = simulator.url + "/linear/api.linear.app/graphql"
            query = {"query": "{ viewer { id } organization { id name urlKey } }"}
            return await call(http, "POST", url, headers=bearer, json=query)
        case "notion":
            url = simulator.url + "/notion/api.notion.com/v1/users/me"
            return await get(http, url, headers={**bearer, "Notion-Version": "2022-06-28"})
        case _:
            return await get(http, simulator.url + "/acme/acme.example/api/me", headers=bearer)


def is_live(answer: Answer) -> bool:
    """Whether an identity call was answered with an identity."""
    return answer.status < 400 and answer.json.get("ok", True)


class Form(HTMLParser):
    """The first form of a page: its action, hidden fields, and radio choices."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.hidden: dict[str, str] = {}
        self.choices: list[str] = []
        self.outside: list[str] = []  # addresses of anything the page loads
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what matters."""
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = found["action"]
        if found.get("type") == "hidden":
            self.hidden[found["name"]] = found["value"]
        if found.get("type") == "radio":
            self.choices.append(found["value"])
        self.outside += [found[name] for name in ("src", "href") if name in found]
