"""Every fault: what the caller is told, and whether the provider had acted."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout

from services.simulator import Simulator
from tests.unit.simulator.simulator_builders import (
    SECRET,
    a_code,
    call,
    exchange,
    is_live,
    whoami,
)


class TestBeforeTheProviderActs:
    @pytest.mark.parametrize(
        ("kind", "status", "retry_after"),
        [("429", 429, "7"), ("503", 503, "7"), ("502-before", 502, None)],
    )
    async def test_the_code_stays_good(
        self,
        http: ClientSession,
        simulator: Simulator,
        kind: str,
        status: int,
        retry_after: str | None,
    ) -> None:
        simulator.fault("acme", "/oauth/token", kind, retry_after=7)  # type: ignore[arg-type]
        code = await a_code(http, simulator, "acme")
        disturbed = await exchange(http, simulator, "acme", code)
        again = await exchange(http, simulator, "acme", code)

        assert disturbed.status == status
        assert disturbed.headers.get("Retry-After") == retry_after
        assert again.json["access_token"]
        assert [one.outcome for one in simulator.calls("acme", "token")] == [
            "untouched",
            "issued",
        ]

    async def test_any_answer_can_be_given(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        """Linear tells its rate limit as a 400."""
        body = '{"errors":[{"extensions":{"code":"RATELIMITED"}}]}'
        headers = {"x-ratelimit-requests-reset": "1790000060000"}
        simulator.fault("linear", "graphql", "answer", status=400, headers=headers, body=body)
        answer = await whoami(http, simulator, "linear", "any")

        assert (answer.status, answer.text) == (400, body)
        assert answer.headers["x-ratelimit-requests-reset"] == "1790000060000"


class TestAfterTheProviderActed:
    async def test_a_502_hides_that_the_code_is_spent(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        simulator.fault("acme", "acme.example/oauth/token", "502-after")
        code = await a_code(http, simulator, "acme")
        lost = await exchange(http, simulator, "acme", code)
        again = await exchange(http, simulator, "acme", code)

        assert lost.status == 502
        assert again.json["error"] == "invalid_grant"
        assert [one.outcome for one in simulator.calls("acme", "token")] == [
            "issued",
            "code_used",
        ]

    async def test_a_cut_connection_hides_it_as_well(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        simulator.fault("slack", "oauth.v2.access", "dropped")
        code = await a_code(http, simulator, "slack")
        with pytest.raises(ClientError):
            await exchange(http, simulator, "slack", code)
        again = await exchange(http, simulator, "slack", code)

        assert again.json["error"] == "code_already_used"
        assert simulator.calls("slack", "access")[0].status == 0
        assert simulator.calls("slack", "access")[0].outcome == "issued"

    async def test_a_slow_answer_is_late_though_the_act_is_not(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        simulator.fault("acme", "/oauth/token", "slow", seconds=30)
        code = await a_code(http, simulator, "acme")
        form = {"grant_type": "authorization_code", "code": code}
        with pytest.raises(asyncio.TimeoutError):
            await call(
                http,
                "POST",
                simulator.url + "/acme/acme.example/oauth/token",
                data={**form, "client_id": "client", "client_secret": SECRET},
                timeout=ClientTimeout(total=0.2),
            )

        assert simulator.calls("acme", "token")[0].grant_type == "authorization_code"

    async def test_a_short_delay_ends_in_the_answer(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        simulator.fault("acme", "/oauth/token", "slow", seconds=0.01)
        code = await a_code(http, simulator, "acme")
        tokens = await exchange(http, simulator, "acme", code)

        assert is_live(await whoami(http, simulator, "acme", tokens.json["access_token"]))


class TestReach:
    async def test_a_fault_hits_so_many_times(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        simulator.fault("acme", "/api/me", "503", times=2)
        statuses = [(await whoami(http, simulator, "acme", "x")).status for _ in range(3)]

        assert statuses == [503, 503, 401]

    async def test_a_fault_without_a_number_stays_until_cleared(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        fault = simulator.fault("acme", "*", "503", times=None)
        before = [(await whoami(http, simulator, "acme", "x")).status for _ in range(3)]
        fault.clear()
        after = await whoami(http, simulator, "acme", "x")

        assert before == [503, 503, 503]
        assert after.status == 401

    async def test_other_paths_and_providers_are_spared(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        simulator.fault("acme", "me", "503")
        simulator.fault("notion", "*", "503")
        code = await a_code(http, simulator, "acme")

        assert (await exchange(http, simulator, "acme", code)).status == 200

    async def test_part_of_a_name_is_not_a_path(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        simulator.fault("acme", "e", "503")

        assert (await whoami(http, simulator, "acme", "x")).status == 401

    def test_an_unknown_kind_is_refused_with_the_known_ones(self) -> None:
        with pytest.raises(ValueError, match="502-after"):
            Simulator().fault("acme", "*", "504")  # type: ignore[arg-type]

    def test_an_unknown_provider_is_refused_with_the_known_ones(self) -> None:
        with pytest.raises(ValueError, match="linear"):
            Simulator().fault("nowhere", "*", "503")


class TestBots:
    async def test_a_bot_keeps_what_it_received(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        headers = {"Webhook-Id": "evt_1"}
        answer = await call(
            http, "POST", simulator.bot_url("ada"), json={"n": 1}, headers=headers
        )
        (got,) = simulator.received("ada")

        assert answer.status == 200
        assert got.json() == {"n": 1}
        assert got.headers["webhook-id"] == "evt_1"
        assert simulator.received("bob") == []

    async def test_a_refusing_bot_received_nothing(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        simulator.fault("bot", "ada", "503")
        answer = await call(http, "POST", simulator.bot_url("ada"), json={})

        assert answer.status == 503
        assert simulator.received("ada") == []
        assert simulator.calls("bot", "ada")[0].fault == "503"

    async def test_a_bot_that_lost_its_answer_received_it(
        self, http: ClientSession, simulator: Simulator
    ) -> None:
        simulator.fault("bot", "ada", "502-after")
        answer = await call(http, "POST", simulator.bot_url("ada"), json={})

        assert answer.status == 502
        assert len(simulator.received("ada")) == 1
