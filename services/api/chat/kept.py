"""Users, conversations, messages and events of the caller: typed, found by id and by page."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec import UNSET, Struct

from services.api.chat.records import Next
from shared.botpress import Refusal, bot_user_id
from shared.clock import first_id, new_id, time_of
from shared.errors import NotFound
from shared.explain import rfc3339
from shared.model.chat import ChatEvent, Conversation, Kind, Message, User, terms_of
from shared.storage.objects import Put, Shelf, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from services.api.ports import ApiPorts
    from shared.clock import Clock
    from shared.model.installations import Installation

T = TypeVar("T", User, Conversation, Message, ChatEvent)
Record = type[User] | type[Conversation] | type[Message] | type[ChatEvent]

LARGEST_PAGE = 1000
_TOKEN = re.compile(r"([a-z]+_[0-9a-z]{1,40})?", re.ASCII)


class _Kind(Struct, frozen=True):
    name: Kind
    prefix: str
    word: str  # for people
    most: int = 0  # an installation keeps that many, the newest; 0: all


_KINDS: dict[Record, _Kind] = {
    User: _Kind("user", "user", "User"),
    Conversation: _Kind("conversation", "conv", "Conversation"),
    Message: _Kind("message", "msg", "Message", 20_000),
    ChatEvent: _Kind("event", "evt", "Event", 1000),
}


def shelf_of(home: Installation, record: Record) -> Shelf:
    """Where an installation keeps them."""
    return Shelf(home.webhook_id, _KINDS[record].name)


def stamp(ports: ApiPorts, record: Record, clock: Clock | None = None) -> tuple[str, str]:
    """A new id, and the time that it tells."""
    id = new_id(_KINDS[record].prefix, clock or ports.clock, ports.chance)
    return id, rfc3339(time_of(id))


def now(ports: ApiPorts) -> str:
    """The time, as these records hold it."""
    return rfc3339(ports.clock.now() * 1000)


async def found(ports: ApiPorts, home: Installation, record: type[T], id: str) -> T | None:
    """One of them. The bot's own user is always there."""
    raw = await ports.objects.get(shelf_of(home, record), id)
    if raw is not None:
        return msgspec.json.decode(raw, type=record)
    if record is User and id == bot_user_id(home.bot_id):
        began = rfc3339(home.created_at * 1000)
        return record(id=id, created_at=began, updated_at=began)
    return None


async def by_id(ports: ApiPorts, home: Installation, record: type[T], id: str) -> T:
    """One of them, or `NotFound`."""
    one = await found(ports, home, record, id)
    if one is None:
        raise _missing(record)
    return one


async def referred(
    ports: ApiPorts, home: Installation, record: type[T], id: str, field: str
) -> T:
    """One that a body names in *field*, or a `Refusal`."""
    one = await found(ports, home, record, id)
    if one is None:
        message = f"{field}: this installation has no {_KINDS[record].word} {id[:60]}"
        raise Refusal("ReferenceNotFound", message, metadata={"field": field})
    return one


async def put(
    ports: ApiPorts, home: Installation, one: T, *, same: Sequence[str] = (), also: Sequence[str] = ()
) -> tuple[T, Put]:  # fmt: skip
    """Store a new one under its terms and *also*, or find the one that has all terms *same*."""
    terms, most = (*terms_of(one), *also), _KINDS[type(one)].most
    result = await ports.objects.put(
        shelf_of(home, type(one)), one.id, msgspec.json.encode(one), terms, same=same, most=most
    )
    return msgspec.json.decode(result.document, type=type(one)), result


async def changed(
    ports: ApiPorts, home: Installation, record: type[T], id: str, change: Callable[[T], T]
) -> T:
    """Let *change* make another of it, however many do so at the same time."""
    shelf = shelf_of(home, record)
    while True:
        raw = await ports.objects.get(shelf, id)
        if raw is None:
            await put(ports, home, await by_id(ports, home, record, id))  # the bot's own user
            continue
        before = msgspec.json.decode(raw, type=record)
        after = change(before)
        if await ports.objects.replace(
            shelf, id, raw, msgspec.json.encode(after),
            drop=terms_of(before), add=terms_of(after),
        ):  # fmt: skip
            return after


async def drop(ports: ApiPorts, home: Installation, record: Record, id: str) -> None:
    """Remove it, or raise `NotFound`."""
    if not await ports.objects.drop(shelf_of(home, record), id):
        raise _missing(record)


async def page(
    ports: ApiPorts, home: Installation, record: type[T], terms: Iterable[str], span: Span
) -> tuple[list[T], Next]:
    """Those that have every term, and where the next page begins."""
    rows, following = await ports.objects.find(shelf_of(home, record), tuple(terms), span)
    many = [msgspec.json.decode(row, type=record) for row in rows]
    return many, Next(next_token=following or UNSET)


def span_of(
    record: Record, token: str, size: int, after: str = "", before: str = "", *, newest_first: bool = True
) -> Span:  # fmt: skip
    """
    A page of those made after one time and before another; *token* is where the page before it ended.

    An id that is not of ours is refused: it would silently be another place.
    """
    if not _TOKEN.fullmatch(token):
        raise query_refusal("nextToken", "is none of ours", "give the one of the page before")
    prefix = _KINDS[record].prefix
    low = first_id(prefix, _bound(after, "afterDate") + 1) if after else ""
    high = first_id(prefix, _bound(before, "beforeDate")) if before else ""
    if token and newest_first:
        high = min(high, token) if high else token
    elif token:
        low = max(low, token)
    limit = min(size, LARGEST_PAGE)
    return Span(low=low, high=high, newest_first=newest_first, limit=limit)


def ms_of(given: str) -> int:
    """
    A time as milliseconds since 1970, never before; ValueError or OverflowError for what is none.

    >>> ms_of("2026-09-21T14:13:20.123Z"), ms_of("1960-01-01")
    (1790000000123, 0)
    """
    at = datetime.fromisoformat(given)
    return max(round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000), 0)


def _bound(given: str, field: str) -> int:
    try:
        return ms_of(given)
    except (ValueError, OverflowError):
        raise query_refusal(
            field, "is no time", "give one such as 2026-01-31T12:00:00Z"
        ) from None


def query_refusal(field: str, problem: str, fix: str) -> Refusal:
    """A part of the query that cannot be used."""
    return Refusal("InvalidQuery", f"{field}: {problem} ({fix})", metadata={"field": field})


def _missing(record: Record) -> NotFound:
    return NotFound(f"No {_KINDS[record].word} found")
