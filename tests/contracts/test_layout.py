"""A version that lays its records out in another way never starts on a store beside the ones that are there."""

from __future__ import annotations

import pytest

from shared.errors import SetupFailed
from shared.storage import keys
from shared.storage.connection import Store
from shared.storage.layout import settle_layout
from tests.contracts.ledger_builders import Bench


async def test_an_empty_cell_is_stamped_and_the_next_one_may_start_too(store: Store) -> None:
    await settle_layout(store)
    await settle_layout(store)

    assert keys.LAYOUT.encode() == await store.redis.get("waypost:{c0}:layout")


@pytest.mark.parametrize("other", ["1", "3"])
async def test_another_layout_is_refused_and_left_as_it_is(store: Store, other: str) -> None:
    await store.redis.set(keys.layout_stamp(), other)
    with pytest.raises(SetupFailed, match=f"in layout {other}, and this version") as refused:
        await settle_layout(store)

    assert "run the version that wrote them" in refused.value.fix
    assert other.encode() == await store.redis.get(keys.layout_stamp())


async def test_it_would_see_nothing_of_what_is_there(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: why it must not start."""
    await Bench(store).accept("req_1")
    monkeypatch.setattr(keys, "LAYOUT", "3")
    async with Store(store.url) as other:
        await other.open()

        assert [] == await Bench(other).claim()
