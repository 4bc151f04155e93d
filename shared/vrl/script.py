"""A script that may be given to a worker."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final, NamedTuple

from shared.vrl.guard import check_source

ENGINE: Final = "vrl-python 0.1.0"


class Script(NamedTuple):
    """A script that the guard has let through."""

    name: str
    source: str
    key: str  # of the compiled program, in a worker and in quarantine


@lru_cache(maxsize=4096)
def script(name: str, source: str) -> Script:
    """Raise `ScriptInvalid` unless the guard lets *source* through."""
    check_source(name, source)
    return Script(name, source, hashlib.sha256(f"{ENGINE}\n{source}".encode()).hexdigest())
