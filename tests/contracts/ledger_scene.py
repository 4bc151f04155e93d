"""A ledger with a bit of everything in it."""

from __future__ import annotations

from datetime import timedelta

from shared.storage import keys
from shared.storage.gates import Gates
from shared.storage.ledger_check import check
from shared.storage.turns import Turns
from tests.contracts.ledger_builders import Bench


async def a_scene(bench: Bench) -> None:
    """A record in each state, a split one, and a binding; all of it sound."""
    await bench.install("w1", "w2")
    for end in ("done", "ignored", "dead"):
        await bench.closed(f"req_{end}", end)
    await bench.park("P", "req_parked")
    await bench.park("A", "req_head", "req_waiting")
    await bench.route(await bench.lease("req_split"), ("X", b"x"), ("Y", b"y"))
    await bench.settle(await bench.lease("req_told"), "done", bot="shop:1", event=b"e")
    await bench.settle(await bench.lease("req_retrying"), "retry")
    bench.later(-1)
    claim = await bench.lease("req_leased")
    await bench.ledger.step("begin", claim.record, "send")
    await bench.bind("w1", "A")
    await Gates(bench.store).close("bot:down", "pause", timedelta(hours=1), "for the test")
    await bench.accept("req_keyed", dedupe="again")
    await with_refresh(bench, "w2")
    assert [] == await check(bench.store)


async def with_refresh(bench: Bench, id: str) -> None:
    """Tokens, a refresh of them that was begun two minutes ago, and somebody who will look at it."""
    now, turns = await bench.inspection.now() / 1000, Turns(bench.store)
    await bench.installations.update(id, connection="connected")
    tokens = {"payload": "sealed", "meta": f'{{"createdAt":1.0,"updatedAt":{now - 300}}}'}
    await bench.redis.hset(keys.key("state-of", id, "integration", "", "oauth"), mapping=tokens)
    await turns.take(id, "holder")
    assert await turns.begin(id, "holder", "refresh:1", now - 120) is None
    await turns.drop(id, "holder")
    await bench.redis.zadd(keys.key("renewals"), {id: (now + 100) * 1000})
