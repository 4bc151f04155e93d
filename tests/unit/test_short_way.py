"""Requests that go past aiohttp's own way: nobody outside may see a difference."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.listener import Limits, Runner
from shared.secret import SealingKey
from tests.unit.ingress_builders import COOKIE, HASHED, HOOK, Behind, Lines, served

ACME = "/integration/global/acme"


@pytest.fixture(scope="module")
def key() -> SealingKey:
    return SealingKey.generate()


@pytest.fixture
def log() -> Lines:
    return Lines()


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest_asyncio.fixture
async def runner(behind: Behind, key: SealingKey, log: Lines) -> AsyncIterator[Runner]:
    async with served(behind, key, log, Limits(keepalive=0.2)) as runner:
        yield runner


def a_post(path: str = ACME, body: bytes = b"ok", head: str = "") -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode()
        + body
    )


CHUNKED = (
    f"POST {ACME} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode()
)


class Caller:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def answer(self) -> tuple[str, dict[str, str], bytes]:
        """Status line, headers and body of the next answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.rstrip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        body = await self.reader.readexactly(int(headers.get("Content-Length", "0")))
        return status, headers, body

    async def asked(self, request: bytes) -> tuple[str, dict[str, str], bytes]:
        self.writer.write(request)
        return await self.answer()


async def a_caller(runner: Runner) -> Caller:
    caller = Caller(*await asyncio.open_connection("127.0.0.1", runner.port))
    await asyncio.sleep(0.01)  # until aiohttp waits for the first request
    return caller


@pytest_asyncio.fixture
async def caller(runner: Runner) -> AsyncIterator[Caller]:
    caller = await a_caller(runner)
    yield caller
    caller.writer.close()


class TestBothWays:
    """What is remembered goes the short way, else it goes the long way."""

    @pytest.mark.parametrize(
        ("path", "status", "fails"),
        [(f"{ACME}/x?y=z", "stored", False), ("/integration/global/team/tool/x", "stored", False),
         ("/integration/global/silent", "stored", False), (f"/{HOOK}", "stored", False),
         (f"/{HOOK}/x", "duplicate", False), (ACME, "stored", True),
         (f"{ACME}/%0A", "stored", False), (f"/{HOOK}/%0A", "stored", False)],
    )  # fmt: skip
    async def test_store_the_same_answer_the_same_and_log_the_same(
        self, caller, behind, log, path, status, fails
    ):
        behind.status, behind.fails = status, fails
        head = f"X-A: 1\r\nCookie: waypost-flow={COOKIE}\r\nX-a: \xe9\r\nConnection: keep-alive\r\n"
        seen = []
        for behind.remembers in (True, False):
            answer = await caller.asked(a_post(path, head=head))
            seen.append([without_chance(part) for part in (answer, behind.stored, log.kept)])
            behind.stored.clear()
            log.kept.clear()
        first, second = seen

        assert 1 == behind.submitted
        assert first == second
        assert fails or HASHED in str(first)

    async def test_give_record_answer_and_line_the_same_id(self, caller, behind, log):
        for behind.remembers in (True, False):
            _, headers, _ = await caller.asked(a_post())
            number = headers["X-Request-Id"].removeprefix("call_")

            assert f"req_{number}" == behind.stored[-1].id
            assert number in log.kept[-1]

        assert 1 == behind.submitted


def without_chance(part: object) -> object:
    """*part* without ids and times; headers in any order."""
    if isinstance(part, tuple):
        status, headers, body = part
        part = (status, sorted(headers.items()), body)
    text = re.sub(r"(call|req)_[0-9a-z]{26}", "ID", str(part))
    return re.sub(
        r"\d\d:\d\d:\d\d|(?<=received_at=)[\d.]+|(?<='seconds': )[\d.e-]+", "TIME", text
    )


class TestGoesTheLongWay:
    @pytest.mark.parametrize(
        ("request_", "status"),
        [
            (a_post(head="Expect: 100-continue\r\n"), "100 Continue"),
            (a_post(head="Upgrade: websocket\r\n"), "400 Bad Request"),
            (a_post(head="Host: other\r\n"), "400 Bad Request"),
            (a_post(head="Service-Worker: script\r\n"), "403 Forbidden"),
            (a_post("/integration/global/patient"), "200 OK"),
            (a_post("/integration/global/closed"), "404 Not Found"),
            (a_post("/integration/global/nowhere"), "404 Not Found"),
            (a_post("/integration/global/small", b"x" * 9), "413 Request Entity Too Large"),
            (a_post(f"{ACME}/\xe9"), "400 Bad Request"),
            (a_post(ACME).replace(b"POST", b"PUT"), "200 OK"),
            (a_post(ACME).replace(b"HTTP/1.1", b"HTTP/1.0"), "200 OK"),
            (a_post(head="Connection: close\r\n"), "200 OK"),
            (CHUNKED, "200 OK"),
        ],
    )  # fmt: skip
    async def test_whatever_is_not_plain(self, caller, behind, request_, status):
        caller.writer.write(request_)
        line = await caller.reader.readline()

        assert status == line.decode().partition(" ")[2].strip()
        assert 0 == behind.submitted

    async def test_a_handshake_with_all_that_it_brought(self, caller, behind):
        """It is known by its body, which was read by then."""
        status, _, _ = await caller.asked(
            a_post("/integration/global/shaking", b"is it a challenge?")
        )

        assert ("HTTP/1.1 503 Service Unavailable", 0) == (status, behind.submitted)
        assert [b"is it a challenge?"] == [one.body for one in behind.stored]

    async def test_a_body_that_comes_later(self, caller, behind):
        request = a_post(body=b"later")
        caller.writer.write(request[:-3])
        await asyncio.sleep(0.01)
        status, _, _ = await caller.asked(request[-3:])

        assert ("HTTP/1.1 200 OK", 0) == (status, behind.submitted)
        assert [b"later"] == [one.body for one in behind.stored]


class TestOneConnection:
    async def test_is_answered_in_order_though_more_came_meanwhile(self, caller, behind):
        behind.may_answer.clear()
        for number in (1, 2, 3):
            caller.writer.write(a_post(f"{ACME}/{number}"))
            await asyncio.sleep(0.01)
        stored_at_once = [one.path for one in behind.stored]
        behind.may_answer.set()
        answers = [await caller.answer() for _ in range(3)]
        ids = [headers["X-Request-Id"].partition("_")[2] for _, headers, _ in answers]

        assert [] == stored_at_once
        assert ids == [one.id.partition("_")[2] for one in behind.stored]
        assert ["/1", "/2", "/3"] == [one.path for one in behind.stored]

    async def test_takes_several_in_one_piece(self, caller, behind):
        caller.writer.write(a_post(f"{ACME}/1") + a_post(f"{ACME}/2"))
        answers = [await caller.answer() for _ in range(2)]

        assert ["HTTP/1.1 200 OK"] * 2 == [status for status, _, _ in answers]
        assert ["/1", "/2"] == [one.path for one in behind.stored]

    async def test_goes_either_way_as_often_as_it_likes(self, caller, behind):
        for behind.remembers in (True, False, True, True, False):
            status, _, _ = await caller.asked(a_post())
            await asyncio.sleep(0.01)

            assert "HTTP/1.1 200 OK" == status

        assert (3, 5) == (behind.submitted, len(behind.stored))

    async def test_is_not_idle_while_the_store_takes_its_time(self, caller, behind):
        """Its keep-alive time ends meanwhile."""
        behind.may_answer.clear()
        caller.writer.write(a_post())
        await asyncio.sleep(0.5)
        behind.may_answer.set()
        status, _, _ = await caller.answer()

        assert "HTTP/1.1 200 OK" == status

    async def test_that_is_idle_ends(self, caller):
        await caller.asked(a_post())

        assert b"" == await asyncio.wait_for(caller.reader.read(), 5)

    async def test_whose_caller_has_left_is_logged_all_the_same(self, caller, behind, log):
        behind.may_answer.clear()
        caller.writer.write(a_post())
        await asyncio.sleep(0.01)
        caller.writer.transport.abort()
        await asyncio.sleep(0.01)
        behind.may_answer.set()
        await asyncio.sleep(0.01)

        assert 1 == len(behind.stored)
        assert "'status': 200" in log.kept[-1]


async def test_a_shutdown_waits_for_what_is_being_stored(behind, key, log) -> None:
    async with served(behind, key, log) as runner:
        caller = await a_caller(runner)
        behind.may_answer.clear()
        caller.writer.write(a_post())
        await asyncio.sleep(0.01)
        ending = asyncio.create_task(runner.cleanup())
        await asyncio.sleep(0.01)
        behind.may_answer.set()
        status, _, _ = await caller.answer()
        await ending
        rest = await caller.reader.read()
        caller.writer.close()

        assert ("HTTP/1.1 200 OK", b"") == (status, rest)


async def test_a_bug_of_ours_is_a_500_without_its_words(behind, caller, log) -> None:
    behind.breaks = True
    status, _, body = await caller.asked(a_post())

    assert "HTTP/1.1 500 Internal Server Error" == status
    assert b"x0x" not in body
    assert any("http.failed" in line for line in log.kept)
