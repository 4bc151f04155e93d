"""An api whose scripts always compile, and one integration that calls it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from shared.storage.connection import Store
from tests.journeys.api_builders import Api, running_api
from tests.journeys.chat_builders import Caller, NoScripts, a_caller


@pytest_asyncio.fixture
async def api(store: Store) -> AsyncIterator[Api]:
    """Starting an engine for scripts would cost more than what is asked here."""
    async with running_api(store, NoScripts()) as running:
        yield running


@pytest_asyncio.fixture
async def one(api: Api) -> Caller:
    """One integration's own server."""
    return await a_caller(api)
