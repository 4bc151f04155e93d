"""The ledger's record, its eight states, and the kinds of jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from shared.model.installations import Installation

State = Literal["ready", "leased", "retrying", "waiting", "parked", "done", "ignored", "dead"]
STATES: tuple[State, ...] = (
    "ready", "leased", "retrying", "waiting", "parked", "done", "ignored", "dead",
)  # fmt: skip
OPEN: frozenset[State] = frozenset({"ready", "leased", "retrying", "waiting", "parked"})

JobKind = Literal[
    "webhook", "delivery", "event", "connect", "oauth_callback", "registration", "operation",
    "revocation",
]  # fmt: skip
JOB_KINDS: tuple[JobKind, ...] = (
    "webhook", "delivery", "event", "connect", "oauth_callback", "registration", "operation",
    "revocation",
)  # fmt: skip

StepKind = Literal["pure", "idempotent", "once", "transactional"]


class Record(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One request or delivery as the ledger keeps it, without its body."""

    id: str
    job: JobKind
    state: State
    epoch: int = 0  # grows with every lease; a write under an older epoch is refused
    attempts: int = 0  # attempts that ended in Retry or Dead; releases and crashes do not count
    crashes: int = 0  # leases that ended because they ran out
    accepted_at: int = 0  # ms since 1970, by the store's clock
    changed_at: int = 0  # ms, last change of state
    due_at: int = 0  # ms, for `retrying`
    reason: str = ""  # why it is where it is, in one sentence
    integration: str = ""
    bot: str = ""
    installation: str = ""  # webhookId
    identifier: str = ""
    parent: str = ""  # the request a delivery was split from
    lane: str = ""
    bytes: int = 0  # of the stored body
    deliveries: int = 0  # how many deliveries a request was split into
    worker: str = ""  # who holds or held the lease
    seq: int = 0  # place in the order of acceptance
    replays: int = 0  # how often a person sent it again
    gate: str = ""  # behind which it waits
    probe: str = (
        ""  # the closed gate through which this one may pass, to see whether it should open
    )
    passed: str = (
        ""  # the gate that let it go a moment ago; two more follow it when it is answered
    )
    ordered: bool = False  # released from the parking lot, delivered one by one


class Claim(Struct, frozen=True, kw_only=True):
    """A leased record with its stored body."""

    record: Record
    body: bytes


class Accept(Struct, frozen=True, kw_only=True):
    """A request on its way into the ledger."""

    id: str
    job: JobKind
    body: bytes  # `RawRequest` (or the job's own record) as msgpack
    dedupe: str = ""  # empty: never a duplicate
    integration: str = ""
    lane: str
    installation: str = ""
    bot: str = ""


def registration_of(home: Installation, id: str) -> Accept:
    """The record by which a worker lets the integration's own code set itself up for *home*."""
    return Accept(
        id=id,
        job="registration",
        body=msgspec.msgpack.encode({"installation": home.webhook_id}),
        integration=home.integration,
        lane=home.webhook_id,
        installation=home.webhook_id,
        bot=home.bot_id,
    )


class Accepted(Struct, frozen=True, kw_only=True):
    """What became of an `Accept`; *id* is the first copy's for a duplicate."""

    status: Literal["stored", "duplicate", "revived", "full"]
    id: str
    is_crowded: bool = False  # full for its own lane alone


class Page(Struct, frozen=True, kw_only=True):
    """Some records in order of acceptance, and where to go on; an empty cursor is the end."""

    records: tuple[Record, ...]
    cursor: str = ""


class StateLoad(Struct, frozen=True, kw_only=True, rename="camel"):
    """How much lies in one state."""

    count: int
    bytes: int


class QueueStats(Struct, frozen=True, kw_only=True, rename="camel"):
    """The queue at a glance."""

    now: int  # ms, the store's clock
    oldest_ready_age: float | None  # seconds
    states: dict[str, StateLoad]
    totals: dict[str, int]
    last_minute: dict[str, int]
    workers: tuple[dict[str, str], ...]
    held: dict[str, int] = {}  # bytes of the store's memory, by state, and of bots' `events`


class Routed(Struct, frozen=True, kw_only=True):
    """Where the slices of a request went."""

    where: str  # self | nobody | parked | split
    installation: str = ""
    identifier: str = ""  # by which it was found
    deliveries: int = 0
