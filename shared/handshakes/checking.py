"""What a handshake must keep before it may be published."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.model.requests import HandshakeMatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.handshakes.records import Handshake

_HEADER = re.compile(r"[a-z0-9][a-z0-9-]*")


def check(handshake: Handshake) -> None:
    """Raise `ValueError` that names the field and the fix unless *handshake* can be carried out."""
    for problem in _problems(handshake):
        raise ValueError(problem)


_CHALLENGE = {"query": "query", "json": "json", "header": "header"}


def _problems(handshake: Handshake) -> Iterator[str]:
    yield from _challenge_problems(handshake)
    checks_only = handshake.method in {"GET", "HEAD"} and handshake.form in {"static", "empty"}
    if handshake.match == HandshakeMatch(method=handshake.method) and not checks_only:
        yield "a handshake needs a condition: query, header, json, whenQuery, whenHeader or whenJson"
    for name in (handshake.header, *handshake.when_header):
        if name is not None and not _HEADER.fullmatch(name):
            yield f"header {name[:60]!r} is no header name in lower case"
    if handshake.method is not None and not re.fullmatch("[A-Z]{3,7}", handshake.method):
        yield 'method is written in upper case, such as "POST"'
    if handshake.status is not None and not 200 <= handshake.status <= 299:
        yield "status must be 200 to 299; anything else fails the provider's check"


def _challenge_problems(handshake: Handshake) -> Iterator[str]:
    place = _CHALLENGE.get(handshake.form.partition("-")[0])
    if place and not getattr(handshake, place):
        yield f"{place} is missing; {handshake.form} needs to know where the challenge stands"
    if handshake.form in {"query-hmac", "json-hmac"} and not handshake.signature_field:
        yield "signatureField is missing; name the key of the computed signature"
    sources = (handshake.token, handshake.header, handshake.query, handshake.json)
    if handshake.catch is not None and not any(sources):
        yield "catch needs token, header, query or json: where is the value that is to be kept?"
