"""How a definition tells an event by which the provider says that an installation is over, from any other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shared.section import Section
from shared.signatures.paths import json_of, values_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.model.requests import RawRequest

Scalar = str | int | bool
_HEADER = re.compile(r"[a-z0-9][a-z0-9-]*")


class Uninstall(Section, frozen=True, kw_only=True):
    """One such event; every given condition must hold. A path may go through a list: `events[].type`."""

    when_header: dict[str, str] = {}  # headers in lower case, and their exact values
    when_json: dict[str, Scalar] = {}  # paths, and the value that one item must have
    json: str | None = None  # path that must hold something that is not empty
    note: str = ""  # for the operator: what has happened


def uninstall_in(declared: Sequence[Uninstall], raw: RawRequest) -> Uninstall | None:
    """The first of *declared* that *raw*, one installation's part of a request, is."""
    if not declared:
        return None
    document = json_of(raw.body)
    return next((one for one in declared if _holds(one, raw, document)), None)


def _holds(one: Uninstall, raw: RawRequest, document: Any) -> bool:
    return (
        all(raw.header(name) == value for name, value in one.when_header.items())
        and all(
            any(_is(found, value) for found in values_at(document, path))
            for path, value in one.when_json.items()
        )
        and (one.json is None or any(values_at(document, one.json)))
    )


def _is(found: Any, expected: Scalar) -> bool:
    return type(found) is type(expected) and bool(found == expected)


def check(one: Uninstall) -> None:
    """Raise `ValueError` that names the field and the fix unless *one* can be recognised."""
    for problem in _problems(one):
        raise ValueError(problem)


def _problems(one: Uninstall) -> Iterator[str]:
    if not (one.when_header or one.when_json or one.json):
        yield "an uninstall event needs a condition: whenHeader, whenJson or json"
    for name in one.when_header:
        if not _HEADER.fullmatch(name):
            yield f"whenHeader: {name[:60]!r} is no header name in lower case"
