"""What Prometheus reads at the staff port: this process, and the queue as it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import Transient

REASONS = ("memory", "depth", "waiting")  # for which an ingress turns requests away

if TYPE_CHECKING:
    from services.api.ports import ApiPorts


async def gauges(ports: ApiPorts) -> bytes:
    """All metrics; when the store does not answer, the page says so and still comes."""
    metrics = ports.edge.metrics
    try:
        stats = await ports.inspection.stats()
        lost = await ports.renewals.lost()
    except Transient:
        metrics.show("store_up", 0)
        return metrics.page()
    metrics.show("store_up", 1)
    metrics.show("connections_lost", lost)
    metrics.show("oldest_ready_seconds", stats.oldest_ready_age or 0)
    for gate in await ports.gates.all():
        metrics.show("gate_behind", gate.behind, gate=gate.name)
    for state, load in stats.states.items():
        metrics.show("queue_records", load.count, state=state)
        metrics.show("queue_bytes", load.bytes, state=state)
    for reason in REASONS:
        metrics.count_to(
            "requests_refused_total", stats.totals.get(f"refused_{reason}", 0), reason=reason
        )
    return metrics.page()
