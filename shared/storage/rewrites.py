"""
Rewrites of the append-only files: put off while something copies them, and allowed again whatever becomes of that.

Who copies is known by the name of its connection, which the server forgets when it ends, also by `kill -9`; so whoever
looks after the store sees that rewrites were left off, and allows them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog
from redis.exceptions import RedisError

from shared.errors import SetupFailed, WaypostError
from shared.programs import cancelled
from shared.storage.connection import connect
from shared.storage.embedded import REWRITE_AT

if TYPE_CHECKING:
    from shared.storage.connection import Store

log = structlog.get_logger()

PAUSE = 30.0  # seconds between two looks
_COPIES = "waypost-backup"  # the name of the connection of one who copies
_REWRITES = "auto-aof-rewrite-percentage"


@asynccontextmanager
async def without_rewrites(store: Store) -> AsyncIterator[None]:
    """
    Nothing rewrites the append-only files for this block, and one under way has ended.

    Raises:
        SetupFailed: another one copies them; who ends first would allow rewrites under the other one's hands.

    """
    async with store.redis.client() as line:
        if await _is_copied(store):
            raise SetupFailed(
                "another backup of this store is at work", "wait until it has ended"
            )
        await line.client_setname(_COPIES)
        try:
            await line.config_set(_REWRITES, 0)
            while await _is_rewriting(store):  # noqa: ASYNC110 - the store tells nobody
                await asyncio.sleep(0.1)
            yield
        finally:
            allowing = asyncio.ensure_future(_allow(store))
            try:
                await asyncio.shield(allowing)
            except asyncio.CancelledError:  # whoever is told to stop just now does this first
                await allowing
                raise


@asynccontextmanager
async def rewrites_kept_on(url: str, pause: float = PAUSE) -> AsyncIterator[None]:
    """While the block lasts, rewrites that a killed backup left off in the store at *url* are allowed again."""
    looking = asyncio.create_task(_keep_on(url, pause))
    try:
        yield
    finally:
        await cancelled([looking])


async def _keep_on(url: str, pause: float) -> None:
    while True:
        await asyncio.sleep(pause)
        with contextlib.suppress(WaypostError, RedisError, OSError):  # it may be away just now
            async with await connect(url) as store:
                if await _are_off(store) and not await _is_copied(store):
                    await _allow(store)
                    log.warning("store.rewrites_allowed")


async def _are_off(store: Store) -> bool:
    found: dict[str, str] = await store.redis.config_get(_REWRITES)
    return "0" in found.values()


async def _is_copied(store: Store) -> bool:
    return any(one["name"] == _COPIES for one in await store.redis.client_list())


async def _allow(store: Store) -> None:
    """Let rewrites go on; a store that went away allows them when it starts."""
    with contextlib.suppress(WaypostError, RedisError, OSError):
        await store.redis.config_set(_REWRITES, REWRITE_AT)


async def _is_rewriting(store: Store) -> bool:
    said = await store.redis.info("persistence")
    return bool(said["aof_rewrite_in_progress"] or said["aof_rewrite_scheduled"])
