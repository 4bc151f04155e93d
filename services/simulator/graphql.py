"""Just enough GraphQL for identity queries: nested selections, no arguments, no fragments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Selection = dict[str, Any]  # field name to its own selection, empty for a leaf

_TOKEN = re.compile(r"[{}]|[A-Za-z_][A-Za-z0-9_]*|[^\s,]")


def selection(text: str) -> Selection:
    """
    The fields a query asks for.

    >>> selection("query Me { viewer { id name } organization { id } }")
    {'viewer': {'id': {}, 'name': {}}, 'organization': {'id': {}}}
    >>> selection("mutation { x }")
    Traceback (most recent call last):
    ValueError: only queries are simulated
    """
    head, brace, rest = text.partition("{")
    if head.split()[:1] not in ([], ["query"]):
        message = "only queries are simulated"
        raise ValueError(message)
    return _block(iter(_TOKEN.findall(brace + rest)[1:]))


def _block(tokens: Iterator[str]) -> Selection:
    fields: Selection = {}
    last = ""
    for word in tokens:
        if word == "}":
            return fields
        if word == "{" and last:
            fields[last] = _block(tokens)
        elif word.isidentifier():
            fields[word], last = {}, word
        else:
            message = f"Syntax Error: unexpected {word!r}"
            raise ValueError(message)
    message = "Syntax Error: Expected Name, found <EOF>."
    raise ValueError(message)


def select(value: Mapping[str, Any], asked: Selection) -> dict[str, Any]:
    """
    The asked fields of *value*.

    >>> select({"id": "1", "name": "Ada"}, {"id": {}})
    {'id': '1'}
    """
    return {name: _field(value, name, below) for name, below in asked.items()}


def _field(value: Mapping[str, Any], name: str, below: Selection) -> Any:
    if name not in value:
        message = f'Cannot query field "{name}".'
        raise ValueError(message)
    found = value[name]
    if isinstance(found, Mapping) != bool(below):
        message = (
            f'Field "{name}" must have a selection of subfields exactly if it is an object.'
        )
        raise ValueError(message)
    return select(found, below) if below else found
