"""Waypost with two authorization servers beside it, once for each worker of xdist."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.compat.oauth.front import Front
from tests.compat.oauth.peers import both
from tests.journeys.system import System, a_system


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def front() -> AsyncIterator[Front]:
    """Before the servers."""
    async with Front() as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def home(front: Front) -> AsyncIterator[System]:
    """Waypost, registered at both servers; it may reach them."""
    async with (
        a_system(WAYPOST_SIMULATOR_URL=front.url) as running,
        both(front, f"{running.origin}/oauth"),
    ):
        yield running


@pytest.fixture
def seen(front: Front) -> int:
    """How many calls the servers had seen before this test."""
    front.breaks.clear()
    return len(front.calls)
