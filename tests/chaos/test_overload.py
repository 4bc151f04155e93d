"""Five times of what the store can take: it goes on taking what it can, and the rest is told so at once."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from tests.chaos.numbers import told
from tests.chaos.rig import Rig, a_rig
from tests.chaos.sizes import sizes
from tests.journeys.system import ROOT

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("gcc"),
    pytest.mark.timeout(120),
]

DEADLINE = 2.0  # seconds that a sender waits for its answer; a later one is worth nothing
SYNC = 0.4  # seconds: so slow a disk is the narrowest place on any machine, however busy
FEW = 500  # connections: as many as a slow store can use …
MANY = 3000  # … and more than it can serve in time
FLOOD = (
    5.5  # times of the peak are sent: of so many connections, some are always late with theirs
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def slow() -> AsyncIterator[Rig]:
    """A store on a slow disk, an ingress as it comes, and one that lets everybody wait."""
    async with a_rig(ingresses=0, workers=0, auto_aof_rewrite_percentage="0") as rig:
        rig.server.stop()
        rig.server.sync_takes = SYNC
        await rig.server.start()
        for program in (
            rig.ingress("ingress-shedding"),
            rig.ingress("ingress-patient", WAYPOST_INGRESS_PATIENCE="0"),
        ):
            await program.until_it_said("ingress.started")
        yield rig


async def crowd(rig: Rig, to: int = 0, **plan: Any) -> dict[str, Any]:
    """Send by *plan* to one of the ingresses; what came of it."""
    port = int(rig.origins[to].rpartition(":")[2])
    words = {"port": port, "path": "/integration/global/chaos", "deadline": DEADLINE, **plan}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.chaos.crowd", json.dumps(words),
        cwd=ROOT, stdout=subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    return json.loads(out)


async def healthy(rig: Rig, seconds: float) -> list[int]:
    """What `/health` answers, every half second."""
    found = []
    for _ in range(int(seconds * 2)):
        await asyncio.sleep(0.5)
        async with rig.http.get(f"{rig.origins[0]}/health") as answer:
            found.append(answer.status)
    return found


class Size(NamedTuple):
    """How long, and what has to be seen; the suite's machine is busy with other tests."""

    before: float  # seconds
    seconds: float
    goodput: float  # of the peak, at least
    back: float  # of what comes afterwards, answered in time, at least
    without: float  # goodput of the control, of ours, at most
    offered: float  # times of the peak, at least


@sizes(Size(1.5, 4.0, 0.5, 0.8, 1.0, 2.0), Size(5.0, 22.0, 0.8, 0.95, 0.5, 5.0))
async def test_five_times_as_much_leaves_what_can_be_done(slow: Rig, size: Size) -> None:
    before, seconds, *_ = size
    alone = await crowd(
        slow, rate=0, connections=FEW, seconds=before + DEADLINE, warm_up=DEADLINE
    )
    peak = alone["per_second"]
    health = asyncio.create_task(healthy(slow, seconds))
    five_times = {"rate": FLOOD * peak, "connections": MANY, "seconds": seconds, "warm_up": DEADLINE}  # fmt: skip
    flood = await crowd(slow, **five_times)
    await asyncio.sleep(1.0)
    after = await crowd(slow, rate=peak / 3, connections=FEW, seconds=before)
    control = await crowd(slow, to=1, **five_times)

    offered = flood["offered"] / (seconds - DEADLINE) / peak
    goodput, without = (one["per_second"] / peak for one in (flood, control))
    told(
        "R22", seconds=seconds, peak=f"{peak:.0f}/s", offered=f"{offered:.1f} x", goodput=f"{goodput:.0%}",
        refused=flood["refused"], answered_too_late=flood["too_late"],
        p50=f"{flood['p50']:.2f} s", p99=f"{flood['p99']:.2f} s",
        refused_p50=f"{flood['refused_p50']:.3f} s", a_second_later_refused=after["refused"],
        control_goodput=f"{without:.0%}", control_too_late=control["too_late"],
    )  # fmt: skip
    assert offered >= size.offered
    assert goodput >= size.goodput
    assert (0, 0, 0) == (flood["others"], flood["unanswered"], flood["without_a_time"])
    assert flood["refused"] > 0
    assert 0 == after["refused"]
    assert after["good"] >= size.back * after["offered"]
    assert {200} == set(await health)
    assert without < size.without * goodput
