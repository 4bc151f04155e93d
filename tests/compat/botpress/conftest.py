"""A recording server for each test, and the client of two generations where one asks for it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.compat.botpress.client import Client, Home, Node, a_node
from tests.compat.botpress.recording import Recorder, a_recorder
from tests.journeys.system import System


@pytest_asyncio.fixture(loop_scope="session")
async def server() -> AsyncIterator[Recorder]:
    """An integration's own server that keeps what it is sent."""
    async with a_recorder() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["sdk5", "sdk7"])
async def node(request: pytest.FixtureRequest) -> AsyncIterator[Node]:
    async with a_node(request.param) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def home(system: System, node: Node, server: Recorder) -> Home:
    name = f"own-{uuid.uuid4().hex[:10]}"
    document = {"name": name, "version": "1.0.0", "url": server.url, "channels": {"dm": {}}}
    made = await system.call("POST", "integrations", document)
    id = made["integration"]["id"]
    token = (await system.call("POST", "integrations/iaks", {"integrationId": id}))["value"]
    installed = await system.install(name, await system.bot())
    client = Client(
        node, token=token, botId=installed["botId"], integrationId=id, apiUrl=system.api,
        integrationAlias=installed["alias"],
    )  # fmt: skip
    return Home(installed, client, server)
