"""
The ledger: every accepted request and delivery, and who works on it. The truth.

Each method is one script of `lua/`, so each is one transition or none. A write under a lease names the epoch that the
claim returned; `LeaseLost` means that another worker owns the record now and nothing was written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec
from msgspec import Struct

from shared.errors import AlreadyBound, Conflict, LeaseLost, NotFound
from shared.model.jobs import Accept, Accepted, Claim, Record, Routed
from shared.model.outcomes import Found
from shared.model.requests import RawRequest
from shared.model.retention import Retention, Swept
from shared.storage import keys
from shared.storage.heard import heard, listen
from shared.storage.rows import fields_of, kind_of, leased, record_of
from shared.storage.wire import Part

if TYPE_CHECKING:
    from shared.storage.connection import Store

DEDUPE_LIFETIME = timedelta(days=3)
LEASE = timedelta(seconds=10)
MOST_CRASHES = 3
MOST_PARKED = 1000  # requests that may wait for one identifier


_BOUNDED = ("done", "ignored", "dead", "parked", "copies")


class Limits(Struct, frozen=True, kw_only=True):
    """How much may lie open before the door says 503."""

    records: int = 1_000_000
    bytes: int = 4 << 30


class Ending(Struct, frozen=True, kw_only=True):
    """How one lease ends. With done, *event* goes to the stream of *bot*, if it still is for who was *found*."""

    id: str
    epoch: int
    end: str  # done | ignored | dead | retry | release | wait
    reason: str = ""
    delay: timedelta = timedelta()
    bot: str = ""
    event: bytes = b""
    found: Found | None = None
    gate: str = ""  # behind which it waits; empty: for *delay*, and no attempt is counted


class Ledger:
    """The ledger of one cell."""

    def __init__(self, store: Store, limits: Limits | None = None) -> None:
        """Speak to *store*; refuse more than *limits*."""
        self._store = store
        self._limits = limits or Limits()

    async def accept(self, accepts: Sequence[Accept]) -> list[Accepted]:
        """Store all of *accepts*. When this returns, what is `stored` is on disk (AOF `always`)."""
        sorts: dict[tuple[str, ...], int] = {}
        flat: list[Part] = []
        for one in accepts:
            sort = (one.lane, one.job, one.integration, one.installation, one.bot)
            flat += (one.id, sorts.setdefault(sort, len(sorts) + 1), one.dedupe, one.body)
        head = (self._limits.records, self._limits.bytes, _ms(DEDUPE_LIFETIME), len(accepts))
        alike = [(kind_of(*sort[:3]), sort[0], *sort[3:]) for sort in sorts]
        args = (*head, len(sorts), *[part for one in alike for part in one], *flat)
        reply = await self._store.scripts.run_fast("accept", args)
        accepted = [Accepted(status="stored", id=one.id) for one in accepts]
        for place, status, id in zip(reply[::3], reply[1::3], reply[2::3], strict=True):
            accepted[place - 1] = _accepted(_text(status), _text(id))
        return accepted

    async def claim(
        self, worker: str, limit: int, lease: timedelta = LEASE, *, alone: bool = True
    ) -> tuple[list[Claim], float | None]:
        """
        Lease up to *limit* records; also the seconds until something is due (None: nothing is).

        A record whose workers stopped twice is only given to one who has nothing else in hand (*alone*), and alone.
        """
        args: list[Part] = [worker, limit, _ms(lease), MOST_CRASHES, int(alone)]
        pause, *found = await self._store.scripts.run_fast("claim", args)
        claims = [leased(worker, row) for row in found]
        return claims, None if int(pause) < 0 else int(pause) / 1000

    async def give_back(self, worker: str, but: Sequence[str]) -> int:
        """What *worker* leases, *but* for these, is ready again as it was; returns how many that were."""
        return int(await self._store.scripts.run_fast("give_back", [worker, *but]))

    async def renew(
        self, leases: Sequence[tuple[str, int]], lease: timedelta = LEASE
    ) -> set[str]:
        """Extend *leases* (id, epoch); return the ids that are lost."""
        flat: list[Part] = [_ms(lease)]
        for pair in leases:
            flat += pair
        lost = await self._store.scripts.run_fast("renew", flat)
        return {_text(one) for one in lost}

    async def settle(self, endings: Sequence[Ending]) -> list[bool]:
        """
        End leases; False where the lease was lost and nothing was written.

        False too where what was found is somebody else's by now: the record is ready again, no attempt counted.
        """
        flat: list[Part] = [self._limits.records, self._limits.bytes, len(endings)]
        for one in endings:
            flat += (one.id, one.epoch, *_said(one))
        reply = await self._store.scripts.run_fast("settle", flat)
        return [said == 1 for said in reply]

    async def route(
        self,
        record: Record,
        slices: Sequence[tuple[str, bytes] | tuple[str, bytes, str]],
        *,
        may_park: bool,
    ) -> Routed:
        """
        Give each slice (identifier, own body or empty) to its owners; park what has none, if that is allowed.

        A third part names the one owner that may have it.
        """
        args: list[Part] = [
            record.id,
            record.epoch,
            record.integration,
            int(may_park),
            MOST_PARKED,
            self._limits.records,
            self._limits.bytes,
        ]
        args.append(len(slices))
        for identifier, body, *only in slices:
            args += (identifier, body, *(only or [""]))
        where, *rest = await self._store.scripts.run("route", args)
        match _text(where):
            case "lost":
                raise LeaseLost(record.id)
            case "self":
                return Routed(
                    where="self", installation=_text(rest[0]), identifier=_text(rest[1])
                )
            case "split":
                return Routed(where="split", deliveries=int(rest[0]))
            case other:
                return Routed(where=other)

    async def step(
        self, what: str, record: Record, name: str, value: bytes = b""
    ) -> tuple[str, bytes]:
        """
        `begin`, `commit` or `forget` the step *name*; *value* is its kind, or its result.

        Returns begun, intent, result, ok or ended, and what was stored: an intent is `EPOCH@MS@KIND`.
        """
        args: list[Part] = [what, record.id, record.epoch, name, value]
        said, value = await self._store.scripts.run("step", args)
        if said == b"lost":
            raise LeaseLost(record.id)
        return _text(said), value

    async def bind(
        self,
        integration: str,
        identifier: str,
        installation: str,
        ownership: str,
        *,
        in_flow: bool,
    ) -> tuple[int, list[str]]:
        """Bind *identifier* (empty: clear); returns how many parked requests were released, and who was evicted."""
        args: list[Part] = [integration, identifier, installation, ownership, int(in_flow)]
        return bound(await self._store.scripts.run("bind", args))

    async def activate(self, args: Sequence[bytes | str | int]) -> tuple[int, list[str]]:
        """Write tokens, binding and the flow's end, and close the record, in one script: `lua/activate.lua`."""
        return bound(await self._store.scripts.run("activate", list(args)))

    async def show(self, id: str) -> Record | None:
        """The record, without its body."""
        row = await self._store.redis.hgetall(keys.key("record", id))  # type: ignore[misc]
        return record_of(id, row) if row else None

    async def stored_body(self, id: str) -> bytes | None:
        """The stored body, as it was accepted."""
        found: bytes | None = await self._store.redis.get(keys.key("body", id))
        return found

    async def body(self, id: str) -> RawRequest | None:
        """The raw request of a record."""
        found = await self.stored_body(id)
        return msgspec.msgpack.decode(found, type=RawRequest) if found else None

    async def children(self, id: str) -> list[Record]:
        """The deliveries that a request was split into, in order."""
        ids = await self._store.redis.zrange(keys.key("children", id), 0, -1)
        found = [await self.show(_text(one)) for one in ids]
        return [one for one in found if one]

    async def journal(self, id: str) -> dict[str, bytes]:
        """Steps of an open record: `NAME:intent` and `NAME:result`."""
        rows = await self._store.redis.hgetall(keys.key("journal", id))  # type: ignore[misc]
        return {_text(name): value for name, value in rows.items()}

    async def replay(self, id: str) -> str:
        """Make a closed or parked record ready again; returns the state it was in."""
        return _was(id, await self._store.scripts.run("replay", [id]))

    async def drop(self, id: str) -> str:
        """Remove a record with its body; returns the state it was in."""
        return _was(id, await self._store.scripts.run("drop", [id]))

    async def sweep(self, retention: Retention, most: int = 100) -> Swept:
        """End retention, at most *most* of each state at a time."""
        ages = [
            span_of(retention, state)
            for state in ("done", "ignored", "dead", "parked", "waiting")
        ]
        bounds = [retention.bytes.get(one, -1) for one in _BOUNDED]
        found = await self._store.scripts.run("sweep", [most, *ages, *bounds])
        removed, unmatched, tired, forgotten = map(int, found)
        return Swept(removed=removed, unmatched=unmatched, tired=tired, forgotten=forgotten)

    async def wakes(self, wake: Callable[[], None]) -> NoReturn:
        """
        Call *wake* once when nothing can be missed any more, and whenever a ticket became ready.

        Raises `StoreUnavailable` when the connection breaks.
        """
        await listen(self._store.redis, keys.key("wake"), lambda _: wake())

    async def messages(self, inbox: str) -> AsyncIterator[bytes]:
        """What workers send to *inbox*; raises `StoreUnavailable` when the connection breaks."""
        async for message in heard(self._store.redis, keys.key("inbox", inbox)):
            if message is not None:
                yield message

    async def publish(self, inbox: str, message: bytes) -> None:
        """Send *message* to an ingress' inbox; nobody may be listening."""
        await self._store.redis.publish(keys.key("inbox", inbox), message)

    async def refused(self, counts: Mapping[str, int]) -> None:
        """Count what ingresses turned away, by reason."""
        await self._store.scripts.run(
            "refused", [part for pair in counts.items() for part in pair]
        )

    async def beat(self, worker: str, facts: dict[str, str | int], lifetime: timedelta) -> None:
        """Say that *worker* lives."""
        await self._store.scripts.run("beat", [worker, _ms(lifetime), *fields_of(facts)])


def _said(one: Ending) -> tuple[Part, ...]:
    # A handler's own words may be no UTF-8; they must not keep the endings that go with this one from being written.
    reason = one.reason.encode("utf-8", "replace")
    if one.end == "retry":
        return "retry", reason, _ms(one.delay)
    if one.end == "wait":
        return "wait", reason, one.gate, _ms(one.delay)
    if not one.bot:
        return one.end, reason
    if one.found is None:
        return "told", reason, one.bot, one.event
    where, shared = one.found, int(one.found.is_shared)
    owner = (where.integration, where.identifier, where.installation)
    return "found", reason, one.bot, one.event, *owner, shared


def bound(reply: list[Any]) -> tuple[int, list[str]]:
    """
    What a binding script answered.

    Raises:
        Conflict: the identifier is somebody else's, or the flow is no longer the current one.
        NotFound: there is no such installation.
        LeaseLost: another worker owns the record.

    """
    said = _text(reply[0])
    match said:
        case "ok":
            return int(reply[1]), [_text(one) for one in reply[2:]]
        case "taken":
            raise AlreadyBound(_text(reply[1]))
        case "missing":
            raise NotFound("the installation no longer exists")
        case "void":
            raise Conflict("the connect flow was replaced by a newer one, or has ended")
        case _:
            raise LeaseLost(said)


def _accepted(status: str, id: str) -> Accepted:
    if status == "crowded":
        return Accepted(status="full", id=id, is_crowded=True)
    return Accepted(status=status, id=id)  # type: ignore[arg-type]


def _was(id: str, reply: list[bytes]) -> str:
    said = _text(reply[0])
    if said == "missing":
        raise NotFound(f"there is no record {id}")
    if said == "busy":
        raise Conflict(f"{id} is {_text(reply[1])}; wait until it is closed, or parked")
    return said


def span_of(retention: Retention, name: str) -> int:
    """How long *name* is kept, in ms; -1: for ever."""
    age = retention.ages.get(name)
    return -1 if age is None else _ms(age)


def _ms(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
