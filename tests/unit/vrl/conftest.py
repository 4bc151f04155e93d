"""One pool for a whole file of tests; a file that kills workers starts its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from shared.vrl.pool import VrlPool


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[VrlPool]:
    """Two workers that live as long as the file; a deadline that a busy machine does not miss."""
    async with VrlPool(deadline=20.0) as pool:
        yield pool
