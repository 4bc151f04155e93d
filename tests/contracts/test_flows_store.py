"""Links, flows and one-time states."""

from __future__ import annotations

import asyncio

import pytest

from shared.errors import Conflict, NotFound
from shared.model.flows import LINK_LIFETIME
from shared.storage import keys
from shared.storage.connection import Store
from shared.storage.flows import Flows, encoded
from tests.contracts.storage_builders import a_flow, a_link


@pytest.fixture
def flows(store: Store) -> Flows:
    return Flows(store)


async def test_an_expired_link_can_be_told_from_an_unknown_one(
    store: Store, flows: Flows
) -> None:
    await flows.put_link("h1", a_link(return_to="https://x.example"))

    assert a_link(return_to="https://x.example") == await flows.link("h1")
    assert await flows.link("h2") is None
    assert LINK_LIFETIME < await store.redis.ttl(keys.key("link", "h1"))


async def test_a_flow_comes_back_byte_for_byte(store: Store, flows: Flows) -> None:
    flow = a_flow(
        verifier=b"\x00\xff",
        inputs={"shop": "é"},
        scopes=("a", "b"),
        created_at=1.1234567890123,
    )
    await flows.begin_flow(flow)

    assert flow == await flows.flow("flow_1")
    assert encoded(flow) == await store.redis.get(keys.key("flow", "flow_1"))


async def test_a_new_flow_voids_the_one_before_it_unless_that_had_ended(flows: Flows) -> None:
    for number, status in enumerate(("open", "exchanging", "connected", "failed")):
        await flows.begin_flow(a_flow(id=f"f{number}", status=status))
    await flows.begin_flow(a_flow(id="last"))

    found = [await flows.flow(f"f{number}") for number in range(4)]
    assert ["void", "void", "connected", "failed"] == [flow.status for flow in found if flow]
    assert a_flow(id="last") == await flows.current_flow("w1")
    assert await flows.current_flow("w2") is None


async def test_a_flow_that_has_connected_is_not_begun_again(flows: Flows) -> None:
    """A second browser may have read the link before the first one has used it."""
    await flows.begin_flow(a_flow(cookie_hash="first"))
    await flows.begin_flow(a_flow(cookie_hash="second"))
    connected = await flows.update_flow("flow_1", status="connected")

    with pytest.raises(Conflict):
        await flows.begin_flow(a_flow(cookie_hash="third"))
    assert connected == await flows.flow("flow_1")


class TestUpdating:
    async def test_only_from_the_status_that_was_expected(self, flows: Flows) -> None:
        await flows.begin_flow(a_flow())
        after = await flows.update_flow(
            "flow_1", expect={"open"}, status="authorizing", redirect_uri="r"
        )

        assert ("authorizing", "r") == (after.status, after.redirect_uri)
        with pytest.raises(Conflict, match="authorizing by now"):
            await flows.update_flow("flow_1", expect={"open"}, status="failed")

    async def test_one_of_many_wins(self, flows: Flows) -> None:
        await flows.begin_flow(a_flow())
        tries = (
            flows.update_flow("flow_1", expect={"open"}, status="exchanging") for _ in range(20)
        )
        results = await asyncio.gather(*tries, return_exceptions=True)

        assert 19 == sum(isinstance(result, Conflict) for result in results)

    async def test_a_flow_that_ended_or_was_replaced_stays_as_it_is(self, flows: Flows) -> None:
        await flows.begin_flow(a_flow(confirm=True, status="confirming"))
        assert not (await flows.confirm("flow_1")).confirm
        await flows.begin_flow(a_flow(id="flow_2", status="connected"))

        for flow_id in ("flow_1", "flow_2"):
            with pytest.raises(Conflict):
                await flows.confirm(flow_id)
        with pytest.raises(NotFound):
            await flows.confirm("flow_3")

    @pytest.mark.parametrize("status", ["open", "authorizing", "exchanging", "choosing"])
    async def test_only_who_waits_is_confirmed(self, flows: Flows, status: str) -> None:
        """A word that came too early would be good for whoever finishes the flow."""
        await flows.begin_flow(a_flow(confirm=True, status=status))
        with pytest.raises(Conflict, match=status):
            await flows.confirm("flow_1")


class TestOAuthStates:
    async def test_exactly_one_of_fifty_callers_is_the_first(self, flows: Flows) -> None:
        await flows.put_oauth_state("h1", "flow_1", ttl=600)

        results = await asyncio.gather(
            *(flows.use_oauth_state("h1", f"req_{n}") for n in range(50))
        )

        assert 1 == sum(first for _, first in results)
        assert {"flow_1"} == {flow for flow, _ in results}

    async def test_its_one_user_stays_the_user_when_it_comes_round_again(
        self, flows: Flows
    ) -> None:
        """A worker that died after the use must not lose the flow to its own second attempt."""
        await flows.put_oauth_state("h1", "flow_1", ttl=600)

        assert ("flow_1", True) == await flows.use_oauth_state("h1", "req_1")
        assert ("flow_1", True) == await flows.use_oauth_state("h1", "req_1")
        assert ("flow_1", False) == await flows.use_oauth_state("h1", "req_2")
        assert "flow_1" == await flows.flow_of_state("h1")

    async def test_an_unknown_or_expired_one_has_no_flow(self, flows: Flows) -> None:
        await flows.put_oauth_state("h1", "flow_1", ttl=0.001)
        await asyncio.sleep(0.01)

        assert (None, False) == await flows.use_oauth_state("h1", "req_9")
        assert (None, False) == await flows.use_oauth_state("h2", "req_9")

    async def test_a_used_one_cannot_be_made_fresh_again(self, flows: Flows) -> None:
        await flows.put_oauth_state("h1", "flow_1", ttl=600)
        await flows.use_oauth_state("h1", "req_1")
        await flows.put_oauth_state("h1", "flow_2", ttl=600)

        assert ("flow_1", False) == await flows.use_oauth_state("h1", "req_9")
