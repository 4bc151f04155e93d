"""What a run has counted; `make chaos` prints it in the end."""

from __future__ import annotations

COUNTED: list[str] = []


def told(bar: str, **counts: object) -> None:
    """Note the counts of one bar, as in `R4 always: cuts 20, lost 0`."""
    COUNTED.append(
        f"{bar}: " + ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in counts.items())
    )
