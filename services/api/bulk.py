"""Replay and drop of all records that match, oldest first: a dry run, then as many calls as it takes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from services.api.ledger_answers import (
    Acted,
    BulkAnswer,
    BulkDrop,
    BulkReplay,
    Filter,
    Group,
)
from services.api.replays import dropped, replayed, to_replay
from services.api.walks import Walk, begun, counted, name_of, resumed, step, wanted_by
from shared.botpress import invalid
from shared.model.jobs import Record, State

if TYPE_CHECKING:
    from services.api.answers import Nothing
    from services.api.ports import ApiPorts
    from services.api.wire import Call
    from shared.clock import Clock

Wait = Callable[[float], Awaitable[None]]
LONGEST = 10.0  # seconds a call takes; it answers what it has done by then
_FINAL = ("dead", "ignored", "parked", "done")


class Pace:
    """Lets so many through in a second, evenly."""

    def __init__(self, rate: float, clock: Clock, wait: Wait = asyncio.sleep) -> None:
        """*rate* a second by *clock*."""
        self._gap, self._clock, self._wait = 1 / rate, clock, wait
        self._next = clock.monotonic() + self._gap

    async def turn(self) -> None:
        """Return when the next one may go; time that was lost is not made up for."""
        now = self._clock.monotonic()
        if now < self._next:
            await self._wait(self._next - now)
        self._next = max(now, self._next) + self._gap


class _Verb(Struct, frozen=True, kw_only=True):
    """What is done to records."""

    name: Literal["replay", "drop"]
    ended: str  # what the audit calls it
    targets: Callable[[BulkDrop, Record, Sequence[Record]], Sequence[Record]]
    refusal: Callable[[Record], str]  # why it would be refused; empty: it would not
    act: Callable[[Record], Awaitable[Acted]]


async def replay_many(ports: ApiPorts, call: Call[Nothing, BulkReplay]) -> BulkAnswer:
    """Replay all records that match, with a result for each; `dryRun` only tells what would happen."""
    pace = Pace(call.body.rate, ports.clock)

    async def act(record: Record) -> Acted:
        await pace.turn()
        return await replayed(ports, record)

    return await _together(
        ports,
        call.body,
        _Verb(
            name="replay",
            ended="requests.replayed",
            targets=_to_replay,
            refusal=_not_replayed,
            act=act,
        ),
    )


async def drop_many(ports: ApiPorts, call: Call[Nothing, BulkDrop]) -> BulkAnswer:
    """Remove all records that match with their bodies, for good; `dryRun` only tells what would happen."""

    async def act(record: Record) -> Acted:
        return await dropped(ports, record)

    return await _together(
        ports,
        call.body,
        _Verb(
            name="drop",
            ended="requests.dropped",
            targets=_to_drop,
            refusal=_not_dropped,
            act=act,
        ),
    )


async def _together(ports: ApiPorts, asked: BulkDrop, verb: _Verb) -> BulkAnswer:
    walk = await _walk(ports, asked, verb)
    found, following = await step(ports, asked.filter, walk, asked.limit)
    until, acted = ports.clock.monotonic() + LONGEST, list[tuple[Record, Acted]]()
    for nth, (record, place) in enumerate(found, 1):
        acted += await _acted(ports, asked, verb, record)
        if nth < len(found) and ports.clock.monotonic() >= until:
            following = place
            break
    groups = Counter(
        (one.state, one.integration, one.reason)
        for one, said in acted
        if said.result != "refused"
    )
    walk = counted(walk, groups.total(), len(acted) - groups.total())
    if following is None and not asked.dry_run:
        totals = {"run": walk.run, "records": walk.acted, "refused": walk.refused}
        await ports.audit.entry("admin", verb.ended, "filter", totals)
    return BulkAnswer(
        dry_run=asked.dry_run,
        groups=_groups(groups),
        results=[said for _, said in acted],
        cursor="" if following is None else walk.cursor_at(*following),
    )


async def _walk(ports: ApiPorts, asked: BulkDrop, verb: _Verb) -> Walk:
    """The walk that the cursor names, or a new one; the audit knows of it before it has done anything."""
    if asked.filter == Filter():
        fix = 'give at least one part, for example {"state": "dead"}'
        raise invalid("filter", "is empty, which would match everything", fix)
    of = name_of(f"{verb.name} {asked.dry_run}", asked.filter)
    if asked.cursor:
        return resumed(asked.cursor, of)
    walk = await begun(ports, of)
    wanted_by(asked.filter, walk.began)  # refuses what means nothing, before it is audited
    if not asked.dry_run:
        given = {name: one for name, one in msgspec.to_builtins(asked.filter).items() if one}
        detail = {"run": walk.run, "filter": given}
        await ports.audit.entry("admin", f"requests.{verb.name}_began", "filter", detail)
    return walk


async def _acted(
    ports: ApiPorts, asked: BulkDrop, verb: _Verb, record: Record
) -> list[tuple[Record, Acted]]:
    children = await ports.ledger.children(record.id)
    targets = verb.targets(asked, record, children)
    if not targets:
        return [(record, _split(record, len(children)))]
    if asked.dry_run:
        return [(one, _told(one, verb)) for one in targets]
    return [(one, await verb.act(one)) for one in targets]


def _to_replay(asked: BulkDrop, record: Record, children: Sequence[Record]) -> Sequence[Record]:
    """As the replay of one; but a filter that finds a split request finds its deliveries too, each by itself."""
    return [] if children and not asked.filter.ids else to_replay(record, children)


def _to_drop(asked: BulkDrop, record: Record, children: Sequence[Record]) -> Sequence[Record]:
    """A split request takes its deliveries with it where it is named; a filter leaves it until they are gone."""
    if asked.filter.ids:
        busy = [one for one in children if one.state == "leased"]
        return busy[:1] or [*children, record]
    wanted = wanted_by(asked.filter, record.accepted_at)
    left = [one for one in children if not (asked.dry_run and wanted.fits(one))]
    return [] if left else [record]


def _split(record: Record, deliveries: int) -> Acted:
    reason = (
        f"it was split into {deliveries} deliveries, each of which matches, or not, by itself"
    )
    return Acted(id=record.id, result="refused", was=record.state, reason=reason)


def _told(record: Record, verb: _Verb) -> Acted:
    reason = verb.refusal(record)
    result: Literal["refused", "eligible"] = "refused" if reason else "eligible"
    return Acted(id=record.id, result=result, was=record.state, reason=reason)


def _not_replayed(record: Record) -> str:
    return (
        "" if record.state in _FINAL else f"it is {record.state}, so it is on its way already"
    )


def _not_dropped(record: Record) -> str:
    return (
        "it is leased; wait until its worker has finished" if record.state == "leased" else ""
    )


def _groups(counted: Counter[tuple[State, str, str]]) -> list[Group]:
    rows = sorted(counted.items(), key=lambda row: (-row[1], row[0]))
    return [
        Group(state=state, integration=integration, reason=reason, count=count)
        for (state, integration, reason), count in rows
    ]
