"""One narrow connection for the hot paths, which comes back by itself; its socket of the moment is a `Wire`."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING, Any, TypeVar

from shared.errors import CommandRefused, SetupFailed, StoreUnavailable, WaypostError
from shared.storage.address import Address, parsed
from shared.storage.wire import Line, Part, Wire

if TYPE_CHECKING:
    from collections.abc import Callable

NO_ENTRY = frozenset({"NOAUTH", "NOPERM", "WRONGPASS"})
# Seconds a call waits for a connection that is coming back. A sender's is made twice, and it is told within a second.
_RECONNECT_WAIT = 0.4
Spoken = TypeVar("Spoken", bound=Wire)


class RespConnection:
    """
    Calls the store with a deadline and reconnects by itself.

    A call raises `StoreUnavailable` when there is no connection, when it breaks, or when no reply came
    within *deadline* seconds; in the last two cases nobody knows whether the command ran.
    """

    def __init__(self, address: Address | str, *, deadline: float = 2.0) -> None:
        """Prepare; `start` connects."""
        self.address = parsed(address) if isinstance(address, str) else address
        self.deadline = deadline
        self._wire: Wire | None = None
        self._is_up = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect once, or raise `SetupFailed` (refused rights) or `StoreUnavailable`; from then on stay connected."""
        self._take(await self._connected())
        self._keeper = asyncio.create_task(self._keep(), name="resp-connection")

    async def close(self) -> None:
        """Close; calls under way fail."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        if self._wire is not None:
            self._wire.close()
            await self._wire.lost
        self._is_up.clear()

    @property
    def is_up(self) -> bool:
        """True while there is a connection."""
        return self._is_up.is_set()

    async def call(self, *parts: Part) -> Any:
        """Send one command and return its raw reply (bytes, int, None or lists of them)."""
        if not self._is_up.is_set():
            await self._wait_until_up()
        assert self._wire is not None
        return await self._wire.send(parts)

    async def calls(self, *commands: tuple[Part, ...]) -> list[Any]:
        """Send several commands in one write and return their replies, or raise what the first refused one does."""
        if not self._is_up.is_set():
            await self._wait_until_up()
        assert self._wire is not None
        sent = [self._wire.send(parts) for parts in commands]
        return await asyncio.gather(*sent)

    async def _wait_until_up(self) -> None:
        try:
            await asyncio.wait_for(self._is_up.wait(), min(self.deadline, _RECONNECT_WAIT))
        except TimeoutError:
            raise StoreUnavailable(
                f"no connection to {self.address.place}; nothing was sent"
            ) from None

    def _take(self, wire: Wire) -> None:
        """Call over *wire* as long as it is there: whoever calls again when it is lost waits for the next one."""
        self._wire = wire
        self._is_up.set()
        wire.lost.add_done_callback(lambda _: self._is_up.clear())

    async def _keep(self) -> None:
        while True:
            assert self._wire is not None
            await asyncio.shield(self._wire.lost)
            self._take(await self._reconnected())

    async def _reconnected(self) -> Wire:
        pause = 0.02
        while True:
            try:
                return await self._connected()
            except WaypostError:
                await asyncio.sleep(pause)
                pause = min(pause * 1.6, 1.0)

    async def line(self) -> Line:
        """A socket of its own, to listen on; raises what `start` raises. The caller closes it."""
        return await self._connected(Line)

    async def _connected(self, kind: Callable[[float], Spoken] = Wire) -> Spoken:  # type: ignore[assignment]
        try:
            async with asyncio.timeout(self.deadline):
                wire = await self._opened(kind)
                await self._introduce(wire)
                return wire
        except (OSError, TimeoutError) as error:
            problem = str(error) or type(error).__name__
            raise StoreUnavailable(
                f"{self.address.place} cannot be reached: {problem}"
            ) from error

    async def _opened(self, kind: Callable[[float], Spoken]) -> Spoken:
        loop, at = asyncio.get_running_loop(), self.address
        if at.path:
            return (await loop.create_unix_connection(lambda: kind(self.deadline), at.path))[1]
        context = ssl.create_default_context(cafile=at.ca_file or None) if at.tls else None
        opened = await loop.create_connection(
            lambda: kind(self.deadline), at.host, at.port, ssl=context
        )
        return opened[1]

    async def _introduce(self, wire: Wire) -> None:
        at = self.address
        try:
            if at.password:
                await wire.send(("AUTH", at.username or "default", at.password))
            if at.database:
                await wire.send(("SELECT", at.database))
            await wire.send(("PING",))
        except CommandRefused as error:
            wire.close()
            raise no_entry(at, error) from error
        except BaseException:
            wire.close()
            raise


def no_entry(address: Address, error: CommandRefused) -> WaypostError:
    """What to tell the operator whose store refused the first commands."""
    if error.code not in NO_ENTRY and "password" not in str(error):
        return error
    return SetupFailed(
        f"the store at {address.place} refused our name or password: {error}",
        "set WAYPOST_REDIS_URL to redis://USER:PASSWORD@HOST:PORT/0 (user `default` when there is only a password)",
    )
