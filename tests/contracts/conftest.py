"""A ledger to work on; after each test it must be sound."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from shared.storage.connection import Store
from shared.storage.ledger_check import check
from tests.contracts.ledger_builders import Bench


@pytest_asyncio.fixture
async def bench(store: Store) -> AsyncIterator[Bench]:
    made = Bench(store)
    yield made
    assert [] == await check(store)
