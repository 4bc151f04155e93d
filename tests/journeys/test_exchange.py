"""A code is exchanged at most once, whatever the provider's answer does on its way."""

from __future__ import annotations

import pytest

from tests.journeys.connecting import a_link, is_connected
from tests.journeys.system import TOKEN_PATHS, System
from tests.journeys.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")


class TestALostAnswer:
    @pytest.mark.parametrize("fault", ["502-after", "dropped"])
    @pytest.mark.parametrize("provider", ["slack", "linear"])
    async def test_is_never_asked_for_again_and_connecting_again_works(
        self, system: System, provider: str, fault: str, since: int
    ) -> None:
        """The provider has acted; asking twice would revoke what it gave."""
        account, bot = system.account(provider), await system.bot()
        made = await system.install(provider, bot)
        link = (await system.link(made["webhookId"]))["url"]
        system.simulator.fault(provider, TOKEN_PATHS[provider], fault)
        async with Visitor() as visitor:
            callback = await visitor.callback(link, account)
            lost = await visitor.stay(callback)
            between = await system.installation(made["webhookId"])
            repeated = await visitor.open(callback)
            exchanged = system.exchanges(provider, since)
            again = await visitor.connect(f"{system.origin}{lost.again}", account)

        assert "We lost the provider's answer" == lost.headline == repeated.headline
        assert ("pending", None) == (between["connection"], between["identifier"])
        assert ["issued"] == exchanged
        assert "is connected" in again.headline
        assert ["issued", "issued"] == system.exchanges(provider, since)

    async def test_of_a_server_error_before_the_act_is_taken_for_lost_too(
        self, system: System, since: int
    ) -> None:
        """A 502 does not say on which side of the act it came."""
        link = await a_link(system)
        system.simulator.fault("slack", TOKEN_PATHS["slack"], "502-before")
        async with Visitor() as visitor:
            page = await visitor.stay(await visitor.callback(link, system.account("slack")))

        assert "We lost the provider's answer" == page.headline
        assert 1 == len(system.exchanges("slack", since))


class TestACallbackThatIsReplayed:
    async def test_is_never_exchanged_again(self, system: System, since: int) -> None:
        """Its journal went with its end; that the code may have been used has to be known all the same."""
        account = system.account("slack")
        made = await system.install("slack", await system.bot())
        link = (await system.link(made["webhookId"]))["url"]
        system.simulator.fault("slack", TOKEN_PATHS["slack"], "dropped")
        async with Visitor() as visitor:
            lost = await visitor.stay(await visitor.callback(link, account))
        ended = next(
            one for one in await system.records(state="done") if "unknown" in one["reason"]
        )
        known = await system.known() - {ended["id"]}
        await system.call("POST", f"requests/{ended['id']}/replay")
        (again,) = await system.settled(known)

        assert "We lost the provider's answer" == lost.headline
        assert "this callback came before" == again["reason"]
        assert ["issued"] == system.exchanges("slack", since)


class TestABusyProvider:
    @pytest.mark.parametrize("fault", ["429", "503"])
    async def test_is_asked_again_when_it_said_and_once_only(
        self, system: System, fault: str, since: int
    ) -> None:
        """It has not acted, and names the time. The browser waits on the flow's own page."""
        made = await system.install("slack", await system.bot())
        link = (await system.link(made["webhookId"]))["url"]
        system.simulator.fault("slack", TOKEN_PATHS["slack"], fault, retry_after=1)
        async with Visitor() as visitor:
            callback = await visitor.callback(link, system.account("slack"))
            page = await visitor.stay(callback)

        assert "Slack is connected" == page.headline
        assert await is_connected(system, made["webhookId"])
        assert ["untouched", "issued"] == system.exchanges("slack", since)
        first, second = [one.at for one in system.simulator.log[since:] if "access" in one.path]
        assert second - first >= 1.0

    async def test_that_stays_busy_past_the_code_s_time_is_said_to_be(
        self, system: System, since: int
    ) -> None:
        link = await a_link(system)
        system.simulator.fault("slack", TOKEN_PATHS["slack"], "429", retry_after=3600)
        async with Visitor() as visitor:
            callback = await visitor.callback(link, system.account("slack"))
            page = await visitor.stay(callback)
        await system.open_gates()

        assert "The provider is busy" == page.headline
        assert ["untouched"] == system.exchanges("slack", since)


class TestARefusal:
    async def test_with_status_200_is_one(self, system: System, since: int) -> None:
        """Slack and GitHub answer errors so; no token may be read out of them."""
        made = await system.install("slack", await system.bot())
        link = (await system.link(made["webhookId"]))["url"]
        body = '{"ok": false, "error": "team_access_not_granted", "access_token": "xoxb-no"}'
        system.simulator.fault("slack", TOKEN_PATHS["slack"], "answer", status=200, body=body)
        async with Visitor() as visitor:
            callback = await visitor.callback(link, system.account("slack"))
            page = await visitor.stay(callback)
            repeated = await visitor.open(callback)
        after = await system.installation(made["webhookId"])

        assert "The provider refused" == page.headline == repeated.headline
        assert "team_access_not_granted" in page.text
        assert "pending" == after["connection"]
        assert ["untouched"] == system.exchanges("slack", since)

    async def test_of_our_client_secret_is_for_the_operator_to_mend(
        self, system: System, since: int
    ) -> None:
        """And the reason stands with the record as well as on the page."""
        known, link = await system.known(), await a_link(system)
        await system.set_secrets("slack", {"CLIENT_SECRET": "wrong"})
        async with Visitor() as visitor:
            callback = await visitor.callback(link, system.account("slack"))
            page = await visitor.stay(callback)
        await system.set_secrets("slack", {"CLIENT_SECRET": "simulated-slack-client-secret"})
        told = [await system.explain(one["id"]) for one in await system.settled(known)]

        assert "This integration is not set up yet" == page.headline
        assert any("misconfigured" in sentence for sentence in told)
        assert ["client"] == system.exchanges("slack", since)


class TestWhatABrowserClaims:
    async def test_somebody_else_s_github_installation_is_refused(
        self, system: System, since: int
    ) -> None:
        """The number in the address is a claim until GitHub lists it for this very user."""
        mine, theirs = system.account("github", "Mine"), system.account("github", "Theirs")
        system.simulator.install("simulated-github-client", theirs)
        made = await system.install("github", await system.bot())
        link = (await system.link(made["webhookId"]))["url"]
        async with Visitor() as visitor:
            callback = await visitor.callback(link, mine)
            page = await visitor.stay(
                callback.replace(f"installation_id={mine}", f"installation_id={theirs}")
            )
        after = await system.installation(made["webhookId"])

        assert "This is another account" == page.headline
        assert ("pending", None) == (after["connection"], after["identifier"])
        assert 1 == len(system.exchanges("github", since))

    async def test_a_request_for_approval_is_said_to_wait_for_an_owner(
        self, system: System, since: int
    ) -> None:
        """GitHub sends it back without a code."""
        async with Visitor() as visitor:
            callback = await visitor.callback(
                await a_link(system, "github"), system.account("github")
            )
            state = callback.partition("state=")[2].partition("&")[0]
            page = await visitor.open(
                f"{system.origin}/oauth?setup_action=request&state={state}"
            )

        assert "An administrator must approve this" == page.headline
        assert [] == system.exchanges("github", since)
