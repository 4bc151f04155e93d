"""Publishes the integrations that lie in folders, so that ingress and workers find them in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.integrations.definition import compile_scripts, door_of, from_stored, stored

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.integrations.records import Definition
    from shared.integrations.scripts import Scripts
    from shared.storage.definitions import Definitions


async def publish_found(
    definitions: Definitions, scripts: Scripts, found: Iterable[Definition]
) -> list[str]:
    """
    Publish what the store does not have yet; returns the names.

    A version that somebody registered over the api stays current: a restart never goes back behind it.
    """
    published = []
    for definition in found:
        if await _is_new(definitions, definition):
            await compile_scripts(definition, scripts)
            await definitions.publish(
                stored(definition), definition.name, definition.version, door_of(definition)
            )
            published.append(definition.name)
    return published


async def _is_new(definitions: Definitions, definition: Definition) -> bool:
    current = await definitions.current(definition.name)
    if current is None:
        return True
    is_same_version = from_stored(current.document).version == definition.version
    return is_same_version and current.document != stored(definition)
