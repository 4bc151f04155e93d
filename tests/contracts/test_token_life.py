"""Tokens stay alive: one refresh for all workers, before the end, and a bot that hears when there is none any more."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from shared.clock import SystemChance
from shared.errors import ProviderBusy, ProviderRefused, UnknownOutcome
from shared.model.calls import HttpAnswer
from shared.storage import keys
from shared.storage.connection import Store
from shared.storage.turns import Turns
from tests.contracts.storage_builders import NOON
from tests.contracts.token_builders import DUE, LIFE, OVER, Bench
from workers.tokens import valid_token
from workers.upkeep import MUCH_LATER, look_after

ENDED = HttpAnswer(status=400, body=b'{"error": "invalid_grant"}')


@pytest_asyncio.fixture
async def bench(store: Store) -> Bench:
    return await Bench(store).open()


class EverybodysTurn(Turns):
    """No lease and no intent: what a worker without this code would do."""

    async def take(self, webhook_id: str, holder: str) -> bool:
        return True

    async def begin(self, webhook_id: str, holder: str, name: str, now: float) -> float | None:
        return None

    async def forget(self, webhook_id: str, holder: str, name: str) -> None:
        return None


async def asked_by(bench: Bench, number: int, **parts: Any) -> list[Any]:
    """What so many workers are given that ask for a token at one moment."""
    workers = [bench.worker(**parts) for _ in range(number)]
    asked = [valid_token(await bench.owner(one), one) for one in workers]
    return await asyncio.gather(*asked, return_exceptions=True)


async def next_look(bench: Bench) -> float | None:
    found = await bench.store.redis.zscore(keys.key("renewals"), bench.home.webhook_id)
    return None if found is None else found / 1000


class TestTwentyWorkersAtOneExpiry:
    async def test_refresh_once_and_all_have_the_new_token(self, bench: Bench) -> None:
        bench.clock.at = OVER

        assert ["access-1"] * 20 == await asked_by(bench, 20)
        assert 1 == bench.provider.refreshes

    async def test_refresh_once_while_the_old_token_still_works(self, bench: Bench) -> None:
        bench.clock.at = DUE

        assert {"access-0", "access-1"} >= set(await asked_by(bench, 20))
        assert 1 == bench.provider.refreshes

    async def test_without_turns_they_end_the_connection(self, bench: Bench) -> None:
        """The negative control: the provider sees a spent token, and nothing works any more."""
        bench.clock.at = OVER

        await asked_by(bench, 20, turns=EverybodysTurn(bench.store))

        assert bench.provider.refreshes > 1
        assert bench.provider.is_ended

    async def test_keep_the_old_token_when_the_answer_is_lost(self, bench: Bench) -> None:
        bench.clock.at = DUE
        bench.provider.faults = [UnknownOutcome("cut after commit")]

        await asked_by(bench, 1)

        assert ["access-0"] * 5 == await asked_by(bench, 5)
        assert 0 == bench.provider.refreshes


class TestUpkeep:
    async def test_refreshes_before_the_end(self, bench: Bench) -> None:
        """Nobody asked for a token; the connection stays alive all the same."""
        bench.clock.at = DUE
        worker = bench.worker()

        assert 1 == await look_after(worker)
        assert 1 == bench.provider.refreshes
        assert "access-1" == await valid_token(await bench.owner(worker), worker)
        looked = await next_look(bench)
        assert looked is not None
        assert DUE + 0.7 * LIFE < looked < DUE + LIFE - 250

    async def test_waits_until_it_is_time(self, bench: Bench) -> None:
        await look_after(bench.worker())

        assert 0 == bench.provider.refreshes
        looked = await next_look(bench)
        assert looked is not None
        assert NOON + 0.7 * LIFE < looked < NOON + LIFE

    async def test_is_done_by_one_worker(self, bench: Bench) -> None:
        bench.clock.at = DUE

        done = await asyncio.gather(*(look_after(bench.worker()) for _ in range(8)))

        assert [0] * 7 + [1] == sorted(done)
        assert 1 == bench.provider.refreshes

    @pytest.mark.parametrize(
        ("fault", "wait"),
        [
            (HttpAnswer(status=429, headers=(("retry-after", "90"),)), 60.0),
            (HttpAnswer(status=401, body=b'{"error": "invalid_client"}'), MUCH_LATER.total_seconds()),
        ],
    )  # fmt: skip
    async def test_comes_again_when_the_provider_could_not(
        self, bench: Bench, fault: HttpAnswer, wait: float
    ) -> None:
        """A connection is not given up for a busy provider, nor for an operator's mistake."""
        bench.clock.at = OVER
        bench.provider.faults = [fault]

        await look_after(bench.worker())

        assert "connected" == (await bench.now()).connection
        looked = await next_look(bench)
        assert looked is not None
        assert 0 < looked - OVER <= wait
        assert [] == await bench.told()

    async def test_comes_again_at_a_drawn_moment_after_a_pause(self, bench: Bench) -> None:
        """All installations of an integration meet the same one, and must not come back together."""

        class Half(SystemChance):
            def fraction(self) -> float:
                return 0.5

        bench.clock.at = OVER
        tools = bench.worker(chance=Half())
        gate = "provider:acme/acme.example"
        await tools.gates.pause(gate, timedelta(seconds=60), "because it asked")

        await look_after(tools)

        assert OVER + 90 == await next_look(bench)
        assert [] == bench.provider.calls

    async def test_has_nothing_to_do_for_tokens_that_last(self, store: Store) -> None:
        bench = await Bench(store).open()
        bench.home = await bench.connected("T2", expires_at=None)

        await look_after(bench.worker())

        assert await next_look(bench) is None

    async def test_leaves_alone_what_was_put_forward_meanwhile(self, bench: Bench) -> None:
        """A new connection in the middle of a look is looked at again."""
        [due] = await bench.renewals.claim(5, 60)
        await bench.store.redis.zadd(keys.key("renewals"), {bench.home.webhook_id: 1000})

        await bench.renewals.drop(due)
        await bench.renewals.later(due, OVER)

        assert 1.0 == await next_look(bench)


class TestALostConnection:
    async def test_shows_and_is_told_to_the_bot_with_a_way_back(self, bench: Bench) -> None:
        bench.clock.at = DUE
        bench.provider.faults = [ENDED]

        await look_after(bench.worker())

        now = await bench.now()
        assert ("needs_reauth", "the provider refused: invalid_grant") == (
            now.connection,
            now.status_reason,
        )
        [event] = await bench.told()
        assert "connection.needs_reauth" == event.type
        assert event.payload["connectUrl"].startswith("https://way.test/connect/")
        assert "invalid_grant" in event.payload["reason"]
        assert 1 == await bench.renewals.lost()
        await look_after(bench.worker())
        assert await next_look(bench) is None

    async def test_is_told_when_a_handler_found_out(self, bench: Bench) -> None:
        """`ctx.token()` fails, and the next look tells the bot."""
        bench.clock.at = OVER
        bench.provider.faults = [ENDED]

        [error] = await asked_by(bench, 1)
        await look_after(bench.worker())

        assert isinstance(error, ProviderRefused)
        assert ["connection.needs_reauth"] == [one.type for one in await bench.told()]

    async def test_is_told_once(self, bench: Bench) -> None:
        await bench.renewals.lose(bench.home.webhook_id, "gone")

        assert not await bench.renewals.lose(bench.home.webhook_id, "gone again")
        for _ in range(2):
            await bench.store.redis.zadd(keys.key("renewals"), {bench.home.webhook_id: 1000})
            await look_after(bench.worker())
        assert 1 == len(await bench.told())

    async def test_is_told_when_the_provider_says_that_it_is_over(self, bench: Bench) -> None:
        """An uninstall event, GitHub's `installation.deleted`."""
        ledger = bench.worker().ledger
        await ledger.bind("acme", "T1", bench.home.webhook_id, "take_over", in_flow=True)

        await bench.installations.disconnect(bench.home.webhook_id, "uninstalled at Acme")
        await look_after(bench.worker())

        [event] = await bench.told()
        assert ("connection.uninstalled", "T1", "uninstalled at Acme") == (
            event.type,
            event.identifier,
            event.payload["reason"],
        )

    async def test_is_not_told_when_it_came_back(self, bench: Bench) -> None:
        await bench.renewals.lose(bench.home.webhook_id, "gone")
        await bench.installations.update(bench.home.webhook_id, connection="connected")

        await look_after(bench.worker())

        assert [] == await bench.told()
        assert 0 == await bench.renewals.lost()

    async def test_is_told_later_when_the_queue_is_full(self, bench: Bench) -> None:
        class Down:
            async def get(self, _bot: str) -> None:
                raise ProviderBusy("not now")

        await bench.renewals.lose(bench.home.webhook_id, "gone")
        await look_after(bench.worker(bots=Down()))
        assert await next_look(bench) is not None

        await bench.store.redis.zadd(keys.key("renewals"), {bench.home.webhook_id: 1000})
        await look_after(bench.worker())
        assert 1 == len(await bench.told())

    async def test_comes_with_the_end_of_a_token_that_nothing_renews(
        self, store: Store
    ) -> None:
        bench = await Bench(store).open()
        bench.home = await bench.connected("T2", refresh=None)
        bench.clock.at = NOON + LIFE + 1

        [error] = await asked_by(bench, 1)

        assert isinstance(error, ProviderRefused)
        assert "needs_reauth" == (await bench.now()).connection

    async def test_is_told_to_whom_an_identifier_was_taken_from(self, bench: Bench) -> None:
        other = await bench.connected("T1")
        ledger = bench.worker().ledger
        await ledger.bind("acme", "T1", bench.home.webhook_id, "take_over", in_flow=True)

        await ledger.bind("acme", "T1", other.webhook_id, "take_over", in_flow=True)
        await look_after(bench.worker())

        [event] = await bench.told()
        assert ("connection.taken_over", "T1") == (event.type, event.identifier)
        assert other.webhook_id not in str(event.payload)
