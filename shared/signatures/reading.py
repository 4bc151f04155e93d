"""What a request offers as its signature; whatever it holds, the answer is a value or `SignatureMismatch`."""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from shared.errors import SignatureMismatch
from shared.signatures.paths import json_of, values_at

if TYPE_CHECKING:
    from shared.model.requests import RawRequest
    from shared.signatures.records import Encoding, Grammar

MOST_CANDIDATES = 16
_AUTHORIZATION = re.compile(
    r"(bearer|jwt) ", re.IGNORECASE
)  # RFC 9110 §11.1; JWT is Atlassian's


def header_of(raw: RawRequest, name: str) -> str | None:
    """The one value of the header *name*; a repeated header is refused, since two readers may differ."""
    values = raw.header_values(name)
    if len(values) > 1:
        raise SignatureMismatch(f"{name} is given {len(values)} times")
    return values[0] if values else None


def query_of(raw: RawRequest) -> list[tuple[str, str]]:
    """The parameters of the query in order, decoded."""
    try:
        raw.query.encode("ascii")
        return parse_qsl(raw.query, keep_blank_values=True, errors="strict")
    except ValueError:
        raise SignatureMismatch("the query is not ASCII with UTF-8 in its escapes") from None


def parameter_of(raw: RawRequest, name: str) -> str | None:
    """The one value of the query parameter *name*."""
    values = [value for key, value in query_of(raw) if key == name]
    if len(values) > 1:
        raise SignatureMismatch(f"the parameter {name} is given {len(values)} times")
    return values[0] if values else None


def octets(text: str, what: str) -> bytes:
    """The bytes that arrived for *text*; headers are kept as latin-1."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise SignatureMismatch(f"{what} holds characters that no header can") from None


def decoded(text: str, encoding: Encoding) -> bytes | None:
    """
    The bytes that *text* stands for; None when it is not in *encoding*, or empty.

    >>> decoded("Zm8=", "base64"), decoded("Zm 8=", "base64"), decoded("66 6f", "hex"), decoded("", "hex")
    (b'fo', None, None, None)
    """
    try:
        ascii_only = text.encode("latin-1" if encoding == "utf8" else "ascii")
        match encoding:
            case "hex":
                return binascii.unhexlify(ascii_only) or None
            case "base64":
                return binascii.a2b_base64(ascii_only, strict_mode=True) or None
            case "utf8":
                return ascii_only or None
    except ValueError:
        return None


def labelled(form: str, text: str, label: str) -> list[str]:
    """
    The values under *label* in a header of the form `list:SEPARATOR:KV:LABEL`.

    >>> labelled("list:,:=:v1", "t=12,v1=ab,v0=cd,v1=ef", "v1")
    ['ab', 'ef']
    """
    if not form.startswith("list:"):
        return []
    _, separator, sign, _ = form.split(":", 3)
    entries = (entry.strip().partition(sign) for entry in text.split(separator))
    return [value for name, _, value in entries if name == label]


def signatures_in(grammar: Grammar, raw: RawRequest) -> list[bytes]:
    """
    Every signature that *raw* offers, decoded.

    In a list, and where several headers are allowed, what cannot be read is passed over, for one of the others
    may hold; with `list[].path` every item counts.
    """
    if grammar.body:
        return _from_body(grammar, json_of(raw.body))
    texts = _texts(grammar, raw)
    if len(texts) > MOST_CANDIDATES:
        raise SignatureMismatch(f"more than {MOST_CANDIDATES} signatures are offered")
    found = [given for text in texts if (given := decoded(text, grammar.encoding)) is not None]
    if not found:
        raise SignatureMismatch(f"{place_of(grammar)} is not in the expected form")
    return found


def is_given(grammar: Grammar, raw: RawRequest) -> bool:
    """Whether *raw* has something where the signature stands, right or wrong."""
    if grammar.body:
        return any(value is not None for value in values_at(json_of(raw.body), grammar.body))
    if grammar.query:
        return any(name == grammar.query for name, _ in _query_or_nothing(raw))
    return any(raw.header_values(name) for name in grammar.header)


def _query_or_nothing(raw: RawRequest) -> list[tuple[str, str]]:
    try:
        return query_of(raw)
    except SignatureMismatch:
        return []


def place_of(grammar: Grammar) -> str:
    """Where the signature stands, for people."""
    if grammar.body:
        return f"the body's {grammar.body}"
    return (
        f"the parameter {grammar.query}" if grammar.query else " or ".join(grammar.header[:2])
    )


def _texts(grammar: Grammar, raw: RawRequest) -> list[str]:
    offered = [header_of(raw, name) for name in grammar.header]
    if grammar.query:
        offered.append(parameter_of(raw, grammar.query))
    present = [text for text in offered if text is not None]
    if not present:
        raise SignatureMismatch(f"{place_of(grammar)} is missing")
    return [value for text in present for value in _unwrapped(grammar.format, text)]


def _unwrapped(form: str, text: str) -> list[str]:
    kind, _, rest = form.partition(":")
    match kind:
        case "prefix":
            return [text.removeprefix(rest)] if text.startswith(rest) else []
        case "prefix?":
            return [text.removeprefix(rest)]
        case "list":
            return labelled(form, text, form.split(":", 3)[3])
        case "jwt":
            return [_without_scheme(text)]
        case _:
            return [text]


def _without_scheme(text: str) -> str:
    scheme = _AUTHORIZATION.match(text)
    return text[scheme.end() :] if scheme else text


def _from_body(grammar: Grammar, document: Any) -> list[bytes]:
    values = values_at(document, grammar.body)
    if not values or not all(isinstance(value, str) for value in values):
        raise SignatureMismatch(f"{place_of(grammar)} is missing")
    try:
        return [value.encode() for value in values]
    except UnicodeEncodeError:
        raise SignatureMismatch(f"{place_of(grammar)} is not text") from None
