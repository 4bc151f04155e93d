"""Acting on one record of the ledger: replay and drop. `bulk` does it to all that match."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from services.api.answers import Nothing
from services.api.ledger_answers import Acted, ActedAnswer
from services.api.queues import family
from shared.errors import Conflict, NotFound
from shared.model.jobs import State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from services.api.ports import ApiPorts
    from services.api.wire import Call
    from shared.model.jobs import Record

_CLOSED: tuple[State, ...] = ("dead", "ignored", "parked")


async def replay(ports: ApiPorts, call: Call[Nothing, None]) -> ActedAnswer:
    """Make a record ready again; of a split request those deliveries that did not end well, or else all."""
    record, children = await family(ports, call.path["id"])
    results = [await replayed(ports, one) for one in to_replay(record, children)]
    await ports.audit.entry("admin", "request.replayed", record.id, {"records": len(results)})
    if all(one.result == "refused" for one in results):
        raise Conflict(results[0].reason)
    return ActedAnswer(results=results)


def to_replay(record: Record, children: Sequence[Record]) -> Sequence[Record]:
    """Of a split request those deliveries that did not end well, or else all; of another one itself."""
    return [child for child in children if child.state in _CLOSED] or children or [record]


async def replayed(ports: ApiPorts, record: Record) -> Acted:
    """Make one record ready again, or say why it is not."""
    return await _done(ports.ledger.replay(record.id), record, "replayed")


async def dropped(ports: ApiPorts, record: Record) -> Acted:
    """Remove one record, or say why it is not."""
    return await _done(ports.ledger.drop(record.id), record, "dropped")


async def _done(
    act: Awaitable[object], record: Record, result: Literal["replayed", "dropped"]
) -> Acted:
    try:
        await act
    except (Conflict, NotFound) as error:
        return Acted(id=record.id, result="refused", was=record.state, reason=str(error))
    return Acted(id=record.id, result=result, was=record.state)


async def drop(ports: ApiPorts, call: Call[Nothing, None]) -> ActedAnswer:
    """Remove a record with its body, and a split request with its deliveries. There is no way back."""
    record, children = await family(ports, call.path["id"])
    busy = next((one for one in (record, *children) if one.state == "leased"), None)
    if busy:
        raise Conflict(f"{busy.id} is leased; wait until its worker has finished")
    results = []
    for one in (*children, record):
        await ports.ledger.drop(one.id)
        results.append(Acted(id=one.id, result="dropped", was=one.state))
    await ports.audit.entry("admin", "request.dropped", record.id, {"records": len(results)})
    return ActedAnswer(results=results)
