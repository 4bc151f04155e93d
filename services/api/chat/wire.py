"""From an integration's HTTP request to a typed call for one installation."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_origin
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web
from msgspec import Struct

from services.api.allowance import ALLOWANCE
from services.api.chat.caller import Caller, caller_of
from services.api.ports import PORTS
from services.api.wire import Call, as_record, decoded, path_of, raw_body
from services.web import REQUEST_ID
from shared.botpress import Refusal, invalid

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from services.api.repeats import Answer
    from services.api.wire import Operation

Q = TypeVar("Q", bound=Struct)
B = TypeVar("B")

_TAG = "tags."
_ESCAPED = re.compile(
    rb"\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|(?P<half>u[dD][89a-fA-F][\da-fA-F]{2})|.)",
    re.DOTALL,
)
# Filters of the client that are not done here: to leave one out in silence would return what nobody asked for.
_UNKNOWN_FILTERS = frozenset({"minMessageCount", "maxMessageCount", "rangeField", "workflowId"})


class ChatCall(Call[Q, B], frozen=True, kw_only=True):
    """One call of one installation."""

    caller: Caller
    id: str  # of this call, also in the log
    trace_id: str = ""  # of the invocation that makes it


def chat_handler_of(operation: Operation) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The aiohttp handler that knows the caller, decodes, acts and encodes."""

    async def handler(request: web.Request) -> web.Response:
        ports = request.app[PORTS]
        caller = await caller_of(request, ports)
        request[ALLOWANCE] = ports.allowances.take(caller.home)
        request[ALLOWANCE].check()
        raw = b"" if operation.body is None else await raw_body(request)

        async def act() -> Answer:
            call = ChatCall(
                path=path_of(request),
                query=query_of(request.rel_url.raw_query_string, operation.query),
                body=None if operation.body is None else decoded(whole(raw), operation.body),
                caller=caller,
                id=request[REQUEST_ID],
                trace_id=request.headers.get("traceparent", "").partition("-")[2][:32],
            )
            answer = await operation.act(ports, call)
            return operation.status, msgspec.json.encode(answer)

        creates = operation.status == 201
        once = ports.repeats.once(request, caller.home, raw, act) if creates else act()
        status, body = await once
        return web.Response(status=status, body=body, content_type="application/json")

    return handler


def whole(raw: bytes) -> bytes:
    r"""
    JSON without halves of characters, which JavaScript makes where it cuts a text and which are no Unicode.

    >>> whole(b'["\\ud83d", "\\ud83d\\ude00", "\\\\ud83d"]')
    b'["\\ufffd", "\\ud83d\\ude00", "\\\\ud83d"]'
    """
    return _ESCAPED.sub(lambda found: rb"\ufffd" if found["half"] else found[0], raw)


def query_of(raw: str, record: type[Q]) -> Q:
    """
    The query as Botpress's client writes it: a list repeats its name, and a tag is `tags.NAME`.

    What follows the first dot is the tag's name, dots included.
    """
    _refuse_filters(raw)
    values: dict[str, list[str]] = defaultdict(list)
    tags: dict[str, str] = {}
    for name, value in parse_qsl(raw, keep_blank_values=True):
        if name.startswith(_TAG):
            tags[name.removeprefix(_TAG)] = value
        else:
            values[name.removesuffix("[]")].append(value)
    found = {name: _one_or_all(name, given, record) for name, given in values.items()}
    return as_record(found | ({"tags": tags} if tags else {}), record, "query", strict=False)


def _refuse_filters(raw: str) -> None:
    for name, _ in parse_qsl(raw, keep_blank_values=True):
        if name in _UNKNOWN_FILTERS:
            message = f"{name}: Waypost does not filter by it (leave it out)"
            raise Refusal("InvalidQuery", message, metadata={"field": name})


def _one_or_all(name: str, given: list[str], record: type[Struct]) -> Any:
    if name in _lists(record):
        return given
    if len(given) > 1:
        raise invalid(name, "is given more than once", "give it once")
    return given[0]


@cache
def _lists(record: type[Struct]) -> frozenset[str]:
    fields = msgspec.structs.fields(record)
    return frozenset(one.encode_name for one in fields if get_origin(one.type) is tuple)
