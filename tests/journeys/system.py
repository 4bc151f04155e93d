"""
The whole system as `waypost up` starts it, the simulated providers around it, and hands for the tests.

One system per worker of xdist. Tests share it and stay apart by using bots and accounts of their own.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
import pytest_asyncio
from aiohttp import ClientConnectionError, ClientSession

from services.cli.demo.plan import secrets_for
from services.simulator import Sent, Simulator
from services.simulator.defaults import furnish
from shared.integrations.definition import document_of
from shared.integrations.registry import built_in, redirected
from shared.storage.connection import Store, connect
from tests.journeys.visitor import Page, Visitor

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "examples/enable-oauth"
APP = "https://app.example"  # where connect pages may send people back to
PROVIDERS = ("slack", "github", "linear", "notion")
KINDS = {"slack": "message", "github": "issues", "linear": "Issue", "notion": "page.created"}
TOKEN_PATHS = {
    "slack": "oauth.v2.access", "github": "login/oauth/access_token", "linear": "oauth/token",
    "notion": "v1/oauth/token", "acme": "oauth/token",
}  # fmt: skip
PATIENCE = 25.0  # seconds for what takes milliseconds: the machine may be busy with the rest of the suite
CLOSED = frozenset({"done", "ignored", "dead", "parked"})

BUGS = ("record.broke", "http.failed", "Task exception was never retrieved", "Traceback")

Json = dict[str, Any]


class System:
    """A running Waypost. Calls of the api are made as its administrator."""

    def __init__(self, folder: Path, simulator: Simulator, *, workers: int = 1) -> None:
        """Choose addresses; `start` starts it."""
        self.folder, self.simulator, self.workers = folder, simulator, workers
        self.integrations = [GUIDE]
        self.ports = (free_port(), free_port())
        self.origin, self.api = (f"http://127.0.0.1:{port}" for port in self.ports)
        self.log = folder / "log"

    # ── Starting and stopping ──

    async def start(self, **environ: str) -> None:
        """Start `waypost up`, publish the simulated integrations, set their secrets."""
        self.http = ClientSession()
        command = [sys.executable, "-m", "services.cli.main", "up"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--workers", str(self.workers)],
                cwd=ROOT, env=self.environ | environ, start_new_session=True,
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        await until(self._answers, 30.0, lambda: f"waypost up: {self.log.read_text()[-3000:]}")
        self.token = (self.folder / "data/admin-token").read_text().strip()
        self.store: Store = await connect(self.store_url)
        furnish(self.simulator, self.origin)
        await self._publish()

    async def stop(self) -> int:
        """Stop it as an operator does; returns its exit code."""
        with suppress(AttributeError):
            await self.store.close()
        await self.http.close()
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, 40)

    @property
    def store_url(self) -> str:
        """Where its Valkey answers."""
        return f"unix://{next(self.folder.glob('data/valkey/*.sock'))}"

    @property
    def environ(self) -> dict[str, str]:
        """What its programs are told; nothing of the machine's own environment but the path."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "WAYPOST_DATA_DIR": str(self.folder / "data"),
            "WAYPOST_INGRESS_BIND": f"127.0.0.1:{self.ports[0]}",
            "WAYPOST_API_BIND": f"127.0.0.1:{self.ports[1]}",
            "WAYPOST_SIMULATOR_URL": self.simulator.url,
            "WAYPOST_INTEGRATIONS": ":".join(map(str, self.integrations)),
            "WAYPOST_RETURN_TO": APP,
            "WAYPOST_LOG": "debug,json",
        }

    async def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        for origin in (self.origin, self.api):
            try:
                async with self.http.get(f"{origin}/health") as answer:
                    if answer.status != 200:
                        return False
            except ClientConnectionError:
                return False
        return True

    async def _publish(self) -> None:
        for definition in built_in():
            if definition.name in PROVIDERS:
                moved = redirected(definition, self.simulator.url)
                marked = msgspec.structs.replace(moved, version=f"{moved.version}-simulated")
                await self.register(document_of(marked))
                await self.set_secrets(definition.name, secrets_for(definition.name))
        await self.set_secrets("acme", {
            "ACME_URL": f"{self.simulator.base('acme')}/acme.example",
            "CLIENT_ID": "simulated-acme-client",
            "CLIENT_SECRET": "simulated-acme-client-secret",
            "WEBHOOK_SECRET": "simulated-acme-signing-secret",
        })  # fmt: skip

    # ── What an operator does ──

    async def call(
        self, method: str, path: str, body: Any = None, *, status: int = 200, **query: Any
    ) -> Json:
        """One call of `/v1/admin/…`, which must be answered with *status*."""
        async with self.http.request(
            method,
            f"{self.api}/v1/admin/{path}",
            json=body,
            params=query,
            headers={"Authorization": f"Bearer {self.token}"},
        ) as answer:
            text = await answer.text()
            assert status == answer.status, text
            found: Json = msgspec.json.decode(text) if text else {}
            return found

    async def register(self, document: Json) -> None:
        """Register or replace an integration; workers may know the one before for two seconds."""
        await self.call("POST", "integrations", document)

    async def set_secrets(self, integration: str, values: dict[str, str]) -> None:
        """Set global secrets."""
        for name, value in values.items():
            await self.call(
                "PUT", f"integrations/{integration}/secrets/{name}", {"value": value}
            )

    async def bot(self, **where: str) -> str:
        """Make a bot that reads its stream, or has a *url* and a *secret*; returns its name."""
        name = f"bot-{uuid.uuid4().hex[:12]}"
        await self.call("PUT", f"bots/{name}", where)
        return name

    async def install(self, integration: str, bot: str, **body: Any) -> Json:
        """Install it under a fresh alias; returns the installation."""
        alias = quote(f"{integration}-{uuid.uuid4().hex[:6]}", safe="")
        path = f"bots/{bot}/integrations/{alias}"
        made = await self.call("POST", path, {"integration": integration, **body})
        found: Json = made["installation"]
        return found

    async def installation(self, webhook_id: str) -> Json:
        """An installation as it is now."""
        found: Json = (await self.call("GET", f"installations/{webhook_id}"))["installation"]
        return found

    async def link(self, webhook_id: str, **body: Any) -> Json:
        """Mint a connect link: `url`, `flowId`."""
        return await self.call("POST", f"installations/{webhook_id}/connect", body)

    # ── What a person and a provider do ──

    def account(self, provider: str, name: str = "Acme") -> str:
        """A new account at a provider, with one user; returns its id."""
        number = uuid.uuid4()
        account = {
            "slack": f"T{number.hex[:10].upper()}",
            "github": str(number.int % 10**9 + 10**9),
        }.get(provider, str(number))
        user = {"id": str(number.int % 10**8), "name": "Ada Lovelace"}
        self.simulator.add_account(provider, account, name, [user])
        return account

    async def connect(self, webhook_id: str, account: str, **link: Any) -> Page:
        """A person opens a new link and connects *account*; returns the last page."""
        url = (await self.link(webhook_id, **link))["url"]
        async with Visitor() as visitor:
            return await visitor.connect(url, account)

    async def connected(self, provider: str, bot: str, account: str, **body: Any) -> Json:
        """An installation that somebody has connected to *account*."""
        made = await self.install(provider, bot, **body)
        page = await self.connect(made["webhookId"], account)
        after = await self.installation(made["webhookId"])
        assert "connected" == after["connection"], page.text
        return after

    async def send(self, provider: str, account: str, kind: str = "", **content: Any) -> Sent:
        """The provider sends a signed webhook."""
        return await self.simulator.send(provider, account, kind or KINDS[provider], **content)

    # ── What came of it ──

    async def events(self, bot: str, count: int, within: float = PATIENCE) -> list[Json]:
        """The bot's stream, as soon as it holds *count* events."""
        found: list[Json] = []

        async def enough() -> bool:
            answer = await self.call("GET", f"bots/{bot}/events", limit=1000)
            found[:] = answer["events"]
            return len(found) >= count

        await until(enough, within, lambda: f"{len(found)} events instead of {count}")
        return found

    async def records(self, **wanted: Any) -> list[Json]:
        """Records of the ledger, newest first."""
        answer = await self.call("GET", "requests", limit=1000, **wanted)
        found: list[Json] = answer["requests"]
        return found

    async def record(self, id: str) -> Json:
        """One record: `request`, `standing`, `deliveries`."""
        return await self.call("GET", f"requests/{id}")

    async def settled(
        self, since: set[str], count: int = 1, within: float = PATIENCE
    ) -> list[Json]:
        """The records that are not among *since*, oldest first, once there are *count* and none is on its way."""
        found: list[Json] = []

        async def closed() -> bool:
            found[:] = [one for one in await self.records() if one["id"] not in since]
            return len(found) >= count and all(one["state"] in CLOSED for one in found)

        await until(closed, within, lambda: f"{count} records to settle: {found}")
        return found[::-1]

    async def known(self) -> set[str]:
        """The ids of all records, to tell later ones from them."""
        return {one["id"] for one in await self.records()}

    async def open_gates(self) -> None:
        """What a test has paused goes on; workers look once a second."""
        for gate in (await self.call("GET", "gates"))["gates"]:
            await self.call("POST", f"gates/{quote(gate['name'], safe='')}/open")
        await asyncio.sleep(1.2)

    async def explain(self, id: str) -> str:
        """Why a record is where it is."""
        return str((await self.call("GET", f"requests/{id}/explain"))["sentence"])

    def bugs(self) -> list[str]:
        """Lines of the log that tell of what nobody foresaw."""
        lines = self.log.read_text(errors="replace").splitlines()
        ours = [one for one in lines if "handler.failed" not in one]
        return [one for one in ours if any(name in one for name in BUGS)]

    def exchanges(self, provider: str, since: int = 0) -> list[str]:
        """The outcomes of the token requests that the provider has seen, from the *since*-th call on."""
        calls = self.simulator.log[since:]
        return [
            one.outcome
            for one in calls
            if one.provider == provider and one.path.endswith(TOKEN_PATHS[provider])
        ]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(
    holds: Callable[[], Awaitable[bool]], within: float, what: Callable[[], str]
) -> None:
    """Wait until *holds* says so; fail with *what* after *within* seconds, or `PATIENCE` where that is longer."""
    loop = asyncio.get_running_loop()
    within = max(within, PATIENCE)
    deadline = loop.time() + within
    while not await holds():
        assert loop.time() < deadline, f"not within {within} s: {what()}"
        await asyncio.sleep(0.03)


@asynccontextmanager
async def a_system(
    workers: int = 1, *further: Callable[[System], Path], **environ: str
) -> AsyncIterator[System]:
    """`waypost up` in a folder of its own, four simulated providers, the guide's integration and *further* ones."""
    folder = Path(tempfile.mkdtemp(prefix="wp-"))
    async with Simulator() as simulator:
        running = System(folder, simulator, workers=workers)
        running.integrations += [make(running) for make in further]
        try:
            await running.start(**environ)
            yield running
        finally:
            await running.stop()
            bugs = running.bugs()
            shutil.rmtree(folder, ignore_errors=True)
        assert not bugs, f"nobody foresaw this: {bugs[:3]}"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def system() -> AsyncIterator[System]:
    """The system that all tests of a worker share."""
    async with a_system(workers=2) as running:
        yield running


@pytest.fixture
def since(system: System) -> Iterator[int]:
    """How many calls the providers had seen before this test; behind it they all work again."""
    yield len(system.simulator.log)
    system.simulator.clear_faults()
