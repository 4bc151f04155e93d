"""The engine for scripts, and a client for what is simulated."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import ClientSession

from shared.vrl.pool import VrlPool


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[VrlPool]:
    """One for a whole file, since starting it costs more than what it is asked there."""
    async with VrlPool(size=1) as pool:
        yield pool


@pytest.fixture
async def vrl() -> AsyncIterator[VrlPool]:
    """A fresh one."""
    async with VrlPool(size=1) as pool:
        yield pool


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    """A browser and a worker in one."""
    async with ClientSession() as session:
        yield session
