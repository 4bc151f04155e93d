"""redis-py as everybody else uses it: always with time-outs, and failing with our own errors."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import (
    AuthenticationError,
    RedisError,
    ResponseError,
)
from redis.exceptions import (
    ConnectionError as NoConnection,
)
from redis.exceptions import (
    TimeoutError as TooLate,
)

from shared.errors import StoreUnavailable
from shared.storage.resp import RespConnection
from shared.storage.wire import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT_TIMEOUT = 0.5  # seconds
_NARROW = frozenset(
    {
        "EVALSHA",
        "EXISTS",
        "GET",
        "HEXISTS",
        "HGET",
        "HGETALL",
        "HKEYS",
        "HMGET",
        "PUBLISH",
        "SMEMBERS",
    }
)  # fmt: skip  answered at once, and with little
LONGEST_WAIT = 30.0  # seconds that a blocking read may wait for news


@contextlib.contextmanager
def told_apart() -> Iterator[None]:
    """Turn redis-py's errors into `StoreUnavailable`, or `CommandRefused` for what no retry can heal."""
    try:
        yield
    except AuthenticationError as error:
        raise refusal(_with_code(error, "WRONGPASS")) from error
    except (NoConnection, TooLate, OSError) as error:
        raise StoreUnavailable(f"the store did not answer: {error}") from error
    except ResponseError as error:
        raise refusal(_with_code(error, "")) from error
    except RedisError as error:
        raise StoreUnavailable(f"the store did not answer: {error}") from error


_CODES = {
    "OutOfMemoryError": "OOM", "ReadOnlyError": "READONLY", "NoScriptError": "NOSCRIPT",
    "NoPermissionError": "NOPERM", "BusyLoadingError": "LOADING",
}  # fmt: skip


def _with_code(error: RedisError, default: str) -> str:
    """redis-py cuts the code off the replies that it knows; put it back."""
    code = _CODES.get(type(error).__name__, default)
    return f"{code} {error}".strip()


class StorePipeline(Pipeline):
    """A pipeline that fails with our errors."""

    async def execute(self, raise_on_error: bool = True) -> Any:  # noqa: FBT001, FBT002 — redis-py's signature
        """Send what was collected."""
        with told_apart():
            return await super().execute(raise_on_error)


class StoreClient(Redis):
    """
    redis-py's client, failing with our errors.

    With a *narrow* connection, what every job asks goes that way: redis-py's own costs ten times as much.
    """

    narrow: RespConnection | None = None

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send one command."""
        if self.narrow is not None and args[0] in _NARROW and not options.keys() - {"keys"}:
            callback = self.response_callbacks.get(args[0])
            reply = await self.narrow.call(*args)
            return callback(reply) if callback else reply
        with told_apart():
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(
        self,
        transaction: bool = True,  # noqa: FBT001, FBT002 — redis-py's signature
        shard_hint: str | None = None,
    ) -> StorePipeline:
        """Collect commands; with *transaction*, all of them run or none."""
        return StorePipeline(
            self.connection_pool, self.response_callbacks, transaction, shard_hint
        )


def client(url: str, socket_timeout: float) -> StoreClient:
    """A client for commands that answer at once."""
    pool = BlockingConnectionPool.from_url(
        url, max_connections=32, timeout=1, socket_timeout=socket_timeout,
        **_common(url),
    )  # fmt: skip
    return StoreClient(connection_pool=pool)


def blocking_client(url: str) -> StoreClient:
    """A client for reads that wait; each holds a connection of its own."""
    pool = ConnectionPool.from_url(
        url, max_connections=1024, socket_timeout=LONGEST_WAIT + 5, health_check_interval=15,
        **_common(url),
    )  # fmt: skip
    return StoreClient(connection_pool=pool)


def _common(url: str) -> dict[str, Any]:
    if url.startswith("unix:"):
        return {}
    return {"socket_connect_timeout": CONNECT_TIMEOUT, "socket_keepalive": True}
