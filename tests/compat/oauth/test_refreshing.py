"""Twenty workers at one expiry, against servers that rotate refresh tokens and notice when one is used again."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from shared.secret import Secret
from shared.storage.connection import connect
from shared.storage.embedded import EmbeddedValkey
from shared.storage.vault import Secrets
from tests.compat.oauth.front import Front
from tests.compat.oauth.peers import (
    APP,
    AUTH,
    PEERS,
    agreed,
    asked,
    document,
    who,
)
from tests.contracts.test_token_life import EverybodysTurn, asked_by
from tests.contracts.token_builders import DUE, LIFE, NOON, OVER, Bench
from tests.journeys.system import System
from tests.journeys.visitor import Visitor
from workers.outbound import Outbound, Policy

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("node", "npm"),
]
VERIFIER = "v" * 43


class Peer:
    """One server, and an installation that has just got its tokens from it."""

    def __init__(self, front: Front, name: str, bench: Bench, first: dict[str, Any]) -> None:
        self.front, self.name, self.bench, self.first = front, name, bench, first
        self._since = len(front.calls)

    @property
    def refreshes(self) -> int:
        return len(self.front.tokens(self.name, self._since))


async def first_tokens(home: System, front: Front, peer: str) -> dict[str, Any]:
    """A code flow by hand."""
    digest = hashlib.sha256(VERIFIER.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    address = (
        f"{front.url}/{peer}/auth?response_type=code&client_id=waypost&scope=openid+read"
        f"&redirect_uri={home.origin}/oauth&code_challenge={challenge}&code_challenge_method=S256"
    )
    async with Visitor() as visitor:
        came = (await agreed(visitor, address, "T1")).location
    _, said = await asked(
        front, peer, "token", grant_type="authorization_code", code_verifier=VERIFIER,
        redirect_uri=f"{home.origin}/oauth", code=came.partition("code=")[2].partition("&")[0],
    )  # fmt: skip
    return said


@pytest_asyncio.fixture(loop_scope="session", params=PEERS)
async def peer(
    request: pytest.FixtureRequest, home: System, front: Front, valkey: EmbeddedValkey
) -> AsyncIterator[Peer]:
    """Both, one after the other, each with an empty store."""
    name = request.param
    outbound = Outbound(Policy(origins=(front.url,)))
    async with await connect(valkey.url) as store:
        await store.redis.flushdb()
        bench = Bench(store)
        oauth = document("acme", f"{front.url}/{name}", AUTH[name])["oauth"]
        await bench.open(oauth=oauth)
        for secret, value in APP.items():
            await Secrets(store, bench.vault).set("acme", secret, Secret(value.encode()))
        first = await first_tokens(home, front, name)
        tokens = {
            part: Secret(first[f"{part}_token"].encode()) for part in ("access", "refresh")
        }
        bench.home = await bench.connected("T2", **tokens)
        bench.provider = outbound
        yield Peer(front, name, bench, first)
    await outbound.close()


class TestTwentyWorkersAtOneExpiry:
    async def test_refresh_once_and_the_family_lives_on(self, peer: Peer) -> None:
        """Row 11."""
        peer.bench.clock.at = OVER
        given = await asked_by(peer.bench, 20)

        assert 1 == peer.refreshes
        assert 1 == len(set(given))
        assert given[0] != peer.first["access_token"]
        assert 200 == await who(peer.front, peer.name, given[0])

    async def test_without_turns_end_the_family(self, peer: Peer) -> None:
        """The negative control of row 11: the server sees a spent refresh token."""
        peer.bench.clock.at = OVER
        given = await asked_by(peer.bench, 20, turns=EverybodysTurn(peer.bench.store))
        tokens = {one for one in given if isinstance(one, str)}

        assert peer.refreshes > 1
        assert {401} == {await who(peer.front, peer.name, one) for one in tokens}

    async def test_a_thief_with_the_spent_token_ends_the_family(self, peer: Peer) -> None:
        """Row 11: a refresh token is good once, whoever has it (RFC 9700 §4.14.2)."""
        peer.bench.clock.at = OVER
        (access,) = await asked_by(peer.bench, 1)
        spent = peer.first["refresh_token"]
        status, said = await asked(
            peer.front, peer.name, "token", grant_type="refresh_token", refresh_token=spent
        )

        assert (400, "invalid_grant") == (status, said["error"])
        assert 401 == await who(peer.front, peer.name, access)

    @pytest.mark.parametrize("fault", ["cut", "behind"])
    async def test_use_the_old_token_when_the_answer_is_lost(
        self, peer: Peer, fault: str
    ) -> None:
        """Row 11: it works to its end, and the spent refresh token is not sent again meanwhile."""
        peer.bench.clock.at = DUE
        peer.front.breaks[f"/{peer.name}/token"] = fault
        given = {*await asked_by(peer.bench, 1), *await asked_by(peer.bench, 5)}

        assert {peer.first["access_token"]} == given
        assert 1 == peer.refreshes
        assert 200 == await who(peer.front, peer.name, peer.first["access_token"])
        assert NOON + LIFE > peer.bench.clock.at
