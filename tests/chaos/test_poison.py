"""Handlers that kill, crash, stop or swell their worker: quarantined after three, and nobody dies with them."""

from __future__ import annotations

import asyncio
import resource
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from shared.storage import keys
from shared.storage.ledger_check import check
from tests.chaos.numbers import told
from tests.chaos.rig import Program, Rig, a_rig

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("gcc"),
    pytest.mark.timeout(150),
]

MOST_MEMORY = 600 << 20  # bytes, beyond which the machine kills a worker

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
import asyncio, ctypes, json, os, time

async def webhook(ctx, request):
    text = json.loads(request.body)["text"]
    if text.startswith("exit"):
        os._exit(7)
    if text.startswith("segfault"):
        ctypes.string_at(0)
    if text.startswith("loop"):
        while True:
            pass
    if text.startswith("memory"):
        held = [b"x" * (16 << 20) for _ in range(64)]  # 1 GB, each page of it written
        time.sleep(5)
    await asyncio.sleep(0.05)
    await ctx.client.create_event(type="webhook", payload={"body": request.body})
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rig(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    folder = write(tmp_path_factory.mktemp("integrations") / "poison")
    async with poisoned(folder, 2, hurries=True) as running:
        yield running


@asynccontextmanager
async def poisoned(folder: Path, workers: int, *, hurries: bool) -> AsyncIterator[Rig]:
    """Some workers that run a handler of ours, and are started again when they die."""
    async with a_rig(workers=0) as running:
        running.environ["WAYPOST_INTEGRATIONS"] = str(folder)
        await running.publish_folder(folder)
        await running.install("poison", "team-0")
        for n in range(workers):
            await running.worker(f"worker-{n}").until_it_said("worker.started")
        keeping = asyncio.create_task(kept(running, hurries=hurries))
        try:
            yield running
        finally:
            keeping.cancel()


def write(folder: Path) -> Path:
    folder.mkdir()
    (folder / "definition.toml").write_text(DEFINITION)
    (folder / "extract.vrl").write_text("parse_json!(.body).team\n")
    (folder / "handlers.py").write_text(HANDLERS)
    return folder


async def kept(rig: Rig, *, hurries: bool) -> None:
    """As `waypost up` does, on a machine that kills what grows; where it *hurries*, a dead one's leases end at once."""
    while True:
        for one in [one for name, one in rig.programs.items() if "worker" in name]:
            if one.process.poll() is not None:
                if hurries:
                    await rig.end_leases_of(one)
                one.launch()
            elif pages_of(one)[1] * resource.getpagesize() > MOST_MEMORY:
                one.kill()
        await asyncio.sleep(0.05)


def pages_of(one: Program) -> list[int]:
    """Of its address space, and of the machine's memory: https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html."""
    return [int(n) for n in Path(f"/proc/{one.process.pid}/statm").read_text().split()]


KINDS = ("exit", "segfault", "loop", "memory")
LONG = [pytest.param(kind, marks=pytest.mark.chaos) for kind in KINDS[1:]]


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


async def test_a_handler_that_gets_no_memory_fails_alone(rig: Rig) -> None:
    """Where the system refuses instead of killing (`ulimit -v`), it is an attempt like others: no worker ends."""
    rig.bot.got.clear()
    started = [one.started for one in rig.workers]
    texts = [f"beside-refused-{n}" for n in range(20)]
    for one in rig.workers:
        room = pages_of(one)[0] * resource.getpagesize() + (300 << 20)
        resource.prlimit(one.process.pid, resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
    for text in [*texts[:10], "memory-refused", *texts[10:]]:
        assert 200 == await rig.send(text, team="team-0", door="poison")
    await rig.all_came(texts)
    await until_it_retries(rig)
    for one in rig.workers:
        no = resource.RLIM_INFINITY
        resource.prlimit(one.process.pid, resource.RLIMIT_AS, (no, no))
    (failed,) = await rig.records("retrying")
    await rig.ledger.drop(failed.id)

    assert "webhook of poison failed: MemoryError" == failed.reason
    assert (1, 0) == (failed.attempts, failed.crashes)
    assert started == [one.started for one in rig.workers]
    assert [] == await check(rig.store)


async def until_it_retries(rig: Rig) -> None:
    async with asyncio.timeout(20):
        while not await rig.count("retrying"):
            await asyncio.sleep(0.05)


@pytest.mark.chaos
@pytest.mark.timeout(300)
async def test_who_is_beside_poison_waits_no_longer(tmp_path: Path) -> None:
    """
    All four kinds in 75 seconds, and leases that run out in their own time.

    With three workers: of two both stand still for a moment, when a loop has come to the second one and the first is
    not ended yet.
    """
    async with poisoned(write(tmp_path / "poison"), 3, hurries=False) as rig:
        await waits(rig, "warm-", 3)
        alone = await waits(rig, "alone-", 20)
        beside = asyncio.create_task(waits(rig, "beside-", 75))
        for kind, pause in (("loop", 38), ("memory", 4), ("segfault", 4), ("exit", 0)):
            assert 200 == await rig.send(f"{kind}-beside", team="team-0", door="poison")
            await asyncio.sleep(pause)
        with_them, dead = await beside, await rig.count("dead")

        p99 = [sorted(found)[int(0.99 * len(found))] for found in (alone, with_them)]
        again = sum(one.started - 1 for one in rig.workers)
        told("R17 the others", beside=len(with_them), dead=dead, started_again=again, p99_alone=f"{p99[0]:.3f} s",
             p99_beside=f"{p99[1]:.3f} s", longest=f"{max(with_them):.1f} s")  # fmt: skip
        assert len(KINDS) == dead
        assert p99[1] <= 2 * p99[0]
        assert [] == await check(rig.store)


async def waits(rig: Rig, prefix: str, seconds: float) -> list[float]:
    """Sixty requests a second: how long it took from when each was accepted until it came to the bot."""
    rig.bot.got.clear()
    accepted = await rig.traffic(prefix, 60, seconds, team="team-0", door="poison")
    await rig.all_came(accepted, within=60)
    await rig.is_idle(within=60)
    first = {one.text: one.at for one in reversed(rig.bot.got)}
    return [first[text] - at for text, at in accepted.items()]


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
