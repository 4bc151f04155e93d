"""Nearly full is full: what has begun must be able to end."""

from __future__ import annotations

import pytest

from services.ingress.pressure import Pressure


class FakeStore:
    """Says what it is told to say of its memory."""

    def __init__(self, used: int, most: int) -> None:
        self.facts = {"used_memory": used, "maxmemory": most}

    async def memory(self) -> dict[str, int]:
        return self.facts


@pytest.mark.parametrize(
    ("used", "most", "full"),
    [(0, 0, False), (10**12, 0, False), (89, 100, False), (90, 100, True), (120, 100, True)],
)
async def test_a_store_is_full_at_nine_tenths_of_what_it_may_hold(
    used: int, most: int, full: bool
) -> None:
    pressure = Pressure(FakeStore(used, most).memory)
    await pressure.look()

    assert full == pressure.is_full


async def test_a_store_with_room_again_is_full_no_longer() -> None:
    store = FakeStore(95, 100)
    pressure = Pressure(store.memory)
    await pressure.look()
    store.facts["used_memory"] = 50
    await pressure.look()

    assert not pressure.is_full
