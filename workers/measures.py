"""What a worker counts: its attempts, and the calls that it makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import EgressRefused, ProviderBusy, UnknownOutcome

if TYPE_CHECKING:
    from shared.clock import Clock
    from shared.metrics import Meter, Metrics
    from shared.model.calls import HttpAnswer, HttpCall
    from shared.ports import Sends


class Measures:
    """Finds the meter of each thing once."""

    def __init__(self, metrics: Metrics) -> None:
        """Count in *metrics*."""
        self._metrics = metrics
        self._meters: dict[tuple[str, str, str], Meter] = {}

    def job(self, job: str, outcome: str, seconds: float) -> None:
        """An attempt has ended."""
        self._meter("jobs_settled_total", "job_seconds", "job", job, outcome).add(seconds)

    def call(self, name: str, outcome: str, seconds: float) -> None:
        """A call has ended."""
        self._meter("calls_total", "call_seconds", "name", name, outcome).add(seconds)

    def _meter(
        self, counter: str, histogram: str, label: str, name: str, outcome: str
    ) -> Meter:
        key = (counter, name, outcome)
        if key not in self._meters:
            labels = {label: name}
            self._meters[key] = self._metrics.meter(
                (counter, {**labels, "outcome": outcome}), (histogram, labels)
            )
        return self._meters[key]


class Timed:
    """A way out whose calls are counted."""

    def __init__(self, way: Sends, measures: Measures, clock: Clock) -> None:
        """Send by *way*."""
        self._way, self._measures, self._clock = way, measures, clock

    async def send(self, call: HttpCall) -> HttpAnswer:
        """Send *call* as *way* does, and raise what it raises."""
        begun, outcome = self._clock.monotonic(), "broke"
        try:
            answer = await self._way.send(call)
            outcome = f"{answer.status // 100}xx"
        except EgressRefused:
            outcome = "refused"
            raise
        except ProviderBusy:
            outcome = "busy"
            raise
        except UnknownOutcome:
            outcome = "unknown"
            raise
        else:
            return answer
        finally:
            self._measures.call(call.name, outcome, self._clock.monotonic() - begun)
