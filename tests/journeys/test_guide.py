"""The integration of the guide "Enable OAuth in your own integration", as its reader would run it."""

from __future__ import annotations

import json

import pytest

from services.simulator import Envelope
from shared.secret import KeyRing
from shared.storage.states import States
from shared.storage.vault import Vault
from tests.journeys.connecting import a_link, is_connected
from tests.journeys.system import System, until
from tests.journeys.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")


class TestTheGuideSIntegration:
    async def test_connects_keeps_its_token_and_tells_its_bot(
        self, system: System, since: int
    ) -> None:
        bot, team = await system.bot(), system.account("acme", "Acme Team")
        made = await system.connected("acme", bot, team)
        sent = await system.send("acme", team, "message", text="hello")
        (event,) = await system.events(bot, 1)

        assert ("registered", team) == (made["status"], made["identifier"])
        assert ["issued"] == system.exchanges("acme", since)
        assert "message" == event["type"]
        assert json.loads(sent.request.body) == event["payload"]

    async def test_keeps_the_token_sealed_in_its_state(self, system: System) -> None:
        team = system.account("acme", "Acme Team")
        made = await system.connected("acme", await system.bot(), team)
        vault = Vault(system.store, KeyRing.from_file(system.folder / "data/keys.json"))
        home = await installation(system, made["webhookId"])
        state = await States(system.store, vault).get(
            home, "integration", home.integration_id, "credentials"
        )
        raw = [
            await system.store.redis.hgetall(key)
            for key in await system.store.redis.keys(f"*state-of:{made['webhookId']}*")
        ]

        assert state is not None
        assert "Acme Team" == state.payload["team"]
        assert state.payload["accessToken"].startswith("acme_at_")
        assert raw
        assert state.payload["accessToken"].encode() not in repr(raw).encode()

    async def test_parks_what_came_before_it_was_connected(self, system: System) -> None:
        bot, team = await system.bot(), system.account("acme")
        known = await system.known()
        sent = [await system.send("acme", team, "message", text=str(n)) for n in range(3)]
        await system.settled(known, 3)
        await system.connected("acme", bot, team)
        events = await system.events(bot, 3)

        assert [json.loads(one.request.body) for one in sent] == [e["payload"] for e in events]

    async def test_hears_nothing_that_was_not_signed(self, system: System) -> None:
        bot, team = await system.bot(), system.account("acme")
        await system.connected("acme", bot, team)
        known = await system.known()
        await system.send("acme", team, "message", envelope=Envelope(tamper="body"))
        (record,) = await system.settled(known)

        assert "ignored" == record["state"]
        assert [] == await system.events(bot, 0)

    async def test_runs_its_code_once_for_a_callback(self, system: System, since: int) -> None:
        """However often the browser brings it."""
        link = await a_link(system, "acme")
        async with Visitor() as visitor:
            callback = await visitor.callback(link, system.account("acme"))
            pages = [await visitor.open(callback) for _ in range(3)]

        assert ["Acme is connected"] * 3 == [page.headline for page in pages]
        assert ["issued"] == system.exchanges("acme", since)

    async def test_hears_of_no_forged_and_no_cancelled_callback(
        self, system: System, since: int
    ) -> None:
        async with Visitor() as visitor, Visitor() as other:
            link = await a_link(system, "acme")
            forged = await visitor.open(f"{system.origin}/oauth?code=x&state={'A' * 43}")
            callback = await visitor.callback(link, system.account("acme"))
            foreign = await other.open(callback)
            cancelled = await visitor.open(await visitor.callback(link, "deny"))

        assert (400, 403) == (forged.status, foreign.status)
        assert "You cancelled" == cancelled.headline
        assert [] == system.exchanges("acme", since)

    async def test_runs_its_code_after_the_operator_s_word_where_that_is_wanted(
        self, system: System, since: int
    ) -> None:
        """Its code binds the account, so it must not run before."""
        made = await system.install("acme", await system.bot())
        link = await system.link(made["webhookId"], confirm=True)
        async with Visitor() as visitor:
            waiting = await visitor.connect(link["url"], system.account("acme"))
            before = system.exchanges("acme", since)
            await system.call("POST", f"flows/{link['flowId']}/confirm")
            await until(
                lambda: is_connected(system, made["webhookId"]), 10, lambda: "connected"
            )
            page = await visitor.open(waiting.url)

        assert "Waiting for confirmation" == waiting.headline
        assert [] == before
        assert "Acme is connected" == page.headline

    async def test_that_fails_ends_on_a_page_with_a_way_on(
        self, system: System, since: int
    ) -> None:
        """Its error is told to the operator; the person may start again."""
        link, team = await a_link(system, "acme"), system.account("acme")
        system.simulator.fault("acme", "oauth/token", "answer", status=500, body="oh no")
        async with Visitor() as visitor:
            page = await visitor.open(await visitor.callback(link, team))
            again = await visitor.connect(f"{system.origin}{page.again}", team)

        assert "The provider refused" == page.headline
        assert "Acme is connected" == again.headline

    async def test_whose_exchange_got_lost_is_not_run_again(
        self, system: System, since: int
    ) -> None:
        link, team = await a_link(system, "acme"), system.account("acme")
        system.simulator.fault("acme", "oauth/token", "dropped")
        async with Visitor() as visitor:
            callback = await visitor.callback(link, team)
            pages = [await visitor.open(callback) for _ in range(2)]

        assert pages[0].headline == pages[1].headline == "We lost the provider's answer"
        assert ["issued"] == system.exchanges("acme", since)


async def installation(system: System, webhook_id: str):
    """The stored installation."""
    from shared.storage.installations import Installations

    found = await Installations(system.store).by_webhook_id(webhook_id)
    assert found is not None
    return found
