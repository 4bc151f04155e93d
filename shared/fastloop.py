"""
What makes a long-running program quicker without changing what it does.

The faster event loop, where it is installed (`pip install waypost[fast]`): a tenth more of everything. A collector that
leaves alone what stays: another tenth.
"""

from __future__ import annotations

import gc

YOUNG = 20_000  # objects that hold others, made and not yet freed, before the collector looks for cycles among them


def use_fast_loop() -> bool:
    """Let the loops that are made from now on be uvloop's; False where it is not installed."""
    try:
        import uvloop  # noqa: PLC0415  it may be missing
    except ModuleNotFoundError:
        return False
    uvloop.install()
    return True


def leave_what_is_there() -> None:
    """Tell the garbage collector, once a program is ready, that what there is now stays, and to look less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
