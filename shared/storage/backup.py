"""
A copy of a store's append-only files, taken while it works, and put back.

While nothing rewrites them, the files of https://valkey.io/topics/persistence/ only grow, so a copy of each up to its
end holds all that was acknowledged before; a command that the end cuts in two is left out when it is read. A copy that
was not finished has another name, and no receipt.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import msgspec
from msgspec import Struct

from shared.errors import SetupFailed
from shared.storage import keys

if TYPE_CHECKING:
    from pathlib import Path


AOF = "appendonlydir"
KEYS = "keys"
RECEIPT = "backup.json"
_MANIFEST = "appendonly.aof.manifest"
_PART = 4 << 20  # bytes at a time

Told = Callable[[int], object]  # of so many bytes more


class File(Struct, frozen=True):
    """One file of a copy."""

    name: str
    size: int
    sha256: str


class Receipt(Struct, frozen=True, kw_only=True):
    """What lies in a copy; written last."""

    layout: str = keys.LAYOUT
    taken_at: int  # ms since 1970, when the copy began
    files: tuple[File, ...]
    keys: tuple[File, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the append-only files."""
        return sum(one.size for one in self.files)


@contextmanager
def new_folder(to: Path, *below: str) -> Iterator[Path]:
    """A folder, with those *below*, that has the name *to* when the block has ended well, and is gone otherwise."""
    beside = to.with_name(f"{to.name}.partial")
    if to.exists() and not (to.is_dir() and not any(to.iterdir())):
        raise SetupFailed(f"{to} exists already", "name a folder that does not exist yet")
    try:
        beside.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        problem = f"{beside} is left of one that was stopped"
        raise SetupFailed(problem, "remove it, unless another one is at work on it") from None
    try:
        for name in below:
            (beside / name).mkdir(mode=0o700)
        yield beside
        _on_disk(beside)
        beside.replace(to)
        _on_disk(to.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def sizes(source: Path) -> dict[str, int]:
    """The append-only files that count, and how large they are now."""
    try:
        names = _named_in((source / _MANIFEST).read_text())
        return {name: (source / name).stat().st_size for name in (*names, _MANIFEST)}
    except OSError as error:
        raise SetupFailed(
            f"no store has its append-only files in {source}: {error.strerror}",
            "name the data folder of Waypost with WAYPOST_DATA_DIR or --data-dir",
        ) from None


def _named_in(manifest: str) -> list[str]:
    r"""
    The files of a manifest but those that are history.

    >>> _named_in("file a.1.base.rdb seq 1 type b\nfile a.1.incr.aof seq 1 type h\nfile a.2.incr.aof seq 2 type i\n")
    ['a.1.base.rdb', 'a.2.incr.aof']
    """
    rows = [line.split() for line in manifest.splitlines()]
    facts = [dict(zip(row[::2], row[1::2], strict=False)) for row in rows]
    return [one["file"] for one in facts if one.get("type") in ("b", "i")]


async def copied(source: Path, to: Path, told: Told = lambda _: None) -> tuple[File, ...]:
    """Copy the append-only files in *source* to the folder *to*."""
    names = await asyncio.to_thread(sizes, source)
    before = (source / _MANIFEST).read_bytes()
    files = [await _copied(source / name, to / name, told) for name in names]
    if before != (source / _MANIFEST).read_bytes():
        raise SetupFailed(
            "the store began new files while they were copied", "run the backup again"
        )
    return tuple(files)


async def put_back(
    source: Path, receipt: Receipt, to: Path, told: Told = lambda _: None
) -> None:
    """Copy what *receipt* names from *source* to the folder *to*, each byte as it was."""
    for one in receipt.files:
        try:
            found = await _copied(source / AOF / one.name, to / one.name, told)
        except FileNotFoundError as error:
            raise _damaged(source, f"{one.name} is missing") from error
        if found != one:
            raise _damaged(source, f"{one.name} is not as it was")


def file_at(path: Path) -> File:
    """A small file, as it is."""
    try:
        held = path.read_bytes()
    except FileNotFoundError:
        return File(path.name, 0, "")
    return File(path.name, len(held), hashlib.sha256(held).hexdigest())


def receipt_of(source: Path) -> Receipt:
    """What lies in the copy *source*; raises `SetupFailed` where none is."""
    try:
        receipt = msgspec.json.decode((source / RECEIPT).read_bytes(), type=Receipt)
    except (OSError, msgspec.MsgspecError):
        fix = f"name a folder that `waypost backup` made; it has a {RECEIPT}"
        raise SetupFailed(f"{source} holds no finished backup", fix) from None
    if receipt.layout not in {keys.LAYOUT, *keys.LAYOUTS_BEFORE}:
        problem = f"{source} holds records in layout {receipt.layout}, and this version reads {keys.LAYOUT}"
        raise SetupFailed(problem, "restore it with the version that made it")
    return receipt


def _damaged(source: Path, what: str) -> SetupFailed:
    return SetupFailed(f"the backup {source} is damaged: {what}", "restore another one")


async def _copied(source: Path, to: Path, told: Told) -> File:
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as read, to.open("xb") as write:
        os.fchmod(write.fileno(), 0o600)
        while part := await asyncio.to_thread(_part, read, write):
            digest.update(part)
            size += len(part)
            told(len(part))
        await asyncio.to_thread(os.fsync, write.fileno())
    return File(to.name, size, digest.hexdigest())


def _part(read: BinaryIO, write: BinaryIO) -> bytes:
    part = read.read(_PART)
    write.write(part)
    write.flush()
    return part


def _on_disk(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
