"""Publishes what the measurements need in Waypost: keys, two integrations, an installation of each, bound to `T1`."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from services.cli import keyfiles
from shared.config import Settings
from shared.integrations.definition import decode, door_of, stored
from shared.model.installations import Installation
from shared.secret import KeyRing, Secret
from shared.storage.bots import Bots
from shared.storage.connection import Store, connect
from shared.storage.definitions import Definitions
from shared.storage.installations import Installations
from shared.storage.ledger import Ledger
from shared.storage.vault import Secrets, Vault

SECRET = "bench-signing-secret"
SIGNED, UNSIGNED = "bench", "unsigned"
HOOKS = {
    SIGNED: "00000000-0000-4000-8000-000000000001",
    UNSIGNED: "00000000-0000-4000-8000-000000000002",
}


def document(name: str) -> dict[str, Any]:
    """A definition like those of real providers: a signature over the body, a script that finds the workspace."""
    signature = {
        "scheme": "hmac-sha256-hex", "header": "x-signature", "format": "prefix:sha256=",
        "secret": {"from": "global", "name": "WEBHOOK_SECRET"},
    }  # fmt: skip
    return {
        "name": name, "version": "1.0.0", "deliveryId": "x-delivery",
        "verify": signature if name == SIGNED else {"scheme": "none"},
        "identifier": {"extractScript": "parse_json!(.body).team_id"},
        "secrets": {"WEBHOOK_SECRET": {"description": "signs"}} if name == SIGNED else {},
    }  # fmt: skip


async def publish(name: str, store: Store, vault: Vault) -> None:
    """One integration, installed on the bot `bench`."""
    definition = decode(document(name), "definition")
    id = await Definitions(store).publish(
        stored(definition), name, definition.version, door_of(definition)
    )
    if name == SIGNED:
        await Secrets(store, vault).set(name, "WEBHOOK_SECRET", Secret(SECRET.encode()))
    installation = Installation(
        webhook_id=HOOKS[name], bot_id="bench", alias=name, integration=name,
        integration_id=id, status="registered", connection="connected",
        created_at=1.0, updated_at=1.0,
    )  # fmt: skip
    await Installations(store, vault).create(installation)
    await Ledger(store).bind(name, "T1", HOOKS[name], "take_over", in_flow=False)


async def main() -> None:
    """Everything."""
    settings = Settings.from_env(os.environ)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    keyfiles.ensure(settings)
    async with await connect(settings.redis_url) as store:
        vault = Vault(store, KeyRing.from_file(settings.key_ring_file))
        await Bots(store, vault).put("bench")
        for name in HOOKS:
            await publish(name, store, vault)


if __name__ == "__main__":
    asyncio.run(main())
