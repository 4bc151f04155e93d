"""What a routing script sees, and what the value it returns means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

import orjson
from msgspec import Struct

from shared.model.requests import Headers, RawRequest, Reply
from shared.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LARGEST_SCRIPT_BODY = 1 << 20  # bytes
LONGEST_IDENTIFIER = 200  # characters
_STATUSES = range(200, 600)  # 1xx announces an answer, it is none
_BODILESS = frozenset({204, 304})
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")  # RFC 9110 §5.6.2, in lower case
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")

# RFC 9110 §7.6.1 and what our own server writes; then what could reach other pages of our origin.
_WITHHELD = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
    "te", "trailer", "transfer-encoding", "upgrade", "content-length", "date", "server",
    "set-cookie", "clear-site-data", "service-worker-allowed",
})  # fmt: skip


class RoutingScripts(Section, frozen=True, kw_only=True):
    """A definition's `identifier`: the scripts that say whose request it is, and answer what is nobody's."""

    extract_script: str | None = None
    fallback_handler_script: str | None = None
    extract_pointer: str | None = None  # RFC 6901, instead of the script for bodies over 1 MiB
    finds: Literal["identifier", "subscription"] = "identifier"  # what these scripts return


class SandboxScripts(Section, frozen=True, kw_only=True):
    """A definition's `sandbox`: who sent a request below `/sandbox` of the global webhook, and what they wrote."""

    identifier_extract_script: str | None = None
    message_extract_script: str | None = None


class Slice(Struct, frozen=True):
    """One identifier's part of a request; without a *body* the whole request is its part."""

    identifier: str
    body: bytes | None = None


def script_event(raw: RawRequest, secrets: Mapping[str, str]) -> dict[str, Any]:
    """
    The event that Botpress's extract and fallback scripts read.

    The body is absent when there is none. One that is not UTF-8 has U+FFFD in place of what is not, so that no
    script that computes an HMAC over it can succeed, and `bodyIsText` is false.
    """
    event: dict[str, Any] = {
        "path": raw.path,
        "method": raw.method,
        "query": raw.query,
        "headers": _joined(raw.headers),
        "secrets": dict(secrets),
    }
    if raw.body:
        try:
            event["body"] = raw.body.decode()
        except UnicodeDecodeError:
            event["body"] = raw.body.decode("utf-8", "replace")
            event["bodyIsText"] = False
    return event


def _joined(headers: Headers) -> dict[str, str]:
    """
    By name; repeats are joined as `RawRequest.header` joins them.

    >>> _joined((("a", "1"), ("b", "2"), ("a", "3")))
    {'a': '1, 3', 'b': '2'}
    """
    found: dict[str, str] = {}
    for name, value in headers:
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def slices(value: Any) -> list[Slice]:
    """
    Whose request it is, by what the extract script returned; an empty list means nobody's.

    A text or an integer is an identifier as it stands, nothing trimmed; an array holds several, or
    `{identifier, body}` for each one's own part. `left_out` counts what is neither.

    >>> [found.identifier for found in slices(["T1", 42, "T1", "", None, 1.5])]
    ['T1', '42']
    >>> slices([{"identifier": "T1", "body": {"a": 1}}])
    [Slice(identifier='T1', body=b'{"a":1}')]
    """
    if not isinstance(value, list):
        name = identifier_of(value)
        return [] if name is None else [Slice(name)]
    found = (_slice(item) for item in value)
    return list(dict.fromkeys(part for part in found if part is not None))


def left_out(value: Any) -> int:
    """
    How many entries of an array name nobody, so that a batch is not cut without a word.

    >>> left_out(["T1", None, {"body": "x"}]), left_out("T1"), left_out(None)
    (2, 0, 0)
    """
    return sum(_slice(item) is None for item in value) if isinstance(value, list) else 0


def _items(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if isinstance(value, dict) else [value]


def _slice(item: Any) -> Slice | None:
    if not isinstance(item, dict):
        name = identifier_of(item)
        return None if name is None else Slice(name)
    name = identifier_of(item.get("identifier"))
    if name is None:
        return None
    if "body" not in item:
        return Slice(name)
    # A missing part must not become the whole request, which holds what belongs to others.
    body = _bytes_of(item["body"])
    return None if body is None else Slice(name, body)


def identifier_of(value: Any) -> str | None:
    r"""
    The identifier that *value* is, or None.

    >>> identifier_of(62515), identifier_of(True), identifier_of("a\0b"), identifier_of(" T1 ")
    ('62515', None, None, ' T1 ')
    """
    if type(value) is int and value.bit_length() <= 64:  # an integer of VRL or JSON
        return str(value)
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_IDENTIFIER:
        return None
    return None if "\0" in value or _has_surrogate(value) else value


SUBSCRIPTION = "subscription:"
SANDBOX = "sandbox:"  # the subscription of somebody who has joined by way of a shared account
SHAREABLE = "shareable:"  # the one of the text with which they do


def subscribed(id: str) -> str:
    """
    A subscription as an identifier.

    >>> subscribed("22")
    'subscription:22'
    """
    return SUBSCRIPTION + id


def _has_surrogate(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def _bytes_of(body: Any) -> bytes | None:
    if body is None:
        return None
    try:
        return body.encode() if isinstance(body, str) else orjson.dumps(body)
    except (UnicodeEncodeError, orjson.JSONEncodeError):
        return None


def by_pointer(pointer: str, raw: RawRequest) -> list[Slice]:
    """
    Whose request it is by one value of its JSON body, without a script (RFC 6901).

    >>> from shared.model.requests import RawRequest
    >>> raw = RawRequest(id="r", door="global", method="POST", path="/", body=b'{"a":[{"id":7}]}', received_at=0)
    >>> by_pointer("/a/0/id", raw)
    [Slice(identifier='7', body=None)]
    """
    try:
        value = orjson.loads(raw.body)
    except orjson.JSONDecodeError:
        return []
    for key in _keys(pointer):
        value = _member(value, key)
    # An object here is the provider's own, whatever its keys are called.
    return slices([item for item in _items(value) if not isinstance(item, dict)])


def _keys(pointer: str) -> Iterator[str]:
    for key in pointer.split("/")[1:]:
        yield key.replace("~1", "/").replace("~0", "~")


def _member(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return value.get(key)
    if isinstance(value, list) and _INDEX.fullmatch(key) and int(key) < len(value):
        return value[int(key)]
    return None


def fallback_reply(value: Any) -> Reply:
    """
    The answer that a fallback script's `{status?, headers?, body?}` describes; an empty 200 for what it is not.

    >>> fallback_reply({"body": "challenge"}).body, fallback_reply(None).status
    (b'challenge', 200)
    """
    fields = value if isinstance(value, dict) else {}
    status = fields.get("status")
    if type(status) is not int or status not in _STATUSES:
        status = 200
    text = fields.get("body")
    body = text.encode("utf-8", "replace") if isinstance(text, str) else b""
    if status in _BODILESS:
        body = b""
    return Reply(status=status, headers=_reply_headers(fields.get("headers"), body), body=body)


def _reply_headers(value: Any, body: bytes) -> Headers:
    """The headers a script may set; text that names no type is plain text, for a browser must not guess."""
    given = value.items() if isinstance(value, dict) else ()
    texts = ((name.lower(), text) for name, text in given if isinstance(text, str))
    kept = {name: text for name, text in texts if _may_send(name, text)}
    if body:
        kept.setdefault("content-type", "text/plain; charset=utf-8")
        kept.setdefault("x-content-type-options", "nosniff")
    return tuple(kept.items())


def _may_send(name: str, value: str) -> bool:
    return bool(name not in _WITHHELD and _NAME.fullmatch(name) and _VALUE.fullmatch(value))
