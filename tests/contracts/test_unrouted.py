"""Which webhooks take the short way, and that all others take the long one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from shared.model.events import Event
from shared.model.jobs import Record
from shared.model.outcomes import Done, Found
from shared.model.requests import RawRequest
from shared.routing import Slice
from shared.storage.bots import Bots
from shared.storage.connection import Store
from shared.storage.gates import Gates
from shared.storage.ledger import Ledger
from tests.contracts.token_builders import Bench
from workers.jobs.unrouted import unrouted
from workers.jobs.verification import Owned
from workers.jobs.visits import Visit


@pytest_asyncio.fixture
async def cell(store: Store) -> AsyncIterator[Bench]:
    """One installation of `acme` on the bot `shop`, with the identifier T1."""
    bench = await Bench(store).open()
    await bind(bench, bench.home.webhook_id)
    yield bench


async def bind(bench: Bench, webhook_id: str, ownership: str = "share") -> None:
    """Let an installation have T1."""
    await Ledger(bench.store).bind("acme", "T1", webhook_id, ownership, in_flow=True)


async def ended(
    bench: Bench, *parts: Slice, named: str = "", body: bytes = b"{}"
) -> Done | None:
    """What the short way makes of a request that is for *parts*, T1 unless they are given."""
    worker = bench.worker()
    await worker.gates.look()
    raw = RawRequest(
        id="req_1", door="global", name="acme", method="POST", path="/", body=body,
        received_at=0,
    )  # fmt: skip
    visit = Visit(
        record=Record(id="req_1", job="webhook", state="leased", integration="acme"), raw=raw,
        definition=await worker.catalogue.definition("acme"), installed=None, rules=(), public_url="",
    )  # fmt: skip
    found = [Owned(part, named) for part in parts or (Slice("T1"),)]
    outcome = await unrouted(visit, found, worker)
    assert outcome is None or isinstance(outcome, Done)
    return outcome


class TestTheShortWay:
    async def test_ends_with_the_event_and_whose_it_is(self, cell: Bench) -> None:
        done = await ended(cell)

        assert done is not None
        assert done.event is not None
        id = cell.home.webhook_id
        event = msgspec.json.decode(done.event.body, type=Event)
        assert Found(integration="acme", identifier="T1", installation=id) == done.found
        assert ("shop", "shop", id, "T1") == (
            done.event.bot, event.bot_id, event.webhook_id, event.identifier,
        )  # fmt: skip

    async def test_is_taken_for_the_one_named_of_several(self, cell: Bench) -> None:
        other = await cell.connected()
        await bind(cell, other.webhook_id)
        done = await ended(cell, named=other.webhook_id)

        assert done is not None
        assert done.found is not None
        assert (other.webhook_id, True) == (done.found.installation, done.found.is_shared)


class TestTheLongWay:
    async def test_is_for_what_nobody_has(self, cell: Bench) -> None:
        assert None is await ended(cell, Slice("T2"))

    async def test_is_for_what_several_have(self, cell: Bench) -> None:
        await bind(cell, (await cell.connected()).webhook_id)

        assert None is await ended(cell)

    async def test_is_for_one_named_who_has_it_no_more(self, cell: Bench) -> None:
        assert None is await ended(cell, named="somebody-else")

    @pytest.mark.parametrize(
        "parts",
        [(Slice("T1"), Slice("T2")), (Slice("T1", b"its part"),)],
        ids=["two", "a part"],
    )
    async def test_is_for_parts(self, cell: Bench, parts: tuple[Slice, ...]) -> None:
        assert None is await ended(cell, *parts)

    async def test_is_for_a_bot_with_a_url(self, cell: Bench) -> None:
        await Bots(cell.store, cell.vault).put("shop", url="https://bot.test/")

        assert None is await ended(cell)

    async def test_is_for_an_installation_that_is_off(self, cell: Bench) -> None:
        await cell.installations.update(cell.home.webhook_id, enabled=False)

        assert None is await ended(cell)

    @pytest.mark.parametrize("target", ["installation", "bot", "handler"])
    async def test_is_for_what_stands_behind_a_gate_that_is_closed_by_hand(
        self, cell: Bench, target: str
    ) -> None:
        name = {"installation": cell.home.webhook_id, "bot": "shop", "handler": "acme"}[target]
        minute = timedelta(minutes=1)
        await Gates(cell.store).close(f"{target}:{name}", "pause", minute, "by hand")

        assert None is await ended(cell)

    async def test_is_for_one_that_was_removed(self, cell: Bench) -> None:
        await cell.installations.delete(cell.home.webhook_id)

        assert None is await ended(cell)


@pytest.mark.parametrize(
    "changes",
    [{"event": '"a.type"'}, {"runtime": "python"}, {"url": "https://server.test/"}],
    ids=["an event script", "code", "a server"],
)
async def test_whatever_runs_something_takes_the_long_way(
    store: Store, changes: dict[str, Any]
) -> None:
    bench = await Bench(store).open(**changes)
    await bind(bench, bench.home.webhook_id)

    assert None is await ended(bench)


async def test_the_word_that_an_installation_is_over_takes_the_long_way(store: Store) -> None:
    over = [{"whenJson": {"type": "app_removed"}}]
    bench = await Bench(store).open(uninstalls=over)
    await bind(bench, bench.home.webhook_id)

    assert None is await ended(bench, body=b'{"type":"app_removed"}')
    assert None is not await ended(bench, body=b'{"type":"message"}')
