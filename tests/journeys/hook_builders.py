"""Webhooks of single subscriptions: what is registered, told and knocked on."""

from __future__ import annotations

import uuid
from io import BytesIO
from typing import Any

from tests.journeys.system import Json, System

ASANA = {
    "verify": {"scheme": "asana", "secret": {"from": "subscription"}},
    "identifier": {
        "finds": "subscription",
        "extractScript": 'split(string!(.path), "/")[1]',
    },
    "handshakes": [
        {
            "form": "header-echo",
            "header": "x-hook-secret",
            "catch": {"from": "subscription"},
        }
    ],
}


async def registered(system: System, **parts: Any) -> str:
    """A small integration of this test's own; returns its name."""
    name = f"hook{uuid.uuid4().hex[:10]}"
    await system.register({"name": name, "version": "1.0.0", **parts})
    return name


async def subscribe(system: System, home: Json, id: str, secret: str | None = None) -> Json:
    path = f"installations/{home['webhookId']}/subscriptions/{id}"
    return await system.call("PUT", path, {"secret": secret} if secret else {})


async def knock(
    system: System, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str]]:
    async with system.http.post(
        f"{system.origin}/{path}", data=BytesIO(body), headers=headers or {}
    ) as answer:
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}
