"""When a request says it was signed, read strictly and held against the window."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.errors import SignatureMismatch
from shared.signatures.content import label_value
from shared.signatures.paths import json_of, value_at
from shared.signatures.reading import header_of, parameter_of

if TYPE_CHECKING:
    from shared.model.requests import RawRequest
    from shared.signatures.records import Grammar

_DIGITS = re.compile(r"[0-9]{1,16}")
_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def check_time(grammar: Grammar, raw: RawRequest, now: float) -> None:
    """Refuse what was signed too long ago, or too far ahead of our clock."""
    if grammar.time is None:
        return
    age = now - seconds(_stamp(grammar, raw), grammar.time.unit)
    if age > grammar.time.past:
        raise SignatureMismatch(
            f"was signed {age:.0f} seconds ago, {grammar.time.past} are allowed"
        )
    if -age > grammar.time.future:
        raise SignatureMismatch(
            f"was signed {-age:.0f} seconds in the future, {grammar.time.future} are allowed"
        )


def _stamp(grammar: Grammar, raw: RawRequest) -> Any:
    sources = grammar.time.from_ if grammar.time else ()
    for source in (sources,) if isinstance(sources, str) else sources:
        stamp = _stamp_at(source, grammar, raw)
        if stamp is not None:
            return stamp
    raise SignatureMismatch("the time of signing is missing")


def _stamp_at(source: str, grammar: Grammar, raw: RawRequest) -> Any:
    kind, _, name = source.partition(":")
    match kind:
        case "header":
            return header_of(raw, name)
        case "query":
            return parameter_of(raw, name)
        case "kv":
            return label_value(grammar, raw, name)
        case _:
            return value_at(json_of(raw.body), name)


def seconds(stamp: Any, unit: str) -> float:
    """
    A time stamp as seconds since 1970: plain digits, a JSON integer, or ISO 8601 with its zone.

    >>> seconds("1790000000", "s"), seconds(1790000000500, "ms"), seconds("2026-09-21T14:13:20Z", "iso")
    (1790000000.0, 1790000000.5, 1790000000.0)
    """
    text = str(stamp) if isinstance(stamp, str) or type(stamp) is int else ""
    if unit == "iso":
        return _iso_seconds(text)
    if not _DIGITS.fullmatch(text):
        raise SignatureMismatch("the time of signing is not a number")
    return int(text) / (1000 if unit == "ms" else 1)


def _iso_seconds(text: str) -> float:
    try:
        if _ISO.fullmatch(text):
            return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        pass
    raise SignatureMismatch("the time of signing is not an ISO 8601 time with its zone")
