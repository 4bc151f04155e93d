"""
The fields a configuration type asks for: read from its JSON schema, checked, and filled in.

A schema is `{type: object, properties: {…}, required: […]}`. Beside JSON Schema's own words a field knows
`secret` (sealed, never returned), `example`, and every word that begins with `x-`; Botpress's zui says
`x-zui: {secret: true}`, which means the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from shared.integrations.inputs import pattern_problems
from shared.integrations.spelling import Misspelt, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.integrations.parts import JsonSchema

_TABLE_WORDS = frozenset({
    "$defs", "$schema", "additionalProperties", "allOf", "anyOf", "definitions", "description", "oneOf",
    "properties", "required", "title", "type",
})  # fmt: skip
_FIELD_WORDS = _TABLE_WORDS | {
    "$ref", "const", "default", "enum", "example", "examples", "exclusiveMaximum", "exclusiveMinimum",
    "format", "items", "maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum",
    "multipleOf", "not", "nullable", "pattern", "readOnly", "secret", "uniqueItems", "writeOnly",
}  # fmt: skip
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "object": (dict,),
    "array": (list,),
}  # fmt: skip
_SHAPES: dict[str, tuple[type, str]] = {
    "title": (str, "text"), "description": (str, "text"), "pattern": (str, "text"),
    "secret": (bool, "true or false"), "required": (list, "a list"), "enum": (list, "a list"),
    "properties": (dict, "a table of fields"),
}  # fmt: skip


class Field(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One field of a configuration form."""

    name: str
    type: str = "string"
    title: str = ""
    description: str = ""
    example: str = ""
    pattern: str = ""
    choices: tuple[Any, ...] = ()
    default: Any = None
    secret: bool = False
    required: bool = False


class Filled(Struct, frozen=True, kw_only=True):
    """A configuration that fits its fields; *secret* values are to be sealed."""

    public: dict[str, Any]
    secret: dict[str, Any]


def fields_of(schema: JsonSchema) -> tuple[Field, ...]:
    """
    The fields of *schema* in their order.

    >>> fields_of({"properties": {"botToken": {"title": "Bot token", "secret": True}}})[0].secret
    True
    """
    required = schema.get("required", [])
    return tuple(
        _field(name, rule, name in required)
        for name, rule in schema.get("properties", {}).items()
        if isinstance(rule, dict)
    )


def _field(name: str, rule: dict[str, Any], required: bool) -> Field:  # noqa: FBT001
    kind = rule.get("type", "string")
    return Field(
        name=name,
        type=kind if isinstance(kind, str) else "any",
        title=rule.get("title", name),
        description=rule.get("description", ""),
        example=str(rule.get("example", "")),
        pattern=rule.get("pattern", ""),
        choices=tuple(rule.get("enum", ())),
        default=rule.get("default"),
        secret=_holds_secret(rule),
        required=required and "default" not in rule,
    )


def _is_secret(rule: dict[str, Any]) -> bool:
    zui = rule.get("x-zui")
    return rule.get("secret") is True or (isinstance(zui, dict) and zui.get("secret") is True)


def _holds_secret(rule: Any) -> bool:
    """Whether *rule*, or anything inside it, is secret; then all of it is sealed."""
    if isinstance(rule, list):
        return any(_holds_secret(one) for one in rule)
    if not isinstance(rule, dict):
        return False
    inner = [*rule.get("properties", {}).values()] if "properties" in rule else []
    inner += [rule[word] for word in ("items", "anyOf", "oneOf", "allOf") if word in rule]
    return _is_secret(rule) or any(_holds_secret(one) for one in inner)


def schema_problems(schema: JsonSchema, path: tuple[str, ...]) -> Iterator[Misspelt]:
    """Everything wrong with *schema*, which lies at *path*, the most basic first."""
    yield from _word_problems(schema, _TABLE_WORDS, path)
    if schema.get("type", "object") != "object":
        yield Misspelt((*path, "type"), "a configuration is an object", 'write type = "object"')
    properties = schema.get("properties", {})
    for name, rule in properties.items():
        yield from _field_problems(rule, (*path, "properties", name))
    for name in schema.get("required", []):
        if name not in map(str, properties):
            yield Misspelt(
                (*path, "required"), f"{name!r} is no field", nearest(str(name), properties)
            )


def _field_problems(rule: Any, path: tuple[str, ...]) -> Iterator[Misspelt]:
    if not isinstance(rule, dict):
        yield Misspelt(path, "must be a table", 'write { type = "string", title = "…" }')
        return
    yield from _word_problems(rule, _FIELD_WORDS, path)
    kind = rule.get("type", "string")
    if isinstance(kind, str) and kind not in _PYTHON_TYPES:
        yield Misspelt((*path, "type"), f"{kind!r} is no type", nearest(kind, _PYTHON_TYPES))
    if _is_secret(rule) and kind != "string":
        yield Misspelt((*path, "type"), "a secret is text", 'write type = "string"')
    yield from pattern_problems(rule.get("pattern", ""), (*path, "pattern"))


def _word_problems(
    rule: dict[str, Any], known: frozenset[str], path: tuple[str, ...]
) -> Iterator[Misspelt]:
    for word, value in rule.items():
        if word not in known and not word.startswith("x-"):
            yield Misspelt((*path, word), "is not a word of a schema", nearest(word, known))
        kind, called = _SHAPES.get(word, (object, ""))
        if not isinstance(value, kind):
            yield Misspelt((*path, word), f"must be {called}", f"write {called} here")


def fill(schema: JsonSchema, values: dict[str, Any]) -> Filled:
    """Fit *values* to the fields of *schema*; raise `Misspelt` with the field and the fix."""
    if schema and "properties" not in schema:
        return Filled(public={}, secret=dict(values))  # a shape we cannot tell secrets in
    fields = {field.name: field for field in fields_of(schema)}
    for name in values:
        if name not in fields:
            raise Misspelt((name,), "is not a field here", nearest(name, fields))
    filled = {name: _value(field, values.get(name)) for name, field in fields.items()}
    given = {name: value for name, value in filled.items() if value is not None}
    return Filled(
        public={name: value for name, value in given.items() if not fields[name].secret},
        secret={name: value for name, value in given.items() if fields[name].secret},
    )


def _value(field: Field, value: Any) -> Any:
    if value is None or value == "":
        if field.required:
            raise Misspelt((field.name,), "is missing", _advice(field))
        return field.default
    wanted = _PYTHON_TYPES.get(field.type, (object,))
    if not isinstance(value, wanted) or (
        isinstance(value, bool) and bool not in (*wanted, object)
    ):
        raise Misspelt((field.name,), f"must be of type {field.type}", _advice(field))
    if field.choices and value not in field.choices:
        known = ", ".join(str(choice) for choice in field.choices)
        raise Misspelt((field.name,), "is not one of the choices", f"choose one of: {known}")
    if isinstance(value, str) and not _matches(field.pattern, value):
        raise Misspelt((field.name,), f"does not match {field.pattern}", _advice(field))
    return value


def _matches(pattern: str, value: str) -> bool:
    try:
        return not pattern or re.search(pattern, value) is not None
    except re.error:
        return True  # a server's own, in JavaScript's dialect: the server checks it


def _advice(field: Field) -> str:
    example = f", for example {field.example}" if field.example else ""
    return f"give {field.title}{example}"
