"""Uninstalling: the integration's own code takes itself down, then everything goes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

import msgspec

from services.api.admin.installations import by_webhook_id, definition_of, has_handler
from services.api.answers import Nothing, Receipt, ReceiptAnswer
from shared.botpress import unavailable
from shared.clock import new_id
from shared.errors import NotFound
from shared.explain import rfc3339
from shared.model.jobs import Accept
from shared.model.operations import Operation

if TYPE_CHECKING:
    from services.api.ports import ApiPorts
    from services.api.wire import Call
    from shared.integrations.records import Definition
    from shared.model.installations import Installation

PATIENCE = 10.0  # seconds an integration has to take itself down; after that it is removed all the same
Unregistered = Literal["not_needed", "done", "failed", "unanswered"]


async def uninstall(ports: ApiPorts, call: Call[Nothing, None]) -> ReceiptAnswer:
    """Remove an installation with its states, and destroy the key of all that was sealed for it."""
    gone = await by_webhook_id(ports, call.path["webhookId"])
    unregistered = await _unregistered(ports, gone)
    if not await ports.installations.delete(gone.webhook_id):
        raise NotFound(f"installation {gone.webhook_id} was removed by somebody else just now")
    await ports.audit.entry(
        "admin",
        "installation.removed",
        gone.webhook_id,
        {"alias": gone.alias, "bot": gone.bot_id},
    )
    return ReceiptAnswer(
        receipt=Receipt(
            webhook_id=gone.webhook_id,
            bot_id=gone.bot_id,
            alias=gone.alias,
            integration=gone.integration,
            identifier=gone.identifier or None,
            deleted_at=rfc3339(ports.clock.now() * 1000),
            data_key_destroyed=True,
            unregistered=unregistered,
            revocation="not_asked" if gone.connection == "connected" else "not_needed",
        )
    )


async def _unregistered(ports: ApiPorts, gone: Installation) -> Unregistered:
    definition = await definition_of(ports, gone)
    if not has_handler(definition):
        return "not_needed"
    await ports.installations.update(gone.webhook_id, status="unregistration_pending")
    nonce = ports.chance.token(12).hex()
    address, reply = ports.inbox.expect(nonce)
    try:
        asked = Operation(
            webhook_id=gone.webhook_id,
            name="unregister",
            payload={"webhookUrl": _webhook_url(ports, gone, definition)},
            reply_to=address,
        )
        await _ask(ports, gone, asked)
        async with asyncio.timeout(PATIENCE):
            answer = await reply
    except TimeoutError:
        return "unanswered"
    finally:
        ports.inbox.forget(nonce)
    return "done" if 200 <= answer.status < 300 else "failed"


async def _ask(ports: ApiPorts, gone: Installation, asked: Operation) -> None:
    ticket = Accept(
        id=new_id("req", ports.clock, ports.chance),
        job="operation",
        body=msgspec.msgpack.encode(asked),
        integration=gone.integration,
        lane=gone.webhook_id,
        installation=gone.webhook_id,
        bot=gone.bot_id,
    )
    (stored,) = await ports.ledger.accept([ticket])
    if stored.status == "full":
        raise unavailable("the queue is full, nothing was removed", 10)


def _webhook_url(ports: ApiPorts, gone: Installation, definition: Definition) -> str:
    return f"{definition.public_url or ports.settings.public_url}/{gone.webhook_id}"
