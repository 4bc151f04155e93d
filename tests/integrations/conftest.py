"""The engine for scripts, once for a file."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from shared.vrl.pool import VrlPool


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vrl() -> AsyncIterator[VrlPool]:
    """One engine for all, since starting it costs more than what it is asked here."""
    async with VrlPool(size=1) as pool:
        yield pool
