"""Hashes and arrays as the store returns them, and the records they stand for."""

from __future__ import annotations

from typing import Any

from shared.model.jobs import Record

_NUMBERS = {
    "epoch", "attempts", "crashes", "bytes", "deliveries", "seq", "replays",
}  # fmt: skip
_RENAMED = {"at": "accepted_at", "changed": "changed_at", "due": "due_at"}
_TEXTS = {
    "job", "state", "reason", "integration", "bot", "installation", "identifier", "parent",
    "lane", "worker", "gate", "probe",
}  # fmt: skip


def record_of(id: str, row: dict[bytes, bytes] | list[bytes]) -> Record:
    """
    A record from its hash; of a field given twice the last one counts.

    >>> record_of("req_1", [b"job", b"webhook", b"state", b"ready", b"at", b"7"]).accepted_at
    7
    """
    pairs = row.items() if isinstance(row, dict) else zip(row[::2], row[1::2], strict=True)
    facts: dict[str, Any] = {}
    for name, value in pairs:
        facts |= _fact(name.decode(), value)
    return Record(**{**facts, "id": id})


def _fact(name: str, value: bytes) -> dict[str, Any]:
    if name in _NUMBERS:
        return {name: int(value)}
    if name in _RENAMED:
        return {_RENAMED[name]: int(value)}
    if name in _TEXTS:
        return {name: value.decode("utf-8", "replace")}
    return {"ordered": True} if name == "ordered" else {}


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
