"""An api over a real store, as staff call it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from shared.storage.connection import Store
from shared.vrl.pool import VrlPool
from tests.journeys.api_builders import Api, running_api, with_acme


@pytest_asyncio.fixture
async def api(store: Store) -> AsyncIterator[Api]:
    """An api that compiles scripts."""
    async with VrlPool(size=1) as scripts, running_api(store, scripts) as running:
        yield running


@pytest_asyncio.fixture
async def acme(api: Api) -> Api:
    """The same, where acme is registered."""
    await with_acme(api)
    return api
