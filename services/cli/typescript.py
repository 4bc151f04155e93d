"""
Reads the literals of a TypeScript file without running it.

Objects, arrays, texts, numbers and chains of calls such as `z.string().optional()` are read; whatever must be run to
be known is kept as `Unreadable`, with its text.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

_SPACE = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_$][\w$]*")
_COMPUTED = re.compile(r"\[\s*([A-Za-z_$][\w$]*)\s*\]")
_NUMBER = re.compile(r"-?(?:0x[\da-fA-F]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)")
_TYPE = re.compile(r"(?:as|satisfies)\b")
_WORDS = {"true": True, "false": False, "null": None, "undefined": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0", "\n": ""}
_CLOSING = {"(": ")", "[": "]", "{": "}"}
Place = int


class Unreadable(Struct, frozen=True):
    """Something that must be run to be known."""

    text: str


class Spread(Struct, frozen=True):
    """`...value` in an object or an array."""

    value: Any


class Link(Struct, frozen=True):
    """`.name`, or `.name(args)`."""

    name: str
    args: tuple[Any, ...] | None = None


class Chain(Struct, frozen=True):
    """A name and what follows it: `z.object({…}).optional()`."""

    base: str
    links: tuple[Link, ...] = ()


class Reader:
    """Reads values of one source text."""

    def __init__(self, source: str) -> None:
        """Begin nowhere; every method is told where."""
        self._source = source

    def value(self, at: Place) -> tuple[Any, Place]:
        """The value that begins at *at*, and where it ends."""
        at = self._space(at)
        start = at
        found, at = self._plain(at)
        if not isinstance(found, Unreadable):
            at = self._without_type(at)
            if self._ends(at):
                return found, at
        end = self._end_of_expression(start)
        return Unreadable(self._source[start:end].strip()), end

    def _plain(self, at: Place) -> tuple[Any, Place]:
        character = self._source[at : at + 1]
        if character in {"'", '"', "`"}:
            return self._text(at)
        if character == "{":
            return self._object(at)
        if character == "[":
            return self._list(at, "]")
        if number := _NUMBER.match(self._source, at):
            return _number(number[0]), number.end()
        if name := _NAME.match(self._source, at):
            return self._chain(name[0], name.end())
        return Unreadable(""), at

    def _text(self, at: Place) -> tuple[Any, Place]:
        quote, at, read = self._source[at], at + 1, []
        while at < len(self._source) and self._source[at] != quote:
            if quote == "`" and self._source.startswith("${", at):
                return Unreadable(""), at
            if self._source[at] == "\\":
                at += 1
                read.append(_ESCAPES.get(self._source[at], self._source[at]))
            else:
                read.append(self._source[at])
            at += 1
        return "".join(read), at + 1

    def _list(self, at: Place, closing: str) -> tuple[list[Any], Place]:
        """The values between the bracket at *at* and *closing*."""
        values, at = [], self._space(at + 1)
        while at < len(self._source) and self._source[at] != closing:
            is_spread = self._source.startswith("...", at)
            value, at = self.value(at + 3 if is_spread else at)
            values.append(Spread(value) if is_spread else value)
            at = self._behind_comma(at)
        return values, at + 1

    def _object(self, at: Place) -> tuple[dict[str, Any], Place]:
        members: dict[str, Any] = {}
        at = self._space(at + 1)
        while at < len(self._source) and self._source[at] != "}":
            name, value, at = self._member(at)
            members[name] = value
            at = self._behind_comma(at)
        return members, at + 1

    def _member(self, at: Place) -> tuple[str, Any, Place]:
        if self._source.startswith("...", at):
            value, end = self.value(at + 3)
            return f"...{at}", Spread(value), end
        name, end = self._key(at)
        end = self._space(end)
        if name is not None and self._source[end : end + 1] == ":":
            value, end = self.value(end + 1)
            return name, value, end
        if name is not None and self._source[end : end + 1] in {",", "}"}:
            return name, Chain(name), end
        end = self._end_of_expression(at)  # a method, or a computed name
        text = self._source[at:end].strip()
        return name or f"?{at}", Unreadable(text), end

    def _key(self, at: Place) -> tuple[str | None, Place]:
        """A name; one that is computed from a constant keeps its brackets."""
        if self._source[at] in {"'", '"'}:
            return self._text(at)
        if computed := _COMPUTED.match(self._source, at):
            return f"[{computed[1]}]", computed.end()
        name = _NAME.match(self._source, at) or _NUMBER.match(self._source, at)
        return (name[0], name.end()) if name else (None, at)

    def _chain(self, base: str, at: Place) -> tuple[Any, Place]:
        if base in _WORDS:
            return _WORDS[base], at
        links: list[Link] = []
        while True:
            at = self._space(at)
            character = self._source[at : at + 1]
            if character == "(":
                args, at = self._list(at, ")")
                last = links.pop() if links else Link("")
                links.append(Link(last.name, tuple(args)))
            elif character == "." and (name := _NAME.match(self._source, self._space(at + 1))):
                links.append(Link(name[0]))
                at = name.end()
            elif character == "!" and self._source[at + 1 : at + 2] != "=":
                at += 1
            else:
                return Chain(base, tuple(links)), at

    def _without_type(self, at: Place) -> Place:
        """Behind `as const`, `satisfies Type<X>` and the like."""
        at = self._space(at)
        return self._end_of_expression(at) if _TYPE.match(self._source, at) else at

    def _ends(self, at: Place) -> bool:
        at = self._space(at)
        rest = self._source[at : at + 1]
        if rest in {",", ")", "]", "}", ";", ""}:
            return True
        behind = self._source[max(0, at - 200) : at]
        begins_anew = re.match(
            r"(?:export|const|let|import|function|type|interface)\b", self._source[at:]
        )
        return bool(begins_anew) and "\n" in behind[-200:]

    def _end_of_expression(self, at: Place) -> Place:
        """Where the expression at *at* ends: at a comma, a semicolon or a bracket that it did not open."""
        open_brackets: list[str] = []
        while at < len(self._source):
            at = self._space(at)
            character = self._source[at : at + 1]
            if character in {"'", '"', "`"}:
                at = self._behind_text(at)
                continue
            if not open_brackets and character in {",", ";", ")", "]", "}", ""}:
                break
            if character in _CLOSING:
                open_brackets.append(_CLOSING[character])
            elif open_brackets and character == open_brackets[-1]:
                open_brackets.pop()
            at += 1
        return at

    def _behind_text(self, at: Place) -> Place:
        quote, at = self._source[at], at + 1
        while at < len(self._source) and self._source[at] != quote:
            at += 2 if self._source[at] == "\\" else 1
        return at + 1

    def _behind_comma(self, at: Place) -> Place:
        at = self._space(at)
        if self._source[at : at + 1] in {",", ";"}:
            return self._space(at + 1)
        if self._source[at : at + 1] in {"}", "]", ")"}:
            return at
        return self._space(max(self._end_of_expression(at), at + 1))

    def _space(self, at: Place) -> Place:
        found = _SPACE.match(self._source, at)
        return found.end() if found else at


def _number(text: str) -> int | float:
    plain = text.replace("_", "")
    if plain.lower().startswith(("0x", "-0x")):
        return int(plain, 16)
    return float(plain) if re.search(r"[.eE]", plain) else int(plain)
