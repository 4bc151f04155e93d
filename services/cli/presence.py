"""What a running `up` leaves in its data folder: a lock, and the addresses that commands look for."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson

from shared.errors import SetupFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.config import Settings

RUNNING = "running.json"
_ROUNDS = 5  # a look at the lock takes a moment; who holds it longer is an `up`


@contextmanager
def alone_in(data_dir: Path) -> Iterator[None]:
    """Hold *data_dir* for this process; raises `SetupFailed` when it cannot be written or another one has it."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(data_dir / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SetupFailed(
            f"the data folder {data_dir} cannot be used: {error.strerror}",
            "make it writable for this user, or name another one with WAYPOST_DATA_DIR or --data-dir",
        ) from None
    try:
        _take(descriptor, data_dir)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, data_dir: Path) -> None:
    for _ in range(_ROUNDS):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            return
        time.sleep(0.02)
    owner = os.pread(descriptor, 64, 0).decode("ascii", "replace").strip() or "unknown"
    raise SetupFailed(
        f"another Waypost (process {owner}) runs in {data_dir}",
        "stop it, or give this one a folder of its own with --data-dir or WAYPOST_DATA_DIR",
    )


@contextmanager
def announced(settings: Settings) -> Iterator[None]:
    """Tell commands where this one is for as long as the block lasts; it holds no secret."""
    where = settings.data_dir / RUNNING
    said = {"apiUrl": settings.api_url, "publicUrl": settings.public_url}
    where.write_bytes(orjson.dumps(said))
    try:
        yield
    finally:
        where.unlink(missing_ok=True)


def found(data_dir: Path) -> dict[str, Any] | None:
    """What the `up` that runs in *data_dir* has announced; None when none does, even if it left its file."""
    try:
        with (data_dir / "up.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        with contextlib.suppress(OSError, orjson.JSONDecodeError):
            said = orjson.loads((data_dir / RUNNING).read_bytes())
            return said if isinstance(said, dict) else None
    except OSError:
        return None
    return None
