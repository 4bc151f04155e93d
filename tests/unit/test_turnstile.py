"""Webhooks are turned away while the store has too much to do: cheaply, and nothing else is."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.ingress import refusals
from services.ingress.turnstile import LATEST, Turnstile
from services.listener import Limits, Runner
from shared.clock import SystemChance
from shared.errors import StoreUnavailable
from shared.secret import SealingKey
from tests.unit.ingress_builders import HOOK, Behind, Lines, served

PLAIN = b"POST /integration/global/acme HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture(scope="module")
def key() -> SealingKey:
    return SealingKey.generate()


@pytest.fixture
def behind() -> Behind:
    made = Behind()
    made.is_crowded = True
    return made


@pytest_asyncio.fixture
async def runner(behind: Behind, key: SealingKey) -> AsyncIterator[Runner]:
    async with served(behind, key, Lines(), Limits(connections=3)) as runner:
        yield runner


async def connected(runner: Runner) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    line = await asyncio.open_connection("127.0.0.1", runner.port)
    await asyncio.sleep(0.01)  # it is taken by then
    return line


async def said(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """One answer: status, headers, body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return int(head[0].split()[1]), headers, body


class TestACrowdedDoor:
    async def test_tells_a_webhook_when_to_come_back_and_keeps_its_connection(
        self, runner: Runner, behind: Behind
    ) -> None:
        reader, writer = await connected(runner)
        answers = []
        for path in (b"/integration/global/acme", f"/{HOOK}/deep".encode()):
            writer.write(PLAIN.replace(b"/integration/global/acme", path))
            answers.append(await said(reader))
        behind.is_crowded = False
        writer.write(PLAIN)
        status, _, _ = await said(reader)
        writer.close()

        assert [503, 503] == [one[0] for one in answers]
        assert all(1 <= int(one[1]["retry-after"]) <= LATEST for one in answers)
        assert {"Internal"} == {json.loads(one[2])["type"] for one in answers}
        assert (200, [b"{}"]) == (status, [one.body for one in behind.stored])

    @pytest.mark.parametrize("path", ["/connect/flows/f", "/oauth?code=1"])
    async def test_lets_people_in(self, runner: Runner, behind: Behind, path: str) -> None:
        reader, writer = await connected(runner)
        writer.write(PLAIN.replace(b"/integration/global/acme", path.encode()))
        status, _, _ = await said(reader)
        writer.close()

        assert (202, 1) == (status, len(behind.stored))

    async def test_refuses_in_order_what_comes_in_pieces_and_in_a_row(
        self, runner: Runner, behind: Behind
    ) -> None:
        reader, writer = await connected(runner)
        writer.write(PLAIN[:20])
        await asyncio.sleep(0.02)
        writer.write(PLAIN[20:])
        answers = [await said(reader)]
        writer.write(PLAIN * 2)
        answers += [await said(reader), await said(reader)]
        behind.is_crowded = False
        writer.write(PLAIN)
        answers.append(await said(reader))
        writer.close()

        assert [503, 503, 503, 200] == [one[0] for one in answers]
        assert 1 == len(behind.stored)


def test_what_is_turned_away_is_counted_and_comes_back_at_different_times() -> None:
    refused = Counter[str]()
    turnstile = Turnstile(refused, SystemChance())
    answers = {turnstile.refusal("/integration/global/acme") for _ in range(100)}

    assert LATEST == len(answers)
    assert [None] * 3 == [turnstile.refusal(path) for path in ("/health", "/ready", "/")]
    assert {"waiting": 100} == refused


async def test_one_connection_too_many_is_told_so_and_heard_out(runner: Runner) -> None:
    lines = [await connected(runner) for _ in range(4)]
    reader, writer = lines[3]
    writer.write(PLAIN)
    status, headers, _ = await said(reader)
    rest = await reader.read()
    for _, other in lines:
        other.close()

    assert (503, "1", "close", b"") == (
        status,
        headers["retry-after"],
        headers["connection"],
        rest,
    )


class Told:
    """Takes counts, unless it is away."""

    def __init__(self) -> None:
        self.is_away, self.sums = True, Counter[str]()

    async def take(self, counts: dict[str, int]) -> None:
        if self.is_away:
            raise StoreUnavailable("away")
        self.sums.update(counts)


async def test_what_was_refused_while_the_store_was_away_is_told_later() -> None:
    refused, store = Counter(waiting=2), Told()
    await refusals.tell(refused, store.take)
    refused["memory"] += 1
    store.is_away = False
    for _ in range(2):
        await refusals.tell(refused, store.take)

    assert {"waiting": 2, "memory": 1} == store.sums
