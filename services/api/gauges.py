"""What Prometheus reads at the staff port: all that was counted anywhere, and the queue as it is now."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from shared.errors import Transient
from shared.fullness import taken
from shared.metrics import Sample, page, summed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from services.api.ports import ApiPorts
    from shared.fullness import Bounds
    from shared.model.gates import Gate
    from shared.model.jobs import QueueStats

_REFUSED = "refused_"
_ONE_OF_MANY = re.compile(r"installation:[^/]+")


async def gauges(ports: ApiPorts) -> bytes:
    """
    All metrics; when the store does not answer, the page says so and still comes.

    It then shows no counter: one that fell and came back would look like a flood.
    """
    try:
        return page([Sample("store_up", {}, 1), *await _all(ports)])
    except Transient:
        return page([Sample("store_up", {}, 0)])


async def _all(ports: ApiPorts) -> list[Sample]:
    await ports.edge.metrics.tell(ports.measured.add)
    counted = summed(await ports.measured.all())
    stats = await ports.inspection.stats()
    gates = await ports.gates.all()
    return [
        *counted,
        *_totals(stats),
        *_queue(stats),
        *_bounds(stats, await ports.inspection.unread(), ports.settings.bounds),
        *_workers(stats),
        *_gates(gates),
        Sample("connections_lost", {}, await ports.renewals.lost()),
        Sample("store_durable", {}, (await ports.promise()).durable),
    ]


def _totals(stats: QueueStats) -> Iterator[Sample]:
    for name, total in sorted(stats.totals.items()):
        if name.startswith(_REFUSED):
            reason = name.removeprefix(_REFUSED)
            yield Sample("requests_refused_total", {"reason": reason}, total)
        else:
            yield Sample("records_total", {"what": name}, total)


def _queue(stats: QueueStats) -> Iterator[Sample]:
    yield Sample("oldest_ready_seconds", {}, stats.oldest_ready_age or 0)
    for state, load in stats.states.items():
        yield Sample("queue_records", {"state": state}, load.count)
        yield Sample("queue_bytes", {"state": state}, load.bytes)


def _bounds(stats: QueueStats, unread: Mapping[str, int], bounds: Bounds) -> Iterator[Sample]:
    for name, part in taken(stats, bounds).items():
        yield Sample("bound_taken_ratio", {"bound": name}, part)
    oldest = min(unread.values(), default=stats.now)
    yield Sample("events_unread_oldest_seconds", {}, max(0, stats.now - oldest) / 1000)


def _gates(gates: Iterable[Gate]) -> Iterator[Sample]:
    """Gates of single installations together: a webhookId is as good as the address of a webhook."""
    behind = Counter[str]()
    for gate in gates:
        behind[_ONE_OF_MANY.sub("installation", gate.name)] += gate.behind
    for name, count in behind.items():
        yield Sample("gate_behind", {"gate": name}, count)


def _workers(stats: QueueStats) -> Iterator[Sample]:
    yield Sample("workers", {}, len(stats.workers))
    for name, fact in (("worker_slots", "slots"), ("worker_slots_busy", "busy")):
        yield Sample(name, {}, sum(int(one.get(fact, 0)) for one in stats.workers))
