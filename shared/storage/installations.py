"""Integrations on bots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.errors import Conflict, NotFound, SetupFailed
from shared.sharing import Sharing
from shared.storage import keys
from shared.storage.bots import bot_of
from shared.storage.installation_rows import changes_to, fields_of, installation_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from shared.model.installations import Bot, Installation
    from shared.secret import Secret
    from shared.storage.connection import Store
    from shared.storage.vault import Vault

_CHUNK = 100


class Installations:
    """
    One integration on one bot, under an alias that is unique on that bot.

    The identifier is bound by the ledger, never here.
    """

    def __init__(self, store: Store, vault: Vault | None = None) -> None:
        """Keep them in *store*; *vault* is needed by those who seal or reveal secret fields."""
        self._store, self._redis, self._vault = store, store.redis, vault
        self._reads = Sharing()

    async def create(
        self, installation: Installation, sealed_configuration: bytes = b""
    ) -> None:
        """Store a new one; raises `Conflict` when its alias is taken on that bot."""
        fields = fields_of(installation)
        fields["sealed"] = sealed_configuration
        flat = [part for pair in fields.items() for part in pair]
        head = (
            installation.webhook_id,
            installation.bot_id,
            installation.alias,
            installation.integration,
        )
        created = int(installation.created_at * 1000)
        reply = await self._store.scripts.run("install", [*head, created, len(fields), *flat])
        if reply[0] == b"taken":
            raise Conflict(
                f"the alias {installation.alias} is taken on bot {installation.bot_id}"
                f" by installation {reply[1].decode()}"
            )
        if reply[0] == b"exists":
            raise Conflict(f"there is an installation {installation.webhook_id} already")

    async def by_webhook_id(self, webhook_id: str) -> Installation | None:
        """The installation with that webhookId."""
        return await self._reads.read(("one", webhook_id), lambda: self._one(webhook_id))

    async def by_alias(self, bot_id: str, alias: str) -> Installation | None:
        """The installation that has *alias* on a bot."""
        found = await self._redis.hget(keys.key("aliases", bot_id), alias)  # type: ignore[misc]
        return await self.by_webhook_id(found.decode()) if found else None

    async def on_bot(self, bot_id: str) -> Sequence[Installation]:
        """All that a bot has."""
        found = await self._redis.hvals(keys.key("aliases", bot_id))  # type: ignore[misc]
        return await self._loaded(sorted(webhook_id.decode() for webhook_id in found))

    async def list(
        self,
        bot: str | None = None,
        integration: str | None = None,
        cursor: str = "",
        limit: int = 50,
    ) -> tuple[Sequence[Installation], str]:
        """One page, newest first, and the cursor of the next (empty: there is none)."""
        found: list[Installation] = []
        async for one in self._newest_first(cursor):
            if bot in {None, one.bot_id} and integration in {None, one.integration}:
                if len(found) == limit:
                    return found, _cursor(found[-1])
                found.append(one)
        return found, ""

    async def update(self, webhook_id: str, **parts: Any) -> None:
        """
        Change some parts, or raise `NotFound`.

        They are the fields of `Installation` but `webhook_id`, `bot_id`, `alias`, `integration`,
        `identifier` and the times, and `sealed` for the sealed configuration.
        """
        reply = [b"changed"]
        while reply[0] == b"changed":
            row = await self._redis.hgetall(_home(webhook_id))  # type: ignore[misc]
            pairs = changes_to(row, parts) if row else []
            reply = await self._store.scripts.run(
                "revise", [webhook_id, row.get(b"record", b""), *pairs]
            )
        if reply[0] == b"missing":
            raise NotFound(f"there is no installation {webhook_id}")

    async def delete(self, webhook_id: str) -> bool:
        """Remove it with its binding, its states and its data key; False when there was none."""
        return bool(await self._store.scripts.run("uninstall", [webhook_id]))

    async def disconnect(self, webhook_id: str, reason: str) -> bool:
        """Free its identifier, and say that its user has to connect again; False when it is gone."""
        return bool(await self._store.scripts.run("disconnect", [webhook_id, reason]))

    async def owners_of(self, integration: str, identifier: str) -> Sequence[str]:
        """The webhookIds that *identifier* is bound to."""
        return await self._reads.read(
            ("owners", integration, identifier), lambda: self._owners(integration, identifier)
        )

    async def sole_owner(
        self, integration: str, identifier: str, named: str = ""
    ) -> tuple[Installation, Bot | None] | None:
        """The one installation that has *identifier*, of several the one *named*, and its bot; else None."""
        args = (integration, identifier, named)
        found = await self._store.scripts.run_fast("owner", args)
        if not found:
            return None
        webhook_id, *rows = found
        row, bot = (dict(zip(one[::2], one[1::2], strict=True)) for one in rows)
        home = installation_of(webhook_id.decode(), row)
        return None if home is None else (home, bot_of(home.bot_id, bot))

    async def sealed_configuration(self, webhook_id: str) -> bytes:
        """Its secret fields, sealed; empty when there are none."""
        found = await self._redis.hget(_home(webhook_id), "sealed")  # type: ignore[misc]
        return bytes(found or b"")

    async def sealed(self, webhook_id: str, plaintext: bytes) -> bytes:
        """Seal secret fields for `create` or `update(sealed=…)`."""
        return await self._needed_vault().seal(scope(webhook_id), place(webhook_id), plaintext)

    async def secret_configuration(self, webhook_id: str) -> Secret | None:
        """Its secret fields as they were sealed, or None when there are none."""
        found = await self.sealed_configuration(webhook_id)
        return (
            await self._needed_vault().open(scope(webhook_id), place(webhook_id), found)
            if found
            else None
        )

    async def opened(self, webhook_id: str) -> tuple[Installation, Secret | None] | None:
        """The installation and its secret fields, in one question; None where there is none."""
        return await self._reads.read(("opened", webhook_id), lambda: self._opened(webhook_id))

    async def _opened(self, webhook_id: str) -> tuple[Installation, Secret | None] | None:
        row = await self._redis.hgetall(_home(webhook_id))  # type: ignore[misc]
        found = installation_of(webhook_id, row)
        if found is None:
            return None
        if not (sealed := row.get(b"sealed")):
            return found, None
        vault = self._needed_vault()
        return found, await vault.open(scope(webhook_id), place(webhook_id), sealed)

    async def _one(self, webhook_id: str) -> Installation | None:
        return installation_of(webhook_id, await self._redis.hgetall(_home(webhook_id)))  # type: ignore[misc]

    async def _owners(self, integration: str, identifier: str) -> Sequence[str]:
        found = await self._redis.smembers(keys.key("identifier", integration, identifier))  # type: ignore[misc]
        return sorted(owner.decode() for owner in found)

    def _needed_vault(self) -> Vault:
        if self._vault is None:
            raise SetupFailed(
                "this program holds no keys", "give it the key ring of WAYPOST_KEYS"
            )
        return self._vault

    async def _newest_first(self, cursor: str) -> AsyncIterator[Installation]:
        at, last = _position(cursor)
        offset, ids = 0, [b""]
        while ids:
            ids = await self._redis.zrevrangebyscore(
                keys.key("installations"), at, "-inf", start=offset, num=_CHUNK
            )
            offset += len(ids)
            for one in await self._loaded([found.decode() for found in ids]):
                if (int(one.created_at * 1000), one.webhook_id) < (float(at), last):
                    yield one

    async def _loaded(self, webhook_ids: Sequence[str]) -> Sequence[Installation]:
        async with self._redis.pipeline(transaction=False) as together:
            for webhook_id in webhook_ids:
                together.hgetall(_home(webhook_id))
            rows = await together.execute()
        found = (installation_of(*pair) for pair in zip(webhook_ids, rows, strict=True))
        return [one for one in found if one is not None]


def scope(webhook_id: str) -> str:
    """The vault's scope for everything sealed for one installation."""
    return f"installation:{webhook_id}"


def place(webhook_id: str) -> str:
    """Where an installation's sealed configuration lies."""
    return f"{_home(webhook_id)}:sealed"


def _home(webhook_id: str) -> str:
    return keys.key("installation", webhook_id)


def _cursor(last: Installation) -> str:
    return f"{int(last.created_at * 1000)}:{last.webhook_id}"


def _position(cursor: str) -> tuple[str, str]:
    """Read a cursor; one that no page gave starts at the newest."""
    at, _, last = cursor.partition(":")
    return (at, last) if at.isascii() and at.isdecimal() else ("+inf", "")
