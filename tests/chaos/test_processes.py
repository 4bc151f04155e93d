"""`kill -9`, SIGSTOP and SIGTERM on processes under load: nothing accepted is missing or gets a second key."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.storage import keys
from shared.storage.ledger import LEASE
from shared.storage.ledger_check import check
from tests.chaos.ends import ON_THE_WAY, held, replaced, restarted
from tests.chaos.numbers import told
from tests.chaos.rig import Program, Rig, a_rig
from tests.chaos.sizes import sizes
from tests.chaos.tally import commands, counted, epochs_of

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("gcc"),
    pytest.mark.timeout(120),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running() -> AsyncIterator[Rig]:
    """Two ingresses and three workers that the tests of this file share."""
    async with a_rig(ingresses=2, workers=3) as rig:
        yield rig


@pytest_asyncio.fixture(loop_scope="session")
async def rig(running: Rig) -> AsyncIterator[Rig]:
    """The rig, idle and whole; after each test its ledger must be sound."""
    running.bot.got.clear()
    running.bot.delay, running.bot.status = 0.0, 200
    await running.keep(workers=3)
    yield running
    await running.is_idle()
    assert [] == await check(running.store)


async def capacity(rig: Rig, count: int = 300) -> float:
    """Webhooks a second, from the sender to the bot, when nothing is in the way."""
    began = time.monotonic()
    texts = [f"capacity-{began}-{n}" for n in range(count)]
    await asyncio.gather(*(rig.insist(text) for text in texts))
    await rig.all_came(texts)
    return count / (time.monotonic() - began)


async def replayed(rig: Rig) -> int:
    """Send again what three killed workers had in hand, as an operator does; returns how many that were."""
    dead = await rig.store.redis.zrange(keys.key("state", "dead"), 0, -1)
    for id in dead:
        await rig.ledger.replay(id.decode())
    return len(dead)


def waits_of(rig: Rig, accepted: dict[str, float]) -> list[float]:
    """How long each was on its way to the bot for the first time, from when it was *accepted*; shortest first."""
    first = {one.text: one.at for one in reversed(rig.bot.got)}
    return sorted(first[text] - at for text, at in accepted.items())


class TestAWorkerKilledEverySecond:
    @sizes(5, 60, seconds=300)
    async def test_loses_nothing_and_gives_nothing_a_second_key(
        self, rig: Rig, size: int, chance: random.Random
    ) -> None:
        most = await capacity(rig)
        rate = min(500.0, most / 2)
        rig.bot.got.clear()
        killing = asyncio.create_task(replaced(rig, chance, size, places=ON_THE_WAY))
        accepted = await rig.traffic("r1-", rate, size)
        killed = Counter((one.code, one.place) for one in await killing)
        await asyncio.sleep(0.5)
        if size < LEASE.total_seconds():
            await rig.let_leases_run_out()
        await rig.is_idle(within=60)
        quarantined = await replayed(rig)
        await rig.all_came(accepted, within=40)
        came = rig.bot.texts()
        waits = waits_of(rig, accepted)
        p99, doubles = waits[int(len(waits) * 0.99)], sum(came.values()) - len(came)
        at_random = killed.pop((-signal.SIGKILL, ""))

        told("R1", capacity=f"{most:.0f}/s", rate=f"{rate:.0f}/s", seconds=size,
             killed_at_random=at_random, killed_at={place: n for (_, place), n in killed.items()},
             accepted=len(accepted), lost=len(set(accepted) - set(came)), quarantined=quarantined,
             doubles=doubles, p50=f"{waits[len(waits) // 2]:.3f} s", p99=f"{p99:.1f} s")  # fmt: skip
        assert set(accepted) == set(came)
        assert {1} == {len(found) for found in rig.bot.keys_of().values()}
        assert {-signal.SIGKILL} >= {code for code, _ in killed}
        assert killed or size < 10, "in a short time perhaps none comes by its named place"
        assert quarantined <= 0.001 * len(accepted)
        assert p99 <= LEASE.total_seconds() + 2
        assert doubles <= max(10, 0.02 * len(accepted))

    async def test_would_lose_what_it_held_if_no_lease_ran_out(self, rig: Rig) -> None:
        """The control: the same kill, and as much time; others are at work, and what it held stays away."""
        texts = await held(rig, "r1c-", "tests.chaos.possessive")
        await rig.let_leases_run_out()
        await rig.insist("r1c-after")
        await rig.all_came(["r1c-after"])
        await asyncio.sleep(0.3)  # the bot has it a moment before its end is written
        came, leased = set(rig.bot.texts()), await rig.count("leased")
        await rig.let_pass(2 * 24 * 3600)
        await rig.all_came(texts)

        told("R1 without an end of leases (control)", held=len(texts), away=leased)
        assert ({"r1c-after"}, len(texts)) == (came, leased)


class TestAnIngressKilledEveryOtherSecond:
    @sizes((2, 100), (20, 300))
    async def test_has_stored_all_that_it_answered_2xx(
        self, rig: Rig, size: tuple[int, int]
    ) -> None:
        """Two share a port; the sender repeats the rest, under the same delivery id, and reaches the other one."""
        (kills, rate), repeated = size, rig.repeated
        async with rig.sharing_a_port(2) as both:
            killing = asyncio.create_task(restarted(both, kills, every=2.0))
            accepted = await rig.traffic("r2-", rate, 2 * kills + 1)
            await killing
            through = [one.said("http.answered") for one in both]
        await rig.all_came(accepted)
        came = rig.bot.texts()

        told("R2", killed=kills, rate=f"{rate}/s", accepted=len(accepted), lost=len(set(accepted) - set(came)),
             doubles=sum(came.values()) - len(came), repeated=rig.repeated - repeated,
             through_each=through)  # fmt: skip
        assert dict.fromkeys(accepted, 1) == came
        assert min(through) > 0.1 * len(accepted)

    async def test_would_lose_what_it_answered_before_it_was_stored(self, rig: Rig) -> None:
        """The control: the same kill of an ingress that says yes first; a store that stands still gets its 2xx, too."""
        hasty = rig.ingress("ingress-hasty", "tests.chaos.hasty")
        try:
            await hasty.until_it_said("ingress.started")
            sent = {"r2c-first": await rig.send("r2c-first", to=-1)}
            rig.server.signal(signal.SIGSTOP)
            sent |= {one: await rig.send(one, to=-1) for one in (f"r2c-{n}" for n in range(40))}
            rig.server.signal(signal.SIGCONT)
            await restarted([hasty], 1, every=1.0)
            await rig.insist("r2c-after")
            await rig.all_came(["r2c-after"])
        finally:
            await asyncio.to_thread(rig.programs.pop("ingress-hasty").stop)
            rig.origins.pop()

        accepted = {text for text, status in sent.items() if status == 200}
        lost = accepted - set(rig.bot.texts())
        told(
            "R2 answered before it is stored (control)", accepted=len(accepted), lost=len(lost)
        )
        assert 41 == len(accepted) == len(lost)


class TestAStoreThatIsKilled:
    @sizes((2, 5.0, 10.0), (10, 1.0, 3.0))
    async def test_loses_nothing_and_gets_no_2xx_while_it_is_away(
        self, rig: Rig, size: tuple[int, float, float]
    ) -> None:
        """Workers live on, and work again as soon as it is back."""
        kills, longest_wait, longest_rest = size
        sending = asyncio.create_task(rig.traffic("r3-", 60, kills * 1.5))
        workers = rig.workers
        answers: list[tuple[int, str]] = []
        waits: list[float] = []
        back: list[float] = []
        for n in range(kills):
            await asyncio.sleep(0.7)
            rig.server.kill()
            began = time.monotonic()
            answers.append(await rig.answer(f"away-{n}"))
            waits.append(time.monotonic() - began)
            await rig.server.start()
            up = time.monotonic()
            await rig.insist(f"back-{n}")
            await rig.all_came([f"back-{n}"])
            back.append(time.monotonic() - up)
        accepted = await sending
        await rig.all_came(accepted)

        told("R3", kills=kills, accepted=len(accepted), lost=len(set(accepted) - set(rig.bot.texts())),
             longest_503=f"{max(waits):.2f} s", longest_until_work=f"{max(back):.2f} s")  # fmt: skip
        assert {(503, True)} == {(status, after.isdigit()) for status, after in answers}
        assert max(waits) <= longest_wait
        assert max(back) <= longest_rest
        assert [None] * len(workers) == [one.process.poll() for one in workers]
        assert {1} == {len(found) for found in rig.bot.keys_of().values()}

    async def test_would_lose_all_without_its_file(self) -> None:
        """The control: the same kill of a store without an append-only file."""
        async with a_rig(workers=0, appendonly="no") as rig:
            accepted = await rig.traffic("r3c-", 60, 0.5)
            had = await rig.count("ready")
            rig.server.kill()
            await rig.server.start()
            has = await rig.count("ready")

        told("R3 without a file (control)", accepted=len(accepted), lost=had - has)
        assert (len(accepted), 0) == (had, has)


class TestAStoreThatStandsStill:
    @sizes((3.0, 10.0), (10.0, 2.5))
    async def test_gets_no_2xx_and_stores_each_once(
        self, rig: Rig, size: tuple[float, float]
    ) -> None:
        seconds, longest_wait = size
        pid = rig.server.pid
        rig.server.signal(signal.SIGSTOP)
        began = time.monotonic()
        try:
            first = await asyncio.gather(*(rig.answer(f"r8-{n}") for n in range(20)))
            took = time.monotonic() - began
            await asyncio.sleep(max(0.0, seconds - took))
        finally:
            rig.server.signal(signal.SIGCONT)
        for n in range(20):
            await rig.insist(f"r8-{n}")
        await rig.all_came([f"r8-{n}" for n in range(20)])
        await rig.is_idle()

        told("R8", seconds=seconds, statuses=dict(Counter(first)), slowest=f"{took:.2f} s")
        assert pid == rig.server.pid
        assert {(503, True)} == {(status, after.isdigit()) for status, after in first}
        assert took <= longest_wait
        assert dict.fromkeys((f"r8-{n}" for n in range(20)), 1) == rig.bot.texts()


class TestADeliverySentManyTimes:
    @sizes(20, 500)
    async def test_at_once_through_two_ingresses_is_handled_once(
        self, rig: Rig, size: int, chance: random.Random
    ) -> None:
        times = {f"r13-{n}": chance.randint(1, 5) for n in range(size)}
        statuses = []
        for few in batches(list(times), 20):
            statuses += await asyncio.gather(
                *(rig.send(text, to=n % 2) for text in few for n in range(times[text]))
            )
        await rig.all_came(times)
        await rig.is_idle()

        told("R13", deliveries=size, sent=sum(times.values()), handled=rig.bot.texts().total())
        assert {200} == set(statuses)
        assert dict.fromkeys(times, 1) == rig.bot.texts()

    async def test_is_handled_each_time_without_a_delivery_id(self, rig: Rig) -> None:
        """The control: nothing tells that it is the same."""
        for _ in range(3):
            await rig.send("again", delivery=None)
        await rig.is_idle()

        assert 3 == rig.bot.texts()["again"]


class TestAWorkerThatStandsStill:
    async def test_is_fenced_when_it_wakes_up(self, rig: Rig) -> None:
        """Its leases have long run out: another one has done its work, and all that it writes late is refused."""
        victim, *others = rig.workers
        for one in others:
            one.signal(signal.SIGSTOP)
        rig.bot.delay = 0.6
        texts = [f"r15-{n}" for n in range(9)]
        await asyncio.gather(*(rig.insist(text) for text in texts))
        await asyncio.sleep(0.3)
        lost_before = refusals(victim)
        victim.signal(signal.SIGSTOP)
        for one in others:
            one.signal(signal.SIGCONT)
        await asyncio.sleep(0.5)  # the bot has answered all by now
        await rig.let_leases_run_out()
        await rig.is_idle()
        epochs = Counter(await epochs_of(rig, texts))
        victim.signal(signal.SIGCONT)
        held = len(texts)
        async with asyncio.timeout(15):
            while (fenced := refusals(victim) - lost_before) < held:
                await asyncio.sleep(0.05)
        after = Counter(await epochs_of(rig, texts))

        told(
            "R15",
            held=held,
            fenced=fenced,
            third_runs=sum(n > 2 for n in rig.bot.texts().values()),
        )
        assert {2: held} == epochs == after
        assert {2} == set(rig.bot.texts().values())
        assert {1} == {len(found) for found in rig.bot.keys_of().values()}


def refusals(worker: Program) -> int:
    """How often it was told that what it holds is not its any more."""
    return worker.said("record.lost") + worker.said("lease.lost")


def batches(texts: list[str], size: int) -> list[list[str]]:
    """*texts* in parts."""
    return [texts[first : first + size] for first in range(0, len(texts), size)]


class TestARoutedWebhook:
    async def test_takes_few_commands_from_its_sender_to_its_bot(self, rig: Rig) -> None:
        """Those inside of scripts and of all that happens beside are counted, too; stock arq takes 1,051."""
        before = await commands(rig.store)
        await capacity(rig, 100)
        each = (await commands(rig.store) - before) / 100

        told("R28 a routed webhook", commands_each=f"{each:.1f}")
        assert each <= 30


class TestDeploys:
    @sizes((3, 1.0, 100), (20, 3.0, 300), seconds=300)
    async def test_burn_no_attempt_and_double_nothing(
        self, rig: Rig, size: tuple[int, float, int], chance: random.Random
    ) -> None:
        """SIGTERM: it finishes what it has begun and gives the rest back."""
        times, every, rate = size
        deploying = asyncio.create_task(
            replaced(rig, chance, times, signal.SIGTERM, every=every)
        )
        accepted = await rig.traffic("r16-", rate, times * every + 1)
        stopped = await deploying
        slowest = max(one.took for one in stopped)
        await rig.all_came(accepted)
        await rig.is_idle()
        came = rig.bot.texts()
        doubles = sum(came[text] - 1 for text in accepted)
        burnt, crashes = await counted(rig, len(accepted))

        told("R16", stopped=len(stopped), rate=f"{rate}/s", accepted=len(accepted),
             lost=len(set(accepted) - set(came)), doubles=doubles,
             attempts_burnt=burnt, leases_lost=crashes, slowest_exit=f"{slowest:.1f} s")  # fmt: skip
        assert {0} == {one.code for one in stopped}
        assert slowest <= 25
        assert doubles <= 0.001 * len(accepted)
        assert (0, 0) == (burnt, crashes)

    async def test_would_burn_and_double_without_a_warning(self, rig: Rig) -> None:
        """The control: SIGKILL where the drill sends SIGTERM."""
        texts = await held(rig, "r16c-", "workers.main")
        await rig.let_leases_run_out()
        await rig.all_came(texts)
        await rig.is_idle()
        burnt, crashes = await counted(rig, len(texts))

        told("R16 SIGKILL (control)", held=len(texts), leases_lost=crashes)
        assert (0, len(texts)) == (burnt, crashes)
