"""The store as one bundle: a client, a client that may block, the narrow connection and the scripts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from shared.errors import CommandRefused, SetupFailed, StoreUnavailable
from shared.storage.address import Address, parsed
from shared.storage.client import StoreClient, blocking_client, client
from shared.storage.resp import RespConnection, no_entry
from shared.storage.scripts import Scripts

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Scripts", "Store", "connect"]

_PATIENCE_WHILE_LOADING = 120.0  # seconds


class Store:
    """Everything that speaks to one Redis or Valkey. Keys and meaning are the business of the classes on top."""

    def __init__(
        self, url: str, *, socket_timeout: float = 2.0, finishes: bool = False
    ) -> None:
        """Prepare the clients; `connect` is what opens and checks them."""
        self.url = url
        self.address: Address = parsed(url)
        self.redis: StoreClient = client(url, socket_timeout)
        self.blocking: StoreClient = blocking_client(url)
        self.resp = RespConnection(self.address, deadline=socket_timeout)
        self.redis.narrow = self.resp
        self.scripts = Scripts(self.redis, self.resp, finishes=finishes)

    async def open(self) -> None:
        """Connect, and see one answer on each way."""
        await self.resp.start()
        try:
            await self.redis.ping()
        except CommandRefused as error:
            raise no_entry(self.address, error) from error

    async def close(self) -> None:
        """Close every connection."""
        await self.resp.close()
        await self.redis.aclose(close_connection_pool=True)
        await self.blocking.aclose(close_connection_pool=True)

    async def __aenter__(self) -> Self:
        """Use an open store for one block."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it behind the block."""
        await self.close()


async def connect(
    url: str, *, socket_timeout: float = 2.0, patience: float = 0.0, finishes: bool = False
) -> Store:
    """
    An open `Store`, or `SetupFailed` with the fix when *url* is wrong, refuses us or is not reachable.

    *patience* is how many seconds to keep trying while nobody answers; a server that is still loading
    its file is always waited for. Scripts of one who *finishes* work are run by a store that is full, too.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()
    while True:
        store = Store(url, socket_timeout=socket_timeout, finishes=finishes)
        try:
            await store.open()
        except StoreUnavailable as error:
            await store.close()
            if loop.time() - started >= (
                _PATIENCE_WHILE_LOADING if "LOADING" in str(error) else patience
            ):
                raise _unreachable(store.address, error) from error
            await asyncio.sleep(0.1)
        except BaseException:
            await store.close()
            raise
        else:
            return store


def _unreachable(address: Address, error: StoreUnavailable) -> SetupFailed:
    return SetupFailed(
        f"no store answers at {address.place} ({error})",
        "start Redis 7 or Valkey there, correct WAYPOST_REDIS_URL, or unset it to use the embedded Valkey",
    )
