"""Key files and the admin token: made once, readable by their owner only."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from shared.clock import SystemChance
from shared.secret import KeyRing, SealingKey
from shared.secret.files import write_private

if TYPE_CHECKING:
    from pathlib import Path

    from shared.config import Settings


def ensure(settings: Settings) -> list[Path]:
    """Make what is missing; returns what was made. Nothing that exists is touched."""
    made = []
    if not settings.key_ring_file.exists():
        KeyRing.generate().save(settings.key_ring_file)
        made.append(settings.key_ring_file)
    if not settings.sealing_key_file.exists():
        key = SealingKey.generate()
        key.save(settings.sealing_key_file)
        write_private(settings.sealing_public_file, key.public.to_document())
        made += [settings.sealing_key_file, settings.sealing_public_file]
    return made


def rotate(settings: Settings) -> str:
    """Add a key and make it primary; returns its id."""
    ring = KeyRing.from_file(settings.key_ring_file)
    used = [int(one[1:]) for one in ring.ids if one[1:].isdigit()]
    rotated = ring.rotated(f"k{max(used, default=0) + 1}")
    rotated.save(settings.key_ring_file)
    return rotated.primary


def admin_token(settings: Settings) -> str:
    """The token that the environment gives, or the one in the data folder, made when there is none."""
    if settings.admin_token:
        return settings.admin_token
    if not settings.admin_token_file.exists():
        token = base64.urlsafe_b64encode(SystemChance().token(24)).decode()
        write_private(settings.admin_token_file, f"{token}\n".encode())
    return settings.admin_token_file.read_text().strip()
