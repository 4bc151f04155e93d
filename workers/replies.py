"""Sends a worker's reply to the ingress that waits for it. Nothing of a reply is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import structlog

from shared.model.requests import Reply, ReplyMessage

if TYPE_CHECKING:
    from shared.model.requests import ReplyAddress
    from shared.ports import Publishes

log = structlog.get_logger()

LARGEST = 1 << 20  # bytes of body


class Replies:
    """Publishes replies."""

    def __init__(self, channel: Publishes) -> None:
        """Publish through *channel*."""
        self._channel = channel

    async def answer(self, address: ReplyAddress, reply: Reply) -> None:
        """Publish *reply*; one that is too large becomes a 502, nobody listening is fine."""
        if len(reply.body) > LARGEST:
            log.warning("reply.too_large", size=len(reply.body))
            reply = Reply(status=502)
        message = ReplyMessage(nonce=address.nonce, reply=reply)
        await self._channel.publish(address.inbox, msgspec.msgpack.encode(message))
