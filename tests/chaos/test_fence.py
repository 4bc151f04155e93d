"""The fence is what keeps a worker that wakes up late from ending what another one holds: without it, it would."""

from __future__ import annotations

from shared.model.jobs import Claim
from shared.storage import keys
from shared.storage.connection import Store
from shared.storage.scripts import source
from tests.contracts.ledger_builders import Bench

FENCE = " and r[2] == epoch"


async def late(bench: Bench) -> Claim:
    """A lease whose holder wakes up after another worker has taken over."""
    claim = await bench.lease("req_1")
    bench.after_the_lease()
    assert 1 == len(await bench.claim(worker="w2"))
    return claim


async def test_a_late_end_is_refused(store: Store) -> None:
    bench = Bench(store)

    assert not await bench.settle(await late(bench), "done")
    assert ["leased"] == await bench.states("req_1")


async def test_without_the_fence_it_would_end_what_another_one_holds(store: Store) -> None:
    """The control: the same script, the comparison of epochs taken out."""
    bench = Bench(store)
    claim = await late(bench)
    unfenced = source("settle").replace(FENCE, "")
    assert unfenced != source("settle")
    ending = [1, claim.record.id, claim.record.epoch, "done", ""]

    assert [1] == await store.redis.eval(unfenced, 1, keys.prefix(), *ending)  # type: ignore[misc, arg-type]
    assert ["done"] == await bench.states("req_1")
