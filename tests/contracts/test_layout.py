"""A version that lays its records out in another way never starts on a store whose records it does not know."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from shared.errors import SetupFailed
from shared.storage import backup, keys
from shared.storage.connection import Store
from shared.storage.layout import check_layout, settle_layout


async def test_an_empty_cell_is_stamped_and_the_next_one_may_start_too(store: Store) -> None:
    await settle_layout(store)
    await settle_layout(store)

    assert keys.LAYOUT.encode() == await store.redis.get("waypost:{c0}:layout")


@pytest.mark.parametrize("other", ["0", "3", "5"])
async def test_another_layout_is_refused_and_left_as_it_is(store: Store, other: str) -> None:
    await store.redis.set(keys.layout_stamp(), other)
    with pytest.raises(SetupFailed, match=f"in layout {other}, and this version") as refused:
        await settle_layout(store)

    assert "run the version that wrote them" in refused.value.fix
    assert other.encode() == await store.redis.get(keys.layout_stamp())


@pytest.mark.parametrize(
    ("layout", "fix"),
    [*((one, "start this version once") for one in keys.LAYOUTS_BEFORE), ("0", "run the version that wrote")],
)  # fmt: skip
async def test_who_only_looks_is_told_of_another_layout_and_changes_nothing(
    store: Store, layout: str, fix: str
) -> None:
    await check_layout(store)
    await store.redis.set(keys.layout_stamp(), layout)
    with pytest.raises(SetupFailed, match=f"in layout {layout}, and this version") as refused:
        await check_layout(store)

    assert fix in refused.value.fix
    assert layout.encode() == await store.redis.get(keys.layout_stamp())


@pytest.mark.parametrize("layout", [keys.LAYOUT, *keys.LAYOUTS_BEFORE])
def test_a_backup_of_this_layout_or_one_before_can_be_restored(
    tmp_path: Path, layout: str
) -> None:
    (tmp_path / backup.RECEIPT).write_bytes(a_receipt(layout))

    assert layout == backup.receipt_of(tmp_path).layout


def test_one_of_another_layout_cannot(tmp_path: Path) -> None:
    (tmp_path / backup.RECEIPT).write_bytes(a_receipt("0"))

    with pytest.raises(SetupFailed, match="holds records in layout 0"):
        backup.receipt_of(tmp_path)


def a_receipt(layout: str) -> bytes:
    """What lies in a backup without files."""
    return msgspec.json.encode(backup.Receipt(layout=layout, taken_at=1, files=()))
