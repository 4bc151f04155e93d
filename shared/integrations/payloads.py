"""
Whether a state's payload fits the schema that its definition declares.

Lenient where Botpress is: fields that the schema does not name are kept, since unmodified integrations write some;
words of JSON Schema that are not known here (formats, bounds, references) refuse nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "number": (int, float), "integer": (int, float),
    "boolean": (bool,), "null": (type(None),),
}  # fmt: skip


def misfit(schema: Any, value: Any, place: str = "payload") -> str | None:
    """
    The first thing that does not fit, in words; None when all of it does.

    >>> rule = {"type": "object", "required": ["token"], "properties": {"token": {"type": "string"}}}
    >>> misfit(rule, {"token": 5}), misfit(rule, {}), misfit(rule, {"token": "t", "more": 1})
    ('payload.token: is no string', 'payload.token: is missing', None)
    """
    return next(_misfits(schema, value, place), None)


def without_required(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a part of the payload: whatever is given must fit, nothing has to be."""
    return {name: rule for name, rule in schema.items() if name != "required"}


def _misfits(schema: Any, value: Any, place: str) -> Iterator[str]:
    if not isinstance(schema, dict) or (value is None and schema.get("nullable") is True):
        return
    yield from _of_alternatives(schema, value, place)
    names = schema.get("type")
    wanted = names if isinstance(names, list) else [names]
    if not any(_is(value, name) for name in wanted):
        yield f"{place}: is no {' or '.join(map(str, wanted))}"
    elif isinstance(value, dict):
        yield from _of_fields(schema, value, place)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _misfits(schema.get("items"), item, f"{place}[{number}]")


def _of_alternatives(schema: dict[str, Any], value: Any, place: str) -> Iterator[str]:
    for rule in _rules(schema.get("allOf")):
        yield from _misfits(rule, value, place)
    for word in ("anyOf", "oneOf"):
        rules = _rules(schema.get(word))
        if rules and all(misfit(rule, value) for rule in rules):
            yield f"{place}: fits none of its alternatives"
    choices = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(choices, list) and value not in choices:
        yield f"{place}: is none of its values"


def _rules(given: Any) -> list[Any]:
    return given if isinstance(given, list) else []


def _is(value: Any, name: Any) -> bool:
    kinds = _TYPES.get(name) if isinstance(name, str) else None
    if kinds is None:
        return True
    if isinstance(value, bool):
        return bool(name == "boolean")
    if isinstance(value, float) and name == "integer":
        return value.is_integer()
    return isinstance(value, kinds)


def _of_fields(schema: dict[str, Any], value: dict[str, Any], place: str) -> Iterator[str]:
    known = schema.get("properties")
    known = known if isinstance(known, dict) else {}
    for name in _rules(schema.get("required")):
        rule = known.get(name)
        if name not in value and not (isinstance(rule, dict) and "default" in rule):
            yield f"{place}.{name}: is missing"
    for name, item in value.items():
        rule = known.get(name, schema.get("additionalProperties"))
        yield from _misfits(rule, item, f"{place}.{name}")
