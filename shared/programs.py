"""How a program ends that cannot go on: one line that says why, and a code that says whether to start it again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from shared.errors import Transient

if TYPE_CHECKING:
    from shared.errors import WaypostError

COMES_BACK = 75  # EX_TEMPFAIL of BSD's sysexits.h: the cause passes by itself


def ended(name: str, error: WaypostError) -> SystemExit:
    """What to raise in `main` for *error*, once it is told."""
    sys.stderr.write(f"waypost {name}: {error}\n")
    return SystemExit(COMES_BACK if isinstance(error, Transient) else 1)
