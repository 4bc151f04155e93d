"""Where integrations written in Python live on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.integrations.registry import folders

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def folders_in(paths: Sequence[Path]) -> dict[str, Path]:
    """Every integration that has code, by name."""
    return {
        name: path for name, path in folders(paths).items() if (path / "handlers.py").is_file()
    }
