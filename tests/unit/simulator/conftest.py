"""A running simulator with one app and two accounts per provider, and a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from aiohttp import ClientSession, CookieJar

from services.simulator import Simulator
from tests.unit.simulator.simulator_builders import Hand, a_world


@pytest_asyncio.fixture
async def hand() -> Hand:
    """The clock's hand, which tests move."""
    return Hand()


@pytest_asyncio.fixture
async def simulator(hand: Hand) -> AsyncIterator[Simulator]:
    """The providers, with `a_world` in them."""
    async with Simulator(clock=hand) as running:
        yield a_world(running)


@pytest_asyncio.fixture
async def http() -> AsyncIterator[ClientSession]:
    """A client that keeps cookies for 127.0.0.1 like a browser."""
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
        yield session
