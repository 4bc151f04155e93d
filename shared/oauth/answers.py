"""Reading an answer that nobody vouches for: JSON or a form by its look, bounded in size, depth and width."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson

from shared.errors import ProviderRefused

if TYPE_CHECKING:
    from shared.model.calls import HttpAnswer

LARGEST = 256 << 10  # bytes
DEEPEST = 32
WIDEST = 20_000  # values altogether
MOST_FIELDS = 100  # of a form


def document_of(answer: HttpAnswer) -> Any:
    """
    What the body says, whatever its content type claims; raises `ProviderRefused`, code `unreadable`.

    GitHub answers in a form unless asked otherwise, Facebook's form says text/plain.
    """
    body = answer.body.strip()
    if len(body) > LARGEST:
        raise _unreadable(answer, "larger than 256 KiB")
    if not body.startswith((b"{", b"[")):
        return _form(answer, body)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        # The error would quote the body.
        raise _unreadable(answer, "neither JSON nor a form") from None
    if not _is_bounded(document):
        raise _unreadable(answer, "nested too deep or too long")
    return document


def _form(answer: HttpAnswer, body: bytes) -> dict[str, str]:
    try:
        text = body.decode("ascii")
        if text.startswith("<"):
            raise _unreadable(answer, "a page, not an answer")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise _unreadable(answer, "neither JSON nor a form") from None


def _unreadable(answer: HttpAnswer, why: str) -> ProviderRefused:
    return ProviderRefused(f"the answer (HTTP {answer.status}) is {why}", "unreadable")


def _is_bounded(document: Any) -> bool:
    level, seen = [document], 0
    for _ in range(DEEPEST):
        level = [inner for value in level for inner in _inner(value)]
        seen += len(level)
        if not level or seen > WIDEST:
            break
    return not level and seen <= WIDEST


def _inner(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def value_at(document: Any, path: str) -> Any:
    """
    The value at a dotted path, where a number picks from a list; None when there is none.

    >>> value_at({"teams": [{"id": 7}]}, "teams.0.id"), value_at({"a": 1}, "a.b"), value_at({"a": 1}, "")
    (7, None, {'a': 1})
    """
    for part in filter(None, path.split(".")):
        if isinstance(document, dict):
            document = document.get(part)
        elif isinstance(document, list) and part.isascii() and part.isdigit():
            document = document[int(part)] if int(part) < len(document) else None
        else:
            return None
    return document


def text_at(document: Any, path: str) -> str:
    """
    The text or whole number at a path as text; empty for anything else.

    >>> text_at({"id": 42}, "id"), text_at({"id": True}, "id"), text_at({"id": None}, "id")
    ('42', '', '')
    """
    value = value_at(document, path)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)
