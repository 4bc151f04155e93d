"""An operator closes a gate by hand: what is for the target waits, whatever the target is, until the gate is opened."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import pytest

from tests.journeys.system import System, until

pytestmark = pytest.mark.asyncio(loop_scope="session")
NOBODY = "00000000-0000-4000-8000-000000000000"


async def closed(system: System, gate: str) -> None:
    """Close it, and let the workers look."""
    body = {"seconds": 3600, "reason": "while it is being moved"}
    await system.call("POST", f"gates/{quote(gate, safe='')}/close", body)
    await asyncio.sleep(1.2)


async def waiting(system: System, known: set[str], count: int) -> list[Any]:
    """The new records that wait, as soon as there are *count*."""
    found: list[Any] = []

    async def enough() -> bool:
        found[:] = [
            one for one in await system.records(state="waiting") if one["id"] not in known
        ]
        return len(found) >= count

    await until(enough, 15, lambda: f"{count} records that wait: {found}")
    return found


@pytest.mark.parametrize("target", ["bot", "installation", "handler"])
async def test_a_closed_gate_holds_what_is_for_it_though_nothing_is_called(
    system: System, target: str
) -> None:
    """A bot that reads a stream and an integration without code: there is no call that could be left out."""
    account, bot = system.account("slack"), await system.bot()
    home = await system.connected("slack", bot, account)
    gate = f"{target}:" + {
        "bot": bot, "installation": home["webhookId"], "handler": "slack",
    }[target]  # fmt: skip
    await closed(system, gate)
    known = await system.known()
    sent = [await system.send("slack", account) for _ in range(3)]
    held = await waiting(system, known, 3)
    early = await system.events(bot, 0)
    why = await system.explain(held[0]["id"])
    await system.call("POST", f"gates/{quote(gate, safe='')}/open")
    events = await system.events(bot, 3)

    assert [200, 200, 200] == [one.status for one in sent]
    assert [] == early
    assert f"It waits behind the gate of {gate}, while it is being moved." == why
    assert {one.request.body.decode() for one in sent} == {
        one["payload"]["body"] for one in events
    }
    assert {0} == {one["attempts"] for one in held}


async def test_a_gate_holds_nobody_else(system: System) -> None:
    """The negative control."""
    account, bot, other = system.account("slack"), await system.bot(), await system.bot()
    await system.connected("slack", bot, account)
    await closed(system, f"bot:{other}")
    await system.send("slack", account)

    assert 1 == len(await system.events(bot, 1))
    await system.open_gates()


@pytest.mark.parametrize(
    ("gate", "problem"),
    [
        ("bot:nobody", "there is no bot nobody"),
        (f"installation:{NOBODY}", f"there is no installation {NOBODY}"),
        ("handler:nothing", "there is no integration nothing"),
        ("provider:nothing/acme.example", "there is no integration nothing"),
        (f"provider:installation:{NOBODY}/acme.example", f"there is no installation {NOBODY}"),
        ("provider:slack", "names no host"),
        ("slack", "is not the name of a gate"),
    ],
)
async def test_a_gate_that_could_hold_nothing_is_refused(
    system: System, gate: str, problem: str
) -> None:
    """A typing mistake must not look like a closed gate."""
    path = f"gates/{quote(gate, safe='')}"
    status = 400 if problem.startswith(("names", "is")) else 404
    said = await system.call("POST", f"{path}/close", {"seconds": 60}, status=status)

    assert problem in said["message"]
    assert gate not in {one["name"] for one in (await system.call("GET", "gates"))["gates"]}
