"""Hashes and arrays as the store returns them, and the records they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from shared.model.jobs import JOB_KINDS, Claim, JobKind, Record

_NUMBERS = ("epoch", "attempts", "crashes", "deliveries", "replays")
_RENAMED = {"changed": "changed_at", "due": "due_at"}
_TEXTS = (
    "job", "state", "reason", "bot", "installation", "identifier", "parent",
    "lane", "worker", "gate", "probe", "passed",
)  # fmt: skip
_JOBS: dict[bytes, JobKind] = {kind.encode(): kind for kind in JOB_KINDS}


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

    >>> new = record_of("req_1", [b"job", b"webhook", b"state", b"ready", b"came", b"7 100 1 slack D1"])
    >>> new.accepted_at, new.changed_at, new.bytes, new.seq, new.integration
    (7, 7, 100, 1, 'slack')
    """
    pairs = row.items() if isinstance(row, dict) else zip(row[::2], row[1::2], strict=True)
    fields = dict(pairs)
    at, size, seq, integration, _ = came(fields.get(b"came", b"0 0 0  "))
    facts = {"changed_at": at, **_facts(fields.items())}
    return Record(id=id, accepted_at=at, bytes=size, seq=seq, integration=integration, **facts)


def came(field: bytes) -> tuple[int, int, int, str, str]:
    """
    When a record came (ms), the bytes of its body, its number, its integration, its delivery key: what never changes.

    >>> came(b"7 100 1 slack the key")
    (7, 100, 1, 'slack', 'the key')
    """
    at, size, seq, integration, dedupe = field.split(b" ", 4)
    return int(at), int(size), int(seq), _text(integration), _text(dedupe)


def leased(worker: str, row: list[Any]) -> Claim:
    """
    A lease of *worker* as the script hands it out: without what no job has a use for.

    >>> leased("w1", [b"req_1", 2, b"7 100 1 slack ", b"webhook", b"T1", b"", [b"attempts", b"3"]]).record.attempts
    3
    """
    id, epoch, how, job, lane, body, rest = row
    at, _, _, integration, _ = how.split(b" ", 4)
    record = Record(
        id=id.decode(),
        job=_JOBS[job],
        state="leased",
        epoch=epoch,
        accepted_at=int(at),
        integration=integration.decode(),
        lane=lane.decode(),
        worker=worker,
        bytes=len(body),
        **(_facts(zip(rest[::2], rest[1::2], strict=True)) if rest else {}),
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
