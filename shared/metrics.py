"""Every metric by name, once; counted by name, so that a misspelt one fails at once."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter as Counts
from typing import Final, Literal, TypeVar

from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

_TOGETHER = 256


class Metric(Struct, frozen=True):
    """One metric: what kind it is, what it is told apart by, what it means."""

    name: str  # without the leading `waypost_`
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    meaning: str


METRICS: Final[tuple[Metric, ...]] = (
    Metric("requests_accepted_total", "counter", ("door", "status"), "requests at the doors, by what became of them"),
    Metric("requests_refused_total", "counter", ("reason",), "webhooks turned away with 503: memory, depth or waiting"),
    Metric("accept_seconds", "histogram", (), "from the last byte read to on disk"),
    Metric("http_requests_total", "counter", ("program", "route", "method", "status"), "HTTP answers"),
    Metric("http_seconds", "histogram", ("program", "route"), "time to an HTTP answer"),
    Metric("integration_analytics_total", "counter", ("integration",), "what integrations counted (`trackAnalytics`)"),
    Metric("jobs_settled_total", "counter", ("job", "outcome"), "jobs that came to an end"),
    Metric("job_seconds", "histogram", ("job",), "from claim to end"),
    Metric("wait_seconds", "histogram", ("job",), "from ready to claim"),
    Metric("jobs_running", "gauge", (), "jobs this worker holds"),
    Metric("leases_lost_total", "counter", (), "leases that another worker took over"),
    Metric("calls_total", "counter", ("name", "outcome"), "outgoing calls"),
    Metric("call_seconds", "histogram", ("name",), "time of an outgoing call"),
    Metric("script_seconds", "histogram", ("kind",), "time of a VRL script"),
    Metric("queue_records", "gauge", ("state",), "records per state"),
    Metric("queue_bytes", "gauge", ("state",), "stored body bytes per state"),
    Metric("oldest_ready_seconds", "gauge", (), "age of the oldest record that is ready"),
    Metric("gate_behind", "gauge", ("gate",), "records that wait behind a closed gate"),
    Metric("connections_lost", "gauge", (), "installations whose user has to connect again"),
    Metric("store_up", "gauge", (), "1 while the store answers"),
    Metric("store_durable", "gauge", (), "1 while the store keeps what a 2xx promises"),
)  # fmt: skip

_Kind = TypeVar("_Kind", Counter, Gauge, Histogram)


class Meter:
    """Collects, and tells the library many at once: it takes a lock and several steps for each."""

    def __init__(self, counter: Counter, histogram: Histogram) -> None:
        """Count in *counter*, observe in *histogram*."""
        self._counter, self._histogram = counter, histogram
        self._seconds: list[float] = []

    def add(self, seconds: float) -> None:
        """One more, which took so long."""
        self._seconds.append(seconds)
        if len(self._seconds) >= _TOGETHER:
            self.tell()

    def tell(self) -> None:
        """Pass on what was collected: as `observe` would, but each bucket once."""
        self._counter.inc(len(self._seconds))
        self._histogram._sum.inc(sum(self._seconds))  # noqa: SLF001
        found = Counts(bisect_left(_SECONDS, seconds) for seconds in self._seconds)
        for bucket, count in found.items():
            self._histogram._buckets[bucket].inc(count)  # noqa: SLF001
        self._seconds.clear()


class Metrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        """Register all of them."""
        self.registry = CollectorRegistry()
        self._by_name = {metric.name: self._registered(metric) for metric in METRICS}
        self._meters: list[Meter] = []
        self._kept_elsewhere: dict[tuple[str, ...], float] = {}

    def count(self, name: str, amount: float = 1, /, **labels: str) -> None:
        """Add to a counter."""
        self._labelled(name, labels, Counter).inc(amount)

    def count_to(self, name: str, total: float, /, **labels: str) -> None:
        """Bring a counter to *total*, which somebody else keeps, and may have begun anew."""
        key = (name, *labels.values())
        before = self._kept_elsewhere.get(key, 0.0)
        self._kept_elsewhere[key] = total
        self.count(name, total - before if total >= before else total, **labels)

    def observe(self, name: str, seconds: float, /, **labels: str) -> None:
        """Add one observation to a histogram."""
        self._labelled(name, labels, Histogram).observe(seconds)

    def show(self, name: str, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        self._labelled(name, labels, Gauge).set(value)

    def page(self) -> bytes:
        """Everything in Prometheus' text form, to be served as `CONTENT_TYPE`."""
        for meter in self._meters:
            meter.tell()
        return generate_latest(self.registry)

    def _registered(self, metric: Metric) -> Counter | Gauge | Histogram:
        name = f"waypost_{metric.name}"
        if metric.kind == "histogram":
            return Histogram(
                name, metric.meaning, metric.labels, registry=self.registry, buckets=_SECONDS
            )
        kind = Counter if metric.kind == "counter" else Gauge
        return kind(name, metric.meaning, metric.labels, registry=self.registry)

    def meter(
        self, counter: tuple[str, dict[str, str]], histogram: tuple[str, dict[str, str]]
    ) -> Meter:
        """One that counts and observes at once, for every request; both by name and labels."""
        made = Meter(self._labelled(*counter, Counter), self._labelled(*histogram, Histogram))
        self._meters.append(made)
        return made

    def _labelled(self, name: str, labels: dict[str, str], kind: type[_Kind]) -> _Kind:
        found = self._by_name[name]
        if not isinstance(found, kind):
            raise TypeError(f"{name} is no {kind.__name__.lower()}")
        return found.labels(**labels) if labels else found


def metrics_table() -> str:
    """All metrics as a Markdown table, for the documentation."""
    rows = [
        f"| `waypost_{m.name}` | {m.kind} | {', '.join(f'`{label}`' for label in m.labels)} | {m.meaning} |"
        for m in METRICS
    ]
    return "\n".join(["| metric | kind | labels | meaning |", "|---|---|---|---|", *rows, ""])
