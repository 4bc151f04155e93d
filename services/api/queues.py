"""The ledger from outside: list, show, explain, and the queue at a glance. Reads only."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, cast, get_args
from urllib.parse import parse_qsl

import msgspec

from services.api.answers import Nothing
from services.api.gates import views as gate_views
from services.api.ledger_answers import (
    BodyAnswer,
    BodyQuery,
    Explanation,
    MomentView,
    QueueAnswer,
    RequestAnswer,
    RequestList,
    RequestQuery,
    RequestView,
    WorkerView,
)
from shared.botpress import invalid
from shared.errors import Conflict, NotFound
from shared.explain import explain, rfc3339, timeline, worst
from shared.fullness import warnings
from shared.integrations.spelling import nearest
from shared.model.jobs import STATES, Page, State
from shared.storage.inspection import Filter as Wanted

if TYPE_CHECKING:
    from services.api.ledger_answers import Matching
    from services.api.ports import ApiPorts
    from services.api.wire import Call
    from shared.model.jobs import Record
    from shared.model.requests import RawRequest

_LOOKS = 20
_SPAN = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SHY = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key"})
_SHY_PART = re.compile("token|secret|signature|hmac|password|auth")


async def list_requests(ports: ApiPorts, call: Call[RequestQuery, None]) -> RequestList:
    """Read requests and deliveries, newest first."""
    query = call.query
    wanted = wanted_of(query, ports.clock.now())
    page = await page_of(ports, wanted, query.cursor, query.limit)
    return RequestList(requests=[view(record) for record in page.records], cursor=page.cursor)


def wanted_of(given: Matching, now: float) -> Wanted:
    """What was asked for, as the store looks for it; a part that means nothing is refused."""
    return Wanted(
        states=states_of(given.state),
        integration=given.integration,
        installation=given.installation,
        bot=given.bot,
        identifier=given.identifier,
        reason=given.reason,
        since=moment_of("since", given.since, now),
        until=moment_of("until", given.until, now),
    )


async def page_of(
    ports: ApiPorts, wanted: Wanted, cursor: str, limit: int, *, oldest_first: bool = False
) -> Page:
    """
    One page of records, newest first if not told otherwise, or a refusal of a cursor that no page gave.

    One look walks a bounded number of records; a filter that few match takes several to fill a page.
    """
    found: list[Record] = []
    try:
        for _ in range(_LOOKS):
            page = await ports.inspection.list(
                wanted, cursor, limit - len(found), oldest_first=oldest_first
            )
            found, cursor = [*found, *page.records], page.cursor
            if not cursor or len(found) >= limit:
                break
    except ValueError:
        fix = "give the cursor of an earlier answer, or leave it out"
        raise invalid("cursor", "is not one that a page gave", fix) from None
    return Page(records=tuple(found), cursor=cursor)


def states_of(given: str) -> tuple[State, ...]:
    """
    States by name, with commas between several.

    >>> states_of("dead,parked")
    ('dead', 'parked')
    """
    found: list[State] = []
    for name in filter(None, (part.strip() for part in given.split(","))):
        if name not in get_args(State):
            raise invalid("state", f"{name[:30]!r} is no state", nearest(name, STATES))
        found.append(cast("State", name))
    return tuple(found)


def moment_of(field: str, given: str, now: float) -> int:
    """
    Milliseconds since 1970 of a time or of a span before *now*; 0 for nothing given.

    >>> moment_of("since", "2h", 7201.0), moment_of("until", "1970-01-01T00:00:02Z", 0)
    (1000, 2000)
    """
    if not given:
        return 0
    span = _SPAN.fullmatch(given)
    if span:
        return max(0, int((now - int(span[1]) * _SECONDS[span[2]]) * 1000))
    try:
        time = datetime.fromisoformat(given)
        return max(
            0, int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
        )
    except (ValueError, OverflowError):
        fix = "give 2026-01-31T12:00:00Z, or a span such as 15m, 2h, 3d"
        raise invalid(field, "is neither a time nor a span", fix) from None


async def show(ports: ApiPorts, call: Call[Nothing, None]) -> RequestAnswer:
    """Read one record with its deliveries."""
    record, children = await family(ports, call.path["id"])
    deliveries = [view(child) for child in children]
    standing = worst(record, children).state
    return RequestAnswer(request=view(record), standing=standing, deliveries=deliveries)


async def explain_one(ports: ApiPorts, call: Call[Nothing, None]) -> Explanation:
    """Say in a sentence why a record is where it is, and what is known of its way."""
    record, children = await family(ports, call.path["id"])
    journal = await ports.ledger.journal(record.id)
    moments = timeline(record, children, journal)
    return Explanation(
        id=record.id,
        state=worst(record, children).state,
        sentence=explain(record, children, journal),
        timeline=[
            MomentView(at=rfc3339(one.at) if one.at else None, record=one.record, what=one.what)
            for one in moments
        ],
    )


async def body(ports: ApiPorts, call: Call[BodyQuery, None]) -> BodyAnswer:
    """Read the stored request; what may be a credential is blanked unless `reveal` asks for it."""
    id = call.path["id"]
    await by_id(ports, id)
    raw = await _raw_request(ports, id)
    if call.query.reveal:
        await ports.audit.entry("admin", "body.revealed", id, {})
    text, encoding = _readable(raw.body)
    hide = not call.query.reveal
    return BodyAnswer(
        id=id,
        method=raw.method,
        path=raw.path,
        query=_blank_query(raw.query) if hide else raw.query,
        headers=[
            (name, "…" if hide and is_shy(name) else value) for name, value in raw.headers
        ],
        body=text,
        encoding=encoding,
        sealed=bool(raw.sealed),
        redacted=hide,
    )


async def _raw_request(ports: ApiPorts, id: str) -> RawRequest:
    try:
        raw = await ports.ledger.body(id)
    except (msgspec.DecodeError, UnicodeError):
        raise Conflict(f"{id} was not made from an HTTP request") from None
    if raw is None:
        raise NotFound(f"the body of {id} is not kept any more")
    return raw


def is_shy(header: str) -> bool:
    """
    Whether a header's value may let somebody in.

    >>> is_shy("x-hub-signature-256"), is_shy("content-type")
    (True, False)
    """
    return header in _SHY or bool(_SHY_PART.search(header))


def _blank_query(query: str) -> str:
    return "&".join(f"{name}=…" for name, _ in parse_qsl(query, keep_blank_values=True))


def _readable(raw: bytes) -> tuple[str, Literal["text", "base64"]]:
    try:
        return raw.decode(), "text"
    except UnicodeDecodeError:
        return base64.b64encode(raw).decode(), "base64"


async def queue(ports: ApiPorts, call: Call[Nothing, None]) -> QueueAnswer:
    """Counts and bytes per state, the oldest ready record, throughput, and the workers that live."""
    del call
    stats = await ports.inspection.stats()
    return QueueAnswer(
        at=rfc3339(stats.now),
        oldest_ready_age=stats.oldest_ready_age,
        states=stats.states,
        totals=stats.totals,
        last_minute=stats.last_minute,
        workers=[worker_view(facts, stats.now) for facts in stats.workers],
        gates=await gate_views(ports),
        held=stats.held,
        warnings=warnings(stats, await ports.inspection.unread(), ports.settings.bounds),
    )


def worker_view(facts: dict[str, str], now: int) -> WorkerView:
    """A worker's last beat; *now* is the store's clock."""
    beat = int(facts.get("beat", "0"))
    others = {name: value for name, value in facts.items() if name not in {"id", "beat"}}
    age = max(0, now - beat) / 1000
    return WorkerView(id=facts["id"], last_beat=rfc3339(beat), beat_age=age, facts=others)


async def by_id(ports: ApiPorts, id: str) -> Record:
    """The record, or `NotFound`."""
    record = await ports.ledger.show(id)
    if record is None:
        raise NotFound(
            f"there is no request or delivery {id[:80]}; it may be past its retention"
        )
    return record


async def family(ports: ApiPorts, id: str) -> tuple[Record, list[Record]]:
    """A record and the deliveries it was split into."""
    record = await by_id(ports, id)
    return record, await ports.ledger.children(id)


def view(record: Record) -> RequestView:
    """A record with times as people and programs read them."""
    return RequestView(
        id=record.id,
        job=record.job,
        state=record.state,
        reason=record.reason,
        integration=record.integration,
        bot_id=record.bot,
        webhook_id=record.installation,
        identifier=record.identifier,
        parent=record.parent,
        attempts=record.attempts,
        crashes=record.crashes,
        bytes=record.bytes,
        deliveries=record.deliveries,
        worker=record.worker,
        accepted_at=rfc3339(record.accepted_at),
        changed_at=rfc3339(record.changed_at) if record.changed_at else None,
        due_at=rfc3339(record.due_at) if record.state == "retrying" and record.due_at else None,
    )
