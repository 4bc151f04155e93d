"""The embedded Valkey: durable, alone on its files, restarted, and gone when we are."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from shared.errors import SetupFailed, StoreUnavailable
from shared.storage import checks, nest
from shared.storage.connection import Store, connect
from shared.storage.embedded import EmbeddedValkey

RUNS_UNTIL_KILLED = """
import asyncio, pathlib, sys
from shared.storage.embedded import EmbeddedValkey

async def main():
    async with EmbeddedValkey(pathlib.Path(sys.argv[1])) as server:
        print(server.pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def answered(store: Store, *command: str) -> object:
    """The reply, tried until the store is back."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await store.resp.call(*command)
            except StoreUnavailable:
                await asyncio.sleep(0.02)


def is_running(pid: int) -> bool:
    """True while *pid* is a process that has not ended (one that nobody has buried yet has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_it_keeps_the_whole_promise(store: Store) -> None:
    promise = await checks.promise(store)

    assert promise.durable
    assert () == promise.problems
    assert promise.server.startswith("Valkey 9")


async def test_what_was_answered_is_there_after_a_clean_stop(tmp_path: Path) -> None:
    for reply in (None, b"kept"):
        async with EmbeddedValkey(tmp_path) as server, await connect(server.url) as store:
            assert reply == await store.resp.call("GET", "key")
            await store.resp.call("SET", "key", "kept")
            pid = server.pid
        assert pid is not None
        assert not is_running(pid)
        assert nest.url_of(tmp_path) is None


async def test_a_killed_server_is_started_again_and_has_everything(tmp_path: Path) -> None:
    async with EmbeddedValkey(tmp_path) as server, await connect(server.url) as store:
        for round_ in range(3):
            await store.resp.call("SET", f"key{round_}", "kept")
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)

            assert b"kept" == await answered(store, "GET", f"key{round_}")


async def test_a_second_waypost_in_the_folder_is_refused_and_told_how_to_join(
    tmp_path: Path,
) -> None:
    async with EmbeddedValkey(tmp_path) as first:
        with pytest.raises(SetupFailed, match=rf"process {os.getpid()}") as refused:
            await EmbeddedValkey(tmp_path).__aenter__()

        assert f"WAYPOST_REDIS_URL={first.url}" in refused.value.fix
        assert first.url == nest.url_of(tmp_path)
        assert b"+PONG" == await nest.greeting(nest.Nest.at(tmp_path).socket)


async def test_a_path_too_long_for_a_socket_gets_a_short_one(tmp_path: Path) -> None:
    async with (
        EmbeddedValkey(tmp_path / ("long" * 30)) as server,
        await connect(server.url) as store,
    ):
        assert b"PONG" == await store.resp.call("PING")
        assert len(server.url) < 108


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a child that its parent is gone"
)
async def test_a_killed_parent_leaves_no_orphan_and_the_files_stay_usable(
    tmp_path: Path,
) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RUNS_UNTIL_KILLED, str(tmp_path),
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    assert parent.stdout is not None
    orphan = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()

    async with EmbeddedValkey(tmp_path) as server, await connect(server.url) as store:
        assert b"PONG" == await store.resp.call("PING")
        assert not is_running(orphan)


class TestWhatIsWrongIsSaidWithItsFix:
    async def test_a_folder_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")

        with pytest.raises(SetupFailed, match="cannot be used") as refused:
            await EmbeddedValkey(tmp_path / "file").__aenter__()
        assert "WAYPOST_DATA_DIR" in refused.value.fix

    async def test_a_busy_port(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as busy:
            port = busy.getsockname()[1]
            with pytest.raises(SetupFailed, match=rf"127\.0\.0\.1:{port}") as refused:
                await EmbeddedValkey(tmp_path, port=port).__aenter__()
        assert "another port" in refused.value.fix
        assert nest.url_of(tmp_path) is None

    async def test_a_damaged_file_is_told_in_the_servers_own_words(
        self, tmp_path: Path
    ) -> None:
        async with EmbeddedValkey(tmp_path):
            pass
        (tmp_path / "valkey" / "appendonlydir" / "appendonly.aof.manifest").write_text(
            "nonsense\n"
        )

        with pytest.raises(SetupFailed, match=r"ended with code 1: .*manifest") as refused:
            await EmbeddedValkey(tmp_path).__aenter__()
        assert "valkey.log" in refused.value.fix

    async def test_a_missing_program(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("platform.machine", lambda: "riscv64")

        with pytest.raises(SetupFailed, match=r"no server for .*riscv64") as refused:
            await EmbeddedValkey(tmp_path).__aenter__()
        assert "WAYPOST_REDIS_URL" in refused.value.fix
