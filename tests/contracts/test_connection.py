"""The ways to the store: in order, within a deadline, and back again after a break."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shared.errors import CommandRefused, SetupFailed, StoreUnavailable
from shared.storage import keys, scripts
from shared.storage.address import parsed
from shared.storage.connection import Store, connect
from shared.storage.embedded import EmbeddedValkey
from shared.storage.resp import RespConnection


@asynccontextmanager
async def a_server(answers: bytes) -> AsyncIterator[str]:
    """A server that answers the first command with *answers* and then says nothing any more."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answers)
        await reader.read(-1)
        writer.close()

    path = Path(tempfile.mkdtemp(prefix="wp-")) / "s"
    server = await asyncio.start_unix_server(serve, path)
    try:
        yield f"unix://{path}"
    finally:
        server.close()


class TestTheNarrowConnection:
    async def test_replies_of_one_tick_come_back_in_order(self, store: Store) -> None:
        replies = await asyncio.gather(*(store.resp.call("ECHO", str(n)) for n in range(500)))

        assert [str(n).encode() for n in range(500)] == replies

    async def test_several_commands_leave_together_and_are_answered_in_order(
        self, store: Store
    ) -> None:
        written = asyncio.gather(
            store.resp.calls(("SET", "any", "1"), ("INCR", "any")),
            store.resp.calls(("INCR", "any"), ("GET", "any")),
        )

        assert [[b"OK", 2], [3, b"3"]] == await written

    async def test_of_several_commands_one_that_is_refused_fails_all(
        self, store: Store
    ) -> None:
        with pytest.raises(CommandRefused):
            await store.resp.calls(("PING",), ("EVALSHA", "0" * 40, 0))

        assert [b"PONG"] == await store.resp.calls(("PING",))

    async def test_any_bytes_come_back_as_they_went(self, store: Store) -> None:
        value = bytes(range(256)) * 5000
        await store.resp.call("SET", "any", value)

        assert value == await store.resp.call("GET", "any")

    async def test_a_caller_who_goes_away_takes_no_reply_from_the_others(
        self, store: Store
    ) -> None:
        calls = [asyncio.ensure_future(store.resp.call("ECHO", str(n))) for n in range(3)]
        await asyncio.sleep(0)
        calls[1].cancel()

        assert b"0" == await calls[0]
        assert b"2" == await calls[2]

    async def test_an_error_reply_names_its_code_and_disturbs_nobody(
        self, store: Store
    ) -> None:
        wrong = asyncio.ensure_future(store.resp.call("EVALSHA", "0" * 40, 0))
        right = asyncio.ensure_future(store.resp.call("PING"))

        with pytest.raises(CommandRefused) as refused:
            await wrong
        assert "NOSCRIPT" == refused.value.code
        assert b"PONG" == await right

    async def test_a_full_store_is_unavailable_and_not_broken(self, store: Store) -> None:
        before = (await store.redis.config_get("maxmemory"))["maxmemory"]
        await store.resp.call("CONFIG", "SET", "maxmemory", "1")
        try:
            for call in (store.resp.call("SET", "a", "b"), store.redis.set("a", "b")):
                with pytest.raises(StoreUnavailable, match="OOM"):
                    await call
        finally:
            await store.resp.call("CONFIG", "SET", "maxmemory", before)

    async def test_all_calls_under_way_fail_when_the_connection_breaks_and_the_next_succeeds(
        self, store: Store
    ) -> None:
        """The blocked call stands for a command that was sent; nobody knows whether it ran."""
        me = await store.resp.call("CLIENT", "ID")
        pending = [
            asyncio.ensure_future(store.resp.call("BLPOP", "nothing", 0)) for _ in range(3)
        ]
        await asyncio.sleep(0)
        await store.redis.execute_command("CLIENT", "KILL", "ID", me)

        results = await asyncio.gather(*pending, return_exceptions=True)

        assert [StoreUnavailable] * 3 == [type(result) for result in results]
        assert "outcome unknown" in str(results[0])
        assert b"PONG" == await store.resp.call("PING")

    async def test_a_call_that_is_made_again_at_once_waits_for_the_next_connection(
        self, store: Store
    ) -> None:
        """As the door does with what it accepts, and in the same turn of the loop."""
        me = await store.resp.call("CLIENT", "ID")
        killed = asyncio.create_task(store.redis.execute_command("CLIENT", "KILL", "ID", me))
        with pytest.raises(StoreUnavailable, match="outcome unknown"):
            await store.resp.call("BLPOP", "nothing", 0)

        assert b"PONG" == await store.resp.call("PING")
        await killed

    async def test_a_store_that_says_nothing_is_given_up_at_the_deadline(self) -> None:
        async with a_server(b"+PONG\r\n") as url:
            silent = RespConnection(url, deadline=0.1)
            await silent.start()
            with pytest.raises(StoreUnavailable, match="outcome unknown"):
                await silent.call("PING")
            await silent.close()

    async def test_nonsense_from_the_other_side_ends_the_connection(self) -> None:
        async with a_server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
            with pytest.raises(StoreUnavailable):
                await RespConnection(url, deadline=0.5).start()

    def test_it_runs_on_uvloop_too(self, valkey: EmbeddedValkey) -> None:
        uvloop = pytest.importorskip("uvloop")

        async def ask() -> object:
            async with await connect(valkey.url) as opened:
                return await opened.resp.call("PING")

        with ThreadPoolExecutor(1) as thread:
            assert b"PONG" == thread.submit(uvloop.run, ask()).result(10)


class TestTheClientOverTheNarrowConnection:
    """What every job asks goes that way; it must look as redis-py's own way does."""

    async def test_replies_have_the_same_shape(self, store: Store) -> None:
        async def told() -> list[object]:
            asked = store.redis
            return [
                await asked.hgetall("h"), await asked.hgetall("none"), await asked.hget("h", "a"),
                await asked.hmget("h", ["a", "c"]), await asked.hkeys("h"), await asked.get("t"),
                await asked.get("none"), await asked.smembers("s"), await asked.exists("h", "none"),
                await asked.hexists("h", "a"), await asked.publish("c", b"m"),
            ]  # fmt: skip

        await store.redis.hset("h", mapping={"a": b"\xff", "b": 2})
        await store.redis.set("t", "x")
        await store.redis.sadd("s", "one", "two")
        narrow = await told()
        store.redis.narrow = None

        assert await told() == narrow
        assert {b"a": b"\xff", b"b": b"2"} == narrow[0]

    async def test_errors_are_the_same(self, store: Store) -> None:
        await store.redis.set("t", "x")
        with pytest.raises(CommandRefused, match="WRONGTYPE"):
            await store.redis.hgetall("t")

    async def test_what_may_take_long_does_not_hold_up_what_is_short(
        self, store: Store
    ) -> None:
        """Blocking reads and subscriptions have connections of their own."""
        reading = asyncio.create_task(store.blocking.xread({"none": "0"}, block=2000))
        await asyncio.sleep(0.05)

        assert await store.redis.get("none") is None
        assert not reading.done()
        reading.cancel()


class TestConnecting:
    @pytest.mark.parametrize(
        "url", ["http://x", "redis", "unix://", "redis://h:port", "redis://h/x/y"]
    )
    def test_a_wrong_url_is_refused_without_repeating_it(self, url: str) -> None:
        with pytest.raises(SetupFailed) as refused:
            parsed(url)
        assert url not in refused.value.problem
        assert "redis://" in refused.value.fix

    async def test_nobody_there_is_a_sentence_with_the_fix(self, tmp_path: Path) -> None:
        with pytest.raises(SetupFailed, match="no store answers at unix://"):
            await connect(f"unix://{tmp_path}/nobody.sock")

    async def test_a_wrong_password_is_told_without_repeating_it(
        self, valkey: EmbeddedValkey, store: Store
    ) -> None:
        await store.redis.config_set("requirepass", "right-password")
        address = valkey.url.removeprefix("unix://")
        try:
            async with await connect(f"unix://:right-password@{address}") as opened:
                assert b"PONG" == await opened.resp.call("PING")
            for url in (valkey.url, f"unix://:wrong-password@{address}"):
                with pytest.raises(
                    SetupFailed, match="refused our name or password"
                ) as refused:
                    await connect(url)
                assert "wrong-password" not in str(refused.value)
                assert "WAYPOST_REDIS_URL" in refused.value.fix
        finally:
            await store.redis.config_set("requirepass", "")

    async def test_another_database_is_another_world(
        self, valkey: EmbeddedValkey, store: Store
    ) -> None:
        async with await connect(f"{valkey.url}?db=3") as third:
            await third.resp.call("SET", "here", "1")

            assert b"1" == await third.redis.get("here")
            assert await store.redis.get("here") is None
            await third.redis.flushdb()


class TestScripts:
    async def test_every_script_compiles_on_the_server(self, store: Store) -> None:
        assert scripts.names()
        for name in scripts.names():
            await store.redis.script_load(scripts.source(name))

    async def test_a_server_that_forgot_a_script_is_given_it_again(self, store: Store) -> None:
        where = keys.key("oauth-state", "h")
        for run in (store.scripts.run, store.scripts.run_fast):
            await store.redis.script_flush()

            assert [b"", 0] == await run("use_oauth_state", [where, 1000, "req_1"])

    async def test_tests_can_move_the_time_that_scripts_see(self, store: Store) -> None:
        first = int((await store.scripts.run("stats", []))[0])
        store.scripts.skew_ms = 3_600_000
        second = int((await store.scripts.run_fast("stats", []))[0])

        assert 3_600_000 <= second - first < 3_660_000

    async def test_an_unknown_script_is_our_mistake_and_says_so(self, store: Store) -> None:
        with pytest.raises(SetupFailed, match=r"lua/nothing\.lua is missing"):
            await store.scripts.run("nothing", [])
