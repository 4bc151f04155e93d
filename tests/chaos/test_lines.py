"""Bad lines and wrong clocks between real processes: each ambiguous accept is one record, and all of it arrives."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime
from typing import NamedTuple

import pytest
import pytest_asyncio
from msgspec.structs import replace

from shared.errors import StoreUnavailable
from shared.storage import heard, keys
from shared.storage.connection import connect
from shared.storage.ledger import Ledger
from shared.storage.ledger_check import check
from tests.chaos.numbers import told
from tests.chaos.proxy import Proxy, Weather
from tests.chaos.rig import Program, Rig, a_rig, a_sender
from tests.chaos.server import shim
from tests.chaos.sizes import sizes

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("gcc"),
    pytest.mark.timeout(120),
]

WEATHERS = {
    "late": Weather(latency=0.2, jitter=0.1),
    "breaking": Weather(reset=0.05),
    "in pieces": Weather(piece=3),
    "narrow": Weather(bytes_per_second=8000),
    "half open": Weather(is_half_open=True),
    "without replies": Weather(drops_replies_after=400),
}


SHOWS = {
    "late": "delays",
    "breaking": "resets",
    "in pieces": "pieces",
    "narrow": "waits",
    "half open": "bytes dropped",
    "without replies": "bytes dropped",
}
PATIENCE = 2.5  # seconds that a sender waits for its answer


class Lines(NamedTuple):
    """What runs, and what stands between its programs."""

    rig: Rig
    to_store: Proxy
    to_bot: Proxy
    to_ingress: Proxy

    def draw_from(self, chance: random.Random) -> None:
        """What chance decides on them, is decided by this one."""
        for line in self[1:]:
            line.chance = chance

    def are(self, weather: Weather) -> None:
        """All of them, from now on."""
        for line in self[1:]:
            line.weather = replace(weather)

    async def become(self, weather: str, texts: list[str]) -> None:
        """One after the other, each until it showed; what is sent meanwhile goes to *texts*."""
        for line in (self.to_bot, self.to_store, self.to_ingress):
            line.happened.clear()
            line.weather = replace(WEATHERS[weather])
            async with asyncio.timeout(30), asyncio.TaskGroup() as sending:
                while not line.happened[SHOWS[weather]]:
                    texts.append(f"r10-{weather}-more-{len(texts)}")
                    sending.create_task(self.rig.send(texts[-1]))
                    await asyncio.sleep(0.05)

    def showed(self) -> Counter[str]:
        """What happened on all of them."""
        return sum((line.happened for line in self[1:]), Counter[str]())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def behind_lines() -> AsyncIterator[Lines]:
    """A sender, an ingress, a worker, the store and the bot, and lines of ours between all of them."""
    async with AsyncExitStack() as stack:
        rig = await stack.enter_async_context(a_rig(ingresses=0, workers=0))
        await rig.http.close()
        rig.http = a_sender(PATIENCE)
        to_store = await stack.enter_async_context(Proxy(rig.server.port))
        to_bot = await stack.enter_async_context(Proxy(rig.bot.port))
        await rig.bots.put("bot", f"http://127.0.0.1:{to_bot.port}/")
        rig.environ["WAYPOST_REDIS_URL"] = f"redis://127.0.0.1:{to_store.port}"
        for program in (rig.ingress("ingress-behind"), rig.worker("worker-behind")):
            await program.until_it_said(program.name.partition("-")[0] + ".started")
        port = int(rig.origins[0].rpartition(":")[2])
        to_ingress = await stack.enter_async_context(Proxy(port))
        rig.origins[0] = f"http://127.0.0.1:{to_ingress.port}"
        yield Lines(rig, to_store, to_bot, to_ingress)
        await rig.is_idle()
        assert [] == await check(rig.store)


class TestABadLine:
    @sizes(1.0, 100.0, seconds=400)
    @pytest.mark.parametrize("weather", WEATHERS)
    async def test_loses_nothing_and_doubles_no_accept(
        self, behind_lines: Lines, weather: str, size: float, chance: random.Random
    ) -> None:
        """What comes twice, since the bot's answer was lost, comes under the same key."""
        rig, texts = behind_lines.rig, list[str]()
        behind_lines.draw_from(chance)
        rig.bot.got.clear()
        before = await stored(rig)
        began = time.monotonic()
        traffic = asyncio.create_task(rig.traffic(f"r10-{weather}-", 15, size))
        await behind_lines.become(weather, texts)
        await asyncio.sleep(began + size - time.monotonic())
        behind_lines.are(Weather())
        accepted = [*await traffic, *texts]
        await asyncio.gather(*(rig.insist(text) for text in texts))
        await rig.let_pass(3700)  # leases, and the longest pause of what has failed often
        await rig.all_came(accepted, within=60)
        await rig.is_idle(within=60)
        showed = behind_lines.showed()

        told(f"R10 {weather}", seconds=size, accepted=len(accepted),
             lost=len(set(accepted) - set(rig.bot.texts())),
             again_under_its_key=len(rig.bot.got) - len(accepted), **showed)  # fmt: skip
        assert {SHOWS[weather]} == set(+showed)
        assert len(accepted) == await stored(rig) - before
        assert {1} == {len(found) for found in rig.bot.keys_of().values()}
        assert [] == await check(rig.store)

    async def test_would_double_an_accept_without_a_delivery_id(
        self, behind_lines: Lines
    ) -> None:
        """The control: stored, its reply lost, and repeated under another name."""
        rig, to_store, *_ = behind_lines
        await rig.insist("before")  # by now its ingress knows the door
        to_store.weather = Weather(drops_replies_after=0)
        first = await rig.send("twice", delivery="one")
        to_store.weather = Weather()
        await rig.insist("twice", delivery="other")
        await rig.let_leases_run_out()
        await rig.is_idle(within=60)

        assert 503 == first
        assert 2 == len(rig.bot.keys_of()["twice"])

    async def test_on_which_nothing_is_heard_any_more_is_left(
        self, behind_lines: Lines, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Else a worker would sleep on a line that nobody has closed; one that is only quiet is kept."""
        _, to_store, *_ = behind_lines
        monkeypatch.setattr(heard, "SILENCE", 0.1)
        async with await connect(f"redis://127.0.0.1:{to_store.port}") as store:
            listening = asyncio.create_task(to_the_end(Ledger(store)))
            await asyncio.sleep(1.0)
            was_kept = not listening.done()
            to_store.weather = Weather(is_half_open=True)
            async with asyncio.timeout(5):
                said = await listening
            to_store.weather = Weather()

        assert (True, "the store says nothing any more") == (was_kept, said)


class TestAClockThatIsWrong:
    @sizes(5.0, 1.0)
    async def test_by_five_minutes_moves_no_attempt_and_loses_no_lease(
        self, behind_lines: Lines, size: float
    ) -> None:
        worker, early, late = await off_by_five_minutes(
            behind_lines.rig, f"r21-{size}", "workers.main"
        )

        told("R21", skew="±300 s", earliest=f"{early:.2f} s", latest=f"{late:.2f} s")
        assert early >= -0.05
        assert late <= size
        assert 0 == worker.said("lease.lost") + worker.said("record.lost")

    async def test_would_move_them_for_a_worker_that_believes_it(
        self, behind_lines: Lines
    ) -> None:
        """The control: its scripts take the time from it, not from the store."""
        _, early, late = await off_by_five_minutes(
            behind_lines.rig, "r21-believing", "tests.chaos.believing"
        )

        told("R21 believed (control)", earliest=f"{early:.2f} s", latest=f"{late:.2f} s")
        assert late < -200


async def off_by_five_minutes(rig: Rig, name: str, module: str) -> tuple[Program, float, float]:
    """How early and how late a worker that is ahead took up again what came through an ingress that is behind."""
    for one in rig.programs.values():
        one.signal(signal.SIGSTOP)
    wrong = {"LD_PRELOAD": str(shim("skew"))}
    worker = rig.program(f"{name}-worker", module, **wrong, SKEW="300")
    ingress = rig.ingress(f"{name}-ingress", **wrong, SKEW="-300")
    try:
        await worker.until_it_said("worker.started")
        await ingress.until_it_said("ingress.started")
        rig.bot.got.clear()
        rig.bot.refuses_first = True
        texts = [f"{name}-{n}" for n in range(4)]  # so few that the bot does not count as down
        for text in texts:
            assert 200 == await rig.send(text, to=-1)
        off = await first_retries(rig, texts)
        assert [300, -300] == [told_skew(one) for one in (worker, ingress)]
    finally:
        rig.bot.refuses_first = False
        rig.origins.pop()
        for one in (worker, ingress):
            await asyncio.to_thread(rig.programs.pop(one.name).stop)
        for one in rig.programs.values():
            one.signal(signal.SIGCONT)
    return worker, *off


async def stored(rig: Rig) -> int:
    """How many records were ever made of requests."""
    return int(await rig.store.redis.hget(keys.key("totals"), "accepted") or 0)  # type: ignore[misc]


async def to_the_end(ledger: Ledger) -> str:
    """Listen until the line is left; why it was."""
    try:
        await ledger.wakes(lambda: None)
    except StoreUnavailable as error:
        return str(error)


def told_skew(program: Program) -> int:
    """How far its clock is ahead, to ten seconds: what its last line says against when the line was written."""
    last = json.loads(program.log.read_text().splitlines()[-1])["timestamp"]
    ahead = datetime.fromisoformat(last).timestamp() - program.log.stat().st_mtime
    return round(ahead / 10) * 10


async def first_retries(rig: Rig, texts: list[str]) -> tuple[float, float]:
    """How much earlier and later than due the second attempts came, by the store's clock."""
    await rig.all_came(texts)
    await rig.is_idle()
    seconds, micro = await rig.store.redis.time()
    offset = time.monotonic() - (seconds + micro / 1e6)
    off = []
    for one in rig.bot.got:
        record = keys.key("record", one.key.replace("evt_", "req_"))
        due = int(await rig.store.redis.hget(record, "due")) / 1000  # type: ignore[misc, arg-type]
        off.append(one.at - offset - due)
    return min(off), max(off)
