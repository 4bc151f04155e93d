"""From an HTTP request to a typed call, and from an answer to JSON; what is wrong is named with field and fix."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import msgspec
from aiohttp import web
from msgspec import Struct

from services.api.answers import Given, Nothing
from services.api.ports import PORTS, ApiPorts
from services.web import read_body
from shared.botpress import Refusal, invalid
from shared.integrations.spelling import Misspelt, check_spelling, mistyped

if TYPE_CHECKING:
    from collections.abc import Iterable

Q = TypeVar("Q", bound=Struct)
B = TypeVar("B")
A = TypeVar("A", bound=Struct)

_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Call(Struct, Generic[Q, B], frozen=True, kw_only=True):
    """One call, decoded and checked against its records."""

    path: dict[str, str]  # percent-decoded
    query: Q
    body: B


class Example(Struct, frozen=True, kw_only=True):
    """A full example: what is sent, and what comes back."""

    path: dict[str, str] = {}
    query: dict[str, str] = {}
    body: Any = None
    answer: Any = None


class Operation(Struct, frozen=True, kw_only=True):
    """One route: the same entry makes the route, its checks and its part of the OpenAPI document."""

    method: str
    path: str
    name: str  # operationId
    summary: str
    act: Callable[[ApiPorts, Any], Awaitable[Struct]]
    query: type[Struct] = Nothing
    status: int = 200
    access: Literal["admin", "runtime"] = "admin"  # staff, or an integration's own server
    body: Any = None  # a record; `dict[str, Any]` where the handler checks; None: no body
    answer: type[Given]
    example: Example
    tag: str


def handler_of(operation: Operation) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The aiohttp handler that decodes, acts and encodes."""

    async def handler(request: web.Request) -> web.Response:
        call = Call(
            path=path_of(request),
            query=_query_of(request, operation.query),
            body=await body_of(request, operation.body),
        )
        return json_answer(await operation.act(request.app[PORTS], call))

    return handler


def json_answer(answer: Any, status: int = 200) -> web.Response:
    """*answer* as JSON."""
    return web.Response(
        status=status, body=msgspec.json.encode(answer), content_type="application/json"
    )


def check_escapes(raw_path: str) -> None:
    """
    Refuse a path whose percent-encoding is broken, before anything guesses what it means.

    >>> check_escapes("/v1/admin/integrations/handle%2Fname")
    >>> check_escapes("/v1/admin/bots/50%")
    Traceback (most recent call last):
    shared.botpress.Refusal: path: has a percent sign that encodes nothing (write %25 for a percent sign)
    """
    path = raw_path.partition("?")[0]
    if _ESCAPE.search(path):
        raise invalid(
            "path", "has a percent sign that encodes nothing", "write %25 for a percent sign"
        )
    decoded = re.sub("%([0-9A-Fa-f]{2})", lambda found: chr(int(found[1], 16)), path)
    try:
        text = decoded.encode("latin-1").decode()
    except UnicodeError:
        raise invalid(
            "path", "is not UTF-8 after percent-decoding", "encode names as UTF-8"
        ) from None
    if any(ord(character) < 32 for character in text):
        raise invalid("path", "holds a control character", "leave it out")


def path_of(request: web.Request) -> dict[str, str]:
    """The parts of the path, percent-decoded; a `Refusal` where they cannot be."""
    check_escapes(request.raw_path)
    return dict(request.match_info)


def _query_of(request: web.Request, record: type[Q]) -> Q:
    given = request.query
    repeated = {name for name in given if len(given.getall(name)) > 1}
    if repeated:
        raise invalid(min(repeated), "is given more than once", "give it once")
    return as_record(dict(given), record, "query", strict=False)


async def body_of(request: web.Request, record: Any) -> Any:
    """The body as *record*; None where the call has none."""
    return None if record is None else decoded(await raw_body(request), record)


async def raw_body(request: web.Request) -> bytes:
    """The body as it came, uncompressed."""
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise Refusal("UnsupportedMediaType", "Content-Encoding: send the body uncompressed")
    return await read_body(request)


def decoded(raw: bytes, record: Any) -> Any:
    """The JSON in *raw* as *record*; every way it can be wrong is a `Refusal`."""
    try:
        document = msgspec.json.decode(raw or b"{}")
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise invalid(
            "body", f"is no JSON that can be read: {reason}", "send one JSON object"
        ) from None
    if not isinstance(document, dict):
        raise invalid("body", "is not an object", "send one JSON object, in braces")
    return as_record(document, record, "body") if record is not dict else document


def as_record(
    document: dict[str, Any], record: type[A], whole: str, *, strict: bool = True
) -> A:
    """*document* as *record*; raises a `Refusal` that names the field and what to write there."""
    try:
        if _knows_all(record):
            check_spelling(document, record)
        return msgspec.convert(document, record, strict=strict)
    except msgspec.ValidationError as error:
        raise _refusal(mistyped(error), whole) from None
    except Misspelt as error:
        raise _refusal(error, whole) from None
    except RecursionError:
        raise invalid(whole, "is nested too deeply", "see /openapi.json") from None


def _knows_all(record: Any) -> bool:
    config = getattr(record, "__struct_config__", None)
    return config is None or config.forbid_unknown_fields


def _refusal(error: Misspelt, whole: str) -> Refusal:
    fix = "see /openapi.json" if error.fix.startswith("see docs/") else error.fix
    return invalid(error.field or whole, error.problem, fix)


def matching(value: str, pattern: re.Pattern[str], field: str, fix: str) -> str:
    """*value* when all of it matches; else a `Refusal` for *field*."""
    if not pattern.fullmatch(value):
        raise invalid(field, f"{value[:60]!r} cannot be used", fix)
    return value


def names(values: Iterable[str], nothing: str) -> str:
    """
    A list for people.

    >>> names(["slack", "github"], "none yet")
    'github, slack'
    """
    return ", ".join(sorted(values)) or nothing
