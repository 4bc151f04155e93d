"""Have a worker do what the api may not, and wait for its word: the api runs no handler and holds no way out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from shared.botpress import unavailable
from shared.clock import new_id
from shared.model.jobs import Accept

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.api.ports import ApiPorts
    from shared.model.installations import Installation
    from shared.model.jobs import JobKind
    from shared.model.requests import Reply, ReplyAddress


async def asked(
    ports: ApiPorts,
    home: Installation,
    job: JobKind,
    body_for: Callable[[ReplyAddress], msgspec.Struct],
    patience: float,
) -> Reply | None:
    """What a worker answers within *patience* seconds, None where none did. Raises 503 when the queue is full."""
    nonce = ports.chance.token(12).hex()
    address, reply = ports.inbox.expect(nonce)
    ticket = Accept(
        id=new_id("req", ports.clock, ports.chance),
        job=job,
        body=msgspec.msgpack.encode(body_for(address)),
        integration=home.integration,
        lane=home.webhook_id,
        installation=home.webhook_id,
        bot=home.bot_id,
    )
    try:
        (stored,) = await ports.ledger.accept([ticket])
        if stored.status == "full":
            raise unavailable("the queue is full, nothing was done", 10)
        async with asyncio.timeout(patience):
            return await reply
    except TimeoutError:
        return None
    finally:
        ports.inbox.forget(nonce)
