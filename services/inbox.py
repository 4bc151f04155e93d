"""Replies from workers: one subscription per process, one future per waiting request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import msgspec
import structlog

from shared.errors import StoreUnavailable
from shared.model.requests import Reply, ReplyAddress, ReplyMessage
from shared.programs import kept_up

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

log = structlog.get_logger()


class Listens(Protocol):
    """Hears what is published to an inbox."""

    def messages(self, inbox: str) -> AsyncIterator[bytes]:
        """Messages as they come; ends with `StoreUnavailable` when the connection breaks."""


class Inbox:
    """The inbox of one process that waits for workers: an ingress, or the api."""

    def __init__(self, channel: Listens, name: str) -> None:
        """Listen to *channel* under the random *name*."""
        self._channel, self._name = channel, name
        self._expected: dict[str, asyncio.Future[Reply]] = {}
        self._listener: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen, and go on after every break."""
        self._listener = asyncio.create_task(kept_up(self._listen))

    async def close(self) -> None:
        """Stop."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait({self._listener})

    def expect(self, nonce: str) -> tuple[ReplyAddress, asyncio.Future[Reply]]:
        """An address to send along, and the reply that may come."""
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._expected[nonce] = reply
        return ReplyAddress(inbox=self._name, nonce=nonce), reply

    def forget(self, nonce: str) -> None:
        """Nobody waits for it any more."""
        self._expected.pop(nonce, None)

    async def _listen(self) -> None:
        while True:
            try:
                async for message in self._channel.messages(self._name):
                    self._deliver(message)
            except StoreUnavailable as error:
                log.warning("inbox.interrupted", error=str(error))
            await asyncio.sleep(0.2)

    def _deliver(self, message: bytes) -> None:
        try:
            said = msgspec.msgpack.decode(message, type=ReplyMessage)
        except msgspec.DecodeError:
            return
        reply = self._expected.get(said.nonce)
        if reply is not None and not reply.done():
            reply.set_result(said.reply)
