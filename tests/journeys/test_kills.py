"""`kill -9` at every named place: nothing accepted is missing, and nothing arrives twice."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientError

import shared.integrations
from services.cli.demo.plan import secrets_for
from services.simulator import Envelope, Signed
from shared.failpoints import POINTS
from shared.integrations.definition import document_of
from shared.integrations.registry import built_in, redirected
from shared.storage import keys
from tests.journeys.connecting import is_connected
from tests.journeys.programs import a_worker, an_ingress, frozen, let_leases_run_out, pids_of
from tests.journeys.system import CLOSED, Json, System, a_system, until
from tests.journeys.visitor import Visitor
from tests.journeys.webhook_builders import bodies

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_THE_DOOR = ("accept.before_store", "accept.stored")
ON_A_WEBHOOK = ("claim.done", "route.before", "route.done", "settle.before", "settle.done")
TO_A_URL = ("delivery.before", "delivery.sent")
ON_A_CALLBACK = {
    # fail-point: exchanges that the provider sees, and whether the installation is connected in the end
    "claim.done": (1, True),
    "exchange.intent": (0, False),
    "exchange.sent": (1, False),
    "exchange.result": (1, True),
    "activate.before": (1, True),
    "activate.done": (1, True),
    "settle.before": (1, True),
    "settle.done": (1, True),
}
ON_A_REFRESH = ("refresh.intent", "refresh.sent", "refresh.result")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cell() -> AsyncIterator[System]:
    """A system of this file's own, with one worker that can be made to stand still."""
    async with a_system(1, keeper_in) as running:
        yield running


def keeper_in(system: System) -> Path:
    """Linear under another name, with code that asks for its token."""
    folder = system.folder / "keeper"
    shutil.copytree(Path(shared.integrations.__file__).parent / "linear", folder)
    definition = (folder / "definition.toml").read_text()
    (folder / "definition.toml").write_text(definition.replace('"linear"', '"keeper"', 1))
    (folder / "handlers.py").write_text(KEEPER)
    return folder


KEEPER = """
async def webhook(ctx, request):
    token = await ctx.token()
    await ctx.client.create_event(type="kept", payload={"works": token.startswith("lin_")})
"""


async def test_every_named_place_is_killed_at() -> None:
    """A new fail-point without a test here would be a promise without a proof."""
    tested = {*AT_THE_DOOR, *ON_A_WEBHOOK, *TO_A_URL, *ON_A_CALLBACK, *ON_A_REFRESH}

    assert set(POINTS) == tested


class TestAKilledWorker:
    @pytest.mark.parametrize("place", ON_A_WEBHOOK)
    async def test_loses_and_doubles_no_webhook(self, cell: System, place: str) -> None:
        """It takes a whole batch with it; whoever comes next finds all of it."""
        bot, account = await cell.bot(), cell.account("slack")
        await cell.connected("slack", bot, account)
        known = await cell.known()
        async with frozen(cell, "workers.main"), a_worker(cell, place) as doomed:
            sent = [await cell.send("slack", account, text=f"{place} {n}") for n in range(8)]
            await doomed.killed()
        await let_leases_run_out(cell)
        await cell.settled(known, 8)

        assert {200} == {one.status for one in sent}
        expected = Counter(one.request.body.decode() for one in sent)
        assert expected == Counter(bodies(await cell.events(bot, 8)))

    @pytest.mark.parametrize("place", TO_A_URL)
    async def test_brings_an_event_again_under_the_same_id(
        self, cell: System, place: str
    ) -> None:
        """
        At least once to a URL; by the id the bot can tell.

        Killed after the bot has answered, the event comes twice: so these tests do see doubles.
        """
        name, account = f"bot-{place}", cell.account("slack")
        bot = await cell.bot(url=cell.simulator.bot_url(name), secret="whsec_" + "A" * 32)
        await cell.connected("slack", bot, account)
        known = await cell.known()
        async with frozen(cell, "workers.main"), a_worker(cell, place) as doomed:
            await cell.send("slack", account)
            await doomed.killed()
        await let_leases_run_out(cell)
        await cell.settled(known)
        got = cell.simulator.received(name)

        assert {"delivery.before": 1, "delivery.sent": 2}[place] == len(got)
        assert 1 == len({one.headers["webhook-id"] for one in got})
        assert 1 == len({one.body for one in got})

    @pytest.mark.parametrize("place", ON_A_CALLBACK)
    async def test_exchanges_no_code_twice(
        self, cell: System, place: str, cell_since: int
    ) -> None:
        """And the person sees a result, from which connecting again works."""
        exchanges, connected = ON_A_CALLBACK[place]
        account = cell.account("slack")
        made = await cell.install("slack", await cell.bot())
        link = (await cell.link(made["webhookId"]))["url"]
        async with Visitor() as visitor:
            callback = await visitor.callback(link, account)
            async with frozen(cell, "workers.main"), a_worker(cell, place) as doomed:
                asking = asyncio.ensure_future(visitor.open(callback))
                await doomed.killed()
            asking.cancel()
            await let_leases_run_out(cell)
            repeated = await visitor.stay(callback)
            counted = len(cell.exchanges("slack", cell_since))
            is_now = await is_connected(cell, made["webhookId"])
            if not connected:
                await visitor.connect(f"{cell.origin}{repeated.again}", account)

        assert (exchanges, connected) == (counted, is_now)
        headline = "Slack is connected" if connected else "We lost the provider's answer"
        assert headline == repeated.headline
        assert await is_connected(cell, made["webhookId"])

    async def test_runs_a_handler_s_code_at_most_once(
        self, cell: System, cell_since: int
    ) -> None:
        """The guide's integration, killed between its answer and the end of its callback."""
        team = cell.account("acme")
        made = await cell.install("acme", await cell.bot())
        link = (await cell.link(made["webhookId"]))["url"]
        async with Visitor() as visitor:
            callback = await visitor.callback(link, team)
            cell.simulator.fault("acme", "oauth/token", "slow", seconds=30)
            async with frozen(cell, "workers.main"), a_worker(cell) as doomed:
                asking = asyncio.ensure_future(visitor.open(callback))
                await until(lambda: exchanged(cell, cell_since), 10, lambda: "an exchange")
                doomed.process.kill()
                doomed.process.wait()
            asking.cancel()
            await let_leases_run_out(cell)
            page = await visitor.stay(callback)
            before = cell.exchanges("acme", cell_since)
            again = await visitor.connect(f"{cell.origin}{page.again}", team)

        assert "We lost the provider's answer" == page.headline
        assert ["issued"] == before
        assert "Acme is connected" == again.headline


class TestAKilledRefresh:
    """A token is due for every webhook here; the provider ends the whole family of one that is spent twice."""

    @pytest.mark.parametrize("place", ON_A_REFRESH)
    async def test_keeps_the_connection_where_the_provider_bears_a_repetition(
        self, cell: System, place: str
    ) -> None:
        made = await a_keeper(cell, grace=1800.0)
        events = await told_after_a_kill(cell, made, place)
        after = await cell.installation(made["webhookId"])

        assert [("kept", {"works": True})] == events
        assert "connected" == after["connection"]

    async def test_asks_for_a_new_connection_where_it_does_not(self, cell: System) -> None:
        """Nobody can know whether the first one was spent; it is told, and no token fails in silence."""
        made = await a_keeper(cell, grace=0.0)
        ((told, payload),) = await told_after_a_kill(cell, made, "refresh.sent")
        after = await cell.installation(made["webhookId"])

        assert "connection.needs_reauth" == told
        assert payload["connectUrl"].startswith(cell.origin)
        assert "needs_reauth" == after["connection"]
        assert after["statusReason"]


async def a_keeper(cell: System, grace: float) -> Json:
    """A connected installation whose token is soon due; a spent one is good for *grace* seconds more."""
    app = cell.simulator.world.app_of("linear")
    app.access_lifetime, app.refresh_grace = 1.0, grace
    (linear,) = (one for one in built_in() if one.name == "linear")
    simulated = document_of(redirected(linear, cell.simulator.url))
    await cell.register({**simulated, "name": "keeper", "version": "2.0.0"})
    await cell.set_secrets("keeper", secrets_for("linear"))
    bot, account = await cell.bot(), cell.account("linear")
    return {**await cell.connected("keeper", bot, account), "account": account}


async def told_after_a_kill(cell: System, made: Json, place: str) -> list:
    """What the bot is told of one webhook whose first worker dies at *place*."""
    known = await cell.known()
    address = Envelope(url=f"{cell.origin}/integration/global/keeper")
    async with between_refreshes(cell, made["webhookId"]), a_worker(cell, place) as doomed:
        await cell.send("linear", made["account"], envelope=address)
        await doomed.killed()
    await cell.store.redis.delete(keys.key("turn", made["webhookId"]))  # half a minute passes
    await let_leases_run_out(cell)
    await cell.settled(known, 1)
    return [(one["type"], one["payload"]) for one in await cell.events(made["botId"], 1)]


@asynccontextmanager
async def between_refreshes(cell: System, webhook_id: str) -> AsyncIterator[None]:
    """The system's worker stands still and refreshes nothing; no other one does by itself."""
    while True:
        async with frozen(cell, "workers.main"):
            if not await cell.store.redis.exists(keys.key("turn", webhook_id)):
                await cell.store.redis.zrem(keys.key("renewals"), webhook_id)
                yield
                return
        await asyncio.sleep(0.05)


async def exchanged(cell: System, since: int) -> bool:
    """Whether Acme has seen a code."""
    return bool(cell.exchanges("acme", since))


@pytest.fixture
def cell_since(cell: System):
    """How many calls the providers have seen before this test."""
    yield len(cell.simulator.log)
    cell.simulator.clear_faults()


class TestAKilledIngress:
    @pytest.mark.parametrize("place", AT_THE_DOOR)
    async def test_gives_no_answer_and_the_repetition_is_delivered_once(
        self, cell: System, place: str
    ) -> None:
        """As GitHub repeats it: under the same delivery id."""
        bot, account = await cell.bot(), cell.account("github")
        await cell.connected("github", bot, account)
        signed = cell.simulator.signed("github", account, "issues")
        async with an_ingress(cell, place) as doomed:
            with pytest.raises(ClientError):
                await post(cell, doomed.origin, signed)
            await doomed.killed()
        status = await post(cell, cell.origin, signed)
        after = await cell.send("github", account)
        events = await cell.events(bot, 2)

        assert (200, 200) == (status, after.status)
        assert Counter([signed.body.decode(), after.request.body.decode()]) == Counter(
            bodies(events)
        )

    async def test_would_deliver_it_twice_without_the_provider_s_id(self, cell: System) -> None:
        """The control of the test above: Slack names no delivery, so its repetition is another one."""
        bot, account = await cell.bot(), cell.account("slack")
        await cell.connected("slack", bot, account)
        signed = cell.simulator.signed("slack", account, "message", envelope=Envelope(retry=1))
        async with an_ingress(cell, "accept.stored") as doomed:
            with pytest.raises(ClientError):
                await post(cell, doomed.origin, signed)
            await doomed.killed()
        await post(cell, cell.origin, signed)

        assert [signed.body.decode()] * 2 == bodies(await cell.events(bot, 2))


async def post(cell: System, origin: str, signed: Signed) -> int:
    """Send a webhook to one ingress, as its provider would."""
    url = signed.url.replace(cell.origin, origin)
    async with cell.http.post(url, data=signed.body, headers=dict(signed.headers)) as answer:
        return answer.status


class TestAStoreThatDoesNotAnswer:
    async def test_makes_the_door_say_503_and_never_2xx(self, cell: System) -> None:
        """It may have stored the request all the same; the repetition is delivered once."""
        bot, account = await cell.bot(), cell.account("github")
        await cell.connected("github", bot, account)
        signed = cell.simulator.signed("github", account, "issues")
        async with (
            frozen(cell, "valkey"),
            cell.http.post(
                signed.url, data=signed.body, headers=dict(signed.headers)
            ) as answer,
        ):
            said = await answer.json()
        again = await post(cell, cell.origin, signed)

        assert 503 == answer.status
        assert int(answer.headers["Retry-After"]) >= 1
        assert "Internal" == said["type"]
        assert 200 == again
        assert [signed.body.decode()] == bodies(await cell.events(bot, 1))


class TestAnyProgram:
    async def test_may_die_in_the_middle_of_traffic(self, cell: System) -> None:
        """Api, ingress, worker and store die one after the other; the sender repeats what was not answered 2xx."""
        bot, account = await cell.bot(), cell.account("github")
        await cell.connected("github", bot, account)
        sent = [
            cell.simulator.signed("github", account, "issues", title=str(n)) for n in range(60)
        ]
        killing = asyncio.create_task(kill_one_after_the_other(cell))
        await asyncio.gather(*(insist(cell, one, n * 0.05) for n, one in enumerate(sent)))
        await killing
        await until(cell._answers, 30, lambda: "the api to be back")
        await let_leases_run_out(cell)
        events = await cell.events(bot, 60, within=25)

        assert Counter(one.body.decode() for one in sent) == Counter(bodies(events))


async def kill_one_after_the_other(cell: System) -> None:
    """`waypost up` starts them again."""
    for program in ("services.api.main", "services.ingress.main", "workers.main", "valkey"):
        await asyncio.sleep(0.6)
        for pid in pids_of(cell, program):
            os.kill(pid, signal.SIGKILL)
        if program == "workers.main":
            await asyncio.sleep(0.5)
            await let_leases_run_out(cell)


async def insist(cell: System, signed: Signed, delay: float) -> None:
    """Send until a 2xx comes, as a provider does."""
    await asyncio.sleep(delay)
    for _ in range(100):
        with suppress(ClientError):
            if await post(cell, cell.origin, signed) == 200:
                return
        await asyncio.sleep(0.2)
    raise AssertionError("never accepted")


class TestTwoWorkers:
    async def test_do_the_same_as_one_and_share_the_work(self, cell: System) -> None:
        one, both = await traffic(cell), {}
        async with a_worker(cell):
            both = await traffic(cell)

        assert 1 == len(one["workers"])
        assert 2 == len(both["workers"])
        assert one["outcomes"] == both["outcomes"] == Counter({"done": 80, "ignored": 20})
        assert one["texts"] == both["texts"]


async def traffic(cell: System) -> dict[str, object]:
    """A hundred webhooks, twenty of them forged; what came of them and who did it."""
    bot, account = await cell.bot(), cell.account("linear")
    await cell.connected("linear", bot, account)
    known = await cell.known()
    await asyncio.gather(*(
        cell.send("linear", account, title=f"n{n}", envelope=Envelope(
            tamper="signature" if n % 5 == 0 else "", delivery_id=str(uuid.uuid4()),
        )) for n in range(100)
    ))  # fmt: skip
    records = await cell.settled(known, 100)
    events = await cell.events(bot, 80)
    return {
        "outcomes": Counter(one["state"] for one in records),
        "workers": {one["worker"] for one in records if one["state"] in CLOSED},
        "texts": Counter(text.partition('"title":"')[2][:4] for text in bodies(events)),
    }
