"""What a handler in Python is told of the attempt it is."""

from __future__ import annotations

from msgspec import structs

from shared.storage.connection import Store
from tests.contracts.token_builders import Bench
from tests.unit.engine_builders import a_claim
from workers.runtime.context import Context, SecretValues


async def test_each_attempt_has_the_same_idempotency_key(store: Store) -> None:
    bench = await Bench(store).open()
    tools = bench.worker()
    owner, record = await bench.owner(tools), a_claim().record
    attempts = [structs.replace(record, epoch=n, attempts=n - 1) for n in (1, 2, 3)]

    given = {
        Context(tools, one, owner, SecretValues({}), in_flow=False).idempotency_key
        for one in attempts
    }

    assert {record.id} == given
