"""One click against two independent authorization servers that enforce what the RFCs say."""

from __future__ import annotations

import asyncio

import pytest
from yarl import URL

from tests.compat.oauth.front import Front
from tests.compat.oauth.peers import (
    AUTH,
    PEERS,
    agreed,
    asked,
    callback,
    document,
    offer,
    who,
)
from tests.journeys.system import System
from tests.journeys.visitor import Visitor

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("node", "npm"),
    pytest.mark.parametrize("peer", PEERS),
]


class TestOneClick:
    async def test_connects_with_pkce_and_a_checked_issuer(
        self, home: System, front: Front, peer: str, seen: int
    ) -> None:
        """Rows 5, 6 and 7: S256, one redirect URI at both endpoints, and an `iss` that is right."""
        webhook_id, link = await offer(home, front, peer)
        async with Visitor() as visitor:
            address = (await visitor.press(link)).location
            came = (await agreed(visitor, address, "T1")).location
            page = await visitor.stay(came)
        after = await home.installation(webhook_id)
        query, brought = URL(address).query, URL(came).query
        (exchange,) = front.tokens(peer, seen)

        assert "S256" == query["code_challenge_method"]
        assert {"code", "state", "iss"} == set(brought)
        assert f"{front.url}/{peer}" == brought["iss"]
        assert f"{home.origin}/oauth" == query["redirect_uri"] == exchange.form["redirect_uri"]
        assert 43 <= len(exchange.form["code_verifier"])
        assert f"{peer.title()} is connected" == page.headline
        assert ("connected", "T1") == (after["connection"], after["identifier"])

    async def test_leaves_neither_code_nor_state_in_the_browser(
        self, home: System, front: Front, peer: str
    ) -> None:
        """Row 12: the callback is a redirect at once, kept by nobody and told to nobody."""
        _, link = await offer(home, front, peer)
        async with Visitor() as visitor:
            came = await callback(visitor, link, "T9")
            answer = await visitor.ask("GET", came)
            page = await visitor.stay(came)
        secrets = [URL(came).query["code"], URL(came).query["state"]]

        assert 303 == answer.status
        assert ("no-store", "no-referrer") == (
            answer.headers["cache-control"],
            answer.headers["referrer-policy"],
        )
        assert not [one for one in secrets if one in answer.location + page.url + page.text]

    async def test_that_is_cancelled_says_so(
        self, home: System, front: Front, peer: str, seen: int
    ) -> None:
        """Row 27: the server's error, with its `iss`, becomes our own cause."""
        _, link = await offer(home, front, peer)
        async with Visitor() as visitor:
            page = await visitor.stay(await callback(visitor, link, "deny"))

        assert "You cancelled" == page.headline
        assert [] == front.tokens(peer, seen)

    async def test_brought_fifty_times_at_once_is_one_exchange(
        self, home: System, front: Front, peer: str, seen: int
    ) -> None:
        """Row 2; a second exchange would have ended the tokens of the first, see below."""
        _, link = await offer(home, front, peer)
        async with Visitor() as visitor:
            came = await callback(visitor, link, "T2")
            pages = await asyncio.gather(*(visitor.open(came) for _ in range(50)))
            last = await visitor.stay(pages[0].url)
            later = await visitor.open(came)
        (exchange,) = front.tokens(peer, seen)

        assert f"{peer.title()} is connected" == last.headline == later.headline
        assert 200 == await who(front, peer, exchange.said["access_token"])

    async def test_shows_the_scopes_that_the_server_left_out(
        self, home: System, front: Front, peer: str
    ) -> None:
        """Row 26: neither server knows `admin`; it grants the others and says which."""
        scopes = {"default": ["openid", "read", "admin"]}
        name = f"{peer}-admin"
        doc = document(name, f"{front.url}/{peer}", AUTH[peer], scopes=scopes)
        webhook_id, link = await offer(home, front, name, doc)
        async with Visitor() as visitor:
            page = await visitor.stay(await callback(visitor, link, "T3"))
        after = await home.installation(webhook_id)

        assert "connected" == after["connection"]
        assert ["admin"] == after["account"]["missingScopes"]
        assert "admin" in page.text


class TestACodeOutOfPlace:
    @pytest.mark.parametrize(
        "change",
        [
            {"code_challenge": None, "code_challenge_method": None},
            {"code_challenge": "A" * 43},
            {"code_challenge_method": "plain"},
        ],
        ids=["no challenge", "another challenge", "plain"],
    )
    async def test_is_no_use_where_the_challenge_was_tampered_with(
        self, home: System, front: Front, peer: str, change: dict[str, str | None]
    ) -> None:
        """Row 5: the server refuses at once, or when it sees the verifier."""
        webhook_id, link = await offer(home, front, peer)
        async with Visitor() as visitor:
            address = URL((await visitor.press(link)).location)
            query = {k: v for k, v in {**address.query, **change}.items() if v is not None}
            came = await agreed(visitor, str(address.with_query(query)), "T4")
            page = await visitor.stay(came.location)
        after = await home.installation(webhook_id)

        assert "connected" not in page.headline
        assert ("pending", None) == (after["connection"], after["identifier"])

    async def test_is_no_use_in_another_flow(
        self, home: System, front: Front, peer: str, seen: int
    ) -> None:
        """Row 5: an attacker's code, put into a victim's callback, or the other way round (RFC 9700 §4.5)."""
        _, theirs = await offer(home, front, peer)
        webhook_id, mine = await offer(home, front, peer)
        async with Visitor() as attacker, Visitor() as victim:
            stolen = URL(await callback(attacker, theirs, "T-attacker")).query["code"]
            came = URL(await callback(victim, mine, "T-victim"))
            page = await victim.stay(str(came.update_query(code=stolen)))
        after = await home.installation(webhook_id)
        (exchange,) = front.tokens(peer, seen)

        assert (400, "invalid_grant") == (exchange.status, exchange.said["error"])
        assert "This took too long" == page.headline  # what a refused grant mostly means
        assert ("pending", None) == (after["connection"], after["identifier"])

    async def test_never_leaves_the_server_for_another_address(
        self, home: System, front: Front, peer: str
    ) -> None:
        """Row 7: the server compares the whole redirect URI, at both endpoints."""
        _, link = await offer(home, front, peer)
        async with Visitor() as visitor:
            address = URL((await visitor.press(link)).location)
            for other in (f"{home.origin}/oauth/x", f"{home.origin}/", "https://evil.test/"):
                page = await agreed(visitor, str(address.update_query(redirect_uri=other)), "T")
                assert 400 <= page.status < 500
                assert "location" not in page.headers
            code = URL((await agreed(visitor, str(address), "T")).location).query["code"]
        spent = {"grant_type": "authorization_code", "code": code, "code_verifier": "v" * 43}
        status, said = await asked(
            front, peer, "token", redirect_uri=f"{home.origin}/oauth/x", **spent
        )

        assert (400, "invalid_grant") == (status, said["error"])


class TestALostAnswer:
    @pytest.mark.parametrize("fault", ["behind", "cut"])
    async def test_is_not_asked_for_again_and_connecting_again_works(
        self, home: System, front: Front, peer: str, fault: str, seen: int
    ) -> None:
        """Row 9: the server has spent the code; what it gave stays good, since nobody asks twice."""
        webhook_id, link = await offer(home, front, peer)
        front.breaks[f"/{peer}/token"] = fault
        async with Visitor() as visitor:
            lost = await visitor.stay(await callback(visitor, link, "T5"))
            between = await home.installation(webhook_id)
            (exchange,) = front.tokens(peer, seen)
            still = await who(front, peer, exchange.said["access_token"])
            again = await visitor.stay(
                await callback(visitor, f"{home.origin}{lost.again}", "T5")
            )

        assert "We lost the provider's answer" == lost.headline
        assert ("pending", None) == (between["connection"], between["identifier"])
        assert 200 == still
        assert f"{peer.title()} is connected" == again.headline

    async def test_would_end_the_tokens_if_it_were_asked_for_again(
        self, home: System, front: Front, peer: str, seen: int
    ) -> None:
        """The negative control of row 9: the same request once more (RFC 6749 §4.1.2)."""
        _, link = await offer(home, front, peer)
        async with Visitor() as visitor:
            await visitor.stay(await callback(visitor, link, "T6"))
        (exchange,) = front.tokens(peer, seen)
        status, said = await asked(front, peer, "token", **exchange.form)

        assert (400, "invalid_grant") == (status, said["error"])
        assert 401 == await who(front, peer, exchange.said["access_token"])

    async def test_of_a_server_that_did_not_act_is_asked_for_again(
        self, home: System, front: Front, peer: str, seen: int
    ) -> None:
        """Row 10: 503 with a time came before the server."""
        _, link = await offer(home, front, peer)
        front.breaks[f"/{peer}/token"] = "before"
        async with Visitor() as visitor:
            page = await visitor.stay(await callback(visitor, link, "T7"))

        assert f"{peer.title()} is connected" == page.headline
        assert [200] == [one.status for one in front.tokens(peer, seen)]


class TestUninstalling:
    async def test_ends_the_tokens_at_the_server(
        self, home: System, front: Front, peer: str, seen: int
    ) -> None:
        """Row 28: a revocation by RFC 7009, after which nothing of the grant works."""
        webhook_id, link = await offer(home, front, peer)
        async with Visitor() as visitor:
            await visitor.stay(await callback(visitor, link, "T8"))
        (exchange,) = front.tokens(peer, seen)
        access, refresh = exchange.said["access_token"], exchange.said["refresh_token"]
        before = await who(front, peer, access)
        receipt = (await home.call("DELETE", f"installations/{webhook_id}"))["receipt"]
        revoked = [one for one in front.calls[seen:] if one.path.endswith("/revocation")]
        status, said = await asked(
            front, peer, "token", grant_type="refresh_token", refresh_token=refresh
        )

        assert ("revoked", True) == (receipt["revocation"], receipt["dataKeyDestroyed"])
        assert [(200, refresh)] == [(one.status, one.form["token"]) for one in revoked]
        assert (400, "invalid_grant") == (status, said["error"])
        assert (200, 401) == (before, await who(front, peer, access))
