"""How a worker shuts itself in, after its imports and before its first script."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from typing import Final

MEMORY: Final = 512 << 20  # bytes of address space
# https://man7.org/linux/man-pages/man2/prctl.2.html
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38


def confine(parent: int) -> None:
    """No files, no sockets, bounded memory; gone when *parent* is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    if sys.platform == "linux":
        _die_with(parent)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_AS, MEMORY)
    # 0, 1 and 2 are taken: nothing more can be opened, no file and no socket.
    _limit(resource.RLIMIT_NOFILE, 3)


def _die_with(parent: int) -> None:
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        sys.exit(0)


def _limit(what: int, most: int) -> None:
    try:
        resource.setrlimit(what, (most, most))
    except (ValueError, OSError):
        if sys.platform == "linux":
            raise  # macOS does not know all of them
