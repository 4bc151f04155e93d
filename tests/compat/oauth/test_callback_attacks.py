"""
What the studies of shared redirect URIs and of account linking found elsewhere, tried here.

Cross-app: "Universal Cross-app Attacks", USENIX Security 2025. Fixation: "Demystifying the (In)Security of OAuth-based
Account Linking in Connector Ecosystems", IEEE S&P 2026. Mix-up: RFC 9700 §4.4, RFC 9207.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from tests.compat.oauth.front import Answer, Front
from tests.compat.oauth.peers import APP, LAX, agreed, asked, callback, document, offer
from tests.journeys.system import System
from tests.journeys.visitor import Visitor

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("node", "npm"),
]


async def evil(_: web.Request, __: bytes) -> Answer:
    """A server that takes whatever it is sent, and says that all went well."""
    said = {"access_token": "evil", "token_type": "Bearer", "sub": "T-evil", "name": "Evil"}
    return 200, CIMultiDict(), msgspec.json.encode(said)


def an_evil_document(front: Front, name: str, **changes: Any) -> dict[str, Any]:
    """Sends people to the honest server as the honest app, and wants the codes for itself."""
    honest = document(name, f"{front.url}/oidc", "post", **changes)
    front.servers["evil"] = evil
    oauth = {
        **honest["oauth"],
        "token": {"url": f"{front.url}/evil/token"},
        "identity": {
            "externalId": {"from": "call", "path": "sub"},
            "call": {"url": f"{front.url}/evil/me"},
        },
    }
    del oauth["revoke"]
    return {**honest, "oauth": oauth}


class TestMixUp:
    @pytest.mark.parametrize("iss", ["{front}/oidc", None, "", "{front}/authlib/"], ids=str)
    async def test_an_answer_of_another_issuer_reaches_no_token_endpoint(
        self, home: System, front: Front, iss: str | None, seen: int
    ) -> None:
        """Row 6: of another server, of none, or of nearly the right one."""
        webhook_id, link = await offer(home, front, "authlib")
        async with Visitor() as visitor:
            came = URL(await callback(visitor, link, "T1"))
            query = {name: value for name, value in came.query.items() if name != "iss"}
            if iss is not None:
                query["iss"] = iss.format(front=front.url)
            page = await visitor.stay(str(came.with_query(query)))
        after = await home.installation(webhook_id)

        assert "This answer belongs to no attempt to connect" == page.headline
        assert [] == front.tokens("authlib", seen) == front.tokens("oidc", seen)
        assert ("pending", None) == (after["connection"], after["identifier"])

    async def test_a_code_of_one_server_is_not_taken_to_another(
        self, home: System, front: Front, seen: int
    ) -> None:
        """Row 6: the server of this flow sent the browser on to an honest one, to get at its code."""
        _, link = await offer(home, front, "authlib")
        _, other = await offer(home, front, "oidc")
        async with Visitor() as visitor:
            came = URL(await callback(visitor, link, "T1"))
            honest = URL(await callback(visitor, other, "T1"))
            mixed = honest.update_query(state=came.query["state"])
            page = await visitor.stay(str(mixed))

        assert "This answer belongs to no attempt to connect" == page.headline
        assert [] == front.tokens("authlib", seen) == front.tokens("oidc", seen)

    async def test_an_error_of_another_issuer_is_not_believed(
        self, home: System, front: Front
    ) -> None:
        """Row 6: RFC 9207 §2.4 is about errors too."""
        _, link = await offer(home, front, "authlib")
        async with Visitor() as visitor:
            came = URL(await callback(visitor, link, "deny"))
            page = await visitor.stay(str(came.update_query(iss=f"{front.url}/oidc")))

        assert "This answer belongs to no attempt to connect" == page.headline


class TestACrossAppTakeover:
    """An integration that sends people to the honest server as the honest app, and gets their codes."""

    async def test_fails_since_a_code_is_bound_to_its_flow(
        self, home: System, front: Front, seen: int
    ) -> None:
        """Row 5: the thief has code and verifier, and still cannot use them in a flow of the honest integration."""
        _, bait = await offer(home, front, "evil-pkce", an_evil_document(front, "evil-pkce"))
        webhook_id, mine = await offer(home, front, "oidc")
        async with Visitor() as victim, Visitor() as thief:
            await victim.stay(await callback(victim, bait, "T-victim"))
            (stolen,) = front.tokens("evil", seen)
            came = URL(await callback(thief, mine, "T-thief"))
            page = await thief.stay(str(came.update_query(code=stolen.form["code"])))
        after = await home.installation(webhook_id)
        (exchange,) = front.tokens("oidc", seen)

        assert (400, "invalid_grant") == (exchange.status, exchange.said["error"])
        assert "connected" not in page.headline
        assert ("pending", None) == (after["connection"], after["identifier"])

    async def test_gets_no_client_secret_to_use_the_code_itself(
        self, home: System, front: Front, seen: int
    ) -> None:
        """Secrets belong to one integration: what reaches the thief is its own."""
        name = "evil-secret"
        _, bait = await offer(home, front, name, an_evil_document(front, name))
        await home.set_secrets(name, {"CLIENT_SECRET": "the thief's own"})
        async with Visitor() as victim:
            await victim.stay(await callback(victim, bait, "T-victim"))
        (stolen,) = front.tokens("evil", seen)
        status, said = await asked(front, "oidc", "token", **stolen.form)

        assert "the thief's own" == stolen.form["client_secret"]
        assert (401, "invalid_client") == (status, said["error"])

    @pytest.mark.parametrize("own", [True, False], ids=["own origin", "shared origin"])
    async def test_fails_without_pkce_where_the_thief_has_an_origin_of_its_own(
        self, home: System, front: Front, own: bool, seen: int
    ) -> None:
        """
        Row 7: the honest server does not know that origin, and sends nobody there.

        On the shared origin it works, which is the control: there, operators take in only what they trust.
        """
        lax = {"pkce": "off", "whyNoPkce": "to see what it is good for"}
        port = URL(home.origin).port
        place = {"publicUrl": f"http://localhost:{port}"} if own else {}
        bait = {**an_evil_document(front, f"evil-{own}".lower(), **lax), **place}
        honest = document("honest", f"{front.url}/oidc", "post", **lax)
        secrets = {"CLIENT_ID": LAX}
        _, theirs = await offer(home, front, bait["name"], bait)
        webhook_id, mine = await offer(home, front, "honest", honest)
        for name in ("honest", bait["name"]):
            await home.set_secrets(name, secrets)
        async with Visitor() as victim, Visitor() as thief:
            agreed_to = await agreed(victim, (await victim.press(theirs)).location, "T-victim")
            if agreed_to.status in {302, 303}:
                await victim.stay(agreed_to.location)
            came = URL(await callback(thief, mine, "T-thief"))
            codes = [one.form["code"] for one in front.tokens("evil", seen)]
            for code in codes:
                await thief.stay(str(came.update_query(code=code)))
        after = await home.installation(webhook_id)

        assert own == (agreed_to.status == 400)
        assert own == (codes == [])
        assert own == (after["identifier"] != "T-victim")


class TestACrossAppForgery:
    async def test_brings_an_attackers_code_to_no_honest_integration(
        self, home: System, front: Front, seen: int
    ) -> None:
        """Row 6: whose code it is says the state's flow alone, so it goes where the victim was going."""
        name = "evil-forger"
        _, bait = await offer(home, front, name, an_evil_document(front, name))
        webhook_id, _ = await offer(home, front, "oidc")
        _, theirs = await offer(home, front, "oidc")
        async with Visitor() as victim, Visitor() as attacker:
            code = URL(await callback(attacker, theirs, "T-attacker")).query["code"]
            state = URL((await victim.press(bait)).location).query["state"]
            forged = {"code": code, "state": state, "iss": f"{front.url}/oidc"}
            await victim.stay(str(URL(f"{home.origin}/oauth").with_query(forged)))
        after = await home.installation(webhook_id)

        assert [] == front.tokens("oidc", seen)
        assert [code] == [one.form["code"] for one in front.tokens("evil", seen)]
        assert ("pending", None) == (after["connection"], after["identifier"])


class TestFixation:
    """An attacker begins, and a victim is made to end it."""

    async def test_of_a_providers_address_ends_in_the_wrong_browser(
        self, home: System, front: Front, seen: int
    ) -> None:
        """Row 3: the victim gets the attacker's consent page by mail, and agrees."""
        webhook_id, link = await offer(home, front, "oidc")
        async with Visitor() as attacker, Visitor() as victim:
            mailed = (await attacker.press(link)).location
            page = await victim.open((await agreed(victim, mailed, "T-victim")).location)
        after = await home.installation(webhook_id)

        assert (403, "This was begun in another browser") == (page.status, page.headline)
        assert [] == front.tokens("oidc", seen)
        assert ("pending", None) == (after["connection"], after["identifier"])

    async def test_of_a_link_waits_for_the_operator_who_knows_the_user(
        self, home: System, front: Front
    ) -> None:
        """Row 30: the victim gets the attacker's link by mail; the page names the bot, and nobody has confirmed."""
        webhook_id, link = await offer(home, front, "oidc", confirm=True)
        async with Visitor() as victim:
            shown = await victim.open(link)
            page = await victim.open(await callback(victim, link, "T-victim"))
        after = await home.installation(webhook_id)

        assert after["botId"] in shown.text
        assert "Waiting for confirmation" == page.headline
        assert ("pending", None) == (after["connection"], after["identifier"])

    async def test_by_a_cookie_that_somebody_planted_is_a_flow_of_its_own(
        self, home: System, front: Front
    ) -> None:
        """Row 3: a value that is none of ours is not taken over; with https, no other host can set the name at all."""
        _, link = await offer(home, front, "oidc")
        async with Visitor() as victim:
            planted = {"Cookie": "waypost-flow=planted", "Sec-Fetch-Site": "same-origin"}
            pressed = await victim.ask("POST", link, headers=planted)

        assert "planted" not in pressed.headers["set-cookie"]
        assert APP["CLIENT_ID"] == URL(pressed.location).query["client_id"]
