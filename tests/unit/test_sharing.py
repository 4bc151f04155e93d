"""Who asks the same in one turn of the loop shares one read; who asks later does not."""

from __future__ import annotations

import asyncio

import pytest

from shared.errors import StoreUnavailable
from shared.sharing import Sharing


class Shelf:
    """Counts how often it is read, and answers with the number."""

    def __init__(self) -> None:
        self.reads = 0
        self.fails = False

    async def load(self) -> int:
        """The number of this read, a moment later."""
        self.reads += 1
        mine = self.reads
        await asyncio.sleep(0.001)
        if self.fails:
            raise StoreUnavailable("gone")
        return mine


@pytest.fixture
def shelf() -> Shelf:
    """One that nobody has read."""
    return Shelf()


@pytest.fixture
def sharing() -> Sharing:
    """One of which nobody has asked anything."""
    return Sharing()


class TestWhoAsksTheSame:
    async def test_in_one_turn_shares_a_read(self, shelf, sharing):
        found = await asyncio.gather(*(sharing.read("a", shelf.load) for _ in range(5)))

        assert ([1] * 5, 1) == (found, shelf.reads)

    async def test_while_a_read_is_under_way_gets_one_of_its_own(self, shelf, sharing):
        """It may have written something that the first read does not see."""
        first = asyncio.create_task(sharing.read("a", shelf.load))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        second = asyncio.create_task(sharing.read("a", shelf.load))

        assert [1, 2] == await asyncio.gather(first, second)

    async def test_afterwards_gets_one_of_its_own(self, shelf, sharing):
        assert [1, 2] == [await sharing.read("a", shelf.load) for _ in range(2)]

    async def test_shares_its_failure(self, shelf, sharing):
        shelf.fails = True
        said = await asyncio.gather(
            *(sharing.read("a", shelf.load) for _ in range(3)), return_exceptions=True
        )

        assert ([StoreUnavailable] * 3, 1) == ([type(one) for one in said], shelf.reads)

    async def test_does_not_share_that_the_first_gave_up(self, shelf, sharing):
        asking = [asyncio.create_task(sharing.read("a", shelf.load)) for _ in range(3)]
        await asyncio.sleep(0)
        asking[0].cancel()
        said = await asyncio.gather(*asking, return_exceptions=True)

        assert isinstance(said[0], asyncio.CancelledError)
        assert [2, 2] == said[1:]

    async def test_and_gives_up_leaves_the_others_alone(self, shelf, sharing):
        asking = [asyncio.create_task(sharing.read("a", shelf.load)) for _ in range(3)]
        await asyncio.sleep(0)
        asking[1].cancel()
        said = await asyncio.gather(*asking, return_exceptions=True)

        assert [1, 1] == [said[0], said[2]]


class TestWhoAsksSomethingElse:
    async def test_has_a_read_of_its_own(self, shelf, sharing):
        found = await asyncio.gather(*(sharing.read(key, shelf.load) for key in "aba"))

        assert [1, 2, 1] == found
