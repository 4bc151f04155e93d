"""One installation whose handler is slow leaves room for the others."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from shared.errors import GateClosed
from shared.model.gates import Gate
from tests.unit.test_gates import FakeGates, HandClock
from workers.gates import Gatekeeper
from workers.slots import Slots

SLOTS = 12


class Scene:
    """Twelve slots, and the calls that hold them."""

    def __init__(self) -> None:
        self.gates, self.clock = FakeGates(), HandClock()
        self.keeper = Gatekeeper(self.gates, self.clock)  # type: ignore[arg-type]
        self.slots = Slots(SLOTS, self.keeper, self.clock)

    async def as_many_as_may_be(self, installation: str, held: AsyncExitStack) -> int:
        """Take slots until one is refused, twelve at the most; returns how many there were."""
        for number in range(SLOTS):
            try:
                await held.enter_async_context(self.slots.of(installation))
            except GateClosed:
                return number
        return SLOTS

    async def a_call(self, installation: str, seconds: float) -> None:
        async with self.slots.of(installation):
            self.clock.seconds += seconds


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_a_hog_gets_half_two_get_a_third_each_and_there_is_room_left(
    scene: Scene,
) -> None:
    async with AsyncExitStack() as held:
        alone = await scene.as_many_as_may_be("w1", held)
        second = await scene.as_many_as_may_be("w2", held)
        third = await scene.as_many_as_may_be("w3", held)

    assert (6, 3, 2) == (alone, second, third)


async def test_what_is_given_back_can_be_had_again(scene: Scene) -> None:
    async with AsyncExitStack() as held:
        await scene.as_many_as_may_be("w1", held)
    async with AsyncExitStack() as held:
        again = await scene.as_many_as_may_be("w2", held)

    assert 6 == again


async def test_a_quick_one_may_have_nearly_all(scene: Scene) -> None:
    await scene.a_call("w1", 0.01)
    async with AsyncExitStack() as held:
        quick = await scene.as_many_as_may_be("w1", held)

    assert 10 == quick


async def test_one_that_became_slow_is_quick_no_longer(scene: Scene) -> None:
    for seconds in (0.01, 0.01, 2.0):
        await scene.a_call("w1", seconds)
    async with AsyncExitStack() as held:
        slow = await scene.as_many_as_may_be("w1", held)

    assert 6 == slow


async def test_nobody_is_kept_from_a_first_slot(scene: Scene) -> None:
    """However full it is: who holds nothing gets one."""
    async with AsyncExitStack() as held:
        for number in range(SLOTS + 3):
            await held.enter_async_context(scene.slots.of(f"w{number}"))

        assert [] == scene.gates.closed


async def test_who_is_turned_away_waits_behind_a_gate_that_is_closed_once(scene: Scene) -> None:
    async with AsyncExitStack() as held:
        await scene.as_many_as_may_be("w1", held)
        await scene.as_many_as_may_be("w1", held)

    assert ["installation:w1"] == [name for name, _, _ in scene.gates.closed]


class TestWhatWaitsForSlots:
    """It comes back as there is room, since what finds none was claimed for nothing."""

    @pytest.fixture
    async def scene(self) -> Scene:
        made = Scene()
        await made.a_call("w1", 2.0)
        return made

    async def test_is_called_up_as_slots_are_given_back(self, scene: Scene) -> None:
        async with AsyncExitStack() as held:
            await scene.as_many_as_may_be("w1", held)
            await scene.as_many_as_may_be("w1", held)

        assert {("installation:w1", 1)} == set(scene.gates.released)
        assert 6 == len(scene.gates.released)

    async def test_is_called_up_for_all_the_room_there_is(self, scene: Scene) -> None:
        """Others held slots when it was turned away, and hold none any more."""
        async with AsyncExitStack() as others:
            for number in range(9):
                await others.enter_async_context(scene.slots.of(f"other{number}"))
            async with AsyncExitStack() as held:
                await scene.as_many_as_may_be("w1", held)
                await scene.as_many_as_may_be("w1", held)
                await others.aclose()

        assert ("installation:w1", 5) == scene.gates.released[0]

    async def test_is_not_called_up_twice_while_it_is_on_its_way(self, scene: Scene) -> None:
        async with AsyncExitStack() as held:
            await scene.as_many_as_may_be("w1", held)
            await scene.as_many_as_may_be("w1", held)
        scene.gates.released.clear()  # six are on their way, and the first one comes now
        await scene.a_call("w1", 0.2)

        assert [("installation:w1", 1)] == scene.gates.released

    async def test_is_called_up_by_a_worker_that_has_nothing_of_it(self, scene: Scene) -> None:
        """What one worker has no slots for, another one learns within a second."""
        scene.gates.standing = [
            Gate(name="installation:w1", kind="slots", seconds=5, reason="no slots", behind=9)
        ]
        await scene.keeper.look()
        await scene.slots.take_part()
        async with scene.slots.of("w1"):
            await scene.slots.take_part()

        assert [("installation:w1", 1)] == scene.gates.released[:1]

    async def test_is_none_where_nobody_was_turned_away(self, scene: Scene) -> None:
        await scene.a_call("w1", 2.0)

        assert [] == scene.gates.released
