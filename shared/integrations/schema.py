"""The JSON Schema of a definition, for editors: docs/definition.schema.json."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import inspect

from shared.integrations.records import Definition

TITLE = "Definition of a Waypost integration"


def records_of(root: type[msgspec.Struct]) -> dict[str, type[msgspec.Struct]]:
    """*root* and every record that lies in it, by name."""
    found: dict[str, type[msgspec.Struct]] = {}
    _collect(inspect.type_info(root), found)
    return found


def _collect(kind: Any, found: dict[str, type[msgspec.Struct]]) -> None:
    if isinstance(kind, inspect.StructType):
        if kind.cls.__name__ in found:
            return
        found[kind.cls.__name__] = kind.cls
    inner = [getattr(kind, name, None) for name in ("item_type", "key_type", "value_type")]
    inner += [field.type for field in getattr(kind, "fields", ())]
    for one in (*inner, *getattr(kind, "types", ()), *getattr(kind, "item_types", ())):
        if isinstance(one, inspect.Type):
            _collect(one, found)


def json_schema() -> dict[str, Any]:
    """
    What an editor checks `definition.toml` against while it is written.

    It knows names, types and choices; what must fit together, `waypost integrations check` says.
    """
    _, named = msgspec.json.schema_components([Definition], ref_template="#/$defs/{name}")
    document = dict(named.pop(Definition.__name__))
    for record in (document, named["ConfigurationType"]):
        _with_short_form(record["properties"])
    named["ConfigurationType"]["properties"]["oauth"] = _overlay(named["OAuthProvider"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": TITLE,
        **{key: _told(value) for key, value in document.items() if key != "title"},
        "$defs": {name: _told(record) for name, record in sorted(named.items())},
    }


def _told(value: Any) -> Any:
    """
    *value* without `null`, which TOML cannot write: of one choice that is left, editors say what is wrong inside.

    >>> _told({"anyOf": [{"$ref": "#/$defs/Refresh"}, {"type": "null"}], "default": None})
    {'$ref': '#/$defs/Refresh'}
    """
    if isinstance(value, (list, tuple)):
        return [_told(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _told(item) for key, item in value.items() if (key, item) != ("default", None)}
    choices = [one for one in kept.get("anyOf", ()) if one != {"type": "null"}]
    if len(choices) == 1:
        return {**{key: item for key, item in kept.items() if key != "anyOf"}, **choices[0]}
    return {**kept, "anyOf": choices} if choices else kept


def _with_short_form(properties: dict[str, Any]) -> None:
    """`verify = "none"` is short for a table."""
    verify = properties["verify"]
    short = {"type": "string", "description": 'short for { scheme = "…" }'}
    properties["verify"] = {**verify, "anyOf": [*verify["anyOf"], short]}


def _overlay(provider: dict[str, Any]) -> dict[str, Any]:
    """`oauth` of a configuration type: false, or any of the sections."""
    sections = {"type": "object", "properties": provider["properties"]}
    return {"anyOf": [{"type": "boolean"}, {**sections, "additionalProperties": False}]}
