"""A real Valkey for the whole run of one worker, and an empty store for every test that asks."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from shared.storage.connection import Store, connect
from shared.storage.embedded import EmbeddedValkey

pytest_plugins = ["tests.long", "tests.needs", "tests.journeys.system"]

# The same examples on every run, so that a change is judged by what it changes; `deep` looks for new ones.
settings.register_profile(
    "waypost", deadline=None, max_examples=50, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
settings.register_profile(
    "deep", settings.get_profile("waypost"), max_examples=2000, derandomize=False
)
settings.load_profile("waypost")


class _Background:
    """Runs an `EmbeddedValkey` on a loop of its own, since tests come and go with theirs."""

    def __init__(self, server: EmbeddedValkey) -> None:
        self._server = server
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._run(self._server.__aenter__())

    def stop(self) -> None:
        self._run(self._server.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _run(self, what: object) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(30)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def valkey() -> Iterator[EmbeddedValkey]:
    """A running embedded Valkey, durable as in production; `.url` is its address."""
    folder = Path(tempfile.mkdtemp(prefix="wp-"))
    server = EmbeddedValkey(folder)
    background = _Background(server)
    background.start()
    yield server
    background.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture
async def store(valkey: EmbeddedValkey) -> AsyncIterator[Store]:
    """An open store on an empty database."""
    async with await connect(valkey.url) as opened:
        await opened.redis.flushdb()
        yield opened
