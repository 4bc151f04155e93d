"""Row 32 of docs/security.md: a worker does not start on a key that is none, and says so without showing it."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from shared.storage.embedded import EmbeddedValkey
from tests.journeys.cli_builders import Shell

SHORT = base64.b64encode(b"canary-7").decode()
RING = {"primary": "k", "keys": {"k": SHORT}}


@pytest.mark.parametrize(
    ("content", "mode", "fix"),
    [("", 0o600, "fix:"), (json.dumps(RING), 0o600, "fix:"), (json.dumps(RING), 0o644, "chmod 600")],
    ids=["empty", "8 bytes", "open to others"],
)  # fmt: skip
def test_a_worker_ends_on_a_bad_key(
    valkey: EmbeddedValkey, tmp_path: Path, content: str, mode: int, fix: str
) -> None:
    ring = tmp_path / "keys.json"
    ring.write_text(content)
    ring.chmod(mode)
    ended = Shell(tmp_path)("worker", WAYPOST_REDIS_URL=valkey.url, WAYPOST_KEYS=str(ring))

    assert 0 != ended.code
    assert str(ring) in ended.err
    assert fix in ended.err
    assert SHORT not in ended.out + ended.err
    assert "Traceback" not in ended.err
