"""Ask a worker to end the tokens of an installation that goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from services.api.answers import Revocation as Said
from services.api.asking import asked
from shared.model.operations import Revocation

if TYPE_CHECKING:
    from services.api.ports import ApiPorts
    from shared.model.installations import Installation
    from shared.model.requests import ReplyAddress

PATIENCE = 12.0  # seconds; a worker tries for ten


async def revocation_of(ports: ApiPorts, gone: Installation) -> Said:
    """What became of the tokens of *gone*."""
    if gone.connection not in {"connected", "needs_reauth"}:
        return "not_needed"

    def order(address: ReplyAddress) -> Revocation:
        return Revocation(webhook_id=gone.webhook_id, reply_to=address)

    answer = await asked(ports, gone, "revocation", order, PATIENCE)
    if answer is None:
        return "unanswered"
    word = answer.body.decode()
    return word if word in get_args(Said) else "failed"  # type: ignore[return-value]
