"""
Every metric by name, once; counted by name, so that a misspelt one fails at once.

What a process counts it passes on to the store, where the counts of all processes are one sum. So the api shows all of
Waypost on one page, and ingresses and workers need no port for it.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import Counter as Counts
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric as Family

from shared.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    Add = Callable[[Mapping[str, float]], Awaitable[None]]

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
PAUSE: Final = 5.0  # seconds between two times that a process passes on what it counted
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_TOGETHER = 256
_BRAND = "waypost_"


class Metric(Struct, frozen=True):
    """One metric: what kind it is, what it is told apart by, what it means."""

    name: str  # without the leading `waypost_`
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    meaning: str


COUNTED: Final[tuple[Metric, ...]] = (
    Metric("http_requests_total", "counter", ("program", "route", "method", "status"), "answers of ingress and api"),
    Metric("http_seconds", "histogram", ("program", "route"), "time to such an answer"),
    Metric("jobs_settled_total", "counter", ("job", "outcome"), "attempts of workers, by what came of them"),
    Metric("job_seconds", "histogram", ("job",), "time of such an attempt, from claim to end"),
    Metric("calls_total", "counter", ("name", "outcome"), "outgoing calls: 2xx to 5xx, busy, unknown or refused by us"),
    Metric("call_seconds", "histogram", ("name",), "time of an outgoing call"),
    Metric("integration_analytics_total", "counter", ("integration",), "what integrations counted (`trackAnalytics`)"),
)  # fmt: skip
SHOWN: Final[tuple[Metric, ...]] = (
    Metric("records_total", "counter", ("what",), "records that were accepted, and that ended: done, ignored or dead"),
    Metric("requests_refused_total", "counter", ("reason",), "webhooks turned away: memory, depth, lane or waiting"),
    Metric("queue_records", "gauge", ("state",), "records per state"),
    Metric("queue_bytes", "gauge", ("state",), "stored body bytes per state"),
    Metric("bound_taken_ratio", "gauge", ("bound",), "how much is taken of what a state, or all that is open, may"),
    Metric("events_unread_oldest_seconds", "gauge", (), "age of the oldest event that its bot has not read"),
    Metric("oldest_ready_seconds", "gauge", (), "age of the oldest record that is ready"),
    Metric("gate_behind", "gauge", ("gate",), "records that wait behind a closed gate"),
    Metric("connections_lost", "gauge", (), "installations whose user has to connect again"),
    Metric("workers", "gauge", (), "workers that told of themselves within a minute"),
    Metric("worker_slots", "gauge", (), "records that they can hold at a time, together"),
    Metric("worker_slots_busy", "gauge", (), "records that they hold"),
    Metric("store_up", "gauge", (), "1 while the store answers"),
    Metric("store_durable", "gauge", (), "1 while the store keeps what a 2xx promises"),
)  # fmt: skip
METRICS: Final = (*COUNTED, *SHOWN)

_Kind = TypeVar("_Kind", Counter, Histogram)


class Sample(NamedTuple):
    """One value on the page."""

    name: str  # without the leading `waypost_`
    labels: dict[str, str]
    value: float


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
    """What one process counts."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self._registry = CollectorRegistry()
        self._by_name = {metric.name: self._registered(metric) for metric in COUNTED}
        self._meters: list[Meter] = []
        self._told: dict[str, float] = {}

    def count(self, name: str, amount: float = 1, /, **labels: str) -> None:
        """Add to a counter."""
        self._labelled(name, labels, Counter).inc(amount)

    def meter(
        self, counter: tuple[str, dict[str, str]], histogram: tuple[str, dict[str, str]]
    ) -> Meter:
        """One that counts and observes at once, for every request; both by name and labels."""
        made = Meter(self._labelled(*counter, Counter), self._labelled(*histogram, Histogram))
        self._meters.append(made)
        return made

    async def tell(self, add: Add) -> None:
        """Pass on what was counted since the last time; where *add* fails, it comes with the next time."""
        now = dict(self._samples())
        # What is new is told of even at zero: a histogram without its lower buckets is read wrongly.
        more = {
            key: value - self._told.get(key, 0.0)
            for key, value in now.items()
            if value != self._told.get(key)
        }
        if more:
            await add(more)
        self._told = now

    async def tell_for_ever(self, add: Add) -> None:
        """Every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(PAUSE)
            with suppress(StoreUnavailable):
                await self.tell(add)

    def _samples(self) -> Iterator[tuple[str, float]]:
        for meter in self._meters:
            meter.tell()
        for family in self._registry.collect():
            for sample in family.samples:
                if not sample.name.endswith("_created"):
                    name = sample.name.removeprefix(_BRAND)
                    yield key_of(Sample(name, sample.labels, 0.0)), sample.value

    def _registered(self, metric: Metric) -> Counter | Histogram:
        name, registry = f"{_BRAND}{metric.name}", self._registry
        if metric.kind == "counter":
            return Counter(name, metric.meaning, metric.labels, registry=registry)
        return Histogram(
            name, metric.meaning, metric.labels, registry=registry, buckets=_SECONDS
        )

    def _labelled(self, name: str, labels: dict[str, str], kind: type[_Kind]) -> _Kind:
        found = self._by_name[name]
        if not isinstance(found, kind):
            raise TypeError(f"{name} is no {kind.__name__.lower()}")
        return found.labels(**labels) if labels else found


async def last_told(metrics: Metrics, add: Add) -> None:
    """Pass on the last of it when a program ends; nothing is worth waiting for a store that is away."""
    with suppress(StoreUnavailable):
        await metrics.tell(add)


def key_of(sample: Sample) -> str:
    """
    Under what the store sums it up.

    >>> key_of(Sample("job_seconds_bucket", {"job": "webhook", "le": "0.1"}, 3.0))
    '["job_seconds_bucket",{"job":"webhook","le":"0.1"}]'
    """
    return msgspec.json.encode((sample.name, sample.labels), order="sorted").decode()


def summed(kept: Mapping[str, float]) -> list[Sample]:
    """What the store has summed up, in an order in which a page may show it."""
    found = [
        Sample(*msgspec.json.decode(key, type=tuple[str, dict[str, str]]), value)
        for key, value in kept.items()
    ]
    return sorted(found, key=_order)


def _order(sample: Sample) -> tuple[list[tuple[str, str]], str, float]:
    others = sorted((name, value) for name, value in sample.labels.items() if name != "le")
    return others, sample.name, float(sample.labels.get("le", 0))


def page(samples: Iterable[Sample]) -> bytes:
    """All *samples* in Prometheus' text form, to be served as `CONTENT_TYPE`, without those that no metric knows."""
    families = {
        metric.name: Family(_stem(metric), metric.meaning, metric.kind) for metric in METRICS
    }
    ends = {f"{m.name}{end}": m.name for m in METRICS for end in _ends(m)}
    for name, labels, value in samples:
        if name in ends:
            families[ends[name]].add_sample(f"{_BRAND}{name}", labels, value)
    return generate_latest(_Page(list(families.values())))


def _stem(metric: Metric) -> str:
    return f"{_BRAND}{metric.name}".removesuffix("_total")


def _ends(metric: Metric) -> tuple[str, ...]:
    return ("_bucket", "_count", "_sum") if metric.kind == "histogram" else ("",)


class _Page(Struct, frozen=True):
    """What the library reads a page from."""

    families: list[Family]

    def collect(self) -> Iterator[Family]:
        """Each that has a value."""
        return (one for one in self.families if one.samples)


def metrics_table() -> str:
    """All metrics as a Markdown table, for the documentation."""
    rows = [
        f"| `{_BRAND}{m.name}` | {m.kind} | {', '.join(f'`{label}`' for label in m.labels)} | {m.meaning} |"
        for m in METRICS
    ]
    return "\n".join(["| metric | kind | labels | meaning |", "|---|---|---|---|", *rows, ""])
