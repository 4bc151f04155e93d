"""Where an operator wants it, nobody but a worker can read a stored webhook; everything else goes as ever."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.journeys.system import System, a_system

pytestmark = pytest.mark.asyncio(loop_scope="session")

WORD = "xylophone-4711"
BATCHES = {
    "name": "batches", "version": "1.0.0", "verify": "none",
    "identifier": {"extractScript": """
        map_values(array!(parse_json!(.body))) -> |one| { {"identifier": one.portalId, "body": [one]} }
    """},
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sealing() -> AsyncIterator[System]:
    async with a_system(WAYPOST_SEAL_WEBHOOKS="on") as running:
        yield running


async def stored(system: System) -> bytes:
    """Every stored request, end to end."""
    names = await system.store.redis.keys("*:body:*")
    return b"".join([await system.store.redis.get(name) or b"" for name in names])


async def test_it_is_not_readable_in_the_store_and_reaches_its_bot(sealing: System) -> None:
    bot, account = await sealing.bot(), sealing.account("github")
    await sealing.connected("github", bot, account)
    await sealing.send("github", account, "issues", title=WORD)
    [event] = await sealing.events(bot, 1)
    kept = await stored(sealing)

    assert WORD in event["payload"]["body"]
    assert "x-hub-signature-256" in event["payload"]["headers"]
    assert kept
    assert WORD.encode() not in kept
    assert b"x-hub-signature" not in kept


async def test_it_is_parked_released_and_shown_as_sealed(sealing: System) -> None:
    bot, account = await sealing.bot(), sealing.account("linear")
    known = await sealing.known()
    sent = await sealing.send("linear", account)
    [parked] = await sealing.settled(known)
    await sealing.connected("linear", bot, account)
    [event] = await sealing.events(bot, 1)
    shown = await sealing.call("GET", f"requests/{parked['id']}/body")

    assert "parked" == parked["state"]
    assert sent.request.body.decode() == event["payload"]["body"]
    assert (True, "") == (shown["sealed"], shown["body"])


async def test_each_part_of_a_batch_is_sealed_too(sealing: System) -> None:
    await sealing.register(BATCHES)
    here, there = await sealing.bot(), await sealing.bot()
    await sealing.install("batches", here, identifier="710001")
    await sealing.install("batches", there, identifier="710002")
    batch = [
        {"portalId": 710001, "word": f"{WORD}-a"},
        {"portalId": 710002, "word": f"{WORD}-b"},
    ]
    url = f"{sealing.origin}/integration/global/batches"
    async with sealing.http.post(url, json=batch) as answer:
        assert 200 == answer.status
    [mine], [theirs] = await sealing.events(here, 1), await sealing.events(there, 1)

    assert f"{WORD}-a" in mine["payload"]["body"]
    assert f"{WORD}-b" not in mine["payload"]["body"]
    assert f"{WORD}-b" in theirs["payload"]["body"]
    assert WORD.encode() not in await stored(sealing)


async def test_without_the_setting_it_is_readable(system: System) -> None:
    """The control: the store would hold the words."""
    await system.send("github", system.account("github"), "issues", title=WORD)

    assert WORD.encode() in await stored(system)
