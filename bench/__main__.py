"""
`make bench`: Waypost and its peers side by side on this machine.

`make bench ARGS="accept worker"` runs some parts; `--quick` takes a minute.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

import msgspec

from bench.machine import machine
from bench.parts.accept import accept
from bench.parts.costs import costs
from bench.parts.growth import growth
from bench.parts.whole import whole
from bench.parts.worker import work
from bench.plan import QUICK, Plan

if TYPE_CHECKING:
    from collections.abc import Callable

PARTS: dict[str, Callable[[Plan], dict[str, Any]]] = {
    "accept": accept, "worker": work, "whole": whole, "growth": growth, "costs": costs,
}  # fmt: skip


def main() -> None:
    """Measure what was asked for."""
    asked = _arguments()
    plan = QUICK if asked.quick else Plan()
    if asked.fsync_delay is not None:
        plan = msgspec.structs.replace(plan, fsync_delay=asked.fsync_delay)
    plan = msgspec.structs.replace(plan, began=time.monotonic(), peers=not asked.alone)
    found = {"machine": machine()} | {name: PARTS[name](plan) for name in asked.parts or PARTS}
    print(json.dumps(found, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=" ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="a minute, for a first look")
    parser.add_argument("--alone", action="store_true", help="without the peers")
    parser.add_argument("--fsync-delay", type=float, metavar="MS", help="of the slow disk")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return asked


if __name__ == "__main__":
    main()
