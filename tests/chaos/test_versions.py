"""Two versions of the code at work on one store at the same time, as during every deploy."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import NamedTuple

import pytest

from shared.storage import keys
from shared.storage.ledger_check import check
from tests.chaos.numbers import told
from tests.chaos.rig import Program, Rig, a_rig
from tests.journeys.system import ROOT

pytestmark = [pytest.mark.needs("gcc", "git"), pytest.mark.chaos, pytest.mark.timeout(300)]

BACK = 30  # commits at most: about as much as lies between two deploys
RATE, SECONDS = 60, 12


def git(*words: str) -> bytes | None:
    """What git says of the checkout that these tests lie in; None where it cannot say it."""
    found = subprocess.run(["git", "-C", ROOT, *words], capture_output=True, check=False)
    return found.stdout if found.returncode == 0 else None


def unpacked(name: str, folder: Path) -> Path:
    """*folder*, with the code of commit *name* in it."""
    packed = git("archive", name, "services", "shared", "workers")
    assert packed
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        tar.extractall(folder, filter="data")
    return folder


class Older(NamedTuple):
    """The oldest version of the last few that writes today's layout of records."""

    folder: Path
    back: int  # commits


@pytest.fixture
def older(tmp_path: Path) -> Older:
    """As far back as it goes: both may only be at work at once where they write one layout."""
    for back in range(BACK, 0, -1):
        there = git("show", f"HEAD~{back}:shared/storage/keys.py") or b""
        if f'LAYOUT = "{keys.LAYOUT}"' in there.decode():
            return Older(unpacked(f"HEAD~{back}", tmp_path), back)
    pytest.skip(f"needs a checkout with an older commit of layout {keys.LAYOUT}")


def last_of(layout: str, folder: Path) -> Path:
    """*folder*, with the last version in it that wrote *layout*."""
    after = f'-SLAYOUT = "{int(layout) + 1}"'
    first = (git("log", "--format=%h", after, "--", "shared/storage/keys.py") or b"").decode()
    name = git("rev-parse", "--short", f"{first.split()[-1]}^") if first else None
    if not name:
        pytest.skip(f"needs a checkout with a version of layout {layout}")
    there = git("show", f"{name.decode().strip()}:shared/storage/keys.py") or b""
    assert f'LAYOUT = "{layout}"' in there.decode()
    return unpacked(name.decode().strip(), folder)


async def test_lose_nothing_and_double_nothing(older: Older) -> None:
    """Requests come in through both, are carried by both, and both are stopped in the middle of it."""
    async with a_rig(ingresses=1, workers=1) as rig:
        old_ingress = rig.ingress("ingress-old", cwd=older.folder)
        old_workers = [rig.worker(f"worker-old{n}", cwd=older.folder) for n in range(2)]
        for one in (old_ingress, *old_workers):
            await one.until_it_said(one.name.partition("-")[0] + ".started")
        sending = asyncio.create_task(rig.traffic("mixed-", RATE, SECONDS))
        await asyncio.sleep(SECONDS / 3)
        await asyncio.to_thread(old_workers[0].stop)
        await asyncio.sleep(SECONDS / 3)
        await asyncio.to_thread(rig.programs["worker-0"].stop)
        rig.worker("worker-1")
        accepted = await sending
        await rig.all_came(accepted)
        await rig.is_idle()
        problems = await check(rig.store)
        for one in rig.workers:
            await asyncio.to_thread(one.stop)
        by_old = sum(done(one) for one in old_workers)
        by_new = sum(done(one) for one in rig.workers) - by_old
        through_old = old_ingress.said("http.answered")
        came = rig.bot.texts()

    told("R16 mixed versions", older=f"{older.back} commits", accepted=len(accepted),
         lost=len(set(accepted) - set(came)), doubles=sum(came.values()) - len(came),
         through_older=through_old, carried_by_older=by_old, carried_by_newer=by_new)  # fmt: skip
    assert dict.fromkeys(accepted, 1) == came
    assert [] == problems
    assert min(by_old, by_new, through_old) > 0


@pytest.mark.parametrize("layout", keys.LAYOUTS_BEFORE)
async def test_a_layout_before_is_brought_to_ours(layout: str, tmp_path: Path) -> None:
    """The older version is stopped with work in hand, this one goes on with it, and there is no way back."""
    before = last_of(layout, tmp_path)
    async with a_rig(ingresses=0, workers=0) as rig:
        early, texts = await left_behind(rig, before)
        unsound = await check(rig.store)
        new = [rig.worker(f"worker-{n}") for n in range(2)]
        for one in new:
            await one.until_it_said("worker.started")
        await rig.all_came(texts)
        await rig.is_idle()
        problems = await check(rig.store)
        back = await refusal(rig.worker("worker-back", cwd=before))
        migrated = sum(one.said("layout.settled") for one in new)
        came = rig.bot.texts()

    told(
        "R16 layout before",
        layout=layout,
        accepted=len(texts),
        lost=len(set(texts) - set(came)),
    )
    assert "stop all programs of the older version first" in early
    assert unsound, "a control: without its counters the ledger is not sound"
    assert 1 == migrated
    assert dict.fromkeys(texts, 1) == came
    assert [] == problems
    assert f"in layout {keys.LAYOUT}, and this version writes layout {layout}" in back


async def left_behind(rig: Rig, before: Path) -> tuple[str, list[str]]:
    """
    What the older version leaves: events in a stream, and half of its requests not yet carried.

    Returns how a worker of ours was refused meanwhile, and what the bot has to get.
    """
    await rig.bots.put("reader")
    await rig.install("chaos", "team-read", bot="reader")
    ingress = rig.ingress("ingress-old", cwd=before)
    worker = rig.worker("worker-old", cwd=before)
    for one in (ingress, worker):
        await one.until_it_said(one.name.partition("-")[0] + ".started")
    carried = await rig.traffic("carried-", RATE, 1)
    for number in range(5):
        await rig.insist(f"read-{number}", team="team-read")
    await rig.all_came(carried)
    await rig.is_idle()
    early = await refusal(rig.worker("worker-early"))
    await asyncio.to_thread(worker.stop)
    left = await rig.traffic("left-", RATE, 1)
    await asyncio.to_thread(ingress.stop)
    return early, [*carried, *left]


async def refusal(program: Program) -> str:
    """What a program says that does not start."""
    assert await asyncio.to_thread(program.process.wait, 30) == 1
    return program.log.read_text()


def done(worker: Program) -> int:
    """How many jobs a worker says that it has done, over all of its lives."""
    lines = [
        json.loads(one)
        for one in worker.log.read_text().splitlines()
        if "worker.stopped" in one
    ]
    return sum(line["done"] for line in lines)
