"""Pages of users and conversations, in the order that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from msgspec import UNSET

from services.api.chat.kept import page, query_refusal, span_of
from services.api.chat.records import Next, Sorted
from shared.model.chat import Conversation, User

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.api.ports import ApiPorts
    from shared.model.installations import Installation

T = TypeVar("T", User, Conversation)

MOST_SORTED = 1000  # objects that can be sorted by their last change


async def in_order(
    ports: ApiPorts, home: Installation, record: type[T], terms: Iterable[str], query: Sorted
) -> tuple[list[T], Next]:
    """One page; ids sort by creation, so only the order of changes needs more than a range of ids."""
    is_newest_first = query.sort_direction == "desc"
    if query.sort_field == "updatedAt":
        return await _by_change(ports, home, record, terms, query)
    span = span_of(
        record, query.next_token, query.page_size, query.after_date, query.before_date,
        newest_first=is_newest_first,
    )  # fmt: skip
    return await page(ports, home, record, terms, span)


async def _by_change(
    ports: ApiPorts, home: Installation, record: type[T], terms: Iterable[str], query: Sorted
) -> tuple[list[T], Next]:
    span = span_of(record, "", MOST_SORTED, query.after_date, query.before_date)
    many, more = await page(ports, home, record, terms, span)
    if more.next_token is not UNSET:
        fix = "ask for fewer, by tags or time, or sort by createdAt"
        raise query_refusal("sortField", f"more than {MOST_SORTED} match", fix)
    many.sort(key=lambda one: (one.updated_at, one.id), reverse=query.sort_direction == "desc")
    begin = _offset(query.next_token)
    end = begin + query.page_size
    return many[begin:end], Next(next_token=f"at_{end}" if end < len(many) else UNSET)


def _offset(token: str) -> int:
    number = token.removeprefix("at_")
    if token and not (number.isascii() and number.isdecimal()):
        raise query_refusal("nextToken", "is none of ours", "give the one of the page before")
    return int(number or 0)
