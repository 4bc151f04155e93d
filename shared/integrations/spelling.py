"""
Find names and choices that a definition does not know, and say which one was probably meant.

msgspec refuses them too, but it neither names the key of a table nor knows the nearest right name.
"""

from __future__ import annotations

import difflib
import functools
import math
import re
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import inspect

if TYPE_CHECKING:
    from collections.abc import Iterable

Path = tuple[str, ...]


class Misspelt(ValueError):
    """*field* is wrong; *problem* and *fix* are for people."""

    def __init__(self, path: Path, problem: str, fix: str) -> None:
        """Join the path with dots, as TOML writes it."""
        self.field, self.problem, self.fix = dotted(path), problem, fix
        super().__init__(f"{self.field}: {problem} ({fix})")


def dotted(path: Path) -> str:
    """
    A path as people write it.

    >>> dotted(("handshakes", "[0]", "form"))
    'handshakes[0].form'
    """
    return ".".join(path).replace(".[", "[")


def nearest(given: str, known: Iterable[str]) -> str:
    """
    A hint that names what was probably meant, or everything there is.

    >>> nearest("extractscript", ["extractScript", "extractPointer"])
    'did you mean extractScript?'
    >>> nearest("zzz", ["ack", "wait"])
    'known here: ack, wait'
    """
    by_fold = {name.lower(): name for name in known}
    found = difflib.get_close_matches(given.lower(), by_fold, n=1, cutoff=0.6)
    if found:
        return f"did you mean {by_fold[found[0]]}?"
    return "known here: " + (", ".join(sorted(by_fold.values())) or "nothing")


def check_numbers(value: Any, path: Path = ()) -> None:
    """Raise `Misspelt` for a number that JSON cannot hold: TOML knows `inf` and `nan`."""
    if isinstance(value, float) and not math.isfinite(value):
        raise Misspelt(path, f"{value} is not a number here", "write a finite number")
    if isinstance(value, dict):
        for name, item in value.items():
            check_numbers(item, (*path, str(name)))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            check_numbers(item, (*path, f"[{index}]"))


def check_spelling(value: Any, record: type[msgspec.Struct]) -> None:
    """Raise `Misspelt` for the first name, choice or type in *value* that *record* does not know."""
    _walk(value, _type_of(record), ())


@functools.cache
def _type_of(record: type[msgspec.Struct]) -> inspect.Type:
    """Told once for each record: it takes longer than all the rest of reading a definition."""
    return inspect.type_info(record)


def _walk(value: Any, kind: inspect.Type, path: Path) -> None:
    match kind:
        case inspect.StructType() if isinstance(value, dict):
            _walk_record(value, kind, path)
        case inspect.DictType(value_type=inner) if isinstance(value, dict):
            _walk_table(value, inner, path)
        case inspect.VarTupleType(item_type=inner) | inspect.ListType(item_type=inner) if (
            isinstance(value, (list, tuple))
        ):
            for index, item in enumerate(value):
                _walk(item, inner, (*path, f"[{index}]"))
        case inspect.LiteralType(values=choices):
            _walk_choice(value, choices, path)
        case inspect.UnionType(types=members):
            _walk_union(value, members, path)


def _walk_record(value: dict[str, Any], kind: inspect.StructType, path: Path) -> None:
    fields = {field.encode_name: field for field in kind.fields}
    known = {*fields, *([kind.tag_field] if kind.tag_field else [])}
    for name, item in value.items():
        if name not in known:
            raise Misspelt((*path, name), "is not a field here", nearest(name, known))
        if name in fields:
            _walk(item, fields[name].type, (*path, name))


def _walk_table(value: dict[str, Any], inner: inspect.Type, path: Path) -> None:
    for name, item in value.items():
        _walk(item, inner, (*path, name))
        if isinstance(inner, inspect.StructType):
            _convert(item, inner.cls, (*path, name))


def _walk_choice(value: Any, choices: Iterable[Any], path: Path) -> None:
    known = [str(choice) for choice in choices]
    if str(value) not in known:
        raise Misspelt(
            path, f"{str(value)[:60]!r} is not a choice here", nearest(str(value), known)
        )


def _walk_union(value: Any, members: tuple[inspect.Type, ...], path: Path) -> None:
    if isinstance(value, dict):
        shape: tuple[type[inspect.Type], ...] = (inspect.StructType, inspect.DictType)
    elif isinstance(value, (list, tuple)):
        shape = (inspect.VarTupleType, inspect.ListType)
    else:
        plain = any(isinstance(member, inspect.StrType) for member in members)
        shape = (inspect.LiteralType,) if isinstance(value, str) and not plain else ()
    fitting = [member for member in members if isinstance(member, shape)]
    chosen = [member for member in fitting if _has_tag(value, member)] or fitting
    if len(chosen) == 1:
        _walk(value, chosen[0], path)


def _has_tag(value: Any, member: inspect.Type) -> bool:
    return (
        isinstance(member, inspect.StructType)
        and member.tag_field is not None
        and value.get(member.tag_field) == member.tag
    )


def _convert(value: Any, record: type[msgspec.Struct], path: Path) -> None:
    try:
        msgspec.convert(value, record)
    except msgspec.ValidationError as error:
        raise mistyped(error, path) from None


_WORDS = {
    "str": "text", "int": "a whole number", "float": "a number", "bool": "true or false",
    "array": "a list", "object": "a table", "null": "nothing",
}  # fmt: skip


def mistyped(error: msgspec.ValidationError, path: Path = ()) -> Misspelt:
    """
    Msgspec's sentence and its path `$.oauth.token.url` in the words and dots of a definition.

    >>> str(mistyped(msgspec.ValidationError("Expected `str | null`, got `int` - at `$.oauth.token.url`")))
    'oauth.token.url: expected text, got a whole number (write text here)'
    """
    sentence, _, where = str(error).partition(" - at `$")
    inner = tuple(part for part in where.rstrip("`").replace("[...]", ".*").split(".") if part)
    missing = sentence.partition("missing required field `")[2].rstrip("`")
    if missing:
        return Misspelt((*path, *inner, missing), "is missing", f"add {missing}")
    plain = re.sub(r"`([a-z |]+)`", _in_words, sentence)
    wanted = plain.partition("Expected ")[2].partition(",")[0]
    fix = f"write {wanted} here" if wanted else "see docs/definition.md"
    return Misspelt((*path, *inner), plain[:1].lower() + plain[1:], fix)


def _in_words(found: re.Match[str]) -> str:
    kinds = [kind for kind in found[1].split(" | ") if kind != "null"] or ["null"]
    return " or ".join(_WORDS.get(kind, kind) for kind in kinds)
