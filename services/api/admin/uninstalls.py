"""Uninstalling: the integration's own code takes itself down, its tokens are ended, then everything goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from services.api.admin.installations import by_webhook_id, definition_of, has_handler
from services.api.admin.revoking import revocation_of
from services.api.answers import Nothing, Receipt, ReceiptAnswer
from services.api.asking import asked
from shared.errors import NotFound
from shared.explain import rfc3339
from shared.model.operations import Operation

if TYPE_CHECKING:
    from services.api.ports import ApiPorts
    from services.api.wire import Call
    from shared.integrations.records import Definition
    from shared.model.installations import Installation
    from shared.model.requests import ReplyAddress

PATIENCE = 10.0  # seconds an integration has to take itself down; after that it is removed all the same
Unregistered = Literal["not_needed", "done", "failed", "unanswered"]


async def uninstall(ports: ApiPorts, call: Call[Nothing, None]) -> ReceiptAnswer:
    """Remove an installation with its states, and destroy the key of all that was sealed for it."""
    gone = await by_webhook_id(ports, call.path["webhookId"])
    unregistered = await _unregistered(ports, gone)
    ended = await revocation_of(ports, gone)
    if not await ports.installations.delete(gone.webhook_id):
        raise NotFound(f"installation {gone.webhook_id} was removed by somebody else just now")
    await ports.audit.entry(
        "admin",
        "installation.removed",
        gone.webhook_id,
        {"alias": gone.alias, "bot": gone.bot_id, "revocation": ended},
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
            revocation=ended,
        )
    )


async def _unregistered(ports: ApiPorts, gone: Installation) -> Unregistered:
    definition = await definition_of(ports, gone)
    if not has_handler(definition):
        return "not_needed"
    await ports.installations.update(gone.webhook_id, status="unregistration_pending")
    payload = {"webhookUrl": _webhook_url(ports, gone, definition)}

    def order(address: ReplyAddress) -> Operation:
        return Operation(
            webhook_id=gone.webhook_id, name="unregister", payload=payload, reply_to=address
        )

    answer = await asked(ports, gone, "operation", order, PATIENCE)
    if answer is None:
        return "unanswered"
    return "done" if 200 <= answer.status < 300 else "failed"


def _webhook_url(ports: ApiPorts, gone: Installation, definition: Definition) -> str:
    return f"{definition.public_url or ports.settings.public_url}/{gone.webhook_id}"
