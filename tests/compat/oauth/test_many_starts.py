"""Rows 4 and 31: a thousand clicks, and what they leave in the store."""

from __future__ import annotations

import asyncio

import pytest
from yarl import URL

from shared.model.flows import OAUTH_STATE_LIFETIME
from tests.compat.oauth.front import Front
from tests.compat.oauth.peers import offer
from tests.journeys.system import System
from tests.journeys.visitor import Visitor

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("node", "npm"),
]
LINKS, PRESSES = 20, 50


async def kept(home: System, name: str) -> set[bytes]:
    return set(await home.store.redis.keys(f"*:{name}:*"))


async def test_each_has_a_state_of_its_own_and_leaves_only_what_expires(
    home: System, front: Front
) -> None:
    """Rows 4 and 31: no state twice, none that is an id; one flow for each link however often it is pressed."""
    offers = [await offer(home, front, "oidc") for _ in range(LINKS)]
    flows, tokens = await kept(home, "flow"), await kept(home, "oauth-state")
    async with Visitor() as visitor:
        presses = [visitor.press(link) for _, link in offers for _ in range(PRESSES)]
        pressed = await asyncio.gather(*presses)
    states = {URL(one.location).query["state"] for one in pressed}
    ids = {part for hook, link in offers for part in (hook, link.rpartition("/")[2])}
    new = await kept(home, "oauth-state") - tokens
    lives = [await home.store.redis.ttl(one) for one in new]

    assert LINKS * PRESSES == len(states) == len(new)
    assert not [one for one in states for id in ids if id in one]
    assert all(0 < life <= OAUTH_STATE_LIFETIME for life in lives)
    assert LINKS == len(await kept(home, "flow") - flows)
