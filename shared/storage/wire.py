"""
One socket to the store, for calls or for listening. It speaks RESP2 through hiredis' packer and reader.

The commands of one tick of the event loop leave in one write, and replies come back in order. The loss of a socket
fails every call that is under way on it: such a call may or may not have happened, so only what is safe to repeat goes
this way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, cast

import hiredis

from shared.errors import CommandRefused, StoreUnavailable, WaypostError

if TYPE_CHECKING:
    from collections.abc import Callable

Part = bytes | str | int | float

FAILS_FOR_NOW = frozenset({
    "BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOREPLICAS", "OOM", "READONLY",
    "TRYAGAIN", "UNKILLABLE",
})  # fmt: skip
MOST_UNDER_WAY = 50_000
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


class Wire(asyncio.Protocol):
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
        """Asyncio's word that it is open."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def send(self, parts: tuple[Part, ...]) -> asyncio.Future[Any]:
        """The reply to a command; it leaves with what else is sent in this tick."""
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
        """Asyncio's word of what came."""
        try:
            self._reader.feed(data)
            while (value := self._reader.gets()) is not _NOTHING:
                _settle(self._unanswered.popleft()[0], value)
        except (hiredis.ProtocolError, IndexError):
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio's word that it is gone; everybody who waits is told."""
        if self._watch is not None:
            self._watch.cancel()
        if not self.lost.done():  # before those hear of it who may call again at once
            self.lost.set_result(exc)
        for reply, _ in self._unanswered:
            if not reply.done():
                reply.set_exception(
                    StoreUnavailable("the connection to the store was lost: outcome unknown")
                )
        self._unanswered.clear()
        self._unsent.clear()

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


class Line(Wire):
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
