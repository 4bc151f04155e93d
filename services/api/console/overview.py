"""What the overview shows, gathered and put into words; the template only places it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Struct

from services.api.admin.installations import view as installation_view
from services.api.answers import InstallationView, Nothing
from services.api.ledger_answers import QueueAnswer, RequestView
from services.api.queues import queue, view
from services.api.wire import Call
from shared.explain import explain
from shared.model.jobs import STATES
from shared.storage.checks import Promise
from shared.storage.inspection import Filter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.api.ports import ApiPorts
    from shared.model.jobs import Record

_LAST = 20
_SAMPLE = 200  # dead records that are grouped by cause
_INSTALLATIONS = 100


class Answer(Struct, frozen=True, kw_only=True):
    """One of the five questions, with its answer; *tone* is good, look or bad."""

    question: str
    answer: str
    detail: str
    tone: str


class StateCount(Struct, frozen=True, kw_only=True):
    """One of the eight states."""

    name: str
    count: int
    size: str
    meaning: str


class Row(Struct, frozen=True, kw_only=True):
    """One request with its sentence."""

    request: RequestView
    sentence: str


class Overview(Struct, frozen=True, kw_only=True):
    """Everything on the page."""

    promise: Promise
    questions: tuple[Answer, ...]
    states: tuple[StateCount, ...]
    queue: QueueAnswer
    causes: tuple[tuple[str, int], ...]
    requests: tuple[Row, ...]
    installations: tuple[InstallationView, ...]
    more_installations: bool


_MEANINGS = {
    "ready": "stored, waits for a worker",
    "leased": "a worker is at it",
    "retrying": "failed, has its next time",
    "waiting": "behind another one, or a pause",
    "parked": "verified, nobody has this identifier yet",
    "done": "finished",
    "ignored": "refused or nothing to do, on purpose",
    "dead": "given up, kept with its payload",
}


async def overview(ports: ApiPorts) -> Overview:
    """Read what the page needs; a handful of calls, none of which walks everything."""
    told = await queue(ports, Call(path={}, query=Nothing(), body=None))
    last = await ports.inspection.list(Filter(), limit=_LAST)
    dead = await ports.inspection.list(Filter(states=("dead",)), limit=_SAMPLE)
    causes = Counter(record.reason or "no reason was kept" for record in dead.records)
    found, following = await ports.installations.list(limit=_INSTALLATIONS)
    shown = tuple(installation_view(ports, one) for one in found)
    return Overview(
        promise=await ports.promise(),
        questions=_questions(told, causes, shown),
        states=_states(told),
        queue=told,
        causes=tuple(causes.most_common(5)),
        requests=tuple([await _row(ports, record) for record in last.records]),
        installations=shown,
        more_installations=bool(following),
    )


async def _row(ports: ApiPorts, record: Record) -> Row:
    children = await ports.ledger.children(record.id) if record.deliveries else []
    return Row(request=view(record), sentence=explain(record, children, {}))


def _states(told: QueueAnswer) -> tuple[StateCount, ...]:
    counts = {name: told.states.get(name) for name in STATES}
    return tuple(
        StateCount(
            name=name,
            count=load.count if load else 0,
            size=size(load.bytes if load else 0),
            meaning=_MEANINGS[name],
        )
        for name, load in counts.items()
    )


def _questions(
    told: QueueAnswer, causes: Counter[str], installations: Sequence[InstallationView]
) -> tuple[Answer, ...]:
    return (
        _stuck(told), _workers(told), _failing(told, causes), _unmatched(told), _people(installations)
    )  # fmt: skip


def _count(told: QueueAnswer, state: str) -> int:
    load = told.states.get(state)
    return load.count if load else 0


def _stuck(told: QueueAnswer) -> Answer:
    question = "Is anything stuck?"
    age, ready = told.oldest_ready_age, _count(told, "ready")
    if age is None:
        return Answer(question=question, answer="No", detail="nothing waits", tone="good")
    tone = "good" if age < 10 else "look" if age < 60 else "bad"
    word = "No" if tone == "good" else "Look" if tone == "look" else "Yes"
    return Answer(
        question=question,
        answer=word,
        detail=f"{ready} ready, the oldest for {span(age)}",
        tone=tone,
    )


def _workers(told: QueueAnswer) -> Answer:
    question = "Do workers live?"
    if not told.workers:
        return Answer(
            question=question, answer="None", detail="start one: waypost worker", tone="bad"
        )
    oldest = max(worker.beat_age for worker in told.workers)
    tone = "good" if oldest < 15 else "look"
    detail = f"oldest last beat {span(oldest)} ago"
    return Answer(question=question, answer=str(len(told.workers)), detail=detail, tone=tone)


def _failing(told: QueueAnswer, causes: Counter[str]) -> Answer:
    question = "What is failing?"
    dead, retrying = _count(told, "dead"), _count(told, "retrying")
    if not dead and not retrying:
        return Answer(
            question=question, answer="Nothing", detail="no dead, none retrying", tone="good"
        )
    groups = f", {len(causes)} {'cause' if len(causes) == 1 else 'causes'}" if dead else ""
    detail = f"{dead} dead{groups}; {retrying} retrying"
    return Answer(
        question=question,
        answer=str(dead + retrying),
        detail=detail,
        tone="bad" if dead else "look",
    )


def _unmatched(told: QueueAnswer) -> Answer:
    question = "Who is not connected yet?"
    parked = _count(told, "parked")
    detail = "parked until somebody connects" if parked else "nothing is parked"
    return Answer(
        question=question, answer=str(parked), detail=detail, tone="look" if parked else "good"
    )


def _people(installations: Sequence[InstallationView]) -> Answer:
    question = "Which connections need a person?"
    needy = sum(one.connection == "needs_reauth" for one in installations)
    detail = "connect again from a new link" if needy else "none"
    return Answer(
        question=question, answer=str(needy), detail=detail, tone="bad" if needy else "good"
    )


def span(seconds: float) -> str:
    """
    A duration for people.

    >>> [span(n) for n in (0.42, 59, 61, 7300, 200_000)]
    ['0.4 s', '59 s', '1 min', '2 h', '2 d']
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.0f} s"


def size(count: float) -> str:
    """
    Bytes for people.

    >>> [size(n) for n in (0, 999, 20_480, 5 << 20)]
    ['0 B', '999 B', '20 KiB', '5 MiB']
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            break
        count /= 1024
    return f"{count:.0f} {unit}"
