"""
The protocol of integrations written with `@botpress/sdk`: what is sent to their server, and what an answer means.

Facts are those of `packages/sdk` of https://github.com/botpress/botpress, generations 5 and 7. A server may cut a
character in two where a body reaches it in parts, so everything is sent as ASCII.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import orjson
from msgspec import Struct

from shared.botpress import bot_user_id
from shared.model.calls import HttpCall
from shared.model.requests import FLOW_COOKIES, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.model.calls import HttpAnswer
    from shared.model.installations import Installation
    from shared.model.jobs import Record
    from shared.model.requests import Headers, RawRequest, SealedPart

USUAL_LIMIT = 60.0  # seconds an operation may take
UNREADABLE = object()
UNTOUCHED = "x-bp-disable-interstitial"
IDENTIFIER = "x-bp-integration-identifier"
LONGEST_WORDS = 300

# RFC 9110 §7.6.1, what every server writes for itself, and what is said to the platform alone.
_NOT_PASSED_ON = frozenset({
    "connection", "content-encoding", "content-length", "date", "keep-alive", "proxy-authenticate",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", UNTOUCHED, IDENTIFIER,
})  # fmt: skip
_MAY_PASS = frozenset({408, 425, 429})


class Said(Struct, frozen=True, kw_only=True):
    """An answer in words: the kind of error that the server names, and its message."""

    type: str = ""
    message: str = ""


class Ending(Struct, frozen=True, kw_only=True):
    """Where an integration says that its own pages have come to an end."""

    success: bool
    message: str = ""


def call_for(
    url: str,
    home: Installation,
    configuration: Mapping[str, Any],
    operation: str,
    body: bytes,
    *,
    seconds: float = USUAL_LIMIT,
) -> HttpCall:
    """One operation as an HTTP call. It is never sent twice by itself."""
    return HttpCall(
        name=operation,
        method="POST",
        url=url,
        headers=headers_for(home, configuration, operation),
        body=body,
        seconds=seconds,
    )


def headers_for(
    home: Installation, configuration: Mapping[str, Any], operation: str
) -> Headers:
    """
    The envelope. For the default configuration the type is left out, which the server reads as null.

    >>> from shared.model.installations import Installation
    >>> home = Installation(webhook_id="w", bot_id="b", alias="a", integration="i")
    >>> dict(headers_for(home, {}, "ping"))["x-bp-configuration"]
    'e30='
    """
    encoded = base64.b64encode(msgspec.json.encode(configuration)).decode()
    named: Headers = (
        ("content-type", "application/json"),
        ("x-bot-id", home.bot_id),
        ("x-bot-user-id", bot_user_id(home.bot_id)),
        ("x-integration-id", home.integration_id),
        ("x-integration-alias", home.alias),
        ("x-webhook-id", home.webhook_id),
        ("x-bp-operation", operation),
        ("x-bp-configuration", encoded),
    )
    if home.configuration_type is None:
        return named
    return (*named, ("x-bp-configuration-type", home.configuration_type))


def trace_of(record: Record) -> str:
    """
    `traceparent` of an attempt (https://www.w3.org/TR/trace-context/): the record is the trace, the attempt the span.

    The SDK hands it on with every call that the handler makes, so the runtime API knows which calls belong together.

    >>> from shared.model.jobs import Record
    >>> trace_of(Record(id="req_1", job="webhook", state="leased", epoch=1))
    '00-dfe7be6cee3b99ca63628de710b914dd-89e14ecad68438d3-01'
    """
    span = hashlib.sha256(f"{record.id} {record.epoch}".encode()).hexdigest()[:16]
    return f"00-{trace_id_of(record.id)}-{span}-01"


def idempotency_key_of(record: Record) -> str:
    """
    `Idempotency-Key` of every attempt at a record, a string as RFC 8941 spells it.

    https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/

    >>> from shared.model.jobs import Record
    >>> idempotency_key_of(Record(id="req_1", job="webhook", state="leased", epoch=3))
    '"req_1"'
    """
    return f'"{record.id}"'


def trace_id_of(record_id: str) -> str:
    """The part of `traceparent` that all attempts of a record share."""
    return hashlib.sha256(record_id.encode()).hexdigest()[:32]


def body_of(payload: Mapping[str, Any]) -> bytes:
    r"""
    The body of an operation, in ASCII.

    >>> body_of({"text": "Zoë"})
    b'{"text":"Zo\\u00eb"}'
    """
    return json.dumps(payload, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def request_body(asked: RawRequest | SealedPart, path: str, method: str) -> bytes:
    """The body of `webhook_received`: the request as it came, our own cookie left out."""
    req: dict[str, Any] = {
        "path": path,
        "query": asked.query,
        "method": method.upper(),
        "headers": seen_headers(asked.headers),
    }
    if asked.body:
        req["body"] = asked.body.decode("utf-8", "replace")
    return body_of({"req": req})


def seen_headers(headers: Headers) -> dict[str, str]:
    """
    The headers of a request as an integration sees them, repeats joined.

    >>> seen_headers((("cookie", "a=1; waypost-flow=x"), ("x-a", "1"), ("x-a", "2")))
    {'cookie': 'a=1', 'x-a': '1, 2'}
    """
    seen: dict[str, str] = {}
    for name, value in headers:
        text = _without_our_cookie(value) if name == "cookie" else value
        if text or not value:
            seen[name] = f"{seen[name]}, {text}" if name in seen else text
    return seen


def _without_our_cookie(header: str) -> str:
    pairs = re.split(r";\s*", header)
    return "; ".join(pair for pair in pairs if pair.partition("=")[0] not in FLOW_COOKIES)


def reply_of(answer: HttpAnswer) -> Reply:
    """The server's answer for the outside caller: status, headers and body as they are."""
    dropped = _NOT_PASSED_ON | _named_by_connection(answer)
    kept = tuple((name, value) for name, value in answer.spelt if name.lower() not in dropped)
    if answer.body and not answer.header("content-type"):
        kept = (*kept, ("content-type", _type_of(answer.body)))
    return Reply(status=answer.status, headers=kept, body=answer.body)


def _named_by_connection(answer: HttpAnswer) -> set[str]:
    return {one.strip().lower() for one in answer.header("connection").split(",")}


def _type_of(body: bytes) -> str:
    """The SDK names no type by itself, not even for its errors; a browser must not guess one."""
    return "text/plain; charset=utf-8" if _json_in(body) is UNREADABLE else "application/json"


def _json_in(body: bytes) -> Any:
    r"""
    The JSON that a server answered, or `UNREADABLE`: it may be nested without end, or hold half a character.

    >>> _json_in(b"[" * 100_000) is UNREADABLE, _json_in(rb'"\ud800"') is UNREADABLE
    (True, True)
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return UNREADABLE


def said_in(answer: HttpAnswer) -> Said:
    """
    What went wrong, in the server's own words.

    >>> from shared.model.calls import HttpAnswer
    >>> said_in(HttpAnswer(status=400, body=b'{"code":400,"type":"Runtime","message":"no team"}')).message
    'no team'
    """
    found = _json_in(answer.body)
    if not isinstance(found, dict):
        return Said(message=_of_status(answer.status))
    message = found.get("message") or found.get("error") or _of_status(answer.status)
    kind = found.get("type")
    return Said(
        type=kind if isinstance(kind, str) else "", message=str(message)[:LONGEST_WORDS]
    )


def _of_status(status: int) -> str:
    if status == 431:
        return "431: its configuration is too large for Node's headers; start it with --max-http-header-size=65536"
    return f"it answered {status}"


def is_success(answer: HttpAnswer) -> bool:
    """Whether the operation was done."""
    return 200 <= answer.status < 300


def may_pass(answer: HttpAnswer) -> bool:
    """
    Whether another attempt may have another end.

    Generation 5 answers whatever its handler raises with 400 and the type `Runtime`, generation 7 with 500.
    """
    if answer.status >= 500 or answer.status in _MAY_PASS:
        return True
    return answer.status == 400 and said_in(answer).type == "Runtime"


def ending_in(answer: HttpAnswer) -> Ending | None:
    """
    The end that a redirect to Botpress's interstitial page stands for; None for any other answer.

    >>> from shared.model.calls import HttpAnswer
    >>> to = "https://app.example/oauth/interstitial?success=false&errorMessage=no%20team"
    >>> ending_in(HttpAnswer(status=303, headers=(("location", to),)))
    Ending(success=False, message='no team')
    """
    if not 300 <= answer.status < 400:
        return None
    try:
        there = urlsplit(answer.header("location"))
    except ValueError:
        return None
    given = dict(parse_qsl(there.query))
    if there.path != "/oauth/interstitial" or "success" not in given:
        return None
    return Ending(
        success=given["success"] == "true",
        message=given.get("errorMessage", "")[:LONGEST_WORDS],
    )
