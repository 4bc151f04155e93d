"""One sender floods the door while nobody works: it alone is turned away, and all that was accepted is finished."""

from __future__ import annotations

import pytest

from shared.integrations.definition import decode
from shared.storage.ledger_check import check
from tests.chaos.numbers import told
from tests.chaos.rig import CHAOS, Rig, a_rig

pytestmark = pytest.mark.needs("gcc")

MOST = 40  # records that may be open
FLOOD = 60


async def test_cannot_shut_the_door_for_others() -> None:
    async with a_rig(ingresses=0, workers=0) as rig:
        await _a_door(rig, "quiet")
        await rig.ingress("ingress", WAYPOST_OPEN_RECORDS=str(MOST)).until_it_said(
            "ingress.started"
        )
        flood = [await rig.answer(f"loud{n}") for n in range(FLOOD)]
        quiet = [await rig.send(f"quiet{n}", door="quiet") for n in range(5)]
        rig.worker("worker")
        accepted = [f"loud{n}" for n, (status, _) in enumerate(flood) if status == 200]
        await rig.all_came([*accepted, *(f"quiet{n}" for n in range(5))])
        await rig.is_idle()
        again = await rig.send("loud again")
        await rig.all_came(["loud again"])
        await rig.is_idle()
        assert [] == await check(rig.store)

    told("one sender", sent=FLOOD, may_be_open=MOST, accepted=len(accepted))
    assert [200] * (MOST // 2) + [503] * (FLOOD - MOST // 2) == [status for status, _ in flood]
    assert all(after for status, after in flood if status == 503)
    assert [200] * 5 == quiet
    assert 200 == again


async def _a_door(rig: Rig, name: str) -> None:
    """Another integration beside the one that is flooded."""
    await rig.publish(decode({**CHAOS, "name": name}, name))
    for n in range(8):
        await rig.install(name, f"team-{n}")


async def test_would_shut_it_without_lanes() -> None:
    """The control: all of it in one lane, as if lanes had no share of their own."""
    async with a_rig(ingresses=0, workers=0) as rig:
        await rig.ingress("ingress", WAYPOST_OPEN_RECORDS=str(MOST)).until_it_said(
            "ingress.started"
        )
        for n in range(FLOOD):
            await rig.send(f"loud{n}")
        quiet = [await rig.send(f"quiet{n}") for n in range(5)]
        assert [] == await check(rig.store)

    assert [503] * 5 == quiet
