"""
What integrations keep of users, conversations, messages and events: JSON by id, found by terms.

All of it belongs to one installation, lies in two keys per kind and goes with the installation. An id sorts by time,
so a page is a range of ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from shared.errors import NotFound
from shared.storage import keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shared.model.chat import Kind
    from shared.storage.connection import Store
    from shared.storage.wire import Part


class Span(Struct, frozen=True, kw_only=True):
    """Which part of what matches; both bounds are left out, an empty one is open."""

    low: str = ""
    high: str = ""
    newest_first: bool = True
    limit: int = 20


class Shelf(NamedTuple):
    """All objects of one kind of one installation."""

    webhook_id: str
    kind: Kind


class Put(NamedTuple):
    """What lies there now, whether it is new, and the terms of one that was there."""

    document: bytes
    is_new: bool
    terms: frozenset[str]


class Objects:
    """Objects of installations; each change is one script."""

    def __init__(self, store: Store) -> None:
        """Keep them in *store*."""
        self._redis, self._scripts = store.redis, store.scripts

    async def put(
        self, shelf: Shelf, id: str, document: bytes, terms: Sequence[str],
        *, same: Sequence[str] = (), most: int = 0,
    ) -> Put:  # fmt: skip
        """
        Store a new one, unless one with all the terms *same* is there: then that one is returned.

        With *most*, the oldest one goes when there are more. `NotFound` when the installation is gone.
        """
        args: list[Part] = [*shelf, id, document, most, *_counted(same)]
        said, *found = await self._scripts.run("object_put", [*args, *_counted(terms)])
        if said == -1:
            raise NotFound(f"there is no installation {shelf.webhook_id}")
        return Put(found[0], said == 1, frozenset(term.decode() for term in found[1:]))

    async def get(self, shelf: Shelf, id: str) -> bytes | None:
        """One of them."""
        found: bytes | None = await self._redis.hget(_place(shelf), _plain(id))  # type: ignore[misc]
        return found

    async def replace(
        self, shelf: Shelf, id: str, expected: bytes, document: bytes,
        *, drop: Iterable[str] = (), add: Iterable[str] = (),
    ) -> bool:  # fmt: skip
        """Put *document* in the place of *expected*; False when it is another one by now."""
        return await self._change(shelf, id, expected, document, drop, add)

    async def mark(
        self, shelf: Shelf, id: str,
        *, drop: Iterable[str] = (), add: Iterable[str] = (),
    ) -> bool:  # fmt: skip
        """Change terms alone; False when there is no such object."""
        return await self._change(shelf, id, b"", b"", drop, add)

    async def drop(self, shelf: Shelf, id: str) -> bool:
        """Remove one; False when there was none."""
        return bool(await self._scripts.run("object_drop", [*shelf, _plain(id)]))

    async def find(
        self, shelf: Shelf, terms: Sequence[str], span: Span
    ) -> tuple[Sequence[bytes], str]:
        """Those that have every term, and the id behind which to go on; empty: that was all."""
        head: list[Part] = [*shelf, int(span.newest_first), span.low, span.high]
        args = [*head, span.limit, *_counted(terms)]
        following, *found = await self._scripts.run("object_find", args)
        return found, following.decode()

    async def has(self, shelf: Shelf, id: str, term: str) -> bool:
        """Whether one has a term."""
        where = keys.key("terms", *shelf)
        return await self._redis.zscore(where, _pair(term) + id.encode()) is not None

    async def counts(self, shelf: Shelf, terms: Sequence[str]) -> Sequence[int]:
        """For each term, how many have it."""
        where = keys.key("terms", *shelf)
        async with self._redis.pipeline(transaction=False) as together:
            for term in terms:
                start = _pair(term)
                together.zlexcount(where, b"[" + start, b"(" + start + b"\xff")  # type: ignore[no-untyped-call]
            found: list[int] = await together.execute()
            return found

    async def which(self, shelves: Sequence[Shelf], id: str) -> Shelf | None:
        """On which of these it lies."""
        async with self._redis.pipeline(transaction=False) as together:
            for shelf in shelves:
                together.hexists(_place(shelf), _plain(id))
            there = await together.execute()
        return next((one for one, has in zip(shelves, there, strict=True) if has), None)

    async def _change(
        self, shelf: Shelf, id: str, expected: bytes, document: bytes,
        drop: Iterable[str], add: Iterable[str],
    ) -> bool:  # fmt: skip
        args: list[Part] = [*shelf, _plain(id), expected, document]
        terms = (*_counted(tuple(drop)), *_counted(tuple(add)))
        return bool(await self._scripts.run("object_change", [*args, *terms]))


def _place(shelf: Shelf) -> str:
    return keys.key("objects", *shelf)


def _plain(id: str) -> str:
    """An id that a stranger sent; one that starts with our mark of terms names nothing."""
    return "" if id.startswith("*") else id


def _pair(term: str) -> bytes:
    raw = term.encode()
    return b"%d:%s" % (len(raw), raw)


def _counted(terms: Sequence[str]) -> tuple[Part, ...]:
    return (len(terms), *terms)
