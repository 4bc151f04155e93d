"""What the tests of the ledger start from."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from shared.model.jobs import Accept, Accepted, Claim, Record
from shared.model.retention import Retention
from shared.storage import keys
from shared.storage.connection import Store
from shared.storage.inspection import Inspection
from shared.storage.installations import Installations
from shared.storage.ledger import LEASE, Ending, Ledger, Limits, Routed
from tests.contracts.storage_builders import an_installation

BODY = b"a stored request"
OPEN, CLOSED = 1024, 832  # bytes that are counted beside a body


def an_accept(id: str, **parts: Any) -> Accept:
    """A webhook for Linear's global door."""
    defaults: dict[str, Any] = {
        "job": "webhook",
        "body": BODY,
        "integration": "linear",
        "lane": "linear",
    }
    return Accept(id=id, **{**defaults, **parts})


def an_ending(claim: Claim, end: str, **parts: Any) -> Ending:
    """The end of a lease."""
    return Ending(id=claim.record.id, epoch=claim.record.epoch, end=end, **parts)


class Bench:
    """A ledger on a real store, with hands to work it."""

    def __init__(self, store: Store, limits: Limits | None = None) -> None:
        self.store, self.redis = store, store.redis
        self.ledger, self.inspection = Ledger(store, limits), Inspection(store)
        self.installations = Installations(store)

    async def accept(self, *ids: str, **parts: Any) -> list[Accepted]:
        return await self.ledger.accept([an_accept(id, **parts) for id in ids])

    async def claim(self, limit: int = 100, worker: str = "w1") -> list[Claim]:
        return (await self.ledger.claim(worker, limit))[0]

    async def claimed_ids(self, limit: int = 100, worker: str = "w1") -> list[str]:
        return [claim.record.id for claim in await self.claim(limit, worker)]

    async def lease(self, id: str, **parts: Any) -> Claim:
        """Accept one request and claim it."""
        await self.accept(id, **parts)
        (claim,) = await self.claim()
        return claim

    async def settle(self, claim: Claim, end: str, **parts: Any) -> bool:
        return (await self.ledger.settle([an_ending(claim, end, **parts)]))[0]

    async def closed(self, id: str, end: str, **parts: Any) -> Claim:
        """Accept one request and close it."""
        claim = await self.lease(id, **parts)
        assert await self.settle(claim, end, reason="for the test")
        return claim

    async def route(
        self, claim: Claim, *slices: str | tuple[str, bytes], may_park: bool = True
    ) -> Routed:
        parts = [one if isinstance(one, tuple) else (one, b"") for one in slices]
        return await self.ledger.route(claim.record, parts, may_park=may_park)

    async def park(self, identifier: str, *ids: str) -> None:
        """Accept requests that nobody is there for yet."""
        for id in ids:
            routed = await self.route(await self.lease(id), identifier)
            assert routed.where == "parked"

    async def install(self, *ids: str, bot: str = "shop") -> None:
        for id in ids:
            made = an_installation(webhook_id=id, bot_id=bot, alias=id, integration="linear")
            await self.installations.create(made)

    async def bind(
        self,
        installation: str,
        identifier: str,
        ownership: str = "take_over",
        *,
        in_flow: bool = True,
    ) -> tuple[int, list[str]]:
        return await self.ledger.bind(
            "linear", identifier, installation, ownership, in_flow=in_flow
        )

    async def sweep(self, retention: Retention, most: int = 100) -> tuple[int, int]:
        """How many were removed, and how many parked ones are dead."""
        swept = await self.ledger.sweep(retention, most)
        return swept.removed, swept.unmatched

    async def record(self, id: str) -> Record:
        found = await self.ledger.show(id)
        assert found is not None, f"there is no {id}"
        return found

    async def states(self, *ids: str) -> list[str]:
        return [(await self.record(id)).state for id in ids]

    def later(self, span: float | timedelta) -> None:
        """Move the store's clock."""
        seconds = span if isinstance(span, float | int) else span.total_seconds()
        self.store.scripts.skew_ms += int(seconds * 1000)

    def after_the_lease(self) -> None:
        self.later(LEASE + timedelta(seconds=1))

    async def counter(self, name: str) -> int:
        return int(await self.redis.hget(keys.key("totals"), name) or 0)  # type: ignore[misc]

    async def everything(self) -> dict[str, Any]:
        """All that is stored for good but the audit, which tells of refusals too: to see that nothing was written."""
        found: dict[str, Any] = {}
        for key in sorted(set(await self.redis.keys("*")) - {keys.key("audit").encode()}):
            found[key.decode()] = await self.redis.dump(key)
        return found
