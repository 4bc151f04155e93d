"""npm packages that tests compare with: installed once, as their lock says, into a cache beside the code."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.needs import path_of

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "npm"
FILES = ("package.json", "package-lock.json")


def packages(name: str) -> Path:
    """
    The folder of `npm/NAME`, with its `node_modules`; tests that ask are marked `needs("node", "npm")`.

    Several runs may ask at once; what is there by the same lock is used as it is.
    """
    lock = HERE / "npm" / name
    digest = hashlib.sha256(b"".join((lock / file).read_bytes() for file in FILES)).hexdigest()
    CACHE.mkdir(parents=True, exist_ok=True)
    place = CACHE / f"{name}-{digest[:16]}"
    with (CACHE / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not place.is_dir():
            _install(lock, place)
    return place


def _install(lock: Path, place: Path) -> None:
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        fresh = Path(scratch) / "fresh"
        fresh.mkdir()
        for file in FILES:
            shutil.copy(lock / file, fresh)
        done = subprocess.run(
            [path_of("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=fresh, capture_output=True, text=True, timeout=50, check=False,
            env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", scratch)},
        )  # fmt: skip
        assert 0 == done.returncode, done.stderr[-2000:]
        fresh.rename(place)
