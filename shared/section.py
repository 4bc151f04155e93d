"""What all tables of a definition share."""

from __future__ import annotations

from msgspec import Struct


class Section(
    Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """A table of a definition: camelCase names, and nothing that is not known."""
