"""Users, conversations, messages and events: found by terms, page by page, and gone with their installation."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import NotFound
from shared.model.chat import KINDS, discriminating, merged, tag_terms
from shared.model.chat import given as said
from shared.model.installations import Installation
from shared.storage import keys
from shared.storage.connection import Store
from shared.storage.installations import Installations
from shared.storage.objects import Objects, Shelf, Span
from tests.contracts.storage_builders import an_installation

OLDEST_FIRST = Span(newest_first=False)


@pytest.fixture
def objects(store: Store) -> Objects:
    return Objects(store)


@pytest_asyncio.fixture
async def one(store: Store) -> Shelf:
    made: Installation = an_installation()
    await Installations(store).create(made)
    return Shelf(made.webhook_id, "user")


async def filled(objects: Objects, one: Shelf, count: int, terms: Iterable[str] = ()) -> None:
    for number in range(count):
        await objects.put(one, f"user_{number:03d}", b"%d" % number, tuple(terms))


async def pages(objects: Objects, one: Shelf, terms: tuple[str, ...], **span: Any) -> list[str]:
    """What all pages say, one after the other, each page in brackets."""
    newest, told, cursor = span.get("newest_first", True), [], ""
    while True:
        bound = {"high": cursor} if newest else {"low": cursor}
        found, cursor = await objects.find(one, terms, Span(**(bound | span)))
        told.append(b" ".join(found).decode())
        if not cursor:
            return told


class TestFinding:
    async def test_an_object_has_every_term_that_is_asked_for(
        self, objects: Objects, one: Shelf
    ) -> None:
        await objects.put(one, "user_1", b"1", ("a", "b"))
        await objects.put(one, "user_2", b"2", ("a", "c"))
        await objects.put(one, "user_3", b"3", ("a", "b", "c"))

        assert ["3 2 1"] == await pages(objects, one, ("a",))
        assert ["3 1"] == await pages(objects, one, ("b",))
        assert ["3"] == await pages(objects, one, ("b", "c"))
        assert [""] == await pages(objects, one, ("a", "d"))
        assert ["3 2 1"] == await pages(objects, one, ())

    async def test_a_term_that_begins_like_another_is_another(
        self, objects: Objects, one: Shelf
    ) -> None:
        await objects.put(one, "user_1", b"1", ("tag", "user"))

        assert [""] == await pages(objects, one, ("tagu",))
        assert [""] == await pages(objects, one, ("ta",))
        assert [""] == await pages(objects, one, ("taguser_1",))

    async def test_pages_follow_each_other_in_either_order(
        self, objects: Objects, one: Shelf
    ) -> None:
        await filled(objects, one, 5, ("a",))

        assert ["4 3", "2 1", "0"] == await pages(objects, one, ("a",), limit=2)
        assert ["0 1", "2 3", "4"] == await pages(
            objects, one, ("a",), limit=2, newest_first=False
        )

    async def test_a_full_last_page_is_the_last(self, objects: Objects, one: Shelf) -> None:
        await filled(objects, one, 4)

        assert ["3 2", "1 0"] == await pages(objects, one, (), limit=2)

    async def test_a_page_goes_on_behind_what_was_looked_at_in_vain(
        self, store: Store, objects: Objects, one: Shelf
    ) -> None:
        """No call looks at more than 2000: the page is empty, and says where to go on."""
        await objects.put(one, "user_0000", b"both", ("a", "b"))
        pairs = [f"1:{'ab'[n % 2]}user_{n:04d}" for n in range(1, 4301)]
        await store.redis.zadd(keys.key("terms", *one), dict.fromkeys(pairs, 0))

        assert ["", "both"] == await pages(objects, one, ("a", "b"))

    async def test_a_range_of_ids_is_a_range_of_time(
        self, objects: Objects, one: Shelf
    ) -> None:
        await filled(objects, one, 5)
        span = Span(low="user_001", high="user_004", newest_first=False)

        assert ([b"2", b"3"], "") == await objects.find(one, (), span)

    async def test_kinds_and_installations_never_meet(
        self, store: Store, objects: Objects, one: Shelf
    ) -> None:
        other = an_installation(alias="other")
        await Installations(store).create(other)
        await objects.put(one, "x_1", b"1", ("a",))

        elsewhere = [Shelf(one.webhook_id, "message"), Shelf(other.webhook_id, "user")]
        for shelf in elsewhere:
            assert await objects.get(shelf, "x_1") is None
            assert ([], "") == await objects.find(shelf, ("a",), OLDEST_FIRST)
        assert one == await objects.which([*elsewhere, one], "x_1")
        assert await objects.which(elsewhere, "x_1") is None

    async def test_the_mark_of_terms_is_no_id(self, objects: Objects, one: Shelf) -> None:
        await objects.put(one, "x_1", b"1", ("a",))

        assert await objects.get(one, "*x_1") is None
        assert not await objects.drop(one, "*x_1")
        assert not await objects.mark(one, "*x_1", add=["b"])
        assert await objects.which([one], "*x_1") is None


class TestPutting:
    async def test_many_at_once_agree_on_one(self, objects: Objects, one: Shelf) -> None:
        results = await asyncio.gather(
            *(
                objects.put(one, f"user_{n}", b"%d" % n, ("a", "b", f"n{n}"), same=("a", "b"))
                for n in range(20)
            )
        )

        assert 1 == len({result.document for result in results})
        assert 1 == sum(result.is_new for result in results)
        assert [results[0].document.decode()] == await pages(objects, one, ())

    async def test_the_one_that_is_there_shows_its_terms(
        self, objects: Objects, one: Shelf
    ) -> None:
        await objects.put(one, "user_1", b"1", ("a", "untold"))

        found = await objects.put(one, "user_2", b"2", ("a",), same=("a",))

        assert (b"1", False, True) == (
            found.document, found.is_new, "untold" in found.terms,
        )  # fmt: skip

    async def test_the_oldest_goes_when_there_are_too_many(
        self, store: Store, objects: Objects, one: Shelf
    ) -> None:
        for number in range(5):
            await objects.put(one, f"user_{number}", b"%d" % number, ("a",), most=3)

        assert ["4 3 2"] == await pages(objects, one, ("a",))
        assert [3] == await objects.counts(one, ["a"])
        assert [6, 6] == await sizes(store)  # an entry and its terms; two terms each

    async def test_an_installation_that_is_gone_gets_nothing(self, objects: Objects) -> None:
        with pytest.raises(NotFound):
            await objects.put(Shelf("nobody", "user"), "user_1", b"1", ())


class TestChanging:
    async def test_only_what_is_expected_is_replaced(
        self, objects: Objects, one: Shelf
    ) -> None:
        await objects.put(one, "user_1", b"1", ("a",))

        assert not await objects.replace(one, "user_1", b"0", b"2")
        assert not await objects.replace(one, "user_2", b"1", b"2")
        assert await objects.replace(one, "user_1", b"1", b"2", drop=["a"], add=["b"])
        assert [""] == await pages(objects, one, ("a",))
        assert ["2"] == await pages(objects, one, ("b",))
        assert ["2"] == await pages(objects, one, ())

    async def test_a_term_is_there_once_however_often_it_is_added(
        self, objects: Objects, one: Shelf
    ) -> None:
        await objects.put(one, "user_1", b"1", ())
        await objects.mark(one, "user_1", add=["in"])
        await objects.mark(one, "user_1", add=["in"])

        assert await objects.has(one, "user_1", "in")
        assert await objects.mark(one, "user_1", drop=["in"])
        assert not await objects.has(one, "user_1", "in")

    async def test_a_term_that_is_dropped_and_added_stays(
        self, objects: Objects, one: Shelf
    ) -> None:
        await objects.put(one, "user_1", b"1", ("a",))
        await objects.mark(one, "user_1", drop=["a"], add=["a"])

        assert ["1"] == await pages(objects, one, ("a",))

    async def test_what_is_dropped_is_found_no_more(
        self, store: Store, objects: Objects, one: Shelf
    ) -> None:
        await objects.put(one, "user_1", b"1", ("a",))
        await objects.mark(one, "user_1", add=["in"])

        assert await objects.drop(one, "user_1")
        assert not await objects.drop(one, "user_1")
        assert [0, 0] == await sizes(store)

    async def test_all_of_it_goes_with_the_installation(
        self, store: Store, objects: Objects, one: Shelf
    ) -> None:
        for kind in KINDS:
            await objects.put(Shelf(one.webhook_id, kind), "x_1", b"1", ("a",))
        await Installations(store).delete(one.webhook_id)

        assert [0, 0] == await sizes(store)


class TestTags:
    @given(st.dictionaries(st.text(), st.text()), st.dictionaries(st.text(), st.text()))
    def test_have_the_same_terms_only_when_they_are_the_same(self, a, b) -> None:
        assert (a == b) == (tag_terms(a) == tag_terms(b))

    @given(st.dictionaries(st.text(), st.none() | st.text()))
    def test_that_say_nothing_are_none(self, tags) -> None:
        assert said(tags) == merged({}, tags)
        assert {} == merged(said(tags), dict.fromkeys(tags))

    def test_discriminate_by_those_that_are_named(self) -> None:
        assert {"b": "2"} == discriminating({"a": "1", "b": "2"}, ["b"])


async def sizes(store: Store) -> list[int]:
    """How many fields and pairs all objects take together."""
    found = [0, 0]
    async for key in store.redis.scan_iter(match="*:objects:*"):
        found[0] += await store.redis.hlen(key)  # type: ignore[misc]
    async for key in store.redis.scan_iter(match="*:terms:*"):
        found[1] += await store.redis.zcard(key)
    return found
