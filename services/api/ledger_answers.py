"""What the calls about requests and the queue take and give, as records."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from services.api.answers import Asked, Given
from shared.model.gates import GateKind
from shared.model.jobs import JobKind, State, StateLoad


class Matching(Asked, frozen=True, kw_only=True):
    """
    Which records; an empty part matches all.

    `state` may be several, with commas; `installation` is a webhookId; `reason` is words that the reason has;
    `since` and `until` are times, or spans before now such as 15m, 2h, 3d.
    """

    state: str = ""
    integration: str = ""
    installation: str = ""
    bot: str = ""
    identifier: str = ""
    reason: Annotated[str, Meta(max_length=200)] = ""
    since: Annotated[str, Meta(max_length=40)] = ""
    until: Annotated[str, Meta(max_length=40)] = ""


class RequestQuery(Matching, frozen=True, kw_only=True):
    """Which records, and which page of them."""

    cursor: Annotated[str, Meta(max_length=300)] = ""
    limit: Annotated[int, Meta(ge=1, le=1000)] = 50


class RequestView(Given, frozen=True, kw_only=True):
    """A request or delivery, without its body."""

    id: str
    job: JobKind
    state: State
    reason: str
    integration: str
    bot_id: str
    webhook_id: str
    identifier: str
    parent: str
    attempts: int
    crashes: int
    bytes: int
    deliveries: int
    worker: str
    accepted_at: str
    changed_at: str | None
    due_at: str | None


class RequestList(Given, frozen=True, kw_only=True):
    """One page, newest first; an empty cursor is the end."""

    requests: list[RequestView]
    cursor: str


class RequestAnswer(Given, frozen=True, kw_only=True):
    """A record with its deliveries; `standing` is the state of the worst one."""

    request: RequestView
    standing: State
    deliveries: list[RequestView]


class MomentView(Given, frozen=True, kw_only=True):
    """One line of a timeline."""

    at: str | None
    record: str
    what: str


class Explanation(Given, frozen=True, kw_only=True):
    """Why a record is where it is."""

    id: str
    state: State
    sentence: str
    timeline: list[MomentView]


class BodyQuery(Asked, frozen=True, kw_only=True):
    """With `reveal` nothing is redacted, and the audit says who looked."""

    reveal: bool = False


class BodyAnswer(Given, frozen=True, kw_only=True):
    """The request as it arrived; `encoding` is base64 where the body is no UTF-8 text."""

    id: str
    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: str
    encoding: Literal["text", "base64"]
    sealed: bool  # query, headers and body are sealed to the workers' key
    redacted: bool


class Acted(Given, frozen=True, kw_only=True):
    """What happened to one record; `was` is the state it was in."""

    id: str
    result: Literal["replayed", "dropped", "eligible", "refused"]
    was: State
    reason: str = ""


class ActedAnswer(Given, frozen=True, kw_only=True):
    """One result per record; a split request is acted on through its deliveries."""

    results: list[Acted]


class Filter(Matching, frozen=True, kw_only=True):
    """
    Which records; at least one part, so that nobody acts on everything by accident.

    Without `state`: what is dead. With `ids` nothing else counts.
    """

    ids: Annotated[tuple[str, ...], Meta(max_length=1000)] = ()


class BulkDrop(Asked, frozen=True, kw_only=True):
    """
    Begin with `dryRun`, which only tells. Then call with `cursor` of the answer until it is empty.

    A call looks at up to `limit` records that match, oldest first, for ten seconds at most. All calls of one walk act
    on what matched when its first one began, and on each record once, also when a call is made again because its
    answer was lost.
    """

    filter: Filter
    dry_run: bool = True
    cursor: Annotated[str, Meta(max_length=600)] = ""
    limit: Annotated[int, Meta(ge=1, le=1000)] = 500


class BulkReplay(BulkDrop, frozen=True, kw_only=True):
    """The same, at most `rate` records a second."""

    rate: Annotated[float, Meta(ge=0.1, le=10_000)] = 50


class Group(Given, frozen=True, kw_only=True):
    """How many records were in one state for one reason."""

    state: State
    integration: str
    reason: str
    count: int


class BulkAnswer(Given, frozen=True, kw_only=True):
    """A result per record, and those that are replayed, dropped or eligible in groups; an empty `cursor` is the end."""

    dry_run: bool
    groups: list[Group]
    results: list[Acted]
    cursor: str


class WorkerView(Given, frozen=True, kw_only=True):
    """A worker that lives."""

    id: str
    last_beat: str
    beat_age: float  # seconds
    facts: dict[str, str]


class GateView(Given, frozen=True, kw_only=True):
    """A target that gets nothing now: `bot:ID`, `handler:INTEGRATION`, `provider:…`."""

    name: str
    kind: GateKind
    reason: str
    seconds: float  # until it lets something through
    behind: int  # records that wait


class GateList(Given, frozen=True, kw_only=True):
    """All closed gates."""

    gates: list[GateView]


class CloseGate(Asked, frozen=True, kw_only=True):
    """How long nothing goes there, in seconds, and why."""

    seconds: Annotated[float, Meta(gt=0, le=7 * 24 * 3600)]
    reason: Annotated[str, Meta(max_length=200)] = "because an operator closed it"


class QueueAnswer(Given, frozen=True, kw_only=True):
    """The queue at a glance."""

    at: str
    oldest_ready_age: float | None  # seconds
    states: dict[str, StateLoad]
    totals: dict[str, int]
    last_minute: dict[str, int]
    workers: list[WorkerView]
    gates: list[GateView]
    held: dict[str, int]  # bytes of the store's memory, by state, and of bots' `events`
    warnings: list[str]  # what is nearly full, or nearly too old to be kept
