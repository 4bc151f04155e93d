"""
One narrow connection for the hot paths.

The commands of one tick of the event loop leave in one write, and replies come back in order.

It speaks RESP2 through hiredis' packer and reader. Any loss of the connection fails every call that is
under way: such a call may or may not have happened, so only what is safe to repeat goes this way.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar, cast

import hiredis

from shared.errors import CommandRefused, SetupFailed, StoreUnavailable, WaypostError
from shared.storage.address import Address, parsed

if TYPE_CHECKING:
    from collections.abc import Callable

Part = bytes | str | int | float

FAILS_FOR_NOW = frozenset({
    "BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOREPLICAS", "OOM", "READONLY",
    "TRYAGAIN", "UNKILLABLE",
})  # fmt: skip
NO_ENTRY = frozenset({"NOAUTH", "NOPERM", "WRONGPASS"})
MOST_UNDER_WAY = 50_000
# Seconds a call waits for a connection that is coming back. A sender's is made twice, and it is told within a second.
_RECONNECT_WAIT = 0.4
_NOTHING = object()


def refusal(reply: str) -> WaypostError:
    """
    The error that an error reply of the store stands for.

    >>> type(refusal("OOM command not allowed when used memory > 'maxmemory'.")).__name__
    'StoreUnavailable'
    >>> refusal("NOSCRIPT No matching script.").code
    'NOSCRIPT'
    """
    if reply.partition(" ")[0] in FAILS_FOR_NOW:
        return StoreUnavailable(f"the store refused: {reply}")
    return CommandRefused(reply)


class _Wire(asyncio.Protocol):
    """One socket's life: what was sent and is not answered yet, in order."""

    def __init__(self, deadline: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadline = deadline
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self._unanswered: deque[tuple[asyncio.Future[Any], float]] = deque()
        self._unsent: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._watch: asyncio.TimerHandle | None = None
        self.lost = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def send(self, parts: tuple[Part, ...]) -> asyncio.Future[Any]:
        if self.lost.done() or len(self._unanswered) >= MOST_UNDER_WAY:
            raise StoreUnavailable("the store is not keeping up; nothing was sent")
        reply: asyncio.Future[Any] = self._loop.create_future()
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(hiredis.pack_command(parts))  # type: ignore[arg-type]
        self._unanswered.append((reply, self._loop.time() + self._deadline))
        if self._watch is None:
            self._watch = self._loop.call_later(self._deadline, self._look_at_the_oldest)
        return reply

    def _flush(self) -> None:
        if self._transport is not None and self._unsent:
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            while (value := self._reader.gets()) is not _NOTHING:
                _settle(self._unanswered.popleft()[0], value)
        except (hiredis.ProtocolError, IndexError):
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        for reply, _ in self._unanswered:
            if not reply.done():
                reply.set_exception(
                    StoreUnavailable("the connection to the store was lost: outcome unknown")
                )
        self._unanswered.clear()
        self._unsent.clear()
        if not self.lost.done():
            self.lost.set_result(exc)

    def close(self) -> None:
        """Let go of the socket; what was not answered fails."""
        if self._transport is not None:
            self._transport.abort()

    def _look_at_the_oldest(self) -> None:
        """Replies come in order, so when the oldest call is late, all behind it are stuck too."""
        self._watch = None
        if not self._unanswered:
            return
        left = self._unanswered[0][1] - self._loop.time()
        if left > 0:
            self._watch = self._loop.call_later(left, self._look_at_the_oldest)
        else:
            self.close()


class Line(_Wire):
    """A socket on which the store speaks first: what is said on the channel that it listens to."""

    def __init__(self, deadline: float) -> None:
        """Hear nothing yet: `listen` begins."""
        super().__init__(deadline)
        self._hear: Callable[[bytes | None], None] | None = None
        self.heard = 0  # how much was said, whatever it was
        self.refused: WaypostError | None = None

    def listen(self, channel: str, hear: Callable[[bytes | None], None]) -> None:
        """Call *hear* with each message on *channel*, and first with None: from then on none is missed."""
        self._hear = hear
        self._say("SUBSCRIBE", channel)

    def ask(self) -> None:
        """Have the store say something."""
        self._say("PING")

    def _say(self, *parts: Part) -> None:
        if self._transport is not None:
            self._transport.write(hiredis.pack_command(parts))  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        """Tell what is said; before `listen`, what was asked is answered."""
        if self._hear is None:
            super().data_received(data)
            return
        try:
            self._reader.feed(data)
            while (said := self._reader.gets()) is not _NOTHING:
                self._tell(said, self._hear)
        except hiredis.ProtocolError:
            self.close()

    def _tell(self, said: Any, hear: Callable[[bytes | None], None]) -> None:
        self.heard += 1
        match said:
            case [b"message", _, message]:
                hear(message)
            case [b"subscribe", *_]:
                hear(None)
            case hiredis.ReplyError():
                self.refused = refusal(str(said))
                self.close()


def _settle(reply: asyncio.Future[Any], value: Any) -> None:
    if reply.done():
        return  # its caller went away
    if isinstance(value, hiredis.ReplyError):
        reply.set_exception(refusal(str(value)))
    else:
        reply.set_result(value)


Spoken = TypeVar("Spoken", bound=_Wire)


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
        self._wire: _Wire | None = None
        self._is_up = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect once, or raise `SetupFailed` (refused rights) or `StoreUnavailable`; from then on stay connected."""
        self._wire = await self._connected()
        self._is_up.set()
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

    async def _keep(self) -> None:
        while True:
            assert self._wire is not None
            await asyncio.shield(self._wire.lost)
            self._is_up.clear()
            self._wire = await self._reconnected()
            self._is_up.set()

    async def _reconnected(self) -> _Wire:
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

    async def _connected(self, kind: Callable[[float], Spoken] = _Wire) -> Spoken:  # type: ignore[assignment]
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

    async def _introduce(self, wire: _Wire) -> None:
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
