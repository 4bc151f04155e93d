"""The bytes that were signed, put together from the parts that a scheme names."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, quote_plus

from shared.errors import SignatureMismatch
from shared.model.requests import RawRequest
from shared.signatures.reading import (
    decoded,
    header_of,
    labelled,
    octets,
    parameter_of,
    query_of,
)
from shared.signatures.records import Grammar

if TYPE_CHECKING:
    from collections.abc import Callable

_HUBSPOT_DECODES = re.compile("%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)

_BODY = ("body",)  # what most sign


class _Asked(NamedTuple):
    """One part of the content of one request; *name* is what stands after the part's colon."""

    grammar: Grammar
    raw: RawRequest
    public_url: str
    secret: bytes
    name: str

    @property
    def url(self) -> str:
        return known_url(self.public_url)


def content_of(grammar: Grammar, raw: RawRequest, public_url: str, secret: bytes) -> bytes:
    """The signed bytes; *secret* stands in them only for schemes without an HMAC."""
    if grammar.parts == _BODY:
        return raw.body
    split = (part.partition(":") for part in grammar.parts)
    return b"".join(
        _part(kind, _Asked(grammar, raw, public_url, secret, name)) for kind, _, name in split
    )


def _part(kind: str, asked: _Asked) -> bytes:
    if kind not in _PARTS:
        raise SignatureMismatch(f"the scheme's part {kind[:60]!r} is not known")
    return _PARTS[kind](asked)


def _header(asked: _Asked) -> bytes:
    return octets(_present(header_of(asked.raw, asked.name), asked.name), asked.name)


def _present(value: str | None, name: str) -> str:
    if value is None:
        raise SignatureMismatch(f"{name} is missing")
    return value


def label_value(grammar: Grammar, raw: RawRequest, label: str) -> str:
    """The one value under *label* in the signature header."""
    name = next(iter(grammar.header), "")
    text = _present(header_of(raw, name), name)
    values = labelled(grammar.format, text, label)
    if len(values) != 1:
        raise SignatureMismatch(f"{name} has {len(values)} entries for {label}")
    return values[0]


def known_url(public_url: str) -> str:
    """*public_url*, refused when the caller does not know it: the Host header is never believed instead."""
    if not public_url:
        raise SignatureMismatch("the public URL, which this scheme signs, is not set")
    return public_url


def _without_escapes(url: str) -> str:
    """HubSpot signs twelve characters decoded; its page on validating requests lists them."""
    return _HUBSPOT_DECODES.sub(lambda found: chr(int(found[1], 16)), url)


def _query_sorted(grammar: Grammar, raw: RawRequest) -> bytes:
    """Every parameter but the signature, sorted by name, as a form; a repeated name is refused."""
    pairs = [(name, value) for name, value in query_of(raw) if name != grammar.query]
    if len({name for name, _ in pairs}) != len(pairs):
        raise SignatureMismatch("a query parameter is given twice")
    return "&".join(
        f"{_escaped(name)}={_escaped(value)}" for name, value in sorted(pairs)
    ).encode()


def _escaped(text: str) -> str:
    """As https://url.spec.whatwg.org/#urlencoded-serializing does it."""
    return quote_plus(text, safe="*").replace("~", "%7E")


def _form_sorted(grammar: Grammar, raw: RawRequest) -> bytes:
    """Names and values of a form, sorted, each pair once; nothing where the URL carries the body's hash."""
    is_hashed = grammar.body_hash and parameter_of(raw, grammar.body_hash) is not None
    if is_hashed or not is_form(raw):
        return b""
    try:
        text = raw.body.decode("ascii")
        pairs = set(parse_qsl(text, keep_blank_values=True, errors="strict"))
    except ValueError:
        raise SignatureMismatch("the form is not ASCII with UTF-8 in its escapes") from None
    return "".join(name + value for name, value in sorted(pairs, key=_utf16)).encode()


def _utf16(pair: tuple[str, str]) -> tuple[bytes, bytes]:
    """JavaScript's order, by which Twilio's own library sorts."""
    return pair[0].encode("utf-16-be"), pair[1].encode("utf-16-be")


def is_form(raw: RawRequest) -> bool:
    """Whether the body says it is a form."""
    kind = (header_of(raw, "content-type") or "").partition(";")[0]
    return kind.strip().lower() == "application/x-www-form-urlencoded"


def check_body_hash(grammar: Grammar, raw: RawRequest) -> None:
    """Refuse a body that is neither in the signed form nor hashed in the signed URL."""
    if not grammar.body_hash:
        return
    given = parameter_of(raw, grammar.body_hash)
    if given is None:
        if raw.body and not ("form-sorted" in grammar.parts and is_form(raw)):
            raise SignatureMismatch(
                f"the URL lacks {grammar.body_hash}, so the body is not signed"
            )
    elif not hmac.compare_digest(
        decoded(given, "hex") or b"", hashlib.sha256(raw.body).digest()
    ):
        raise SignatureMismatch(f"{grammar.body_hash} is not the hash of the body")


_PARTS: dict[str, Callable[[_Asked], bytes]] = {
    "lit": lambda asked: asked.name.encode(),
    "header": _header,
    "kv": lambda asked: octets(label_value(asked.grammar, asked.raw, asked.name), asked.name),
    "body": lambda asked: asked.raw.body,
    "method": lambda asked: octets(asked.raw.method.upper(), "the method"),
    "secret": lambda asked: asked.secret,
    "url": lambda asked: octets(asked.url, "the URL"),
    "url-decoded": lambda asked: octets(_without_escapes(asked.url), "the URL"),
    "form-sorted": lambda asked: _form_sorted(asked.grammar, asked.raw),
    "query-sorted": lambda asked: _query_sorted(asked.grammar, asked.raw),
}
