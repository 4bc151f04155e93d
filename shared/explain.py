"""Why a record is where it is, in one sentence, and how it came there. Decides without looking anything up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.retries import MAX_ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.model.jobs import Record, State

_WORST: tuple[State, ...] = (
    "dead", "parked", "waiting", "retrying", "leased", "ready", "ignored", "done",
)  # fmt: skip


class Moment(Struct, frozen=True, kw_only=True):
    """One line of a timeline; *at* is None where the ledger keeps no time for it."""

    at: int | None  # ms since 1970
    record: str
    what: str


def rfc3339(ms: float) -> str:
    """
    Milliseconds since 1970 as RFC 3339, UTC.

    >>> rfc3339(1_790_000_000_123)
    '2026-09-21T14:13:20.123Z'
    """
    there = datetime.fromtimestamp(int(ms) // 1000, UTC)
    return f"{there:%Y-%m-%dT%H:%M:%S}.{int(ms) % 1000:03d}Z"


def worst(record: Record, children: Sequence[Record]) -> Record:
    """The delivery of a split request that needs a person most; the record itself when it was not split."""
    return min(children, key=lambda child: _WORST.index(child.state), default=record)


def explain(record: Record, children: Sequence[Record], journal: Mapping[str, bytes]) -> str:
    """
    One sentence on why *record* is where it is; a split request is told by its deliveries.

    >>> from shared.model.jobs import Record
    >>> explain(Record(id="req_1", job="webhook", state="ignored", reason="signature"), (), {})
    'It was ignored, nothing was parked and nothing delivered: signature.'
    """
    if children:
        return _split(children)
    sentence = _SENTENCES[record.state](record)
    unsure = [
        name.removesuffix(":intent") for name in sorted(journal) if _is_open(name, journal)
    ]
    if unsure:
        steps = " and ".join(unsure)
        return f"{_end(sentence)} The step {steps} was begun, and its result is not known."
    return _end(sentence)


def _is_open(name: str, journal: Mapping[str, bytes]) -> bool:
    return name.endswith(":intent") and name.removesuffix(":intent") + ":result" not in journal


def _end(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else sentence + "."


def _split(children: Sequence[Record]) -> str:
    counts = [(state, sum(child.state == state for child in children)) for state in _WORST]
    told = ", ".join(f"{count} {state}" for state, count in counts if count)
    first = worst(children[0], children)
    why = (
        "" if first.state == "done" else f" {first.id}: {_end(_SENTENCES[first.state](first))}"
    )
    return f"It was split into {len(children)} deliveries: {told}.{why}"


def _ready(record: Record) -> str:
    if record.crashes:
        return (
            f"It is ready again: {_times(record.crashes)} a worker ended before it was finished"
        )
    if record.attempts:
        return f"It is ready for attempt {record.attempts + 1}; no worker has taken it yet"
    return "It is accepted and stored; no worker has taken it yet"


def _leased(record: Record) -> str:
    return f"{record.worker or 'A worker'} is at it, attempt {record.attempts + 1}"


def _retrying(record: Record) -> str:
    due = f" at {rfc3339(record.due_at)}" if record.due_at else ""
    following = f"attempt {record.attempts + 1} of {MAX_ATTEMPTS} follows{due}"
    return f"Attempt {record.attempts} failed: {record.reason or 'no reason was kept'}; {following}"


def _waiting(record: Record) -> str:
    where = f"behind the gate of {record.gate}, " if record.gate else ""
    return f"It waits {where}{record.reason or 'for its turn'}"


def _parked(record: Record) -> str:
    whose = (
        f"no installation of {record.integration} has the identifier {record.identifier} yet"
    )
    return f"It is verified and parked: {whose}; connecting one releases it"


def _done(record: Record) -> str:
    to = f" for bot {record.bot}" if record.bot else ""
    tries = f" at attempt {record.attempts + 1}" if record.attempts else ""
    why = f": {record.reason}" if record.reason else ""
    return f"It is done{to}{tries}{why}"


def _ignored(record: Record) -> str:
    why = record.reason or "no reason was kept"
    return f"It was ignored, nothing was parked and nothing delivered: {why}"


def _dead(record: Record) -> str:
    tries = f" after {record.attempts} attempts" if record.attempts > 1 else ""
    kept = "it is kept with its payload and can be replayed"
    return f"It was given up{tries}: {record.reason or 'no reason was kept'}; {kept}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


_SENTENCES = {
    "ready": _ready, "leased": _leased, "retrying": _retrying, "waiting": _waiting,
    "parked": _parked, "done": _done, "ignored": _ignored, "dead": _dead,
}  # fmt: skip


def timeline(
    record: Record, children: Sequence[Record], journal: Mapping[str, bytes]
) -> tuple[Moment, ...]:
    """What the ledger still knows of the way, oldest first."""
    known = [_arrival(record), *_steps(record, journal), *_ends(record)]
    for child in children:
        known += _ends(child)
    return tuple(sorted(known, key=lambda moment: moment.at or record.accepted_at))


def _arrival(record: Record) -> Moment:
    where = f" of {record.integration}" if record.integration else ""
    what = f"accepted and stored: {record.job}{where}, {record.bytes} bytes"
    return Moment(at=record.accepted_at, record=record.id, what=what)


def _steps(record: Record, journal: Mapping[str, bytes]) -> list[Moment]:
    """Steps of the open attempt, in the order of their names: the journal keeps no times."""
    told = {"intent": "step {} begun", "result": "step {} finished"}
    parts = [name.rpartition(":") for name in sorted(journal)]
    return [
        Moment(at=None, record=record.id, what=told[kind].format(name))
        for name, _, kind in parts
        if kind in told
    ]


def _ends(record: Record) -> list[Moment]:
    why = f": {record.reason}" if record.reason else ""
    what = f"{record.state}{why}" if record.state != "ready" else "ready, waits for a worker"
    known = [Moment(at=record.changed_at or None, record=record.id, what=what)]
    if record.state == "retrying" and record.due_at:
        known.append(Moment(at=record.due_at, record=record.id, what="next attempt is due"))
    return known
