"""What processes count, what the sum of it looks like on a page, and the page that says what it means."""

from __future__ import annotations

import asyncio
import importlib
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.parser import text_string_to_metric_families

from shared.errors import EgressRefused, ProviderBusy, StoreUnavailable, UnknownOutcome
from shared.metrics import (
    _SECONDS,
    COUNTED,
    METRICS,
    Metrics,
    Sample,
    metrics_table,
    page,
    summed,
)
from shared.model.calls import HttpAnswer, HttpCall
from tests.contracts.storage_builders import FakeClock
from workers.measures import Measures, Timed

DOCS = Path(__file__).parents[2] / "docs"
JOB = ("jobs_settled_total", {"job": "webhook", "outcome": "done"})
SECONDS = ("job_seconds", {"job": "webhook"})


class Sums(Counter[str]):
    """The store, as far as metrics know it."""

    fails = False

    async def add(self, more: Mapping[str, float]) -> None:
        if self.fails:
            raise StoreUnavailable("it does not answer")
        for sample, value in more.items():
            self[sample] += value  # type: ignore[assignment]


async def shown(*processes: Metrics) -> dict[str, float]:
    """What a page says of what they have counted, by the library's own reader."""
    sums = Sums()
    for one in processes:
        await one.tell(sums.add)
    text = page(summed(sums)).decode()
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class TestCounting:
    async def test_of_several_processes_is_one_sum(self) -> None:
        one, other = Metrics(), Metrics()
        one.count(*JOB[:1], 2, **JOB[1])
        other.count(*JOB[:1], 3, **JOB[1])
        said = await shown(one, other)

        assert 5 == said["waypost_jobs_settled_total[('job', 'webhook'), ('outcome', 'done')]"]

    async def test_is_told_once(self) -> None:
        metrics, sums = Metrics(), Sums()
        for _ in range(3):
            metrics.count(*JOB[:1], **JOB[1])
            await metrics.tell(sums.add)
            await metrics.tell(sums.add)

        assert [3] == [value for sample, value in sums.items() if "jobs_settled" in sample]

    async def test_comes_with_the_next_time_where_the_store_did_not_answer(self) -> None:
        metrics, sums = Metrics(), Sums()
        metrics.count(*JOB[:1], **JOB[1])
        sums.fails = True
        with pytest.raises(StoreUnavailable):
            await metrics.tell(sums.add)
        sums.fails = False
        metrics.count(*JOB[:1], **JOB[1])
        await metrics.tell(sums.add)

        assert [2] == [value for sample, value in sums.items() if "jobs_settled" in sample]

    async def test_of_many_at_once_is_not_forgotten(self) -> None:
        metrics = Metrics()
        meter = metrics.meter(JOB, SECONDS)
        for _ in range(300):
            meter.add(0.5)
        said = await shown(metrics)

        assert 300 == said["waypost_job_seconds_count[('job', 'webhook')]"]
        assert 150 == said["waypost_job_seconds_sum[('job', 'webhook')]"]
        assert 0 == said["waypost_job_seconds_bucket[('job', 'webhook'), ('le', '0.25')]"]
        assert 300 == said["waypost_job_seconds_bucket[('job', 'webhook'), ('le', '+Inf')]"]

    @pytest.mark.parametrize("seconds", [0.0, 0.001, 0.0011, 0.7, 30, 31])
    async def test_falls_into_the_buckets_of_the_library(self, seconds: float) -> None:
        metrics = Metrics()
        metrics.meter(JOB, SECONDS).add(seconds)
        said = await shown(metrics)
        theirs = Histogram("x", "x", registry=CollectorRegistry(), buckets=_SECONDS)
        theirs.observe(seconds)
        (family,) = theirs.collect()

        assert {
            sample.labels["le"]: sample.value for sample in family.samples if "le" in sample.labels
        } == {
            sample.rpartition("('le', '")[2].removesuffix("')]"): value
            for sample, value in said.items() if "_bucket" in sample
        }  # fmt: skip

    def test_by_a_name_or_kind_that_does_not_exist_fails_at_once(self) -> None:
        with pytest.raises(KeyError):
            Metrics().count("nothing")
        with pytest.raises(TypeError, match="no counter"):
            Metrics().count("job_seconds")


class TestAPage:
    def test_has_its_buckets_in_order(self) -> None:
        sums = {
            f'["job_seconds_bucket",{{"job":"x","le":"{le}"}}]': 1.0
            for le in ("+Inf", "10.0", "0.5", "2.5")
        }
        text = page(summed(sums)).decode()

        assert ["0.5", "2.5", "10.0", "+Inf"] == re.findall(r'le="([^"]+)"', text)

    def test_escapes_what_stands_in_a_label(self) -> None:
        evil = 'a"b\\c\nd'
        text = page([Sample("gate_behind", {"gate": evil}, 1)]).decode()
        (family,) = text_string_to_metric_families(text)

        assert [evil] == [sample.labels["gate"] for sample in family.samples]

    def test_leaves_out_what_no_metric_knows(self) -> None:
        """What an older version has counted."""
        assert b"" == page([Sample("gone_total", {}, 1)])


class TestACall:
    @pytest.mark.parametrize(
        ("answer", "outcome"),
        [
            (HttpAnswer(status=204), "2xx"), (HttpAnswer(status=503), "5xx"), (ProviderBusy("x"), "busy"),
            (UnknownOutcome("x"), "unknown"), (EgressRefused("x"), "refused"), (ValueError("x"), "broke"),
        ],
    )  # fmt: skip
    async def test_is_counted_by_what_came_of_it(
        self, answer: HttpAnswer | Exception, outcome: str
    ) -> None:
        class Way:
            async def send(self, _: HttpCall) -> HttpAnswer:
                if isinstance(answer, Exception):
                    raise answer
                return answer

        metrics = Metrics()
        way = Timed(Way(), Measures(metrics), FakeClock())
        call = HttpCall(name="token", method="GET", url="https://a.test")
        came = await asyncio.gather(way.send(call), way.send(call), return_exceptions=True)
        said = await shown(metrics)

        assert [answer] * 2 == came
        assert 2 == said[f"waypost_calls_total[('name', 'token'), ('outcome', '{outcome}')]"]
        assert 2 == said["waypost_call_seconds_count[('name', 'token')]"]


def code() -> str:
    """All code but the list of metrics itself."""
    folders = [
        Path(p)
        for name in ("services", "workers")
        for p in importlib.import_module(name).__path__
    ]
    return "".join(one.read_text() for folder in folders for one in folder.rglob("*.py"))


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_each_is_counted_or_shown_somewhere(metric: object) -> None:
    """One that nobody counts would say zero for ever, and be believed."""
    assert f'"{metric.name}"' in code()  # type: ignore[attr-defined]


class TestTheDocument:
    PAGE = (DOCS / "metrics.md").read_text()

    def test_lists_all_of_them(self) -> None:
        """Paste the output of `shared.metrics.metrics_table` into docs/metrics.md."""
        assert metrics_table().strip() in self.PAGE

    def test_names_no_other(self) -> None:
        known = {f"waypost_{metric.name}" for metric in METRICS}
        known |= {f"waypost_{one.name}_bucket" for one in COUNTED if one.kind == "histogram"}

        assert set() == set(re.findall(r"waypost_[a-z_]+", self.PAGE)) - known

    def test_has_an_alert_for_what_stops_work(self) -> None:
        alerts = self.PAGE.partition("## Alerts")[2]

        wanted = (
            "store_up", "store_durable", "workers", "oldest_ready_seconds", "records_total", "requests_refused_total",
            "gate_behind", "connections_lost",
        )  # fmt: skip

        assert [] == [one for one in wanted if f"waypost_{one}" not in alerts]
