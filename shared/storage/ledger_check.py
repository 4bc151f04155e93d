"""The invariants of the ledger, looked at in one go: for tests, drills, and after a restore."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.storage.connection import Store


async def check(store: Store) -> list[str]:
    """
    One sentence for each way in which the ledger contradicts itself; an empty list when it is sound.

    Every id is exactly one record in exactly one state with one body; leases, tickets, due times, orders and the
    parking lot agree with the records; counters equal a recount; nothing belongs to a record that is gone. It holds
    up the store while it walks every key, so it is not for a busy one.
    """
    return sorted(sentence.decode() for sentence in await store.scripts.run("check", []))
