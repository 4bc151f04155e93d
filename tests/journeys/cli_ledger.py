"""A ledger with 10,000 records in known states, and an api over it, for the commands that read it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec

from shared.model.jobs import Accept, Claim
from shared.model.requests import RawRequest
from shared.storage.connection import Store, connect
from shared.storage.ledger import Ending, Ledger
from tests.journeys.cli_builders import Shell, Started
from tests.journeys.system import free_port

SIZE = 10_000
TOKEN = "token-of-the-admin-for-these-tests"
IDS = [f"req_{n:05}" for n in range(SIZE)]
ENDS = ("dead", "ignored", "done", "retry")  # a hundred each
STATE_OF = {"retry": "retrying"}


class Filled:
    """The commands, and what they should find."""

    def __init__(self, shell: Shell, states: dict[str, str]) -> None:
        self.shell, self.states = shell, states

    @property
    def counts(self) -> Counter[str]:
        return Counter(self.states.values())

    def ids(self, state: str) -> list[str]:
        """The ids in *state*, oldest first."""
        return [id for id, its in self.states.items() if its == state]


@contextmanager
def filled(url: str, folder: Path) -> Iterator[Filled]:
    """Fill the store at *url* and serve it."""
    states = asyncio.run(_fill(url))
    api = f"http://127.0.0.1:{free_port()}"
    shell = Shell(
        folder,
        WAYPOST_REDIS_URL=url,
        WAYPOST_DATA_DIR=str(folder),
        WAYPOST_API_URL=api,
        WAYPOST_API_BIND=api.removeprefix("http://"),
        WAYPOST_ADMIN_TOKEN=TOKEN,
    )
    assert 0 == shell("keys", "new").code
    process: Started = shell.start("api")
    process.until_it_says('"process.started"')
    yield Filled(shell, states)
    assert 0 == process.stop(), process.said


async def _fill(url: str) -> dict[str, str]:
    async with await connect(url) as store:
        await store.redis.flushdb()
        return await _filled(store)


async def _filled(store: Store) -> dict[str, str]:
    ledger = Ledger(store)
    for at in range(0, SIZE, 500):
        await ledger.accept([_accept(id) for id in IDS[at : at + 500]])
    states = dict.fromkeys(IDS, "ready")
    for end in ENDS:
        claims = await _claim(ledger, 100)
        await ledger.settle([_ending(one, end) for one in claims])
        states |= {one.record.id: STATE_OF.get(end, end) for one in claims}
    for one in await _claim(ledger, 50):
        await ledger.route(one.record, [("org_9", b"")], may_park=True)
        states[one.record.id] = "parked"
    return states


async def _claim(ledger: Ledger, count: int) -> list[Claim]:
    claims, _ = await ledger.claim("w1", count)
    assert count == len(claims)
    return claims


def _accept(id: str) -> Accept:
    """Every tenth is of Slack."""
    name = "slack" if id.endswith("0") else "linear"
    raw = RawRequest(
        id=id, door="global", name=name, method="POST", path="/", body=b'{"a":1}',
        headers=(("content-type", "application/json"), ("x-signature", "s3cr3t")),
        received_at=1.0,
    )  # fmt: skip
    return Accept(
        id=id, job="webhook", body=msgspec.msgpack.encode(raw), integration=name, lane=name
    )


def _ending(claim: Claim, end: str) -> Ending:
    return Ending(
        id=claim.record.id, epoch=claim.record.epoch, end=end,
        reason=f"{end} for the test", delay=timedelta(hours=1),
    )  # fmt: skip
