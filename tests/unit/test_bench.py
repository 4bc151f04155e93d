"""The benchmarks' own way of working, on Waypost alone and as small as can be."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from bench import chart, report
from bench.__main__ import RESULTS, main, measured
from bench.bars import BARS, Bar, kept
from bench.contestants import BARE, WAYPOST
from bench.load import figure
from bench.parts.accept import accept
from bench.parts.costs import difference
from bench.parts.worker import latency, throughput
from bench.plan import TINY, Plan
from bench.programs import Failed


@pytest.fixture(scope="module")
def plan() -> Plan:
    return msgspec.structs.replace(TINY, began=time.monotonic(), failed=[])


def test_a_door_is_measured_and_told(plan: Plan) -> None:
    found: dict[str, Any] = {"accept": accept(plan)}

    ours = found["accept"]["of"][WAYPOST]
    assert ours["perSecond"] > 0
    assert ours["cpuUs"] > 0
    assert 0 == ours["refused"]
    assert {"1", "2"} == set(found["accept"]["processes"])
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


@pytest.mark.parametrize(
    ("bound", "value", "told", "met"),
    [
        ("≤2 ms", 2.005, "2.005", False),
        ("≤2 ms", 2.0000004, "2.0000004", False),
        ("≤2 ms", 1.99, "1.99", True),
        ("≥0.45 ×", 0.4499, "0.4499", False),
        ("≥0.45 ×", 0.4912345, "0.49", True),
        ("≤3277", 3103.0, "3103", True),
        ("≥250", 250, "250", True),
    ],
)
def test_a_bar_that_is_missed_by_little_does_not_look_met(
    bound: str, value: float, told: str, met: bool
) -> None:
    bar = Bar("worker", "it", bound, lambda _: value)

    assert told == bar.told(value)
    assert met is bar.met(value)


def test_a_bar_is_judged_by_what_was_measured_and_not_by_what_is_told() -> None:
    rows = {WAYPOST: {"perSecond": 4496}, BARE: {"perSecond": 10_000}}

    assert "| ≥0.45 × | 0.4496 | **no** |" in report.document(_machine(rows))


@pytest.mark.parametrize(
    ("plain", "dearer", "costs", "spread"),
    [
        ((70.0, 71.0, 72.0), (90.0, 92.0, 94.0), 21.0, 2.0),
        ((70.0, 90.0, 70.0), (90.0, 92.0, 94.0), None, 22.0),
        ((121.7, 121.7, 121.7), (106.7, 106.6, 106.8), None, 0.2),
        ((70.0,), (90.0,), None, None),
    ],
)
def test_what_something_costs_is_told_where_the_rounds_agree_on_it(
    plain: tuple[float, ...],
    dearer: tuple[float, ...],
    costs: float | None,
    spread: float | None,
) -> None:
    assert (costs, spread) == difference(plain, dearer)


def test_a_cost_that_the_rounds_do_not_agree_on_is_told_as_such() -> None:
    row = dict.fromkeys(("perSecond", "cpuUs", "scriptWorkersUs"), 1)
    part: dict[str, Any] = {"of": {"neither": row}, "signatureUs": 36.6, "scriptUs": None}
    part["spreadUs"] = {"signature": 4.0, "script": 22.0}
    found = _machine({WAYPOST: {"perSecond": 5}}) | {"costs": part}

    page = report.document(found)

    assert "A signature costs 36.6 µs" in page
    assert "a script and its routing: not measurable on this machine (spread 22.0 µs)" in page


def test_a_part_and_a_contender_that_fail_are_named_and_the_rest_is_told(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Plan) -> dict[str, Any]:
        raise Failed("its server is gone")

    def limping(plan: Plan) -> dict[str, Any]:
        for _ in range(3):
            with plan.peer(BARE):
                raise Failed("it does not listen")
        return {"of": {}}

    monkeypatch.setattr("bench.__main__.machine", lambda: _machine({})["machine"])
    monkeypatch.setattr("bench.__main__.PARTS", {"whole": broken, "accept": limping})

    found = measured(plan, ["whole", "accept"])

    assert ["whole", BARE] == found["failed"]
    assert {"of": {}} == found["accept"]
    assert f"**Failed, and so left out or incomplete: whole, {BARE}.**" in report.document(
        _machine({}) | {"failed": found["failed"]}
    )


@pytest.mark.parametrize(("failed", "status"), [(["whole"], "whole"), ([], None)])
def test_a_run_in_which_something_failed_ends_badly(
    failed: list[str], status: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _machine({WAYPOST: {"perSecond": 5}}) | ({"failed": failed} if failed else {})
    monkeypatch.setattr("sys.argv", ["bench", "--alone", "accept"])
    monkeypatch.setattr("bench.__main__.measured", lambda *_: found)

    if not failed:
        return main()
    with pytest.raises(SystemExit, match=f"failed: {status}"):
        main()
    return None


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"requests": 100, "refused": 0, "broken": 1}, "1 connections broke"),
        ({"requests": 100, "refused": 51, "broken": 0}, "refused"),
        ({"requests": 0, "refused": 0, "broken": 0}, "refused"),
    ],
)
def test_callers_whose_connections_broke_or_who_were_refused_make_no_figure(
    told: dict[str, int], why: str
) -> None:
    with pytest.raises(Failed, match=why):
        figure(told | {"seconds": 2.0})


def test_what_callers_were_answered_makes_the_figure() -> None:
    assert (
        45 == figure({"requests": 100, "refused": 10, "broken": 0, "seconds": 2.0})["perSecond"]
    )


def test_how_soon_a_job_starts_is_measured_through_the_door(plan: Plan) -> None:
    found = latency(plan, WAYPOST, 50, through_door=True)

    assert 0 < found["p50Ms"] <= found["p99Ms"] <= found["maxMs"]


def test_a_page_from_before_the_door_was_measured_says_so() -> None:
    row = dict.fromkeys(("perSecond", "cpuUs", "storeCpuUs", "commands"), 1)
    work: dict[str, Any] = {"of": {WAYPOST: row}, "atHalf": {}, "idleCpuPercent": 0.2}
    work["slots"] = {"workers": 25, "slots": 250, "busy": 250}
    found = _machine({WAYPOST: {"perSecond": 5}}) | {"worker": work}
    before = report.document(found)
    work["receivedAt50"] = {WAYPOST: {"p50Ms": 2.005, "p99Ms": 4.1}}
    work["slots"]["busyOfArq"] = 100
    after = report.document(found)

    assert "| Waypost | 1 | 1 | 1 | 1 | not measured |" in before
    assert "≤2 ms" not in before
    assert "| Waypost | 1 | 1 | 1 | 1 | 2.005 / 4.1 |" in after
    assert "through the door, ms | ≤2 ms | 2.005 | **no** |" in after
    assert "250 of 250 busy at once, those of arq 100:" in after


def test_what_was_kept_of_the_last_run_can_be_told() -> None:
    found = msgspec.json.decode(RESULTS.read_bytes())

    assert "## Doors: durable accepts" in report.document(found)
    assert "<svg" in chart.svg(found)


def _machine(rows: dict[str, Any]) -> dict[str, Any]:
    part = {"callers": 1, "bodyBytes": 1, "of": {}}
    for name, row in rows.items():
        part["of"][name] = row | dict.fromkeys(("p50Ms", "p99Ms", "cpuUs", "storeCpuUs"), 1)
    facts = dict.fromkeys(
        ("processor", "cores", "memory", "system", "python", "node", "load", "server"), "x"
    )  # fmt: skip
    facts |= {"fsyncUs": {"p50": 1, "p99": 2}, "versions": {}, "loadAverage": 2.0}
    return {"accept": part, "machine": facts, "quick": True}
