"""Real processes: a store, ingresses, workers, a bot that writes down what it gets, and a sender that insists."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from services.cli import keyfiles
from shared.config import Settings
from shared.integrations.definition import decode, door_of, load_folder, stored
from shared.integrations.records import Definition
from shared.model.installations import Installation
from shared.model.jobs import Record
from shared.secret import KeyRing
from shared.storage import keys
from shared.storage.bots import Bots
from shared.storage.connection import Store, connect
from shared.storage.definitions import Definitions
from shared.storage.installations import Installations
from shared.storage.ledger import Ledger
from shared.storage.vault import Vault
from tests.chaos.bot import Bot
from tests.chaos.server import Server
from tests.journeys.system import ROOT, free_port

OPEN = ("ready", "leased", "retrying", "waiting")

CHAOS: dict[str, Any] = {
    "name": "chaos",
    "version": "1.0.0",
    "deliveryId": "x-delivery",
    "verify": {"scheme": "none"},
    "identifier": {"extractScript": "parse_json!(.body).team"},
}


class Program:
    """One process; killed, stopped and started again under the same name."""

    def __init__(
        self, rig: Rig, name: str, module: str, environ: dict[str, str], cwd: Path = ROOT
    ) -> None:
        self.rig, self.name, self.module, self.environ, self.cwd = (
            rig,
            name,
            module,
            environ,
            cwd,
        )
        self.log = rig.folder / f"{name}.log"
        self.started = 0
        self.launch()

    def launch(self) -> None:
        self.started += 1
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module], cwd=self.cwd,
                env={**self.rig.environ, **self.environ}, start_new_session=True,
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def said(self, event: str) -> int:
        """How often its log names *event*."""
        return self.log.read_text(errors="replace").count(event)

    async def until_it_said(self, event: str, times: int | None = None) -> None:
        """Wait for a line of its log; as often as it was started, unless told otherwise."""
        wanted = times or self.started
        async with asyncio.timeout(30):
            while self.said(event) < wanted:
                assert self.process.poll() is None, self.log.read_text()[-3000:]
                await asyncio.sleep(0.03)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(35)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Rig:
    """Everything, each part by its name."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.server = Server(folder / "store", **settings)
        self.bot = Bot()
        self.programs: dict[str, Program] = {}
        self.origins: list[str] = []
        self.repeated = 0  # requests that had no 2xx, and were sent again
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "WAYPOST_DATA_DIR": str(folder),
            "WAYPOST_REDIS_URL": self.server.url,
            "WAYPOST_PUBLIC_URL": "http://127.0.0.1:1",
            "WAYPOST_EGRESS_ALLOW": "127.0.0.0/8",
            "WAYPOST_LOG": "info,json",
        }

    async def start(self, *, ingresses: int = 1, workers: int = 2) -> None:
        self.settings = Settings.from_env(self.environ)
        keyfiles.ensure(self.settings)
        await self.server.start()
        self.store: Store = await connect(self.server.url, socket_timeout=3)
        self.ledger = Ledger(self.store)
        vault = Vault(self.store, KeyRing.from_file(self.settings.key_ring_file))
        self.bots, self.installations = (
            Bots(self.store, vault),
            Installations(self.store, vault),
        )
        await self.bots.put("bot", await self.bot.start())
        await self.publish(decode(CHAOS, "chaos"))
        for n in range(8):
            await self.install("chaos", f"team-{n}")
        self.http = a_sender(patience=30.0)
        for n in range(ingresses):
            self.ingress(f"ingress-{n}")
        for n in range(workers):
            self.worker(f"worker-{n}")
        for name, one in self.programs.items():
            await one.until_it_said(name.partition("-")[0] + ".started")

    async def publish(self, definition: Definition) -> None:
        await Definitions(self.store).publish(
            stored(definition), definition.name, definition.version, door_of(definition)
        )

    async def publish_folder(self, folder: Path) -> None:
        await self.publish(load_folder(folder))

    async def install(self, integration: str, identifier: str, bot: str = "bot") -> str:
        """An installation of its own for *identifier*; returns its webhookId."""
        made = Installation(
            webhook_id=f"00000000-0000-4000-8000-{crc32(f'{integration} {identifier}'.encode()):012}",
            bot_id=bot, alias=f"{integration}-{identifier}", integration=integration,
        )  # fmt: skip
        await self.installations.create(made)
        await self.ledger.bind(
            integration, identifier, made.webhook_id, "exclusive", in_flow=False
        )
        return made.webhook_id

    def ingress(
        self, name: str, module: str = "services.ingress.main", cwd: Path = ROOT, **environ: str
    ) -> Program:
        port = free_port()
        self.origins.append(f"http://127.0.0.1:{port}")
        bind = {"WAYPOST_INGRESS_BIND": f"127.0.0.1:{port}"}
        return self.program(name, module, cwd, **bind, **environ)

    @asynccontextmanager
    async def sharing_a_port(self, count: int) -> AsyncIterator[list[Program]]:
        """
        *count* ingresses on one port, as `waypost up` starts several; the kernel gives each its part.

        Meanwhile who sends knows that port alone, and opens a connection for each request, as providers do.
        """
        before, port = (self.origins, self.http), free_port()
        self.origins = [f"http://127.0.0.1:{port}"]
        self.http = a_sender(patience=30.0, force_close=True)
        shared = {
            "WAYPOST_INGRESS_BIND": f"127.0.0.1:{port}",
            "WAYPOST_INGRESS_PROCESSES": str(count),
        }
        names = [f"ingress-shared-{n}" for n in range(count)]
        made = [self.program(one, "services.ingress.main", **shared) for one in names]
        try:
            for one in made:
                await one.until_it_said("ingress.started")
            yield made
        finally:
            await self.http.close()
            self.origins, self.http = before
            for one in made:
                await asyncio.to_thread(self.programs.pop(one.name).stop)

    def worker(self, name: str, cwd: Path = ROOT, **environ: str) -> Program:
        return self.program(name, "workers.main", cwd, **environ)

    async def alone(self, name: str, module: str, **environ: str) -> Program:
        """One more program, ready, while all workers that run stand still until `again`."""
        for one in self.workers:
            one.signal(signal.SIGSTOP)
        made = self.program(name, module, **environ)
        await made.until_it_said("worker.started")
        return made

    def again(self) -> None:
        """Workers that stood still go on."""
        for one in self.workers:
            one.signal(signal.SIGCONT)

    def program(self, name: str, module: str, cwd: Path = ROOT, **environ: str) -> Program:
        """Start the *module* that lies in *cwd*."""
        self.programs[name] = Program(self, name, module, environ, cwd)
        return self.programs[name]

    @property
    def workers(self) -> list[Program]:
        """Those that run."""
        return [one for one in self.programs.values() if one.module == "workers.main"]

    async def keep(self, workers: int) -> None:
        """Stop what is more than *workers*, once all of them have started."""
        for one in self.workers:
            await one.until_it_said("worker.started")
        for one in self.workers[workers:]:
            await asyncio.to_thread(self.programs.pop(one.name).stop)

    async def stop(self) -> None:
        for program in self.programs.values():
            await asyncio.to_thread(program.stop)
        await self.http.close()
        await self.store.close()
        await self.bot.stop()
        self.server.stop()

    # ── Sending ──

    async def send(self, text: str, **how: Any) -> int:
        """The status of `answer`."""
        return (await self.answer(text, **how))[0]

    async def answer(
        self, text: str, *, team: str = "", delivery: str | None = "", to: int = 0, door: str = "chaos"
    ) -> tuple[int, str]:  # fmt: skip
        """
        One webhook, once, with the *delivery* id (its text, or None at all).

        Its status, 0 where no answer came, and the `Retry-After` with it.
        """
        body = {"team": team or f"team-{crc32(text.encode()) % 8}", "text": text}
        url = f"{self.origins[to]}/integration/global/{door}"
        headers = {} if delivery is None else {"x-delivery": delivery or text}
        with suppress(ClientError, TimeoutError, OSError):
            async with self.http.post(url, json=body, headers=headers) as answer:
                return answer.status, answer.headers.get("retry-after", "")
        return 0, ""

    async def insist(self, text: str, **how: Any) -> float:
        """Until it is accepted, as a provider does; returns when it was."""
        for again in range(400):
            how["to"] = (crc32(text.encode()) + again) % len(self.origins)
            if await self.send(text, **how) == 200:
                return time.monotonic()
            self.repeated += 1
            await asyncio.sleep(min(0.05 * (again + 1), 0.25))
        raise AssertionError(f"{text} was never accepted")

    async def traffic(
        self, prefix: str, rate: float, seconds: float, **how: Any
    ) -> dict[str, float]:
        """*rate* webhooks a second, each until it is accepted; returns when each was."""
        began, tasks = time.monotonic(), {}
        for n in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, began + n / rate - time.monotonic()))
            tasks[f"{prefix}{n}"] = asyncio.create_task(self.insist(f"{prefix}{n}", **how))
        return {text: await task for text, task in tasks.items()}

    # ── What came of it ──

    async def all_came(self, texts: Any, within: float = 30.0) -> None:
        """Wait until each of *texts* came to the bot."""
        missing = set(texts)
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while missing := set(texts) - {one.text for one in self.bot.got}:
                    await asyncio.sleep(0.05)
        left = [
            (one.state, one.reason)
            for state in (*OPEN, "dead")
            for one in await self.records(state)
        ]
        assert not missing, f"{len(missing)} never came: {sorted(missing)[:5]}; {left[:5]}"

    async def is_idle(self, within: float = 30.0) -> None:
        """Wait until nothing is open but what is parked."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while await self.open():
                    await asyncio.sleep(0.05)
        left = [record for state in OPEN for record in await self.records(state)]
        assert not left, f"{len(left)} are still open: {left[:3]}"

    async def open(self) -> int:
        """How many are open, at one moment: one that changes its state meanwhile is seen before or after."""
        async with self.store.redis.pipeline(transaction=True) as together:
            for state in OPEN:
                together.zcard(keys.key("state", state))
            return sum(await together.execute())

    async def records(self, state: str) -> list[Record]:
        """What is in *state*, as the ledger shows it."""
        ids = await self.store.redis.zrange(keys.key("state", state), 0, -1)
        found = [await self.ledger.show(id.decode()) for id in ids]
        return [one for one in found if one is not None]

    async def count(self, state: str) -> int:
        """How many records are in *state*."""
        return int(await self.store.redis.zcard(keys.key("state", state)))

    async def let_leases_run_out(self) -> None:
        """Ten seconds pass for the store: what a dead worker held comes back."""
        await self.let_pass(11)

    async def let_pass(self, seconds: int) -> None:
        """So much time passes for the store, and with that what is due and what has run out."""
        self.store.scripts.skew_ms = seconds * 1000
        try:
            await self.ledger.claim("nobody", 0, timedelta(seconds=1))
        finally:
            self.store.scripts.skew_ms = 0
        await self.store.redis.publish(keys.key("wake"), "1")

    async def end_leases_of(self, dead: Program) -> None:
        """Ten seconds pass for what *dead* held, and for nothing else."""
        started = [one for one in dead.log.read_text().splitlines() if "worker.started" in one]
        name = json.loads(started[-1])["worker"].encode()
        leases, redis = keys.key("state", "leased"), self.store.redis
        for id in await redis.zrange(leases, 0, -1):
            if await redis.hget(keys.key("record", id.decode()), "worker") == name:  # type: ignore[misc]
                await redis.zadd(leases, {id: 1}, xx=True)
        await redis.delete(keys.key("duty"))
        await redis.publish(keys.key("wake"), "1")


def a_sender(patience: float, **connections: Any) -> ClientSession:
    """
    Many *connections*, and *patience* seconds until an answer counts as none.

    Usually they are left a while before the other side does: one that is closed as it is used again says nothing.
    """
    connector = TCPConnector(limit=0, **(connections or {"keepalive_timeout": 5.0}))
    return ClientSession(connector=connector, timeout=ClientTimeout(total=patience))


@asynccontextmanager
async def a_rig(*, ingresses: int = 1, workers: int = 2, **settings: str) -> AsyncIterator[Rig]:
    """A running rig in a folder that goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="wp-"))
    rig = Rig(folder, **settings)
    try:
        await rig.start(ingresses=ingresses, workers=workers)
        yield rig
    finally:
        await rig.stop()
        shutil.rmtree(folder, ignore_errors=True)
