"""Subscriptions: one owner each, what waited is released, the first secret counts, gone with the installation."""

from __future__ import annotations

import asyncio

import pytest

from shared.errors import AlreadyBound, Conflict, NotFound
from shared.model.installations import Installation
from shared.secret import KeyRing, Secret
from shared.storage import subscriptions
from shared.storage.installations import Installations
from shared.storage.subscriptions import Subscriptions
from shared.storage.vault import Vault
from tests.contracts.ledger_builders import Bench

KEY, OTHER = Secret(b"k1"), Secret(b"k2")
ID = "subscription:22"  # as the ledger knows it


@pytest.fixture
def held(bench: Bench) -> Subscriptions:
    return Subscriptions(bench.store, Vault(bench.store, KeyRing.generate()))


async def home(bench: Bench, id: str = "w1", bot: str = "shop") -> Installation:
    await bench.install(id, bot=bot)
    found = await Installations(bench.store).by_webhook_id(id)
    assert found is not None
    return found


class TestASubscription:
    async def test_leads_its_requests_to_its_installation(self, bench, held):
        one, other = await home(bench), await home(bench, "w2", "office")
        await held.put(one, "22")
        await held.put(other, "23")
        routed = await bench.route(await bench.lease("req_1"), ID)

        assert ("self", "w1", ID) == (routed.where, routed.installation, routed.identifier)
        assert {"22": False} == await held.ids(one)

    async def test_releases_what_came_before_it_was_announced(self, bench, held):
        await bench.park(ID, "req_1", "req_2")
        one = await home(bench)

        assert 2 == await held.put(one, "22")
        assert 0 == await held.put(one, "22")
        assert "w1" == (await bench.record("req_1")).installation

    async def test_is_not_the_workspace_of_the_same_name(self, bench, held):
        one, other = await home(bench), await home(bench, "w2", "office")
        await held.put(one, "22")
        await bench.bind("w2", "22")

        assert "w1" == (await bench.route(await bench.lease("req_1"), ID)).installation
        assert "w2" == (await bench.route(await bench.lease("req_2"), "22")).installation
        assert other.webhook_id == "w2"

    async def test_is_one_installations_alone(self, bench, held):
        one, other = await home(bench), await home(bench, "w2", "office")
        await held.put(one, "22", KEY)

        with pytest.raises(AlreadyBound):
            await held.put(other, "22", OTHER)
        assert not await held.put_first(other, "22", OTHER)
        assert not await held.remove(other, "22")
        assert KEY.reveal() == (await held.secret(one, "22")).reveal()

    async def test_ends_and_leaves_nothing_to_the_next(self, bench, held):
        """What came while it was another bot's is nobody else's."""
        one, other = await home(bench), await home(bench, "w2", "office")
        await held.put(one, "22", KEY)
        assert await held.remove(one, "22")
        assert not await held.remove(one, "22")
        await bench.park(ID, "req_1")

        assert await held.secret(one, "22") is None
        assert 1 == await held.put(other, "22")

    async def test_goes_with_its_installation(self, bench, held):
        one = await home(bench)
        await held.put(one, "22", KEY)
        await bench.park("subscription:9", "req_0")
        assert await Installations(bench.store).delete("w1")

        assert [] == await Installations(bench.store).owners_of("linear", ID)
        assert {} == await held.ids(one)
        with pytest.raises(NotFound):
            await held.put(one, "22")

    async def test_has_a_bound_on_their_number(self, bench, held, monkeypatch):
        monkeypatch.setattr(subscriptions, "MOST", 2)
        one = await home(bench)
        await held.put(one, "1")
        await held.put(one, "2")
        await held.put(one, "2", KEY)

        with pytest.raises(Conflict, match="at most 2"):
            await held.put(one, "3")


class TestItsSecret:
    async def test_is_sealed_and_may_be_replaced(self, bench, held):
        one = await home(bench)
        await held.put(one, "22", KEY)
        await held.put(one, "22")
        assert KEY.reveal() == (await held.secret(one, "22")).reveal()
        row = await bench.store.redis.hgetall("waypost:{c0}:1:subscriptions:w1")

        assert b"k1" not in b"".join(row.values())
        await held.put(one, "22", OTHER)
        assert [OTHER.reveal()] == [each.reveal() for each in await held.secrets(one)]
        assert {"22": True} == await held.ids(one)

    async def test_comes_first_only_once_and_only_where_it_was_announced(self, bench, held):
        one = await home(bench)
        assert not await held.put_first(one, "22", KEY)
        await held.put(one, "22")
        rivals = [Secret(b"%d" % number) for number in range(5)]
        took = await asyncio.gather(*(held.put_first(one, "22", rival) for rival in rivals))

        assert 1 == sum(took)
        assert rivals[took.index(True)].reveal() == (await held.secret(one, "22")).reveal()

    async def test_of_many_a_few_are_tried(self, bench, held, monkeypatch):
        monkeypatch.setattr(subscriptions, "MOST_SECRETS", 2)
        one = await home(bench)
        for number in range(4):
            await held.put(one, str(number), KEY if number else None)

        assert 2 == len(await held.secrets(one))


async def test_a_part_may_be_meant_for_one_owner_alone(bench):
    """Two share a workspace; only one's own secret signed the request."""
    await bench.install("w1", "w2")
    for id in ("w1", "w2"):
        await bench.bind(id, "A", ownership="share")
    claim = await bench.lease("req_1")
    routed = await bench.ledger.route(claim.record, [("A", b"", "w2")], may_park=True)

    assert ("self", "w2") == (routed.where, routed.installation)
    claim = await bench.lease("req_2")
    gone = await bench.ledger.route(claim.record, [("A", b"", "w3")], may_park=False)
    assert "nobody" == gone.where
