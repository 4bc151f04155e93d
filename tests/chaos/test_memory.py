"""A store without any memory left: nothing new is taken in, and all that was taken in is finished."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from services.ingress.pressure import FULL
from shared.errors import StoreUnavailable
from shared.storage import keys, scripts
from shared.storage.audit import Audit
from shared.storage.connection import Store
from shared.storage.ledger_check import check
from tests.chaos.numbers import told
from tests.chaos.pressure import Pressure, ledger_on
from tests.chaos.rig import Program, Rig, a_rig
from tests.chaos.server import a_server, opened
from tests.contracts.ledger_builders import Bench, an_accept

pytestmark = [pytest.mark.needs("gcc"), pytest.mark.timeout(120)]

DEFINITION = """
name = "keeping"
version = "1.0.0"
runtime = "python"
deliveryId = "x-delivery"
verify = { scheme = "none" }

[identifier]
extractScript = "extract.vrl"
"""
HANDLERS = """
import json

async def webhook(ctx, request):
    text = json.loads(request.body)["text"]
    await ctx.client.set_state(text, {"seen": "x" * 2000})
    await ctx.step(text, "once", lambda: "x" * 2000)
    await ctx.client.create_event(type="webhook", payload={"body": request.body})
"""


@pytest_asyncio.fixture
async def full() -> AsyncIterator[tuple[Store, Pressure]]:
    """A store that holds more than its `maxmemory`, and who filled it."""
    async with a_server() as server, opened(server) as store:
        pressure = Pressure()
        async with pressure.on(ledger_on(store)):
            await pressure.until(200)
            await leave_none(store)
            await pressure.until_refused(64)
        await leave_none(store)
        yield store, pressure


async def leave_none(store: Store) -> None:
    """The limit is below what is used."""
    used = (await store.redis.info("memory"))["used_memory"]
    await store.redis.config_set("maxmemory", used - (1 << 19))


async def test_takes_nothing_in_and_finishes_everything(full: tuple[Store, Pressure]) -> None:
    store, pressure = full
    with pytest.raises(StoreUnavailable, match="OOM"):
        await Bench(store).accept("req_late")
    done = await finished(Bench(store))

    told("R7", accepted=len(pressure.acknowledged), finished=done)
    assert [] == await pressure.missing(store)
    assert len(pressure.acknowledged) == done
    assert [] == await check(store)


async def finished(bench: Bench) -> int:
    """What workers do: claim, begin a step, now and then try again, end."""
    done = 0
    while claims := await bench.claim(64):
        for n, claim in enumerate(claims):
            await bench.ledger.step("begin", claim.record, "send", b"once")
            again = n % 7 == 0 and claim.record.attempts == 0
            await bench.settle(claim, "retry" if again else "done")
            done += not again
    return done


async def test_lets_an_operator_make_room(full: tuple[Store, Pressure]) -> None:
    """What is dropped or uninstalled is gone and in the audit, as at any time."""
    store, _ = full
    bench, audit = Bench(store), Audit(store)
    await store.redis.config_set("maxmemory", 0)
    await bench.install("w1")
    await bench.bind("w1", "A")
    await leave_none(store)
    claim, *_ = await bench.claim(1)
    await bench.settle(claim, "dead")
    await bench.ledger.drop(claim.record.id)
    await bench.installations.delete("w1")
    await audit.entry("admin", "request.dropped", claim.record.id, {"records": 1})

    assert await bench.ledger.show(claim.record.id) is None
    assert 0 == await store.redis.exists(keys.key("installation", "w1"))
    assert ["request.dropped"] == [one.action for one in await audit.tail(1)]


async def test_would_finish_nothing_without_leave_to(
    full: tuple[Store, Pressure], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the same scripts, refused by the store; workers would look alive and do nothing."""
    store, _ = full
    monkeypatch.setattr(scripts, "_FINISHING", frozenset())

    with pytest.raises(StoreUnavailable, match="OOM"):
        await finished(Bench(store))


async def test_shuts_the_door_before_it_is_full_and_workers_empty_it() -> None:
    """Beside a door that does not look, for the control: it takes more in, until the store itself refuses."""
    texts, more = [f"r7-{n}" for n in range(60)], [f"r7-more-{n}" for n in range(5)]
    async with a_rig(workers=0) as rig:
        door = rig.programs["ingress-0"]
        await rig.ingress("ingress-blind", "tests.chaos.blind").until_it_said("ingress.started")
        assert {"200"} == set(await answers(rig, texts))
        await leave_some(rig.store)
        await door.until_it_said('"full":true')
        refused = await answers(rig, [f"r7-late-{n}" for n in range(20)])
        unseen = await answers(rig, more, to=1)
        await leave_none(rig.store)
        refused += await answers(rig, [f"r7-later-{n}" for n in range(20)])
        by_the_door = await refusals(rig.store)
        unseen += await answers(rig, ["r7-unheard"], to=1)
        by_the_blind = await refusals(rig.store)
        await emptied(rig, [*texts, *more])
        by_workers = await refusals(rig.store) - by_the_blind
        refused += await answers(rig, ["r7-still"])
        await opened_again(rig, door)

        told("R7 a door", accepted=len(texts), turned_away=len(refused), finished=len(rig.bot.got),
             store_refused_door=by_the_door, workers=by_workers, door_that_does_not_look=by_the_blind)  # fmt: skip
        assert {"503 and when to come again"} == set(refused)
        assert (0, 0, ["200"] * 5) == (by_the_door, by_workers, unseen[:5])
        assert by_the_blind > 0
        assert dict.fromkeys([*texts, *more, "r7-again"], 1) == rig.bot.texts()
        assert [] == await check(rig.store)


async def answers(rig: Rig, texts: list[str], to: int = 0) -> list[str]:
    """What an ingress says to each."""
    found = [await rig.answer(text, to=to) for text in texts]
    return [
        f"{status} and when to come again" if after else str(status) for status, after in found
    ]


async def opened_again(rig: Rig, door: Program) -> None:
    """There is memory, and the door takes in what workers then finish."""
    await rig.store.redis.config_set("maxmemory", 0)
    await door.until_it_said('"full":false')
    assert ["200"] == await answers(rig, ["r7-again"])
    await rig.all_came(["r7-again"])
    await rig.is_idle()


async def emptied(rig: Rig, texts: list[str]) -> None:
    """A worker comes, and finishes what there is."""
    worker = rig.worker("worker-0")
    await rig.all_came(texts)
    await rig.is_idle()
    assert 0 == worker.said("OOM")


async def leave_some(store: Store) -> None:
    """The limit is a little further away than the store would need, and nearer than a door lets it come."""
    used = (await store.redis.info("memory"))["used_memory"]
    await store.redis.config_set("maxmemory", int(used / (FULL + 0.03)))


async def refusals(store: Store) -> int:
    """How often the store has refused something for want of memory."""
    told_so = (await store.redis.info("errorstats")).get("errorstat_OOM", {"count": 0})
    return int(told_so["count"])


async def test_lets_handlers_write_what_finishing_takes(tmp_path: Path) -> None:
    """States, steps, events in a stream and on their way; first the control, by a worker without leave to."""
    texts = [f"r7-{n}" for n in range(40)]
    async with a_rig(workers=0) as rig:
        await keeping(rig, tmp_path / "keeping")
        for n, text in enumerate(texts):
            assert 200 == await rig.send(text, team=f"team-{n % 2}", door="keeping")
        await leave_none(rig.store)
        hesitant = rig.program("worker-hesitant", "tests.chaos.hesitant")
        await hesitant.until_it_said('"outcome":"retry"', times=len(texts))
        without = (rig.bot.asked, await streamed(rig), await rig.count("done"))
        hesitant.kill()
        await leave_none(rig.store)
        await rig.let_pass(60)  # while nobody holds a lease that would run out
        await rig.worker("worker-0").until_it_said("worker.started")
        await rig.is_idle(within=60)

        with pytest.raises(StoreUnavailable, match="OOM"):
            await rig.ledger.accept([an_accept("req_late")])
        told("R7 handlers", accepted=len(texts), without_leave=without[2], posted=len(rig.bot.got),
             streamed=await streamed(rig))  # fmt: skip
        assert (0, 0, 0) == without
        assert dict.fromkeys(texts[::2], 1) == rig.bot.texts()
        assert len(texts[1::2]) == await streamed(rig)
        assert 0 == await rig.count("dead")
        assert [] == await check(rig.store)


async def keeping(rig: Rig, folder: Path) -> None:
    """An integration that keeps something of each request; one installation's bot is told, the other's reads."""
    folder.mkdir()
    (folder / "definition.toml").write_text(DEFINITION)
    (folder / "extract.vrl").write_text("parse_json!(.body).team\n")
    (folder / "handlers.py").write_text(HANDLERS)
    rig.environ["WAYPOST_INTEGRATIONS"] = str(folder)
    await rig.publish_folder(folder)
    await rig.install("keeping", "team-0")
    await rig.install("keeping", "team-1", bot="reader")


async def streamed(rig: Rig) -> int:
    """How many events the bot that reads can read."""
    return int(await rig.store.redis.xlen(keys.key("events", "reader")))
