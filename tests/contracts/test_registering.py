"""One registration of an installation after the other, over a real store."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.errors import GateClosed, HandlerUnavailable
from shared.model.outcomes import Done, Ignored
from shared.storage.connection import Store
from tests.contracts.token_builders import Bench
from tests.unit.engine_builders import a_claim
from workers import turns
from workers.jobs.registration import registration
from workers.turns import registering


@pytest.fixture
async def bench(store: Store) -> Bench:
    return await Bench(store).open()


def asked_for(bench: Bench, id: str = "req_1") -> Any:
    return a_claim(id, job="registration", installation=bench.home.webhook_id)


async def test_a_second_one_waits_and_marks_no_failure(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says sends it back to the queue for a moment."""
    monkeypatch.setattr(turns, "PATIENCE", 0.01)
    tools, first = bench.worker(), asked_for(bench, "req_1")
    before = (await bench.now()).status
    async with registering(first.record, bench.home.webhook_id, tools):
        with pytest.raises(HandlerUnavailable, match="another registration is under way"):
            await registration(asked_for(bench, "req_2"), tools)
        during = (await bench.now()).status
    later = await registration(asked_for(bench, "req_2"), tools)

    assert before == during
    assert isinstance(later, Done)
    assert "registered" == (await bench.now()).status


async def test_one_that_waits_behind_a_gate_marks_no_failure(
    store: Store, tmp_path: Path
) -> None:
    """Nobody was asked, so nobody has refused."""
    (tmp_path / "handlers.py").write_text(
        "async def webhook(ctx, request): ...\nasync def register(ctx, webhook_url): ..."
    )
    bench = await Bench(store).open()
    tools = bench.worker(folders={"acme": tmp_path})
    before = (await bench.now()).status
    await tools.gates.pause("handler:acme", timedelta(seconds=30), "while it is being moved")
    with pytest.raises(GateClosed):
        await registration(asked_for(bench), tools)

    assert before == (await bench.now()).status


async def test_what_fails_gives_its_turn_back(bench: Bench) -> None:
    tools, record = bench.worker(), asked_for(bench).record
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            async with registering(record, bench.home.webhook_id, tools):
                raise ZeroDivisionError


async def test_a_turn_lasts_as_long_as_what_is_done_in_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PROLONGED", 0)
    asked = list[str]()

    class Counted(type(bench.worker().turns)):  # type: ignore[misc]
        async def take(self, webhook_id: str, holder: str) -> bool:
            asked.append(holder)
            return bool(await super().take(webhook_id, holder))

    tools = bench.worker(turns=Counted(bench.store))
    async with registering(asked_for(bench).record, bench.home.webhook_id, tools):
        while len(asked) < 3:
            await asyncio.sleep(0)

    assert {"req_1/1"} == {*asked}


async def test_what_is_being_removed_is_not_set_up_again(bench: Bench) -> None:
    await bench.installations.update(bench.home.webhook_id, status="unregistration_pending")
    outcome = await registration(asked_for(bench), bench.worker())

    assert Ignored("the installation is being removed") == outcome
    assert "unregistration_pending" == (await bench.now()).status
