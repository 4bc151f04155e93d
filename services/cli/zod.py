"""Schemas as Botpress's integrations write them (`z.object({…})`), as JSON schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.cli.typescript import Chain, Link, Spread

if TYPE_CHECKING:
    from collections.abc import Callable

    Follow = Callable[[Chain], tuple[Any, Any] | None]
    Note = Callable[[str], None]
    Schema = dict[str, Any]
    Args = tuple[Any, ...]

_PLAIN: dict[str, dict[str, str]] = {
    "string": {"type": "string"}, "number": {"type": "number"}, "boolean": {"type": "boolean"},
    "bigint": {"type": "integer"}, "date": {"type": "string"}, "null": {"type": "null"},
    "any": {}, "unknown": {}, "lazy": {}, "undefined": {}, "void": {}, "custom": {}, "instanceof": {},
}  # fmt: skip
_FORMATS = {"email": "email", "url": "uri", "uuid": "uuid", "datetime": "date-time"}
_TEXTS = {"title": "title", "describe": "description"}
_BOUNDS = {
    ("string", "min"): "minLength", ("string", "max"): "maxLength",
    ("number", "min"): "minimum", ("number", "max"): "maximum",
}  # fmt: skip


def is_schema(value: Any) -> bool:
    """Whether *value* begins like a schema: `z.…` or `sdk.z.…`."""
    return isinstance(value, Chain) and bool(_links(value))


def _links(chain: Chain) -> tuple[Link, ...]:
    if chain.base == "z":
        return chain.links
    if chain.links and chain.links[0].name == "z" and chain.links[0].args is None:
        return chain.links[1:]
    return ()


def schema_of(chain: Chain, follow: Follow, note: Note) -> Schema:
    """The JSON schema that *chain* makes; names in it are found by *follow*, what is not known is told to *note*."""
    return _Reading(follow, note).schema(chain)


class _Reading:
    def __init__(self, follow: Follow, note: Note) -> None:
        self._follow, self._note = follow, note

    def schema(self, chain: Chain) -> Schema:
        first, *rest = _links(chain)
        schema = self._begun(first)
        for link in rest:
            schema = self._with(schema, link)
        return schema

    def _begun(self, link: Link) -> Schema:
        if link.name in _PLAIN:
            return dict(_PLAIN[link.name])
        makers: dict[str, Callable[[Args], Schema]] = {
            "object": self._object, "strictObject": self._object,
            "array": self._array, "set": self._array, "record": self._record, "map": self._record,
            "enum": self._enum, "nativeEnum": self._enum, "literal": self._literal,
            "union": self._union, "discriminatedUnion": self._union, "intersection": self._both,
        }  # fmt: skip
        if link.name not in makers:
            self._note(f"z.{link.name} is not known here")
            return {}
        return makers[link.name](link.args or ())

    def _object(self, args: Args) -> Schema:
        members = args[0] if args else {}
        if not isinstance(members, dict):
            self._note("an object of fields that are not written out")
            return {"type": "object"}
        members = self._spread_out(members)
        properties: Schema = {name: self._of(value) for name, value in members.items()}
        required = [name for name in properties if not self._is_optional(members[name])]
        schema: Schema = {"type": "object", "properties": properties}
        return {**schema, "required": required} if required else schema

    def _spread_out(self, members: dict[str, Any]) -> dict[str, Any]:
        """*members* with those of a constant in the place of `...constant`."""
        flat: dict[str, Any] = {}
        for name, value in members.items():
            inner = self._found(value.value) if isinstance(value, Spread) else {name: value}
            if isinstance(inner, dict):
                flat |= inner
            else:
                self._note("fields that are taken from elsewhere")
        return flat

    def _array(self, args: Args) -> Schema:
        return {"type": "array", "items": self._of(args[0]) if args else {}}

    def _record(self, args: Args) -> Schema:
        return {"type": "object", "additionalProperties": self._of(args[-1]) if args else {}}

    def _enum(self, args: Args) -> Schema:
        choices = args[0] if args and isinstance(args[0], list) else []
        return {"type": "string", "enum": [one for one in choices if isinstance(one, str)]}

    def _literal(self, args: Args) -> Schema:
        return {"const": args[0] if args and isinstance(args[0], (str, int, float)) else None}

    def _union(self, args: Args) -> Schema:
        options = args[-1] if args and isinstance(args[-1], list) else []
        return {"anyOf": [self._of(one) for one in options]}

    def _both(self, args: Args) -> Schema:
        return {"allOf": [self._of(one) for one in args]}

    def _of(self, value: Any) -> Schema:
        found = self._found(value)
        if is_schema(found):
            return self.schema(found)
        self._note("a schema that must be run to be known")
        return {}

    def _found(self, value: Any) -> Any:
        there = self._follow(value) if isinstance(value, Chain) else None
        return there[0] if there else value

    def _is_optional(self, value: Any) -> bool:
        chain = self._found(value)
        names = {link.name for link in chain.links} if isinstance(chain, Chain) else set()
        return not names.isdisjoint({"optional", "default", "nullish"})

    def _with(self, schema: Schema, link: Link) -> Schema:
        given = link.args[0] if link.args else None
        more = _facts(schema.get("type"), link.name, given)
        if more:
            return {**schema, **more}
        if link.name in {"extend", "merge"} and isinstance(given, dict):
            return _merged(schema, self._object((given,)))
        if link.name == "partial":
            return {name: value for name, value in schema.items() if name != "required"}
        return schema


def _facts(kind: Any, name: str, given: Any) -> Schema:
    """What a call such as `.title("…")` adds to a schema of that *kind*."""
    if name in _TEXTS and isinstance(given, str):
        return {_TEXTS[name]: given}
    if name == "secret":
        return {"x-zui": {"secret": True}}
    if name == "default" and isinstance(given, (str, int, float, bool, list)):
        return {"default": given}
    if (kind, name) in _BOUNDS and isinstance(given, int):
        return {_BOUNDS[kind, name]: given}
    return {"format": _FORMATS[name]} if kind == "string" and name in _FORMATS else {}


def _merged(schema: Schema, more: Schema) -> Schema:
    properties = {**schema.get("properties", {}), **more.get("properties", {})}
    required = [*schema.get("required", []), *more.get("required", [])]
    merged = {**schema, "properties": properties}
    return {**merged, "required": required} if required else merged
