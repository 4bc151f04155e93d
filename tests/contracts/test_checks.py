"""What a 2xx is worth on a store, told by its settings."""

from __future__ import annotations

import pytest

from shared.storage import checks
from shared.storage.connection import Store, connect
from shared.storage.embedded import EmbeddedValkey

DURABLE = {
    "appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction",
    "no-appendfsync-on-rewrite": "no", "maxmemory": "1073741824",
}  # fmt: skip
REDIS_7 = {"redis_version": "7.0.15", "aof_last_write_status": "ok"}


def test_the_whole_promise_needs_every_setting() -> None:
    promise = checks.judged(REDIS_7, DURABLE)

    assert promise.durable
    assert "Redis 7.0.15" == promise.server


@pytest.mark.parametrize(
    ("facts", "settings", "problem"),
    [
        ({}, {"appendonly": "no"}, "no append-only file"),
        ({}, {"appendfsync": "everysec"}, "appendfsync is everysec"),
        ({}, {"maxmemory-policy": "allkeys-lru"}, "may throw accepted requests away"),
        ({}, {"no-appendfsync-on-rewrite": "yes"}, "wait in memory"),
        ({"redis_version": "6.2.14"}, {}, "the store is Redis 6.2.14"),
        ({"aof_last_write_status": "err"}, {}, "the last write to disk failed"),
    ],
)
def test_each_weakness_is_one_problem_with_a_fix(
    facts: dict[str, str], settings: dict[str, str], problem: str
) -> None:
    promise = checks.judged({**REDIS_7, **facts}, {**DURABLE, **settings})

    assert not promise.durable
    assert [problem in one.problem for one in promise.problems] == [True]
    assert promise.problems[0].fix


@pytest.mark.parametrize(
    ("facts", "settings"), [({}, {"maxmemory": "0"}), ({"maxmemory": 0}, {})]
)
def test_a_store_without_a_bound_is_durable_and_a_problem_all_the_same(
    facts: dict[str, int], settings: dict[str, str]
) -> None:
    """What is taken in is on disk; but nothing tells the door when to take nothing more."""
    told = {name: value for name, value in DURABLE.items() if name != "maxmemory"}
    promise = checks.judged({**REDIS_7, **facts}, {**told, **settings})

    assert promise.durable
    assert ["the store has no maxmemory"] == [
        one.problem.partition(",")[0] for one in promise.problems
    ]
    assert "maxmemory" in promise.problems[0].fix


def test_a_valkey_is_never_too_old() -> None:
    facts = {"redis_version": "6.0.0", "valkey_version": "9.1.2"}

    assert checks.judged(facts, DURABLE).durable


async def test_a_running_server_is_read(store: Store) -> None:
    await store.redis.config_set("appendfsync", "everysec")
    try:
        promise = await checks.promise(store)
    finally:
        await store.redis.config_set("appendfsync", "always")

    assert not promise.durable
    assert "last second" in promise.sentence


async def test_a_server_that_hides_its_settings_promises_nothing(
    valkey: EmbeddedValkey, store: Store
) -> None:
    await store.redis.execute_command(
        "ACL", "SETUSER", "guest", "on", ">pw", "+@all", "-config", "~*", "&*"
    )
    try:
        async with await connect(
            f"unix://guest:pw@{valkey.url.removeprefix('unix://')}"
        ) as guest:
            promise = await checks.promise(guest)
    finally:
        await store.redis.execute_command("ACL", "DELUSER", "guest")

    assert not promise.durable
    assert ["the store does not tell how it writes to disk"] == [
        one.problem for one in promise.problems
    ]
