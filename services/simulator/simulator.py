"""The simulator itself: one loopback server that plays every provider."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from aiohttp import ClientSession, ClientTimeout, web

from services.simulator import (
    acme,
    authorize,
    bots,
    control,
    generic,
    github,
    linear,
    notion,
    recorder,
    slack,
)
from services.simulator.clock import Chance, Clock, SystemChance, SystemClock
from services.simulator.desk import Desk
from services.simulator.provider import PROVIDERS
from services.simulator.webhooks.sender import is_local
from services.simulator.world import WORLD, World

_LARGEST_BODY = 32 << 20
_SEND_SECONDS = 60.0


class Simulator(Desk):
    """
    Simulated providers, each of the catalogue and Acme, on one origin of this machine.

    An async context manager. A provider's `https://host/path` is here
    `{url}/{provider}/host/path`. Nothing is stored: leaving it forgets everything.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        clock: Clock | None = None,
        chance: Chance | None = None,
    ) -> None:
        """Prepare a world; port 0 takes a free one."""
        if not is_local(f"http://{host}" if ":" not in host else f"http://[{host}]"):
            message = (
                f"host {host!r} is not a loopback address: the simulator stays on this machine"
            )
            raise ValueError(message)
        super().__init__(World(clock=clock or SystemClock(), chance=chance or SystemChance()))
        self._host, self._port = host, port
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The origin, with the port that was really taken."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def base(self, provider: str) -> str:
        """What stands here for a provider's `https:/`: `base("slack") + "/slack.com/api/…"`."""
        return f"{self.url}/{provider}"

    def bot_url(self, bot: str) -> str:
        """Where to post for that bot."""
        return f"{self.url}/__bot/{bot}"

    async def start(self) -> None:
        """Listen. OSError if the port is taken."""
        self._runner = web.AppRunner(application(self), access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self._port = self._runner.addresses[0][1]
        self._session = ClientSession(timeout=ClientTimeout(total=_SEND_SECONDS))

    async def close(self) -> None:
        """Stop listening and sending."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()


def application(desk: Desk) -> web.Application:
    """The aiohttp application over a desk's world."""
    app = web.Application(
        middlewares=[recorder.refuse_strangers, recorder.record], client_max_size=_LARGEST_BODY
    )
    app[WORLD] = desk.world
    for provider in PROVIDERS.values():
        app.add_routes(authorize.routes(provider))
    for module in (slack, github, linear, notion, acme, generic, bots):
        app.add_routes(module.routes())
    app.add_routes(control.routes(desk))
    return app
