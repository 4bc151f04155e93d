"""The benchmarks' own way of working, on Waypost alone and as small as can be."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from bench import chart, report
from bench.bars import BARS, kept
from bench.contestants import BARE, WAYPOST
from bench.parts.accept import accept
from bench.parts.worker import throughput
from bench.plan import TINY, Plan


@pytest.fixture(scope="module")
def plan() -> Plan:
    return msgspec.structs.replace(TINY, began=time.monotonic())


def test_a_door_is_measured_and_told(plan: Plan) -> None:
    found: dict[str, Any] = {"accept": accept(plan)}

    ours = found["accept"]["of"][WAYPOST]
    assert ours["perSecond"] > 0
    assert ours["cpuUs"] > 0
    assert 0 == ours["refused"]
    assert "No-op" not in chart.svg(found)
    assert "Durable accepts" in chart.svg(found)


def test_a_worker_is_measured(plan: Plan) -> None:
    found = throughput(plan, WAYPOST)

    assert found["perSecond"] > 0
    assert 2 < found["commands"] < 8


def test_a_bar_says_whether_it_is_met_and_is_silent_about_what_was_not_measured() -> None:
    rows = {WAYPOST: {"perSecond": 5}, BARE: {"perSecond": 10}}
    ((bar, value),) = kept({"accept": {"of": rows}})

    assert 0.5 == value
    assert bar.met(0.45)
    assert not bar.met(0.44)
    assert {"≥", "≤"} == {one.bound[0] for one in BARS}
    page = report.document(_machine(rows))
    assert "| ≥0.45 × | 0.5 | yes |" in page
    assert "quick look" in page
    assert "was busy" in page


def _machine(rows: dict[str, Any]) -> dict[str, Any]:
    part = {"callers": 1, "bodyBytes": 1, "of": {}}
    for name, row in rows.items():
        part["of"][name] = row | dict.fromkeys(("p50Ms", "p99Ms", "cpuUs", "storeCpuUs"), 1)
    facts = dict.fromkeys(
        ("processor", "cores", "memory", "system", "python", "node", "load", "server"), "x"
    )  # fmt: skip
    facts |= {"fsyncUs": {"p50": 1, "p99": 2}, "versions": {}, "loadAverage": 2.0}
    return {"accept": part, "machine": facts, "quick": True}
