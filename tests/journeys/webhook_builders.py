"""Webhooks of small integrations, and what comes of them."""

from __future__ import annotations

import json
import time
import uuid
from io import BytesIO

from tests.journeys.system import Json, System


def bodies(events: list[Json]) -> list[str]:
    """The bodies of the requests that the events were made of."""
    return [one["payload"]["body"] for one in events]


def requests_in(records: list[Json]) -> list[Json]:
    """Those that came in from outside, without the deliveries that they were split into."""
    return [one for one in records if one["id"].startswith("req_")]


def now() -> float:
    """The machine's clock."""
    return time.time()


async def registered(system: System, **parts: object) -> str:
    """A small integration of this test's own; its webhooks carry a shared token. Returns its name."""
    name = f"test{uuid.uuid4().hex[:10]}"
    await system.register(
        {
            "name": name,
            "version": "1.0.0",
            "verify": {
                "scheme": "token",
                "header": "x-token",
                "secret": {"from": "global", "name": "TOKEN"},
            },
            "secrets": {"TOKEN": {"description": "shared with the sender"}},
            **parts,
        }
    )
    await system.set_secrets(name, {"TOKEN": "s3cret"})
    return name


async def knock(
    system: System,
    name: str,
    body: object,
    headers: dict[str, str] | None = None,
    path: str = "",
) -> tuple[int, bytes]:
    """Send a webhook to a small integration."""
    async with system.http.post(
        f"{system.origin}/integration/global/{name}{path}",
        data=BytesIO(json.dumps(body).encode()),
        headers={"X-Token": "s3cret", **(headers or {})},
    ) as answer:
        return answer.status, await answer.read()
