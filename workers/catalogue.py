"""Definitions as they were published, decoded once and remembered for a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from shared.errors import NotFound
from shared.integrations.definition import from_stored

if TYPE_CHECKING:
    from shared.clock import Clock
    from shared.integrations.records import Definition

FRESH = 2.0  # seconds


class PublishedDefinitions(Protocol):
    """Where definitions are published."""

    async def current(self, name: str) -> tuple[str, bytes] | None:
        """Id and document of the current version."""

    async def by_id(self, integration_id: str) -> bytes | None:
        """The document of one version, also when it is not the current one any more."""


class Catalogue:
    """Every job reads definitions here."""

    def __init__(self, published: PublishedDefinitions, clock: Clock) -> None:
        """Read from *published*."""
        self._published, self._clock = published, clock
        self._held: dict[str, tuple[float, str, Definition]] = {}
        self._versions: dict[str, tuple[float, Definition | None]] = {}

    async def definition(self, name: str) -> Definition:
        """The current version of *name*; `NotFound` when it was never published."""
        return (await self._entry(name))[2]

    async def id_of(self, name: str) -> str:
        """The integration id of the current version."""
        return (await self._entry(name))[1]

    async def version(self, integration_id: str) -> Definition | None:
        """One version; None when it was never published."""
        held = self._versions.get(integration_id)
        if held is not None and held[0] > self._clock.monotonic():
            return held[1]
        document = await self._published.by_id(integration_id)
        found = from_stored(document) if document else None
        self._versions[integration_id] = (self._clock.monotonic() + FRESH, found)
        return found

    async def _entry(self, name: str) -> tuple[float, str, Definition]:
        held = self._held.get(name)
        if held is not None and held[0] > self._clock.monotonic():
            return held
        found = await self._published.current(name)
        if found is None:
            raise NotFound(f"the integration {name} is not published")
        until = self._clock.monotonic() + FRESH
        if held is not None and held[1] == found[0]:
            self._held[name] = (until, held[1], held[2])
        else:
            self._held[name] = (until, found[0], from_stored(found[1]))
        return self._held[name]
