"""Runtime tokens and the audit list."""

from __future__ import annotations

import pytest

from shared.storage.audit import Audit
from shared.storage.callers import Callers
from shared.storage.connection import Store
from shared.storage.tokens import Claims, RuntimeTokens
from tests.contracts.storage_builders import NOON, FakeClock


async def claims_of(store: Store, value: str) -> Claims | None:
    return (await Callers(store).find(value, "nobody", "nothing")).claims


class TestTokens:
    async def test_a_token_stands_for_its_integration_until_it_is_revoked(
        self, store: Store
    ) -> None:
        tokens = RuntimeTokens(store, FakeClock())
        token_id, value = await tokens.issue("int_1", "ci")

        claims = await claims_of(store, value)
        assert claims is not None
        assert (token_id, "int_1", "ci", NOON) == (
            claims.id,
            claims.integration_id,
            claims.note,
            claims.created_at,
        )
        assert await tokens.revoke(token_id)
        assert not await tokens.revoke(token_id)
        assert await claims_of(store, value) is None

    async def test_the_store_never_sees_its_value(self, store: Store) -> None:
        _, value = await RuntimeTokens(store).issue("int_1")

        dump = [
            key + (await store.redis.dump(key) or b"") async for key in store.redis.scan_iter()
        ]
        assert not any(value.encode() in part or value[5:].encode() in part for part in dump)

    @pytest.mark.parametrize(
        "value", ["", "wprt_", "wprt_x", "\udcff", "wprt_\udcff", "x" * 100_000]
    )
    async def test_anything_else_is_nobody(self, store: Store, value: str) -> None:
        await RuntimeTokens(store).issue("int_1")

        assert await claims_of(store, value) is None


async def test_the_audit_list_tells_the_newest_first(store: Store) -> None:
    audit = Audit(store)
    for number in range(3):
        await audit.entry("admin", "secret.set", f"slack/{number}", {"name": "é", "n": number})

    newest, before = await audit.tail(2)
    assert ("admin", "secret.set", "slack/2", {"name": "é", "n": 2}) == (
        newest.actor,
        newest.action,
        newest.subject,
        newest.detail,
    )
    assert "slack/1" == before.subject
    assert newest.at >= before.at > 0
