"""Routing, parking and binding: whoever has the identifier gets the request, in order, and nobody else."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
import pytest_asyncio

from shared.errors import NotFound
from shared.model.jobs import Claim
from shared.storage import keys
from shared.storage.audit import Audit
from shared.storage.ledger import MOST_PARKED, AlreadyBound, Routed
from tests.contracts.ledger_builders import BODY, Bench


@pytest_asyncio.fixture
async def homes(bench: Bench) -> Bench:
    """A bench with installations: w1 and w2 on the bot `shop`, other on the bot `rival`."""
    await bench.install("w1", "w2")
    await bench.install("other", bot="rival")
    return bench


class TestRouting:
    async def test_one_slice_for_one_installation_stays_one_record(self, homes: Bench) -> None:
        await homes.bind("w1", "A")
        claim = await homes.lease("req_1")

        assert Routed(where="self", installation="w1", identifier="A") == await homes.route(
            claim, "A"
        )
        record = await homes.record("req_1")
        assert ("delivery", "leased", "A", "w1", "shop", "w1") == (
            record.job, record.state, record.identifier, record.installation, record.bot, record.lane,
        )  # fmt: skip
        assert await homes.settle(claim, "done")

    async def test_to_nobody_writes_nothing_when_it_may_not_be_parked(
        self, homes: Bench
    ) -> None:
        claim = await homes.lease("req_1")
        before = await homes.everything()

        assert Routed(where="nobody") == await homes.route(claim, "A", may_park=False)
        assert before == await homes.everything()

    async def test_without_a_slice_is_to_nobody(self, homes: Bench) -> None:
        assert Routed(where="nobody") == await homes.route(await homes.lease("req_1"))

    async def test_to_nobody_yet_parks_the_request(self, homes: Bench) -> None:
        claim = await homes.lease("req_1")
        await homes.ledger.step("commit", claim.record, "seen", b"1")

        assert Routed(where="parked") == await homes.route(claim, "A")
        record = await homes.record("req_1")
        assert ("parked", "A", "no installation has the identifier A yet") == (
            record.state, record.identifier, record.reason,
        )  # fmt: skip
        assert {} == await homes.ledger.journal("req_1")
        assert ([], None) == await homes.ledger.claim("w1", 5)

    async def test_splits_a_batch_and_gives_each_only_its_own_slice(self, homes: Bench) -> None:
        await homes.bind("w1", "A")
        await homes.bind("w2", "B")
        claim = await homes.lease("req_1")

        routed = await homes.route(
            claim, ("A", b"for A"), ("B", b"for B, too"), ("C", b"nobody's")
        )

        assert Routed(where="split", deliveries=3) == routed
        parent = await homes.record("req_1")
        assert ("done", 3, "split into 3 deliveries") == (
            parent.state,
            parent.deliveries,
            parent.reason,
        )
        assert [
            ("dlv_1_0001", "ready", "A", "w1", "req_1", 5), ("dlv_1_0002", "ready", "B", "w2", "req_1", 10),
            ("dlv_1_0003", "parked", "C", "", "req_1", 8),
        ] == [
            (one.id, one.state, one.identifier, one.installation, one.parent, one.bytes)
            for one in await homes.ledger.children("req_1")
        ]  # fmt: skip
        assert {b"for A", b"for B, too"} == {one.body for one in await homes.claim()}

    async def test_shares_the_whole_body_where_a_slice_has_none(self, homes: Bench) -> None:
        for installation in ("w1", "w2"):
            await homes.bind(installation, "A", "share")

        assert Routed(where="split", deliveries=2) == await homes.route(
            await homes.lease("req_1"), "A"
        )
        assert [BODY, BODY] == [one.body for one in await homes.claim()]

    async def test_leaves_out_what_nobody_has_when_it_may_not_be_parked(
        self, homes: Bench
    ) -> None:
        await homes.bind("w1", "A")
        claim = await homes.lease("req_1")

        routed = await homes.route(claim, ("A", b"for A"), ("C", b"nobody's"), may_park=False)

        assert Routed(where="split", deliveries=1) == routed
        assert ["A"] == [one.identifier for one in await homes.ledger.children("req_1")]

    async def test_survives_identifiers_that_look_like_keys(self, homes: Bench) -> None:
        nasty = "a:b{c}%d\x00é\n"
        await homes.park(nasty, "req_1")
        await homes.bind("w1", nasty)

        (claim,) = await homes.claim()
        assert (nasty, "w1") == (claim.record.identifier, claim.record.installation)


class TestTheParkingLot:
    async def test_has_room_for_so_many_per_identifier(self, homes: Bench) -> None:
        seats = {f"taken_{n}": n for n in range(MOST_PARKED)}
        await homes.redis.zadd(keys.key("parked", "linear", "A"), seats)  # type: ignore[arg-type]

        assert Routed(where="parked") == await homes.route(await homes.lease("req_1"), "A")
        assert Routed(where="parked") == await homes.route(await homes.lease("req_2"), "B")

        record = await homes.record("req_1")
        assert ("dead", "too many requests wait for A already") == (record.state, record.reason)
        assert ["parked"] == await homes.states("req_2")
        assert 1 == await homes.counter("dead")
        await homes.redis.delete(keys.key("parked", "linear", "A"))

    async def test_belongs_to_one_integration(self, homes: Bench) -> None:
        await homes.park("A", "req_1")

        assert (0, []) == await homes.ledger.bind("slack", "A", "w2", "take_over", in_flow=True)
        assert ["parked"] == await homes.states("req_1")
        await homes.redis.delete(keys.key("identifier", "slack", "A"))
        await homes.redis.hset(keys.key("installation", "w2"), "identifier", "")  # type: ignore[misc]


class TestBinding:
    async def test_releases_what_was_parked_one_after_the_other(self, homes: Bench) -> None:
        await homes.park("A", "req_1", "req_2", "req_3")

        assert (3, []) == await homes.bind("w1", "A")
        assert ["ready", "waiting", "waiting"] == await homes.states("req_1", "req_2", "req_3")
        assert 3 == len(
            [one for one in ("req_1", "req_2", "req_3") if (await homes.record(one)).ordered]
        )
        for expected in ("req_1", "req_2", "req_3"):
            (claim,) = await homes.claim()
            assert (expected, "delivery", "w1", "shop") == (
                claim.record.id, claim.record.job, claim.record.installation, claim.record.bot,
            )  # fmt: skip
            assert await homes.settle(claim, "done")

    @pytest.mark.parametrize("end", ["done", "ignored", "dead"])
    async def test_lets_the_next_go_when_the_head_is_closed(
        self, homes: Bench, end: str
    ) -> None:
        head = await self._head_of_two(homes)
        await homes.settle(head, end)

        assert ["req_2"] == await homes.claimed_ids()

    async def test_lets_the_next_go_when_the_head_is_dropped(self, homes: Bench) -> None:
        await self._two_released(homes)
        await homes.ledger.drop("req_1")

        assert ["req_2"] == await homes.claimed_ids()

    async def test_lets_the_next_go_when_the_head_crashed_to_its_death(
        self, homes: Bench
    ) -> None:
        await self._two_released(homes)
        for _ in range(3):
            assert ["req_1"] == await homes.claimed_ids()
            homes.after_the_lease()

        assert ["req_2"] == await homes.claimed_ids()

    @pytest.mark.parametrize("end", ["retry", "release"])
    async def test_lets_nobody_pass_a_head_that_is_tried_again(
        self, homes: Bench, end: str
    ) -> None:
        head = await self._head_of_two(homes)
        await homes.settle(head, end)

        assert ["waiting"] == await homes.states("req_2")
        assert ["req_1"] == await homes.claimed_ids()

    async def test_keeps_the_order_when_one_in_the_middle_is_dropped(
        self, homes: Bench
    ) -> None:
        await homes.park("A", "req_1", "req_2", "req_3")
        await homes.bind("w1", "A")
        await homes.ledger.drop("req_2")

        (head,) = await homes.claim()
        assert ["waiting"] == await homes.states("req_3")
        await homes.settle(head, "done")
        assert ["req_3"] == await homes.claimed_ids()

    async def test_lets_nobody_go_where_one_is_dropped_that_only_waited(
        self, homes: Bench
    ) -> None:
        """What came first may be released last; then it stands before the one that is on its way."""
        await homes.park("B", "req_1")
        await homes.park("A", "req_2", "req_3")
        await homes.bind("w1", "A")
        await homes.bind("w1", "B")
        await homes.ledger.drop("req_3")

        assert ["waiting", "ready"] == await homes.states("req_1", "req_2")
        (head,) = await homes.claim()
        await homes.settle(head, "done")
        assert ["req_1"] == await homes.claimed_ids()

    async def test_puts_what_is_released_later_behind_what_is_on_its_way(
        self, homes: Bench
    ) -> None:
        await self._head_of_two(homes)
        await homes.bind("w1", "")
        await homes.park("A", "req_3")
        await homes.bind("w1", "A")

        assert ["leased", "waiting", "waiting"] == await homes.states("req_1", "req_2", "req_3")

    async def test_again_to_the_same_releases_nothing_and_keeps_all(self, homes: Bench) -> None:
        await homes.bind("w1", "A")

        assert (0, []) == await homes.bind("w1", "A")
        assert ["w1"] == await homes.installations.owners_of("linear", "A")

    async def test_to_another_identifier_gives_up_the_one_before(self, homes: Bench) -> None:
        await homes.bind("w1", "A")
        await homes.bind("w1", "B")

        assert [] == await homes.installations.owners_of("linear", "A")
        assert ["w1"] == await homes.installations.owners_of("linear", "B")

    async def test_an_installation_that_is_gone_is_refused(self, homes: Bench) -> None:
        with pytest.raises(NotFound):
            await homes.bind("nobody", "A")

    async def test_never_leaves_a_request_behind_that_is_routed_at_the_same_time(
        self, homes: Bench
    ) -> None:
        """Whichever comes first: the request goes to the installation."""
        for n in range(20):
            claim = await homes.lease(f"req_{n}")
            await asyncio.gather(homes.route(claim, f"A{n}"), homes.bind("w1", f"A{n}"))

            record = await homes.record(f"req_{n}")
            assert "w1" == record.installation
            await self._finish(homes, claim)

    async def _finish(self, homes: Bench, claim: Claim) -> None:
        if not await homes.settle(claim, "done"):
            (released,) = await homes.claim()
            await homes.settle(released, "done")

    async def _two_released(self, homes: Bench) -> None:
        await homes.park("A", "req_1", "req_2")
        await homes.bind("w1", "A")

    async def _head_of_two(self, homes: Bench) -> Claim:
        await self._two_released(homes)
        (head,) = await homes.claim()
        return head


class TestOwnership:
    @pytest.mark.parametrize(
        ("ownership", "in_flow", "action", "subject"),
        [
            ("take_over", True, "identifier.taken_over", "w1"),
            ("take_over", False, "identifier.refused", "other"),
            ("exclusive", True, "identifier.refused", "other"),
            ("share", True, "identifier.shared", "other"),
        ],
    )
    async def test_is_audited(
        self, homes: Bench, ownership: str, in_flow: bool, action: str, subject: str
    ) -> None:
        """Whoever asks later who had an account, and since when, finds it."""
        await homes.bind("w1", "A")
        with suppress(AlreadyBound):
            await homes.bind("other", "A", ownership, in_flow=in_flow)

        [entry] = await Audit(homes.store).tail()
        assert (action, subject, "A") == (
            entry.action,
            entry.subject,
            entry.detail["identifier"],
        )

    async def test_take_over_inside_a_flow_evicts_the_owner_and_says_so(
        self, homes: Bench
    ) -> None:
        await homes.bind("w1", "A")

        assert (0, ["w1"]) == await homes.bind("other", "A", "take_over")
        assert ["other"] == await homes.installations.owners_of("linear", "A")
        evicted = await homes.installations.by_webhook_id("w1")
        assert evicted is not None
        assert ("", "needs_reauth", "another installation took over A") == (
            evicted.identifier, evicted.connection, evicted.status_reason,
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("ownership", "in_flow"),
        [("take_over", False), ("exclusive", True), ("exclusive", False)],
    )
    async def test_is_refused_with_the_owner_and_changes_nothing(
        self, homes: Bench, ownership: str, in_flow: bool
    ) -> None:
        await homes.bind("w1", "A")
        await homes.bind("other", "B")
        before = await homes.everything()

        with pytest.raises(AlreadyBound) as refused:
            await homes.bind("other", "A", ownership, in_flow=in_flow)

        assert "w1" == refused.value.owner
        assert before == await homes.everything()

    @pytest.mark.parametrize("in_flow", [True, False])
    async def test_share_has_many_owners(self, homes: Bench, in_flow: bool) -> None:
        for installation in ("w1", "w2", "other"):
            assert (0, []) == await homes.bind(installation, "A", "share", in_flow=in_flow)

        assert ["other", "w1", "w2"] == await homes.installations.owners_of("linear", "A")


class TestWhatWasParkedBeforeAnUnbind:
    """It was sent while somebody else had the identifier, so it is nobody's but that bot's."""

    async def _late(self, homes: Bench, owner: str, *ids: str) -> None:
        """Requests that came while *owner* had the identifier and were routed after it was unbound."""
        await homes.bind(owner, "A")
        claims = [await homes.lease(id) for id in ids]
        await homes.bind(owner, "")
        for claim in claims:
            assert "parked" == (await homes.route(claim, "A")).where

    async def test_never_goes_to_another_bot(self, homes: Bench) -> None:
        await self._late(homes, "w1", "req_1")
        await homes.park("A", "req_2")

        assert (1, []) == await homes.bind("other", "A")
        assert ["parked", "ready"] == await homes.states("req_1", "req_2")

    async def test_goes_to_the_same_bot(self, homes: Bench) -> None:
        await self._late(homes, "w1", "req_1")

        assert (1, []) == await homes.bind("w2", "A")

    async def test_never_goes_to_a_bot_that_had_it_later(self, homes: Bench) -> None:
        """Not even at its second time, when it was itself the last owner."""
        await self._late(homes, "w1", "req_1")
        await self._late(homes, "other", "req_2")

        assert (1, []) == await homes.bind("other", "A")
        assert ["parked", "ready"] == await homes.states("req_1", "req_2")

    async def test_never_goes_to_another_bot_after_a_take_over(self, homes: Bench) -> None:
        await homes.bind("w1", "A")
        claim = await homes.lease("req_1")
        await homes.bind("other", "A", "take_over")
        await homes.bind("other", "")
        await homes.route(claim, "A")

        assert (0, []) == await homes.bind("other", "A")

    async def test_never_goes_to_another_bot_after_an_uninstall(self, homes: Bench) -> None:
        await homes.bind("w1", "A")
        claim = await homes.lease("req_1")
        await homes.installations.delete("w1")
        await homes.route(claim, "A")

        assert (0, []) == await homes.bind("other", "A")
        assert ["parked"] == await homes.states("req_1")
