"""`waypost dev`: a server of any language with the right environment, its log, its requests, and a key to replay."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.journeys.cli_builders import COMMAND, ROOT
from tests.journeys.system import System, free_port, until
from tests.journeys.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

SERVER = """
import http.server, os, sys
print("up", os.environ["BP_WEBHOOK_URL"], os.environ["SECRET_KEY"], os.environ["BP_TOKEN"][:5], flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        print("got", self.headers["x-bp-operation"], flush=True)
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


class Dev:
    """The command, with its output in a file and its keys as lines."""

    def __init__(self, system: System, folder: Path) -> None:
        self.name, self.folder = f"own-{uuid.uuid4().hex[:10]}", folder
        document = {"name": self.name, "version": "1.0.0", "secrets": {"KEY": {}}}
        (folder / "own.json").write_text(json.dumps(document))
        (folder / "server.py").write_text(SERVER)
        self.log = folder.parent / f"{self.name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *COMMAND, "dev", "--definition", str(folder / "own.json"), "--port", str(free_port()),
                    "--secret", "KEY=s3cret", "--watch", str(folder), "--",
                    sys.executable, str(folder / "server.py"),
                ],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT,
                env={
                    "PATH": os.environ["PATH"], "HOME": str(folder), "WAYPOST_API_URL": system.api,
                    "WAYPOST_ADMIN_TOKEN": system.token,
                },
            )  # fmt: skip

    def press(self, key: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{key}\n".encode())
        self.process.stdin.flush()

    async def says(self, words: str, times: int = 1) -> None:
        async def said() -> bool:
            return self.log.read_text().count(words) >= times

        await until(said, 15, lambda: f"{words!r} in:\n{self.log.read_text()[-3000:]}")

    def stop(self) -> int:
        self.press("q")
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(10)


async def test_runs_a_server_and_replays_its_last_request(
    system: System, tmp_path: Path
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    dev = Dev(system, folder)
    try:
        await dev.says(f"server   up {system.origin} s3cret wprt_")
        home = await system.install(dev.name, await system.bot())
        await dev.says("server   got register")
        async with Visitor() as caller:
            await caller.ask("POST", f"{system.origin}/{home['webhookId']}", data=b"x")
        await dev.says("request  webhook        done     the integration answered 200")
        dev.press("r")
        await dev.says("server   got webhook_received", times=2)
        (folder / "server.py").write_text(f"{SERVER}\n# changed\n")
        await dev.says("waypost  files changed, started anew")
        await dev.says("server   up", times=2)
    finally:
        code = dev.stop()

    assert 0 == code
