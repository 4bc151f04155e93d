"""
`make bench`: Waypost and its peers side by side on this machine.

`make bench ARGS="accept worker"` runs some parts, `--quick` takes a minute. A whole run writes its results to
bench/results/latest.json, and from them docs/performance.md with its chart.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec

from bench import report
from bench.chart import svg
from bench.machine import machine
from bench.parts.accept import accept
from bench.parts.costs import costs
from bench.parts.growth import growth
from bench.parts.whole import whole
from bench.parts.worker import work
from bench.plan import QUICK, Plan
from bench.programs import HERE, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

PARTS: dict[str, Callable[[Plan], dict[str, Any]]] = {
    "accept": accept, "worker": work, "whole": whole, "growth": growth, "costs": costs,
}  # fmt: skip
RESULTS, PAGE = HERE / "results/latest.json", ROOT / "docs/performance.md"


def main() -> None:
    """Measure what was asked for, and tell it."""
    asked = _arguments()
    found = measured(_plan(asked), asked.parts or list(PARTS))
    if asked.write or not (asked.parts or asked.quick or asked.alone):
        write(found)
    else:
        sys.stdout.buffer.write(_json(found))
    print(report.document(found).partition("## The machine")[0], file=sys.stderr)
    if "failed" in found:
        sys.exit(f"failed: {', '.join(found['failed'])}")


def measured(plan: Plan, parts: list[str]) -> dict[str, Any]:
    """The results of *parts*; one that fails says why, is named, and leaves the others."""
    found: dict[str, Any] = {"machine": machine(), "quick": plan.scale < 1}
    for name in parts:
        with plan.peer(name):
            found[name] = PARTS[name](plan)
    if plan.failed:
        found["failed"] = list(dict.fromkeys(plan.failed))
    return found


def write(found: dict[str, Any]) -> None:
    """Keep the results, and the page and the chart that are made of them."""
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_bytes(_json(found))
    PAGE.write_text(report.document(found))
    PAGE.with_suffix(".svg").write_text(svg(found))


def _json(found: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"


def _plan(asked: argparse.Namespace) -> Plan:
    plan = QUICK if asked.quick else Plan()
    delay = plan.fsync_delay if asked.fsync_delay is None else asked.fsync_delay
    return msgspec.structs.replace(
        plan, began=time.monotonic(), peers=not asked.alone, fsync_delay=delay, failed=[]
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=" ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="a minute, for a first look")
    parser.add_argument("--alone", action="store_true", help="without the peers")
    parser.add_argument(
        "--write", action="store_true", help="the page too, though some parts are missing"
    )
    parser.add_argument(
        "--fsync-delay", type=float, metavar="MS", help="of the slow disk; 0: without"
    )
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return asked


if __name__ == "__main__":
    main()
