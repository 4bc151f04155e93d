"""Redis, from 7.0 on, serves like the embedded Valkey."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.storage import scripts
from shared.storage.checks import promise
from shared.storage.connection import connect
from tests.contracts.test_ledger_model import compare
from tests.journeys.cli_builders import a_redis
from tests.needs import path_of

pytestmark = pytest.mark.needs("redis-server")
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real one, as durable as is asked for."""
    folder: Path = tmp_path_factory.mktemp("redis")
    with a_redis(folder, *DURABLE, program=path_of("redis-server")) as place:
        yield f"redis://{place}"


async def test_it_makes_the_whole_promise(redis: str) -> None:
    async with await connect(redis) as store:
        found = await promise(store)

    assert found.server.startswith("Redis ")
    assert (True, "A 2xx means the request is on disk.") == (found.durable, found.sentence)


async def test_every_script_compiles_on_it(redis: str) -> None:
    async with await connect(redis) as store:
        loaded = {await store.redis.script_load(scripts.source(one)) for one in scripts.names()}

    assert len(scripts.names()) == len(loaded)


@pytest.mark.timeout(300)
def test_the_ledger_does_what_its_model_does(redis: str) -> None:
    """Fewer examples than on Valkey: it is the same scripts, on another server."""
    compare(redis, 8)
