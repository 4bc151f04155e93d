"""An integration written with the real `@botpress/sdk`, in both generations, runs as its author wrote it."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.botpress import bot_user_id
from tests.compat.botpress.lab import Json, Lab, a_lab
from tests.journeys.system import System, until
from tests.journeys.visitor import Visitor

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("node", "npm"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["sdk5", "sdk7"])
async def lab(
    request: pytest.FixtureRequest, system: System, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Lab]:
    async with a_lab(system, request.param, tmp_path_factory.mktemp("lab")) as running:
        yield running


def a_team() -> str:
    return f"T{uuid.uuid4().hex[:10]}"


def a_message(room: str = "3", **more: object) -> Json:
    return {
        "from": 9,
        "name": "Zoë",
        "room": room,
        "text": "hi 😀",
        "id": uuid.uuid4().hex,
    } | more


class TestConnecting:
    async def test_the_direct_way_keeps_the_token_and_binds_the_team(self, lab: Lab) -> None:
        team = a_team()
        home = await lab.connected(team)
        fields = lab.provider.tokens[-1]

        assert ("connected", team) == (home["connection"], home["identifier"])
        assert f"{lab.system.origin}/oauth" == fields["redirect_uri"]
        assert {"access_token": f"at-{team}"} == (await lab.read(home, "tokens"))["payload"]

    async def test_by_a_wizard_with_forms_and_pkce(self, lab: Lab) -> None:
        team = a_team()
        home = await lab.installed(configurationType="wizard", configuration={"botName": "Zoë"})
        page = await lab.through_the_wizard(home["webhookId"], team)
        now = await lab.system.installation(home["webhookId"])
        kept = (await lab.read(home, "wizard"))["payload"]

        assert "is connected" in page.headline
        assert ("connected", team) == (now["connection"], now["identifier"])
        assert ("eu+us", "Zoë & Co") == (kept["region"], kept["shop"])
        assert {"access_token": f"at-{team}"} == (await lab.read(home, "tokens"))["payload"]

    async def test_ends_badly_on_a_page_that_says_why(self, lab: Lab) -> None:
        """`RuntimeError` is 400 in both generations."""
        home = await lab.installed()
        async with Visitor() as visitor:
            await visitor.press((await lab.system.link(home["webhookId"]))["url"])
            page = await visitor.open(
                f"{lab.system.origin}/oauth?state={home['webhookId']}&error=server_error"
            )

        assert "The provider refused" == page.headline
        assert "the provider said server_error" in page.text

    async def test_takes_a_team_over_from_another_bot(self, lab: Lab) -> None:
        team = a_team()
        old, new = await lab.connected(team), await lab.connected(f"{team}")
        old = await lab.system.installation(old["webhookId"])

        assert (None, "needs_reauth") == (old["identifier"], old["connection"])
        assert team == new["identifier"]


class TestRegister:
    async def test_behind_connecting_may_take_the_team_over_too(self, lab: Lab) -> None:
        """Stripe's and Airtable's bind in `register` what connecting brought."""
        team = a_team()
        old = await lab.connected(team)
        new = await lab.connected(team, "&late=1")

        async def bound() -> bool:
            return (await lab.system.installation(new["webhookId"]))["identifier"] == team

        await until(bound, 10, lambda: lab.log.read_text()[-1000:])

        assert (await lab.system.installation(old["webhookId"]))["identifier"] is None

    async def test_has_a_counterpart_when_it_is_uninstalled(self, lab: Lab) -> None:
        home, before = await lab.connected(a_team()), lab.provider.unregistered
        gone = await lab.system.call("DELETE", f"installations/{home['webhookId']}")

        assert "done" == gone["receipt"]["unregistered"]
        assert before + 1 == lab.provider.unregistered

    async def test_runs_at_once_and_again_behind_connecting(self, lab: Lab) -> None:
        home = await lab.connected(a_team())
        url = f"{lab.system.origin}/{home['webhookId']}"

        async def twice() -> bool:
            seen = await lab.read(home, "seen")
            return bool([url] * 2 == seen["payload"]["registers"])

        await until(twice, 10, lambda: lab.log.read_text()[-1000:])

        assert bot_user_id(home["botId"]).startswith("user_")


class TestAWebhook:
    async def test_becomes_a_message_and_an_event_of_the_right_bot(self, lab: Lab) -> None:
        teams = [a_team(), a_team()]
        homes = [await lab.connected(team) for team in teams]
        page = await lab.send(teams[0], **a_message())
        events = await lab.system.events(homes[0]["botId"], 2)
        message = next(one for one in events if one["type"] == "message_created")

        assert (202, "text/plain", "kept") == (
            page.status, page.headers["content-type"], page.headers["x-custom"],
        )  # fmt: skip
        assert {"message_created", "thingHappened"} == {one["type"] for one in events}
        assert {"text": "hi 😀"} == message["payload"]["payload"]
        assert [] == await lab.system.events(homes[1]["botId"], 0)

    async def test_of_two_tenants_at_once_never_mixes_them(self, lab: Lab) -> None:
        teams = [a_team(), a_team()]
        homes = [await lab.connected(team) for team in teams]
        await asyncio.gather(
            *(
                lab.send(team, **a_message(text=f"{team} {n}"))
                for n in range(8)
                for team in teams
            )
        )
        for team, home in zip(teams, homes, strict=True):
            events = await lab.system.events(home["botId"], 16)
            texts = {one["payload"]["text"] for one in events if one["type"] == "thingHappened"}

            assert {f"{team} {n}" for n in range(8)} == texts

    async def test_that_its_handler_refuses_is_refused(self, lab: Lab) -> None:
        team = a_team()
        await lab.connected(team)
        page = await lab.send(team, secret="wrong", **a_message())

        assert (401, "signature") == (page.status, page.text)

    async def test_whose_handler_fails_says_so_as_its_generation_does(self, lab: Lab) -> None:
        team = a_team()
        await lab.connected(team)
        told = await lab.send(team, **a_message(fail="shown to the owner"))
        broken = await lab.send(team, **a_message(**{"break": "secret words"}))
        body = json.loads(broken.text)

        assert (400, "shown to the owner") == (told.status, json.loads(told.text)["message"])
        assert {"sdk5": 400, "sdk7": 500}[lab.generation] == broken.status
        assert (400, "Runtime") == (body["code"], body["type"])


class TestAState:
    async def test_that_is_not_there_is_an_error_the_client_knows(self, lab: Lab) -> None:
        home = await lab.installed()
        found = await lab.read(home, "tokens")

        assert ("ResourceNotFound", 404, "No State found") == (
            found["type"], found["code"], found["message"],
        )  # fmt: skip
