"""
`python -m bench.runtime_api`: how long a state takes to be written and read over HTTP, one call after the other.

Caller, api and an embedded Valkey (`appendfsync always`) share this machine. Milliseconds, the caller's own included.
"""

from __future__ import annotations

import asyncio
import json
import platform
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from aiohttp import ClientSession

from services.api.app import api_app
from services.api.ports import ApiPorts, ApiSettings, ports_over
from services.listener import serve
from services.web import Edge
from shared.clock import SystemChance, SystemClock
from shared.integrations.definition import decode, door_of, stored
from shared.model.installations import Installation
from shared.secret import KeyRing
from shared.storage.connection import connect
from shared.storage.embedded import EmbeddedValkey

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shared.storage.connection import Store

CALLS = 2000
PAYLOAD = {"payload": {"accessToken": "x" * 200, "refreshToken": "y" * 200, "expiresAt": 1}}


class NoScripts:
    """The definition of this benchmark has none."""

    async def compile(self, name: str, source: str) -> None:
        """Nothing to compile."""


async def main() -> None:
    """Run all and print JSON."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    with tempfile.TemporaryDirectory(prefix="waypost-bench-") as folder:
        async with EmbeddedValkey(Path(folder)) as valkey, await connect(valkey.url) as store:
            ports = _ports(store)
            runner = await serve(api_app(ports), ports.edge, "127.0.0.1", 0)
            headers, path = await _caller(ports)
            async with ClientSession(headers=headers) as session:
                found = await _measured(session, f"http://127.0.0.1:{runner.port}{path}")
            await runner.cleanup()
    about = {
        "machine": platform.platform(),
        "python": platform.python_version(),
        "calls": CALLS,
    }
    json.dump(about | found, sys.stdout, indent=2)


def _ports(store: Store) -> ApiPorts:
    edge = Edge(
        name="api", clock=SystemClock(), chance=SystemChance(), log=structlog.get_logger()
    )
    settings = ApiSettings(
        public_url="http://127.0.0.1", api_url="http://127.0.0.1", admin_token="bench",
        calls_a_second=1_000_000,
    )  # fmt: skip
    return ports_over(store, settings, edge, KeyRing.generate(), NoScripts())


async def _caller(ports: ApiPorts) -> tuple[dict[str, str], str]:
    """An installation with a token: the headers of its calls, and the path of a state."""
    definition = decode({"name": "bench", "version": "1.0.0", "url": "https://bench.example"})
    id = await ports.definitions.publish(
        stored(definition), definition.name, definition.version, door_of(definition)
    )
    await ports.bots.put("bench")
    installation = Installation(
        webhook_id=str(uuid.uuid4()), bot_id="bench", alias="bench", integration="bench",
        integration_id=id, created_at=time.time(),
    )  # fmt: skip
    await ports.installations.create(installation)
    _, token = await ports.tokens.issue(id)
    headers = {
        "Authorization": f"Bearer {token}", "x-bot-id": "bench", "x-integration-id": id,
        "x-integration-alias": "bench",
    }  # fmt: skip
    return headers, f"/v1/chat/states/integration/{id}/tokens"


async def _measured(session: ClientSession, url: str) -> dict[str, dict[str, float]]:
    async def write() -> None:
        async with session.post(url, json=PAYLOAD) as said:
            assert said.status == 200, await said.text()
            await said.read()

    async def read() -> None:
        async with session.get(url) as said:
            assert said.status == 200, await said.text()
            await said.read()

    return {"write": await _times(write), "read": await _times(read)}


async def _times(call: Callable[[], Awaitable[None]]) -> dict[str, float]:
    for _ in range(100):
        await call()
    times = []
    for _ in range(CALLS):
        began = time.perf_counter()
        await call()
        times.append((time.perf_counter() - began) * 1000)
    cuts = statistics.quantiles(times, n=100)
    return {"p50": round(cuts[49], 2), "p99": round(cuts[98], 2), "least": round(min(times), 2)}


if __name__ == "__main__":
    asyncio.run(main())
