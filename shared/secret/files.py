"""Files that hold keys: read only when nobody else can, written for nobody else."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from shared.errors import SetupFailed
from shared.sealing import read

if TYPE_CHECKING:
    from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def read_private(path: Path) -> bytes:
    """The bytes of *path*; raises `SetupFailed` when it is missing, or others may read or write it."""
    document = read(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS:
        problem = f"the key file {path} is open to other users (mode {mode:04o})"
        raise SetupFailed(problem, f"chmod 600 {path}")
    return document


def write_private(path: Path, document: bytes) -> None:
    """Put *document* into *path* with mode 0600, whole or not at all, and on disk when this returns."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123  a Path cannot open a descriptor
        os.fchmod(descriptor, 0o600)
        file.write(document)
        file.flush()
        os.fsync(descriptor)
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
