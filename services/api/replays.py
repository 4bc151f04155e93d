"""Acting on what lies in the ledger: replay and drop, one record or all that match."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.api.answers import Nothing
from services.api.ledger_answers import Acted, ActedAnswer, BulkAnswer, BulkReplay, Filter
from services.api.queues import by_id, family, page_of, since_of, states_of
from shared.botpress import invalid
from shared.errors import Conflict, NotFound
from shared.model.jobs import State
from shared.storage.inspection import Filter as Wanted

if TYPE_CHECKING:
    from services.api.ports import ApiPorts
    from services.api.wire import Call
    from shared.model.jobs import Record

_CLOSED: tuple[State, ...] = ("dead", "ignored", "parked")


async def replay(ports: ApiPorts, call: Call[Nothing, None]) -> ActedAnswer:
    """Make a record ready again; of a split request those deliveries that did not end well, or else all."""
    record, children = await family(ports, call.path["id"])
    unwell = [child for child in children if child.state in _CLOSED]
    results = [await _replayed(ports, one) for one in unwell or children or [record]]
    await ports.audit.entry("admin", "request.replayed", record.id, {"records": len(results)})
    if all(one.result == "refused" for one in results):
        raise Conflict(results[0].reason)
    return ActedAnswer(results=results)


async def _replayed(ports: ApiPorts, record: Record) -> Acted:
    try:
        await ports.ledger.replay(record.id)
    except (Conflict, NotFound) as error:
        return Acted(id=record.id, result="refused", was=record.state, reason=str(error))
    return Acted(id=record.id, result="replayed", was=record.state)


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


async def replay_many(ports: ApiPorts, call: Call[Nothing, BulkReplay]) -> BulkAnswer:
    """Replay all records that match, with a result for each; `dryRun` only tells what would happen."""
    wanted = call.body
    records, more = await _matching(ports, wanted.filter, wanted.limit)
    if wanted.dry_run:
        results = [_eligible(record) for record in records]
        return BulkAnswer(dry_run=True, more=more, results=results)
    results = [await _replayed(ports, record) for record in records]
    done = sum(one.result == "replayed" for one in results)
    await ports.audit.entry("admin", "requests.replayed", "filter", {"replayed": done})
    return BulkAnswer(dry_run=False, more=more, results=results)


async def _matching(ports: ApiPorts, given: Filter, limit: int) -> tuple[list[Record], bool]:
    if given == Filter():
        fix = 'give at least one part, for example {"state": "dead"}'
        raise invalid("filter", "is empty, which would match everything", fix)
    if given.ids:
        return [await by_id(ports, id) for id in given.ids[:limit]], len(given.ids) > limit
    wanted = Wanted(
        states=states_of(given.state) or ("dead",),
        integration=given.integration,
        bot=given.bot,
        identifier=given.identifier,
        since=since_of(given.since, ports.clock.now()),
    )
    page = await page_of(ports, wanted, "", limit)
    return list(page.records), bool(page.cursor)


def _eligible(record: Record) -> Acted:
    if record.state in (*_CLOSED, "done"):
        return Acted(id=record.id, result="eligible", was=record.state)
    reason = f"it is {record.state}, so it is on its way already"
    return Acted(id=record.id, result="refused", was=record.state, reason=reason)
