"""Definitions by their id, remembered for a moment: every call needs one, and it hardly ever changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.integrations.definition import from_stored

if TYPE_CHECKING:
    from shared.clock import Clock
    from shared.integrations.records import Definition
    from shared.storage.definitions import Definitions

_FRESH = 2.0  # seconds


class Known:
    """Reads definitions through a short memory."""

    def __init__(self, definitions: Definitions, clock: Clock) -> None:
        """Ask *definitions*."""
        self._definitions, self._clock = definitions, clock
        self._found: dict[str, tuple[float, Definition]] = {}

    async def by_id(self, integration_id: str) -> Definition | None:
        """One version; what there is not, is asked for each time."""
        now = self._clock.monotonic()
        at, definition = self._found.get(integration_id, (now - _FRESH, None))
        if definition is not None and now - at < _FRESH:
            return definition
        document = await self._definitions.by_id(integration_id)
        if document is None:
            self._found.pop(integration_id, None)
            return None
        definition = from_stored(document)
        self._found[integration_id] = (now, definition)
        return definition
