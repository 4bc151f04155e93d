"""`waypost worker --check`: the health check of a worker's container."""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta

import pytest

from shared.storage.connection import connect
from shared.storage.ledger import Ledger
from tests.journeys.cli_builders import Ended, Shell


def checked(url: str, shell: Shell, worker: str) -> Ended:
    """The check, while *worker* alone beats."""

    async def beat() -> None:
        async with await connect(url) as store:
            await store.redis.flushdb()
            await Ledger(store).beat(worker, {"busy": 0}, timedelta(seconds=20))

    asyncio.run(beat())
    return shell("worker", "--check", WAYPOST_REDIS_URL=url)


@pytest.fixture
def shell(tmp_path) -> Shell:
    return Shell(tmp_path)


def test_is_0_while_a_worker_of_this_machine_beats(valkey, shell):
    here = f"{socket.gethostname()}-wrk_1"
    ended = checked(valkey.url, shell, here)

    assert (0, f"{here} lives\n") == (ended.code, ended.out)


def test_is_1_while_only_others_do(valkey, shell):
    ended = checked(valkey.url, shell, "elsewhere-wrk_1")

    assert 1 == ended.code
    assert f"no worker on {socket.gethostname()} has beaten" in ended.err
    assert "\n  fix: see its log" in ended.err


def test_is_1_where_no_store_is_named(shell):
    ended = shell("worker", "--check")

    assert 1 == ended.code
    assert "set WAYPOST_REDIS_URL" in ended.err
