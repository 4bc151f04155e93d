"""Two versions of the code at work on one store at the same time, as during every deploy."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from shared.storage import keys
from shared.storage.ledger_check import check
from tests.chaos.numbers import told
from tests.chaos.rig import Program, a_rig
from tests.journeys.system import ROOT

pytestmark = [pytest.mark.needs("gcc", "git"), pytest.mark.chaos, pytest.mark.timeout(300)]

BACK = 30  # commits: about as much as lies between two deploys
RATE, SECONDS = 60, 12


def git(*words: str) -> bytes | None:
    """What git says of the checkout that these tests lie in; None where it cannot say it."""
    found = subprocess.run(["git", "-C", ROOT, *words], capture_output=True, check=False)
    return found.stdout if found.returncode == 0 else None


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The folder of an older version, with today's layout of records."""
    name = (git("rev-parse", "--short", f"HEAD~{BACK}") or b"").decode().strip()
    if not name:
        pytest.skip(f"needs a checkout with {BACK} commits")
    there = (git("show", f"{name}:shared/storage/keys.py") or b"").decode()
    if f'LAYOUT = "{keys.LAYOUT}"' not in there:
        pytest.skip(
            f"{name} has another layout; tests/contracts/test_layout.py has what happens then"
        )
    packed = git("archive", name, "services", "shared", "workers")
    assert packed
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        tar.extractall(tmp_path, filter="data")
    return tmp_path


async def test_lose_nothing_and_double_nothing(older: Path) -> None:
    """Requests come in through both, are carried by both, and both are stopped in the middle of it."""
    async with a_rig(ingresses=1, workers=1) as rig:
        old_ingress = rig.ingress("ingress-old", cwd=older)
        old_workers = [rig.worker(f"worker-old{n}", cwd=older) for n in range(2)]
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

    told("R16 mixed versions", older=f"{BACK} commits", accepted=len(accepted), lost=0,
         through_older=through_old,
             carried_by_older=by_old, carried_by_newer=by_new)  # fmt: skip
    assert dict.fromkeys(accepted, 1) == came
    assert [] == problems
    assert min(by_old, by_new, through_old) > 0


def done(worker: Program) -> int:
    """How many jobs a worker says that it has done, over all of its lives."""
    lines = [
        json.loads(one)
        for one in worker.log.read_text().splitlines()
        if "worker.stopped" in one
    ]
    return sum(line["done"] for line in lines)
