"""The faster event loop, where it is installed (`pip install waypost[fast]`): a tenth more of everything."""

from __future__ import annotations


def use_fast_loop() -> bool:
    """Let the loops that are made from now on be uvloop's; False where it is not installed."""
    try:
        import uvloop  # noqa: PLC0415  it may be missing
    except ModuleNotFoundError:
        return False
    uvloop.install()
    return True
