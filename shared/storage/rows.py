"""Hashes and arrays as the store returns them, and the records they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from shared.model.jobs import JOB_KINDS, Claim, Record

_NUMBERS = ("epoch", "attempts", "crashes", "deliveries", "replays")
_RENAMED = {"changed": "changed_at", "due": "due_at"}
_TEXTS = (
    "job", "state", "reason", "bot", "installation", "identifier", "parent",
    "lane", "worker", "gate", "probe", "passed",
)  # fmt: skip
_JOBS: dict[bytes, str] = {kind.encode(): kind for kind in JOB_KINDS}


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


_FACTS: dict[bytes, tuple[str, Callable[[bytes], Any]]] = {
    **{name.encode(): (name, int) for name in _NUMBERS},
    **{name.encode(): (field, int) for name, field in _RENAMED.items()},
    **{name.encode(): (name, _text) for name in _TEXTS},
    b"ordered": ("ordered", bool),
}


def record_of(id: str, row: dict[bytes, bytes] | list[bytes]) -> Record:
    """
    A record from its hash; of a field given twice the last one counts.

    >>> new = record_of("req_1", [b"state", b"ready", b"came", b"7 100 1 T1 webhook slack D1"])
    >>> new.accepted_at, new.changed_at, new.job, new.bytes, new.lane
    (7, 7, 'webhook', 100, 'T1')
    """
    fields = row if isinstance(row, dict) else dict(zip(row[::2], row[1::2], strict=True))
    one = came(fields[b"came"]) if b"came" in fields else _NOWHERE
    facts = {"job": one.job, "lane": one.lane, "changed_at": one.at, **_facts(fields.items())}
    return Record(
        id=id,
        accepted_at=one.at,
        bytes=one.bytes,
        seq=one.seq,
        integration=one.integration,
        **facts,
    )


class Came(NamedTuple):
    """How a record came; of this only the job and the lane change later, and are then fields of their own."""

    at: int  # ms
    bytes: int
    seq: int
    lane: str
    job: str
    integration: str
    dedupe: str


_NOWHERE = Came(0, 0, 0, "", "", "", "")


def came(field: bytes) -> Came:
    """
    The field of that name, taken apart.

    >>> came(b"7 100 1 T1 webhook slack the key")
    Came(at=7, bytes=100, seq=1, lane='T1', job='webhook', integration='slack', dedupe='the key')
    """
    at, size, seq, *texts = field.split(b" ", 6)
    return Came(int(at), int(size), int(seq), *map(_text, texts))


def kind_of(lane: str, job: str, integration: str) -> str:
    """
    The middle of that field; ValueError where it could not be taken apart.

    >>> kind_of("T1", "webhook", "slack")
    'T1 webhook slack '
    """
    names = f"{lane}{job}{integration}"
    if names.split() not in ([names], []):
        raise ValueError(f"a lane, a job or an integration has a blank in its name: {names!r}")
    return f"{lane} {job} {integration} "


def leased(worker: str, row: list[Any]) -> Claim:
    """
    A lease of *worker* as the script hands it out: without what no job has a use for.

    >>> leased("w1", [b"req_1", 2, b"7 100 1 T1 webhook slack ", b"", [b"attempts", b"3"]]).record.attempts
    3
    """
    id, epoch, how, body, rest = row
    at, _, _, lane, job, integration, _ = how.split(b" ", 6)
    # A newer version at work beside us may have kinds that we do not know.
    facts = {"job": _JOBS.get(job) or _text(job), "lane": lane.decode()}
    if rest:
        facts |= _facts(zip(rest[::2], rest[1::2], strict=True))
    record = Record(
        id=id.decode(),
        state="leased",
        epoch=epoch,
        accepted_at=int(at),
        integration=integration.decode(),
        worker=worker,
        bytes=len(body),
        **facts,
    )
    return Claim(record=record, body=body)


def _facts(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for name, value in pairs:
        if known := _FACTS.get(name):
            facts[known[0]] = known[1](value)
    return facts


def fields_of(facts: dict[str, str | int]) -> list[str | int]:
    """
    Names and values in turn, as HSET takes them.

    >>> fields_of({"a": 1, "b": "x"})
    ['a', 1, 'b', 'x']
    """
    return [part for pair in facts.items() for part in pair]


def table(row: list[bytes]) -> dict[str, str]:
    """
    A flat reply as a dictionary.

    >>> table([b"a", b"1"])
    {'a': '1'}
    """
    return {a.decode(): b.decode() for a, b in zip(row[::2], row[1::2], strict=True)}
