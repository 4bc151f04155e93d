"""Operations for an integration's own server: stored for a worker, and waited for where somebody needs the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from services.api.asking import asked
from shared.botpress import CODES, Refusal, invalid, unavailable
from shared.clock import new_id
from shared.model.jobs import Accept
from shared.model.operations import Operation, OperationName

if TYPE_CHECKING:
    from services.api.ports import ApiPorts
    from shared.model.installations import Installation
    from shared.model.requests import Reply, ReplyAddress

PATIENCE = 65.0  # seconds; a server may take a minute


async def check_server(ports: ApiPorts, home: Installation) -> None:
    """Raise a `Refusal` where the integration has no server that could be asked."""
    definition = await ports.known.by_id(home.integration_id)
    if definition is None or not definition.url:
        problem = f"{home.integration} has no server of its own, so nobody could do it"
        raise invalid("integration", problem)


async def send(
    ports: ApiPorts, home: Installation, name: OperationName, payload: dict[str, Any]
) -> str:
    """Store it for a worker, who tries until the server has done it; returns the record's id."""
    operation = Operation(webhook_id=home.webhook_id, name=name, payload=payload)
    record = Accept(
        id=new_id("req", ports.clock, ports.chance),
        job="operation",
        body=msgspec.msgpack.encode(operation),
        integration=home.integration,
        lane=home.webhook_id,
        installation=home.webhook_id,
        bot=home.bot_id,
    )
    (stored,) = await ports.ledger.accept([record])
    if stored.status == "full":
        raise unavailable("the queue is full, nothing was stored", 10)
    return record.id


async def ask(
    ports: ApiPorts, home: Installation, name: OperationName, payload: dict[str, Any]
) -> Any:
    """
    What the server answers, as JSON; it is asked once.

    Raises:
        Refusal: the server's own words, 503 where it is not there, 504 where it did not answer.

    """

    def order(address: ReplyAddress) -> Operation:
        return Operation(
            webhook_id=home.webhook_id, name=name, payload=payload, reply_to=address
        )

    reply = await asked(ports, home, "operation", order, PATIENCE)
    if reply is None:
        message = f"no worker has told within {PATIENCE:g} seconds what became of {name}"
        raise Refusal("OperationTimeout", message)
    return _answer(reply)


def _answer(reply: Reply) -> Any:
    try:
        said = msgspec.json.decode(reply.body or b"{}")
    except (msgspec.DecodeError, UnicodeError):
        said = None
    if 200 <= reply.status < 300 and isinstance(said, dict):
        return said
    words = said if isinstance(said, dict) else {}
    kind, message = words.get("type"), words.get("message")
    told = message if isinstance(message, str) else f"the integration answered {reply.status}"
    if kind in {"OperationTimeout", "Internal"}:
        raise Refusal(kind, told, status=max(reply.status, 500))
    raise Refusal(kind if kind in CODES else "Runtime", told)
