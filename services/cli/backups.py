"""`waypost backup` and `restore`: a copy of the embedded store while it works, with its keys where that is wanted."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from services.cli import show
from services.cli.presence import alone_in
from shared.clock import SystemClock
from shared.errors import SetupFailed
from shared.secret.files import write_private
from shared.storage import backup as copies
from shared.storage import nest
from shared.storage.connection import connect
from shared.storage.embedded import EmbeddedValkey
from shared.storage.layout import settle_layout
from shared.storage.ledger_check import Soundness, soundness
from shared.storage.rewrites import without_rewrites

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from shared.config import Settings


async def backup(settings: Settings, to: Path, *, with_keys: bool, as_json: bool) -> int:
    """Copy the embedded store to *to*; returns the exit status."""
    _ours(
        settings,
        "back it up with its own means: a snapshot of its disk, or BGSAVE and a copy of its files",
    )
    source = nest.Nest.at(settings.data_dir).folder / copies.AOF
    taken_at = int(SystemClock().now() * 1000)
    below = (copies.AOF, copies.KEYS) if with_keys else (copies.AOF,)
    with copies.new_folder(to, *below) as folder:
        async with _at_rest(settings):
            with _bar(sum(copies.sizes(source).values()), "copied") as told:
                files = await copies.copied(source, folder / copies.AOF, told)
        keys = _keys_copied(settings, folder / copies.KEYS) if with_keys else ()
        receipt = copies.Receipt(taken_at=taken_at, files=files, keys=keys)
        write_private(folder / copies.RECEIPT, msgspec.json.encode(receipt))
    said = {"backup": str(to), "bytes": receipt.size, "keys": [one.name for one in keys]}
    if as_json:
        show.json(said)
        return 0
    show.line(f"{receipt.size:,} bytes are in {to}")
    if not keys:
        show.line(
            f"the keys are not: without {settings.key_ring_file} nothing sealed can be opened. Keep a copy of"
        )
        show.line(f"{settings.key_ring_file.parent} apart, or take them in with --with-keys")
    return 0


@asynccontextmanager
async def _at_rest(settings: Settings) -> AsyncIterator[None]:
    """No rewrite begins in a store that runs, and none starts that does not, for this block."""
    url = nest.url_of(settings.data_dir)
    if url is None:
        copies.sizes(nest.Nest.at(settings.data_dir).folder / copies.AOF)
        lock = nest.prepared(nest.Nest.at(settings.data_dir))
        try:
            yield
        finally:
            lock.release()
        return
    async with await connect(url) as store, without_rewrites(store):
        yield


async def restore(settings: Settings, source: Path, *, as_json: bool) -> int:
    """Put the backup *source* into the data folder, which holds no store yet; returns the exit status."""
    _ours(settings, "start it on its own copy; `waypost restore` fills the embedded one")
    receipt = copies.receipt_of(source)
    with alone_in(settings.data_dir):
        place = nest.Nest.at(settings.data_dir)
        lock = nest.prepared(place)
        try:
            await nest.without_orphan(place)
            _check_keys(settings, source, receipt)
            _keys_put_back(settings, source, receipt)
            with (
                copies.new_folder(place.folder / copies.AOF) as folder,
                _bar(receipt.size, "put back") as told,
            ):
                await copies.put_back(source, receipt, folder, told)
        finally:
            lock.release()
        found = await _looked_at(settings)
    return _tell(settings, found, as_json=as_json)


async def _looked_at(settings: Settings) -> Soundness:
    async with EmbeddedValkey(settings.data_dir) as server, await connect(server.url) as store:
        await settle_layout(store)
        return await soundness(store)


def _tell(settings: Settings, found: Soundness, *, as_json: bool) -> int:
    has_keys = settings.key_ring_file.exists() and settings.sealing_key_file.exists()
    said: dict[str, Any] = {
        "records": found.records,
        "verdict": found.verdict,
        "keys": has_keys,
    }
    if as_json:
        show.json(said | {"sentences": found.sentences})
    else:
        for sentence in found.sentences:
            show.line(f"FIX  {sentence}")
        show.line(f"{found.records} records are back in {settings.data_dir}: {found.verdict}")
        if has_keys:
            show.line("Next: waypost up")
        else:
            show.line("FIX  no keys are there: put those that belong to it into")
            show.line(
                f"     {settings.key_ring_file.parent} before you start, or `waypost up` makes new ones,"
            )
            show.line("     which open nothing of what is sealed")
    return 0 if found.verdict == "sound" else 1


def _ours(settings: Settings, fix: str) -> None:
    place = nest.Nest.at(settings.data_dir)
    if settings.redis_url and settings.redis_url != place.url:
        raise SetupFailed("WAYPOST_REDIS_URL names a store that Waypost does not run", fix)


def _key_files(settings: Settings) -> dict[str, Path]:
    return {
        "keys.json": settings.key_ring_file,
        "sealing.key": settings.sealing_key_file,
        "sealing.pub": settings.sealing_public_file,
    }


def _keys_copied(settings: Settings, to: Path) -> tuple[copies.File, ...]:
    for name, path in _key_files(settings).items():
        try:
            write_private(to / name, path.read_bytes())
        except FileNotFoundError:
            raise SetupFailed(
                f"there is no {path}", "name the key ring with WAYPOST_KEYS"
            ) from None
    return tuple(copies.file_at(to / name) for name in _key_files(settings))


def _check_keys(settings: Settings, source: Path, receipt: copies.Receipt) -> None:
    for one in receipt.keys:
        there = _key_files(settings)[one.name]
        if copies.file_at(source / copies.KEYS / one.name) != one:
            raise SetupFailed(
                f"the backup {source} is damaged: {one.name} is not as it was",
                "restore another one",
            )
        if (
            there.exists()
            and there.read_bytes() != (source / copies.KEYS / one.name).read_bytes()
        ):
            raise SetupFailed(
                f"{there} holds other keys than the backup",
                "move it away, or name another WAYPOST_KEYS",
            )


def _keys_put_back(settings: Settings, source: Path, receipt: copies.Receipt) -> None:
    for one in receipt.keys:
        there = _key_files(settings)[one.name]
        there.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(there, (source / copies.KEYS / one.name).read_bytes())


@contextmanager
def _bar(total: int, what: str) -> Iterator[copies.Told]:
    """A bar for people at a terminal."""
    err = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)
