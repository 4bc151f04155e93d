"""The step journal, and the activation that writes all or nothing."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from shared.errors import Conflict, LeaseLost, NotFound, WaypostError
from shared.model.jobs import Claim
from shared.storage import keys
from shared.storage.ledger import AlreadyBound
from tests.contracts.ledger_builders import Bench


class TestAStep:
    async def test_that_was_begun_is_not_begun_again(self, bench: Bench) -> None:
        claim = await bench.lease("req_1")

        assert ("begun", b"") == await bench.ledger.step("begin", claim.record, "send")
        said, intent = await bench.ledger.step("begin", claim.record, "send")
        assert ("intent", b"1") == (said, intent.partition(b"@")[0])

    async def test_that_has_a_result_gives_it_to_whoever_begins_it(self, bench: Bench) -> None:
        claim = await bench.lease("req_1")
        await bench.ledger.step("begin", claim.record, "send")

        assert ("ok", b"") == await bench.ledger.step(
            "commit", claim.record, "send", b"\x00first"
        )
        assert ("result", b"\x00first") == await bench.ledger.step(
            "begin", claim.record, "send"
        )

    async def test_keeps_its_first_result(self, bench: Bench) -> None:
        claim = await bench.lease("req_1")
        await bench.ledger.step("commit", claim.record, "send", b"first")
        await bench.ledger.step("commit", claim.record, "send", b"second")

        assert ("result", b"first") == await bench.ledger.step("begin", claim.record, "send")

    async def test_that_provably_did_nothing_can_be_forgotten(self, bench: Bench) -> None:
        claim = await bench.lease("req_1")
        await bench.ledger.step("begin", claim.record, "send")

        assert ("ok", b"") == await bench.ledger.step("forget", claim.record, "send")
        assert ("begun", b"") == await bench.ledger.step("begin", claim.record, "send")

    async def test_is_not_mixed_up_with_another(self, bench: Bench) -> None:
        claim = await bench.lease("req_1")
        await bench.ledger.step("commit", claim.record, "send", b"sent")

        assert ("begun", b"") == await bench.ledger.step("begin", claim.record, "probe")

    @pytest.mark.parametrize("meanwhile", ["leased", "ready", "retrying"])
    async def test_may_be_committed_under_an_older_lease(
        self, bench: Bench, meanwhile: str
    ) -> None:
        """What was done was done: the worker hears that it is late, and its heir finds the result."""
        zombie = await bench.lease("req_1")
        await bench.ledger.step("begin", zombie.record, "send")
        bench.after_the_lease()
        if meanwhile == "ready":
            await bench.ledger.claim("w2", 0)
        else:
            (heir,) = await bench.claim()
        if meanwhile == "retrying":
            await bench.settle(heir, "retry")

        with pytest.raises(LeaseLost):
            await bench.ledger.step("commit", zombie.record, "send", b"sent")
        journal = await bench.ledger.journal("req_1")
        assert b"sent" == journal["send:result"]

    @pytest.mark.parametrize("end", ["done", "ignored", "dead", "dropped"])
    async def test_that_is_committed_after_the_end_leaves_nothing(
        self, bench: Bench, end: str
    ) -> None:
        claim = await bench.lease("req_1")
        await bench.settle(claim, "dead" if end == "dropped" else end)
        if end == "dropped":
            await bench.ledger.drop("req_1")

        assert ("ended", b"") == await bench.ledger.step(
            "commit", claim.record, "send", b"sent"
        )
        assert {} == await bench.ledger.journal("req_1")


class TestActivation:
    """`lost`, `void`, `missing` and `taken` write nothing; `ok` writes everything."""

    @pytest_asyncio.fixture
    async def claim(self, bench: Bench) -> Claim:
        await bench.install("w1", "w2")
        await bench.park("A", "req_parked_1", "req_parked_2")
        await bench.redis.set(keys.key("flow", "flow_1"), b"old flow", px=60_000)
        await bench.redis.set(keys.key("flow-of", "w1"), "flow_1")
        await bench.redis.set(keys.key("link", "hash"), b"old link", px=90_000)
        return await bench.lease("req_1")

    def _args(self, claim: Claim, **parts: Any) -> list[bytes | str | int]:
        state = keys.key("state-of", "w1", "integration", "i", "tokens")
        wanted = {
            "epoch": claim.record.epoch, "flow": "flow_1", "expected": b"old flow", "new": b"new flow",
            "link": "hash", "new_link": b"used link", "installation": "w1", "integration": "linear",
            "identifier": "A", "ownership": "take_over", "account": b'{"id":"A"}',
        }  # fmt: skip
        return [claim.record.id, *{**wanted, **parts}.values(), 1, state, b"sealed", b"{}"]

    async def test_writes_tokens_binding_account_flow_and_link_together(
        self, bench: Bench, claim: Claim
    ) -> None:
        assert (2, []) == await bench.ledger.activate(self._args(claim))

        state = keys.key("state-of", "w1", "integration", "i", "tokens")
        assert {b"payload": b"sealed", b"meta": b"{}"} == await bench.redis.hgetall(state)  # type: ignore[misc]
        assert {state.encode()} == await bench.redis.smembers(keys.key("states-of", "w1"))  # type: ignore[misc]
        assert b"new flow" == await bench.redis.get(keys.key("flow", "flow_1"))
        assert b"used link" == await bench.redis.get(keys.key("link", "hash"))
        home = await bench.installations.by_webhook_id("w1")
        assert home is not None
        assert ("connected", "A", "A") == (
            home.connection,
            home.identifier,
            home.account and home.account.id,
        )
        assert ["ready", "waiting"] == await bench.states("req_parked_1", "req_parked_2")

    async def test_closes_the_record_with_its_journal(self, bench: Bench, claim: Claim) -> None:
        await bench.ledger.step("begin", claim.record, "exchange")
        await bench.ledger.activate(self._args(claim))

        assert ["done"] == await bench.states("req_1")
        assert {} == await bench.ledger.journal("req_1")
        assert 1 == await bench.counter("done")

    async def test_keeps_what_is_left_of_the_lifetimes(
        self, bench: Bench, claim: Claim
    ) -> None:
        await bench.ledger.activate(self._args(claim))

        assert 0 < await bench.redis.pttl(keys.key("flow", "flow_1")) <= 60_000
        assert 0 < await bench.redis.pttl(keys.key("link", "hash")) <= 90_000

    async def test_of_a_link_that_is_gone_makes_no_link(
        self, bench: Bench, claim: Claim
    ) -> None:
        await bench.redis.delete(keys.key("link", "hash"))
        await bench.ledger.activate(self._args(claim))

        assert not await bench.redis.exists(keys.key("link", "hash"))

    async def test_without_an_identifier_binds_nothing(
        self, bench: Bench, claim: Claim
    ) -> None:
        assert (0, []) == await bench.ledger.activate(self._args(claim, identifier=""))

        assert ["parked"] == await bench.states("req_parked_1")
        assert [] == await bench.installations.owners_of("linear", "A")

    async def test_makes_a_state_that_would_have_expired_last(
        self, bench: Bench, claim: Claim
    ) -> None:
        state = keys.key("state-of", "w1", "integration", "i", "tokens")
        await bench.redis.hset(state, "payload", "old")  # type: ignore[misc]
        await bench.redis.expire(state, 60)
        await bench.ledger.activate(self._args(claim))

        assert -1 == await bench.redis.ttl(state)

    async def test_twice_is_refused(self, bench: Bench, claim: Claim) -> None:
        await bench.ledger.activate(self._args(claim))

        await self._refused(bench, self._args(claim), LeaseLost)

    @pytest.mark.parametrize(
        "parts", [{"expected": b"another"}, {"flow": "flow_2", "expected": b"f2"}]
    )
    async def test_of_a_flow_that_is_not_the_current_one_is_refused(
        self, bench: Bench, claim: Claim, parts: dict[str, Any]
    ) -> None:
        await bench.redis.set(keys.key("flow", "flow_2"), b"f2")

        await self._refused(bench, self._args(claim, **parts), Conflict)

    async def test_of_a_replaced_flow_is_refused(self, bench: Bench, claim: Claim) -> None:
        await bench.redis.set(keys.key("flow-of", "w1"), "flow_2")

        await self._refused(bench, self._args(claim), Conflict)

    async def test_of_an_identifier_that_is_taken_is_refused(
        self, bench: Bench, claim: Claim
    ) -> None:
        await bench.bind("w2", "B")

        await self._refused(
            bench, self._args(claim, identifier="B", ownership="exclusive"), AlreadyBound
        )

    async def test_of_an_installation_that_is_gone_is_refused(
        self, bench: Bench, claim: Claim
    ) -> None:
        await bench.redis.delete(keys.key("installation", "w1"))

        await self._refused(bench, self._args(claim), NotFound)

    async def test_under_a_lost_lease_is_refused(self, bench: Bench, claim: Claim) -> None:
        await self._refused(bench, self._args(claim, epoch=claim.record.epoch - 1), LeaseLost)

    async def _refused(
        self, bench: Bench, args: list[bytes | str | int], error: type[WaypostError]
    ) -> None:
        before = await bench.everything()
        with pytest.raises(error):
            await bench.ledger.activate(args)

        assert before == await bench.everything()
