"""Recognise a handshake exactly, and answer it."""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson

from shared.model.requests import Reply
from shared.signatures.paths import json_of, value_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.handshakes.records import Handshake, Scalar
    from shared.model.requests import RawRequest
    from shared.secret import Secret

LONGEST_CHALLENGE = 2048  # characters
_HEADER_VALUE = re.compile(r"[\x20-\x7e]+")
_PLACES = ("header", "query", "json")
_NOSNIFF = ("x-content-type-options", "nosniff")


def answer(
    handshakes: Sequence[Handshake],
    raw: RawRequest,
    secret: Secret | None,
    *,
    verified: bool = False,
) -> Reply | None:
    """
    The answer to *raw* where it is one of *handshakes*, else None.

    Asked before `verify` it answers those that are not signed, and with *verified* those that are.
    """
    found = matching(handshakes, raw, verified=verified)
    return reply_to(found, raw, secret) if found else None


def matching(
    handshakes: Sequence[Handshake], raw: RawRequest, *, verified: bool = False
) -> Handshake | None:
    """The first of *handshakes* whose every condition holds; its token is not yet checked."""
    seen = _Seen(raw)
    for handshake in handshakes:
        if handshake.signed == verified and _holds(handshake, seen):
            return handshake
    return None


class _Seen:
    """A request with its query and body read at most once."""

    def __init__(self, raw: RawRequest) -> None:
        self.raw = raw
        self.query = _parameters(raw.query)
        self._json: list[Any] = []

    @property
    def json(self) -> Any:
        if not self._json:
            self._json.append(json_of(self.raw.body))
        return self._json[0]

    def header(self, name: str) -> str | None:
        values = self.raw.header_values(name)
        return values[0] if len(values) == 1 else None


def _parameters(query: str) -> dict[str, str]:
    """The parameters that are given once; what is repeated, or no UTF-8, is nobody's handshake."""
    try:
        query.encode("ascii")
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        return {}
    names = [name for name, _ in pairs]
    return {name: value for name, value in pairs if names.count(name) == 1}


def _holds(handshake: Handshake, seen: _Seen) -> bool:
    return (
        handshake.method in {None, seen.raw.method}
        and all(name in seen.query for name in (handshake.query, handshake.token) if name)
        and all(seen.query.get(name) == value for name, value in handshake.when_query.items())
        and (handshake.header is None or seen.header(handshake.header) is not None)
        and all(seen.header(name) == value for name, value in handshake.when_header.items())
        and _json_holds(handshake, seen)
    )


def _json_holds(handshake: Handshake, seen: _Seen) -> bool:
    if handshake.json and not isinstance(value_at(seen.json, handshake.json), str):
        return False
    return all(
        _is(value_at(seen.json, path), value) for path, value in handshake.when_json.items()
    )


def _is(found: Any, expected: Scalar) -> bool:
    """Equal and of one type: JSON's `false` is not 0."""
    return type(found) is type(expected) and bool(found == expected)


def reply_to(handshake: Handshake, raw: RawRequest, secret: Secret | None) -> Reply | None:
    """The answer to a request that `matching` found; None when its token, secret or challenge is not fit."""
    seen = _Seen(raw)
    key = secret.reveal() if secret else b""
    if handshake.needs_secret and not key:
        return None
    if handshake.token and not _same(seen.query.get(handshake.token, ""), key):
        return None
    if handshake.form in {"empty", "static"}:
        return _plain(handshake)
    challenge = _challenge(handshake, seen)
    return _echo(handshake, challenge, key) if challenge else None


def brought_by(handshake: Handshake, raw: RawRequest) -> str:
    """The secret that a request that `matching` found brings along: its token, else its challenge; or nothing."""
    seen = _Seen(raw)
    value = seen.query.get(handshake.token) if handshake.token else _challenge(handshake, seen)
    return value if value and len(value) <= LONGEST_CHALLENGE else ""


def _same(given: str, key: bytes) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), key)


def _plain(handshake: Handshake) -> Reply:
    if handshake.form == "empty":
        return Reply(status=handshake.status or 204)
    headers = tuple((name.lower(), value) for name, value in handshake.headers.items())
    kind = () if "content-type" in dict(headers) else (_type("text/plain"),)
    return Reply(
        status=handshake.status or 200,
        headers=(*headers, *kind, _NOSNIFF),
        body=handshake.body.encode(),
    )


def _challenge(handshake: Handshake, seen: _Seen) -> str | None:
    """What is to come back; for a form that sends nothing back, what stands at the first place that it names."""
    given = (handshake.header, handshake.query, handshake.json)
    first = next((kind for kind, name in zip(_PLACES, given, strict=True) if name), "json")
    kind = handshake.form.partition("-")[0]
    match kind if kind in _PLACES else first:
        case "header":
            value = seen.header(handshake.header or "")
            value = value if _HEADER_VALUE.fullmatch(value or "") else None
        case "query":
            value = seen.query.get(handshake.query or "")
        case _:
            value = value_at(seen.json, handshake.json or "")
    fits = isinstance(value, str) and 0 < len(value) <= LONGEST_CHALLENGE
    return value if fits else None


def _echo(handshake: Handshake, challenge: str, key: bytes) -> Reply:
    status = handshake.status or 200
    if handshake.form == "header-echo":
        return Reply(status=status, headers=((handshake.header or "", challenge),))
    if handshake.form in {"query-hmac", "json-hmac"}:
        signed = hmac.digest(key, challenge.encode(), "sha256").hex()
        fields = {_field(handshake): challenge, handshake.signature_field or "": signed}
        return _json_reply(status, fields)
    if handshake.reply == "json":
        return _json_reply(status, {_field(handshake): challenge})
    return Reply(
        status=status, headers=(_type("text/plain"), _NOSNIFF), body=challenge.encode()
    )


def _field(handshake: Handshake) -> str:
    source = handshake.query or handshake.json or ""
    return handshake.reply_field or source.rpartition(".")[2]


def _json_reply(status: int, fields: dict[str, str]) -> Reply:
    headers = (("content-type", "application/json"), _NOSNIFF)
    return Reply(status=status, headers=headers, body=orjson.dumps(fields))


def _type(kind: str) -> tuple[str, str]:
    return ("content-type", f"{kind}; charset=utf-8")
