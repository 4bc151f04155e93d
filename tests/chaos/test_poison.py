"""Handlers that kill, crash or stop their worker: quarantined after three, and nobody beside them dies with them."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from shared.storage import keys
from shared.storage.ledger_check import check
from tests.chaos.numbers import told
from tests.chaos.rig import Rig, a_rig

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("gcc"),
    pytest.mark.timeout(150),
]

DEFINITION = """
name = "poison"
version = "1.0.0"
runtime = "python"
deliveryId = "x-delivery"
verify = { scheme = "none" }

[identifier]
extractScript = "extract.vrl"
"""
HANDLERS = """
import asyncio, ctypes, json, os

async def webhook(ctx, request):
    text = json.loads(request.body)["text"]
    if text.startswith("exit"):
        os._exit(7)
    if text.startswith("segfault"):
        ctypes.string_at(0)
    if text.startswith("loop"):
        while True:
            pass
    await asyncio.sleep(0.05)
    await ctx.client.create_event(type="webhook", payload={"body": request.body})
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rig(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """Two workers that run a handler of ours, and are started again when they die."""
    folder = write(tmp_path_factory.mktemp("integrations") / "poison")
    async with a_rig(workers=0) as running:
        running.environ["WAYPOST_INTEGRATIONS"] = str(folder)
        await running.publish_folder(folder)
        await running.install("poison", "team-0")
        for n in range(2):
            await running.worker(f"worker-{n}").until_it_said("worker.started")
        keeping = asyncio.create_task(kept(running))
        yield running
        keeping.cancel()


def write(folder: Path) -> Path:
    folder.mkdir()
    (folder / "definition.toml").write_text(DEFINITION)
    (folder / "extract.vrl").write_text("parse_json!(.body).team\n")
    (folder / "handlers.py").write_text(HANDLERS)
    return folder


async def kept(rig: Rig) -> None:
    """As `waypost up` does; a dead worker's leases run out at once, so that nobody waits for it here."""
    while True:
        for one in [one for name, one in rig.programs.items() if "worker" in name]:
            if one.process.poll() is not None:
                await rig.end_leases_of(one)
                one.launch()
        await asyncio.sleep(0.1)


LONG = [pytest.param(kind, marks=pytest.mark.chaos) for kind in ("segfault", "loop")]


@pytest.mark.parametrize("kind", ["exit", *LONG])
async def test_a_poisonous_handler_dies_alone(rig: Rig, kind: str) -> None:
    rig.bot.got.clear()
    dead_before = await rig.count("dead")
    texts = [f"beside-{kind}-{n}" for n in range(30)]
    for text in [*texts[:15], f"{kind}-1", *texts[15:]]:
        assert 200 == await rig.send(text, team="team-0", door="poison")
    began = time.monotonic()
    await rig.all_came(texts, within=100)
    took = time.monotonic() - began
    await rig.is_idle(within=60)
    dead = await rig.store.redis.zrange(keys.key("state", "dead"), 0, -1)
    reason = await rig.store.redis.hget(keys.key("record", dead[-1].decode()), "reason")  # type: ignore[misc]

    told(
        f"R17 {kind}",
        beside=len(texts),
        lost=len(set(texts) - set(rig.bot.texts())),
        took=f"{took:.1f} s",
    )
    assert dead_before + 1 == len(dead)
    assert reason.startswith(b"its worker stopped without an answer 3 times")
    assert [] == await check(rig.store)


async def test_a_poisonous_handler_takes_all_beside_it_where_nothing_is_tried_alone(
    rig: Rig,
) -> None:
    """The control: a worker without that rule has all of it in hand each time, and all of it is counted out."""
    rig.bot.got.clear()
    dead_before = await rig.count("dead")
    trusting = await rig.alone("worker-trusting", "tests.chaos.trusting")
    trusting.signal(signal.SIGSTOP)  # until all of it is there to be claimed at once
    texts = [f"beside-{n}" for n in range(20)]
    for text in [*texts[:10], "exit-again", *texts[10:]]:
        assert 200 == await rig.send(text, team="team-0", door="poison")
    trusting.signal(signal.SIGCONT)
    await rig.is_idle(within=60)
    await asyncio.to_thread(rig.programs.pop("worker-trusting").stop)
    rig.again()
    dead, came = await rig.count("dead") - dead_before, len(rig.bot.texts())

    told("R17 nothing tried alone (control)", beside=len(texts), dead=dead, came=came)
    assert len(texts) + 1 == dead + came
    assert dead > 1
