"""Connect links and what a test does to them: made, looked into, run out."""

from __future__ import annotations

import hashlib
from urllib.parse import parse_qs, urlsplit

import msgspec

from shared.storage.flows import Flows
from tests.journeys.system import System
from tests.journeys.visitor import Page


async def a_link(system: System, provider: str = "slack", **link: object) -> str:
    """A connect link of a fresh installation."""
    made = await system.install(provider, await system.bot())
    return str((await system.link(made["webhookId"], **link))["url"])


async def expire(system: System, link: str) -> None:
    """The link's record is moved into the past, as time would."""
    flows, hashed = Flows(system.store), hashed_token(link)
    stored = await flows.link(hashed)
    assert stored is not None
    past = msgspec.structs.replace(stored, expires_at=stored.created_at - 1)
    await flows.put_link(hashed, past)


def hashed_token(link: str) -> str:
    """Under what a link is stored."""
    return hashlib.sha256(link.rpartition("/")[2].encode()).hexdigest()


def state_in(pressed: Page) -> str:
    """The OAuth state in the address of a consent page."""
    return parse_qs(urlsplit(pressed.location).query)["state"][0]


async def expire_state(system: System, state: str) -> None:
    """Let the time of a state run out."""
    hashed = hashlib.sha256(state.encode()).hexdigest()
    keys = await system.store.redis.keys(f"*oauth-state:{hashed}")
    assert 1 == await system.store.redis.delete(*keys)


async def is_connected(system: System, webhook_id: str) -> bool:
    """Whether somebody has connected it."""
    return (await system.installation(webhook_id))["connection"] == "connected"
