"""`waypost dev`: an integration's server beside a running Waypost, started anew whenever its files change."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import termios
import tty
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from services.cli.show import line as say
from shared.errors import WaypostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from services.cli.api import Api

PAUSE = 0.5  # seconds between two looks
GRACE = 5.0  # seconds a server has to end
UNWATCHED = frozenset({"node_modules", ".git", "__pycache__", ".venv"})
KEYS = "keys: r replays the last request, s starts the server anew, q ends"
_TOLD = frozenset({"done", "ignored", "dead", "retrying", "waiting", "parked"})
_SHOWN = frozenset({"webhook", "delivery", "oauth_callback", "registration", "operation"})


class Plan(Struct, frozen=True, kw_only=True):
    """What to run."""

    command: tuple[str, ...]
    watch: Path
    environ: Mapping[str, str]
    integration: str


def environment(
    api_url: str, origin: str, token: str, port: int, secrets: Mapping[str, str]
) -> dict[str, str]:
    """
    What a server written with `@botpress/sdk` reads.

    >>> environment("http://a", "http://w", "t", 8081, {"KEY": "k"})["SECRET_KEY"]
    'k'
    """
    named = {f"SECRET_{name}": value for name, value in secrets.items()}
    return {
        "BP_API_URL": api_url, "BP_TOKEN": token, "BP_WEBHOOK_URL": origin, "PORT": str(port), **named,
    }  # fmt: skip


class Server:
    """The command, running."""

    def __init__(self, plan: Plan) -> None:
        """Start nothing yet."""
        self._plan = plan
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it; its output is shown line by line."""
        self._process = await asyncio.create_subprocess_exec(
            *self._plan.command,
            env={**os.environ, **self._plan.environ},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = asyncio.create_task(self._show(self._process))

    async def stop(self) -> None:
        """End it with everything that it started."""
        process = self._process
        if process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE):
                    await process.wait()
                    break
        if self._reader is not None:
            self._reader.cancel()

    async def restart(self) -> None:
        """End it and start it."""
        await self.stop()
        await self.start()

    async def _show(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for text in process.stdout:
            say(f"server   {text.decode('utf-8', 'replace').rstrip()}")
        code = await process.wait()
        if code != -signal.SIGTERM:
            say(f"server   ended with status {code}; it starts again when a file changes")


class Requests:
    """What Waypost did for the integration since we began."""

    def __init__(self, api: Api, integration: str) -> None:
        """Look through *api*."""
        self._api, self._integration = api, integration
        self._told: dict[str, str] = {}
        self._last = ""

    async def begin(self) -> None:
        """What there is already is not told."""
        for one in await self._found():
            self._told[one["id"]] = _mark(one)

    async def look(self) -> None:
        """Tell what is new, oldest first."""
        for one in reversed(await self._found()):
            if one["job"] in _SHOWN and one["state"] in _TOLD and self._is_news(one):
                say(f"request  {one['job']:<14} {one['state']:<8} {one['reason']}  {one['id']}")
            if one["job"] in {"webhook", "delivery"}:
                self._last = one["parent"] or one["id"]

    async def replay(self) -> None:
        """Send the last webhook again."""
        if not self._last:
            say("waypost  there is no request to replay yet")
            return
        try:
            await asyncio.to_thread(self._api.post, "requests", self._last, "replay")
        except WaypostError as error:
            say(f"waypost  {error}")
            return
        say(f"waypost  {self._last} is on its way again")

    async def _found(self) -> list[dict[str, Any]]:
        answer = await asyncio.to_thread(
            self._api.get, "requests", integration=self._integration, limit=50
        )
        found: list[dict[str, Any]] = answer["requests"]
        return found

    def _is_news(self, one: dict[str, Any]) -> bool:
        before = self._told.get(one["id"])
        self._told[one["id"]] = _mark(one)
        return before != self._told[one["id"]]


def _mark(one: dict[str, Any]) -> str:
    return f"{one['state']} {one['attempts']} {one['changedAt']}"


async def develop(plan: Plan, api: Api) -> None:
    """Until q is pressed, or the terminal ends."""
    server, requests, keys = Server(plan), Requests(api, plan.integration), asyncio.Queue[str]()
    await requests.begin()
    await server.start()
    say(f"waypost  {KEYS}")
    try:
        with _pressed(keys.put_nowait):
            await _until_told(plan, server, requests, keys)
    finally:
        await server.stop()


async def _until_told(
    plan: Plan, server: Server, requests: Requests, keys: asyncio.Queue[str]
) -> None:
    seen = snapshot(plan.watch)
    while True:
        key = await _key_or_pause(keys)
        now = await asyncio.to_thread(snapshot, plan.watch)
        if key == "s" or now != seen:
            seen = now
            say(
                "waypost  started anew"
                if key == "s"
                else "waypost  files changed, started anew"
            )
            await server.restart()
        if key == "r":
            await requests.replay()
        if key == "q":
            return
        await requests.look()


async def _key_or_pause(keys: asyncio.Queue[str]) -> str:
    try:
        async with asyncio.timeout(PAUSE):
            return await keys.get()
    except TimeoutError:
        return ""


def snapshot(folder: Path) -> dict[str, int]:
    """The files below *folder* and when they changed; packages and the like are left out."""
    found: dict[str, int] = {}
    for place, folders, files in os.walk(folder):
        folders[:] = [one for one in folders if one not in UNWATCHED]
        for file in files:
            path = os.path.join(place, file)  # noqa: PTH118 - what `os.walk` gives, thousands of times
            with contextlib.suppress(OSError):
                found[path] = os.stat(path).st_mtime_ns  # noqa: PTH116
    return found


@contextlib.contextmanager
def _pressed(tell: Callable[[str], None]) -> Iterator[None]:
    """Every key that is pressed, or the first letter of every line where nobody sits at a terminal."""
    loop, source = asyncio.get_running_loop(), sys.stdin.fileno()
    before = termios.tcgetattr(source) if os.isatty(source) else None
    if before is not None:
        tty.setcbreak(source)

    def read() -> None:
        text = os.read(source, 1024).decode("utf-8", "replace")
        if not text:
            loop.remove_reader(source)
        for letter in text if before is not None else _first_letters(text.split("\n")):
            tell(letter)

    loop.add_reader(source, read)
    try:
        yield
    finally:
        loop.remove_reader(source)
        if before is not None:
            termios.tcsetattr(source, termios.TCSADRAIN, before)


def _first_letters(lines: Sequence[str]) -> list[str]:
    return [line[0] for line in lines if line]
