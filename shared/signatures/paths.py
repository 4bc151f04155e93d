"""Values by path in a JSON body: `a.b`; `list[].a`, `list[]` and `[].a` for every item of a list."""

from __future__ import annotations

from typing import Any

import orjson


def json_of(body: bytes) -> Any:
    """
    The body as JSON; None when it is not JSON.

    >>> json_of(b'{"a": 1}'), json_of(b"a=1")
    ({'a': 1}, None)
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def value_at(document: Any, path: str) -> Any:
    """
    What lies at *path*; None when nothing does.

    >>> value_at({"payload": {"plainToken": "abc"}}, "payload.plainToken")
    'abc'
    >>> value_at([1], "payload")
    """
    for key in path.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document


def values_at(document: Any, path: str) -> list[Any]:
    """
    What lies at *path* in every item; None stands for each that lacks it, and nothing for no list.

    >>> values_at({"value": [{"clientState": "a"}, {}]}, "value[].clientState")
    ['a', None]
    >>> values_at({"passcode": "a"}, "passcode"), values_at({"tokens": ["a", "b"]}, "tokens[]")
    (['a'], ['a', 'b'])
    >>> values_at([{"portalId": 1}], "[].portalId")
    [1]
    """
    head, each, tail = path.partition("[]")
    value = value_at(document, head) if head else document
    if not each:
        return [value]
    items = value if isinstance(value, list) else []
    return [value_at(item, tail[1:]) for item in items] if tail else items
