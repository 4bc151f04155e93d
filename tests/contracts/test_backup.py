"""A copy of the append-only files, taken while the store works, and what puts it back."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from services.cli import backups, keyfiles
from shared.config import Settings
from shared.errors import SetupFailed
from shared.storage import backup as copies
from shared.storage import nest
from shared.storage.connection import Store, connect
from shared.storage.embedded import EmbeddedValkey
from shared.storage.ledger import Ledger
from shared.storage.ledger_check import check
from shared.storage.rewrites import rewrites_kept_on, without_rewrites
from tests.contracts.ledger_builders import an_accept


def settings_at(folder: Path, **environ: str) -> Settings:
    return Settings.from_env({"WAYPOST_DATA_DIR": str(folder), **environ})


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Store]:
    async with EmbeddedValkey(folder) as server, await connect(server.url) as store:
        yield store


async def backed_up(folder: Path, to: Path, **how: bool) -> int:
    how = {"with_keys": False, "as_json": True, **how}
    return await backups.backup(settings_at(folder), to, **how)


async def restored(source: Path, folder: Path) -> int:
    return await backups.restore(settings_at(folder), source, as_json=True)


async def rewrites_at(store: Store) -> str:
    found: dict[str, str] = await store.redis.config_get("auto-aof-rewrite-percentage")
    return next(iter(found.values()))


COPIER = """
import asyncio, sys
from shared.storage.connection import connect
from shared.storage.rewrites import without_rewrites

async def main():
    async with await connect(sys.argv[1]) as store, without_rewrites(store):
        print("copying", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def a_killed_copier(url: str) -> int:
    """Somebody who copied the store at *url* when it was killed; its exit status."""
    copier = await asyncio.create_subprocess_exec(
        sys.executable, "-c", COPIER, url, stdout=asyncio.subprocess.PIPE
    )
    assert copier.stdout is not None
    assert await copier.stdout.readline() == b"copying\n"
    copier.kill()
    return await copier.wait()


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Path]:
    """A short path, for the socket; nothing of it stays."""
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


class Writer:
    """Stores requests without a pause, and knows which of them were acknowledged."""

    def __init__(self, store: Store) -> None:
        self.ledger, self.acknowledged = Ledger(store), list[str]()

    async def go_on(self) -> None:
        while True:
            ids = [f"req_{len(self.acknowledged) + n}" for n in range(20)]
            await self.ledger.accept([an_accept(id) for id in ids])
            self.acknowledged += ids


class TestABackup:
    async def test_of_a_store_at_work_has_all_that_was_acknowledged_before(
        self, at: Path
    ) -> None:
        async with running(at / "one") as store:
            writer = Writer(store)
            writing = asyncio.create_task(writer.go_on())
            while len(writer.acknowledged) < 500:
                await asyncio.sleep(0.01)
            before = list(writer.acknowledged)
            ended = await backed_up(at / "one", at / "copy")
            writing.cancel()
            allowed = await rewrites_at(store)
        again = await restored(at / "copy", at / "two")
        async with running(at / "two") as store:
            missing = [id for id in before if await Ledger(store).show(id) is None]
            found = await check(store)

        assert (0, 0, "100") == (ended, again, allowed)
        assert ([], []) == (missing, found)

    async def test_waits_for_a_rewrite_that_is_under_way(self, at: Path) -> None:
        async with running(at / "one") as store:
            await Ledger(store).accept([an_accept("req_1")])
            await store.redis.bgrewriteaof()
            await backed_up(at / "one", at / "copy")
        await restored(at / "copy", at / "two")
        async with running(at / "two") as store:
            assert await Ledger(store).show("req_1")

    @pytest.mark.parametrize("how", [OSError(28, "No space left on device"), "cancelled"])
    async def test_that_ends_half_way_allows_rewrites_and_leaves_nothing(
        self, at: Path, monkeypatch: pytest.MonkeyPatch, how: OSError | str
    ) -> None:
        begun, copied_by = asyncio.Event(), copies._copied

        async def stopped(*args: object) -> copies.File:
            begun.set()
            if isinstance(how, OSError):
                raise how
            await asyncio.sleep(60)
            return await copied_by(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(copies, "_copied", stopped)
        async with running(at / "one") as store:
            work = asyncio.create_task(backed_up(at / "one", at / "copy"))
            await begun.wait()
            work.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await work
            allowed = await rewrites_at(store)

        assert "100" == allowed
        assert ["one"] == [one.name for one in at.iterdir()]

    async def test_pauses_rewrites_while_it_copies(
        self, at: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The control of the one above: else nothing would have to be allowed again."""
        seen, copied_by = [], copies._copied

        async def looked(*args: object) -> copies.File:
            seen.append(await rewrites_at(store))
            return await copied_by(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(copies, "_copied", looked)
        async with running(at / "one") as store:
            await backed_up(at / "one", at / "copy")

        assert {"0"} == set(seen)

    async def test_that_is_killed_leaves_rewrites_off_only_until_somebody_looks(
        self, at: Path
    ) -> None:
        async with EmbeddedValkey(at / "one") as server, await connect(server.url) as store:
            killed = await a_killed_copier(server.url)
            left = await rewrites_at(store)
            async with rewrites_kept_on(server.url, 0.05), asyncio.timeout(10):
                while await rewrites_at(store) == "0":
                    await asyncio.sleep(0.02)

        assert (-signal.SIGKILL, "0") == (killed, left)

    async def test_that_is_at_work_is_not_disturbed_and_is_the_only_one(self, at: Path) -> None:
        async with EmbeddedValkey(at / "one") as server, await connect(server.url) as store:
            async with rewrites_kept_on(server.url, 0.02), without_rewrites(store):
                with pytest.raises(SetupFailed) as refused:
                    await backed_up(at / "one", at / "copy")
                await asyncio.sleep(0.3)
                meanwhile = await rewrites_at(store)
            afterwards = await rewrites_at(store)

        assert "another backup of this store is at work" in str(refused.value)
        assert ("0", "100") == (meanwhile, afterwards)

    async def test_of_a_store_that_does_not_run_is_the_same(self, at: Path) -> None:
        async with running(at / "one") as store:
            await Ledger(store).accept([an_accept("req_1")])
        await backed_up(at / "one", at / "copy")
        await restored(at / "copy", at / "two")
        async with running(at / "two") as store:
            assert await Ledger(store).show("req_1")

    async def test_overwrites_nothing(self, at: Path) -> None:
        (at / "copy").mkdir()
        (at / "copy" / "mine").touch()
        async with running(at / "one"):
            with pytest.raises(SetupFailed, match="copy exists already"):
                await backed_up(at / "one", at / "copy")

        assert ["mine"] == [one.name for one in (at / "copy").iterdir()]

    async def test_needs_a_store(self, at: Path) -> None:
        with pytest.raises(SetupFailed, match="no store has its append-only files in"):
            await backed_up(at / "none", at / "copy")

    @pytest.mark.parametrize("what", ["backup", "restore"])
    async def test_of_a_store_that_is_not_ours_is_left_to_its_own_means(
        self, at: Path, what: str
    ) -> None:
        settings = settings_at(at, WAYPOST_REDIS_URL="redis://elsewhere:6379")
        work = (
            backups.backup(settings, at / "copy", with_keys=False, as_json=True)
            if what == "backup"
            else backups.restore(settings, at / "copy", as_json=True)
        )
        with pytest.raises(
            SetupFailed, match="names a store that Waypost does not run\n  fix: "
        ):
            await work


class TestARestore:
    @pytest.fixture
    async def copy(self, at: Path) -> Path:
        async with running(at / "one") as store:
            await Ledger(store).accept([an_accept("req_1")])
            await backed_up(at / "one", at / "copy")
        return at / "copy"

    async def test_does_not_touch_a_store_that_is_there(self, copy: Path, at: Path) -> None:
        with pytest.raises(SetupFailed, match="appendonlydir exists already"):
            await restored(copy, at / "one")

    async def test_does_not_run_beside_a_store_at_work(self, copy: Path, at: Path) -> None:
        async with running(at / "one"):
            with pytest.raises(SetupFailed, match="runs its store in"):
                await restored(copy, at / "one")

    @pytest.mark.parametrize(
        ("spoil", "words"),
        [
            ("cut", "is not as it was"),
            ("gone", "is missing"),
            ("receipt", "no finished backup"),
        ],
    )
    async def test_takes_nothing_that_is_damaged(
        self, copy: Path, at: Path, spoil: str, words: str
    ) -> None:
        increment = next((copy / copies.AOF).glob("*.incr.aof"))
        if spoil == "cut":
            increment.write_bytes(increment.read_bytes()[:-1])
        (
            increment if spoil == "gone" else copy / copies.RECEIPT
        ).unlink() if spoil != "cut" else None

        with pytest.raises(SetupFailed, match=words):
            await restored(copy, at / "two")

        assert not (nest.Nest.at(at / "two").folder / copies.AOF).exists()

    async def test_says_that_the_keys_are_missing(
        self, copy: Path, at: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        await backups.restore(settings_at(at / "two"), copy, as_json=False)

        assert (
            "FIX  no keys are there: put those that belong to it into"
            in capsys.readouterr().out
        )

    async def test_brings_the_keys_that_were_taken_in_and_no_others(self, at: Path) -> None:
        one, two = settings_at(at / "one"), settings_at(at / "two")
        async with running(at / "one"):
            keyfiles.ensure(one)
            await backed_up(at / "one", at / "copy", with_keys=True)
        await restored(at / "copy", at / "two")
        (at / "three").mkdir()
        keyfiles.ensure(settings_at(at / "three"))
        with pytest.raises(SetupFailed, match="holds other keys than the backup"):
            await restored(at / "copy", at / "three")

        assert one.key_ring_file.read_bytes() == two.key_ring_file.read_bytes()
        assert one.sealing_key_file.read_bytes() == two.sealing_key_file.read_bytes()
        assert 0o600 == two.key_ring_file.stat().st_mode & 0o777
        assert not (nest.Nest.at(at / "three").folder / copies.AOF).exists()
