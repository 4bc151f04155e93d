"""A worker that tries nothing alone, whatever it did to others before it, for a control; a process of its own."""

from __future__ import annotations

from shared.storage import scripts
from workers.main import main

SUSPECTS = "return tonumber(crashes or 0) >= SUSPECT"


source = scripts.source


def trusting(name: str) -> str:
    """The script, without what isolates a suspect."""
    text = source(name)
    assert name != "claim" or SUSPECTS in text
    return text.replace(SUSPECTS, "return false")


if __name__ == "__main__":
    scripts.source = trusting
    main()
