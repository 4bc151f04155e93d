"""The checker sees every contradiction that is planted, and none where there is none."""

from __future__ import annotations

import asyncio
import itertools
import json
import shlex
from collections.abc import Sequence

import pytest

from services.cli import doctor
from shared.storage import keys
from shared.storage.connection import Store
from shared.storage.ledger_check import Soundness, check, soundness
from shared.storage.turns import Turns
from shared.storage.wire import Part
from tests.contracts.ledger_builders import Bench
from tests.contracts.ledger_scene import a_scene, with_refresh


@pytest.fixture
def ground(store: Store) -> Bench:
    """A bench that is not looked at afterwards."""
    return Bench(store)


_SPOILT = [
    ("HSET record:req_done state odd", "req_done has the unknown state odd"),
    ("ZREM state:done req_done", "req_done is done but the index of done lacks it"),
    ("ZADD state:ready 1 req_done", "req_done is done but the index of ready has it"),
    ("ZADD state:done 5 req_done", "req_done is indexed under another time than it was accepted at"),
    ("ZADD state:done 5 req_ghost", "state:done req_ghost belongs to no record"),
    ("DEL body:req_done", "req_done has no body"),
    ("SET body:req_done x", "req_done has a body of another size than its record says"),
    ("SET body:req_ghost x", "body req_ghost belongs to no record"),
    ("HINCRBY bytes done 1", "done counts 49 bytes, but its records have 48"),
    ("ZINCRBY events-bytes 1 shop:1", "the stream of shop:1 counts 130.0 bytes, but its events have 129"),
    ("ZINCRBY events-bytes 1 shop:1", "events count 129 bytes, but their streams 130"),
    ("ZREM events-bytes shop:1", "the stream of shop:1 counts None bytes, but its events have 129"),
    ("ZADD events-since 5 shop:1", "the stream of shop:1 is said to begin at 5.0, but does at"),
    ("DEL events:shop%3A1", "the stream of shop:1 counts 129.0 bytes, but its events have 0"),
    ("XADD events:desk * event e", "the stream of desk counts None bytes, but its events have 129"),
    ("HINCRBY bytes events 1", "events count 130 bytes, but their streams 129"),
    ("HINCRBY lanes-open n:linear 1", "n:linear counts 7, but what is open there 6"),
    ("HINCRBY lanes-open b:w1 1", "b:w1 counts 33, but what is open there 32"),
    ("HSET lanes-open n:ghost 1", "n:ghost counts 1, but what is open there 0"),
    ("ZREM state:leased req_leased", "req_leased is leased but the index of leased lacks it"),
    ("ZADD state:leased 5 req_done", "req_done is done but the index of leased has it"),
    ("ZADD state:leased 5 req_ghost", "state:leased req_ghost belongs to no record"),
    ("HSET record:req_leased epoch 0", "req_leased is leased without an epoch"),
    ("ZREM queue {c0}req_head", "req_head is ready but the queue says otherwise"),
    ("ZADD queue 5 {c0}req_done", "req_done is done but the queue says otherwise"),
    ("ZADD queue 5 {c0}req_ghost", "queue req_ghost belongs to no record"),
    ("ZREM due {c0}req_retrying", "req_retrying is retrying but the due times say otherwise"),
    ("ZADD due 5 {c0}req_retrying", "req_retrying is due at another time than its record says"),
    ("ZADD due 5 {c0}req_ghost", "due req_ghost belongs to no record"),
    ("DEL arq:job:{c0}req_head", "req_head is ready but its arq job says otherwise"),
    ("SET arq:job:{c0}req_parked x", "req_parked is parked but its arq job says otherwise"),
    ("SET arq:job:{c0}req_ghost x", "arq job req_ghost belongs to no record"),
    ("HSET journal:req_leased send:intent 1@1@once", "req_leased began the step send"),
    ("HDEL record:req_done came", "req_done does not tell how it came"),
    ("HDEL record:req_parked came", "req_parked does not tell how it came"),
    ("HSET record:req_done came '1 1 99 x webhook linear '", "req_done has a number that was never given out"),
    ("SET dedupe:k req_done", "req_done is named by the delivery key k but does not name it"),
    ("HSET journal:req_done send:intent x", "req_done is done and still has a journal"),
    ("HSET journal:req_ghost send:intent x", "journal req_ghost belongs to no record"),
    ("ZREM parked:linear:P req_parked", "req_parked is parked, but not in the parking lot of its identifier"),
    ("ZADD parked:linear:P 1 req_done", "req_done is in the parking lot of linear:P but not parked there"),
    ("SADD identifier:linear:P w2", "req_parked is parked although its identifier is bound"),
    ("SADD identifier:linear:P w2", "w2 owns linear:P but says linear:"),
    ("SREM identifier:linear:A w1", "w1 says it owns linear:A but does not"),
    ("ZREM order:w1 req_waiting", "req_waiting waits, but in no order"),
    ("ZREM order:w1 req_head", "the order of w1 has 0 records under way"),
    ("ZADD order:w1 0 req_done", "req_done holds up its order but is done"),
    ("ZADD order:w1 0 req_done", "req_done is in an order it does not belong to"),
    ("ZADD children:req_split 9 req_done", "req_done is no delivery of req_split"),
    ("ZADD children:req_ghost 9 dlv_1", "children req_ghost belongs to no record"),
    ("ZREM children:req_split dlv_split_0001", "dlv_split_0001 is a delivery of req_split which does not list it"),
    ("DEL dedupe:again", "req_keyed is open, but its delivery key again is lost"),
    ("HSET totals done 0", "0 were counted as done, but 3 are"),
    ("HDEL totals dead", "0 were counted as dead, but 1 are"),
    ("HDEL lanes w1", "req_head has a later place than the last one of its lane w1"),
    ("HSET lanes w1 0", "req_head has a later place than the last one of its lane w1"),
    ("SET vtime 99999", "req_head has a place that the queue is past"),
    ("DEL gate:bot%3Adown", "the gate bot:down is listed, but nothing is known of it"),
    ("ZREM gates bot:down", "the gate bot:down will never open"),
    ("HSET gate:bot%3Agone kind pause", "the gate bot:gone will never open"),
    ("ZREM renewals w2", "w2 began to renew its tokens"),
    ("ZADD renewals 5 w2", "w2 began to renew its tokens"),
    ("HSET refresh-of:w2 refresh:9 soon", "w2 has a refresh that cannot be read: refresh:9"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "sentence"), _SPOILT)
async def test_a_planted_contradiction_is_a_sentence(
    ground: Bench, spoil: str, sentence: str
) -> None:
    await a_scene(ground)
    command, key, *rest = shlex.split(spoil)
    await ground.redis.execute_command(
        command, key if key.startswith("arq:") else f"{keys.prefix()}:{key}", *rest
    )

    assert any(said.startswith(sentence) for said in await check(ground.store))


async def test_a_record_that_is_gone_is_missed_everywhere(ground: Bench) -> None:
    await a_scene(ground)
    await ground.redis.delete(keys.key("record", "req_leased"))

    said = await check(ground.store)

    for what in ("arq job", "body", "journal", "state:leased"):
        assert f"{what} req_leased belongs to no record" in said


class TestARefresh:
    """Whose outcome is not known is no contradiction as long as somebody will look at it, or has told."""

    @pytest.mark.parametrize(
        "what", ["DEL renewals", "ZADD renewals 5 w2"], ids=["nobody looks", "it is overdue"]
    )
    async def test_is_missed_only_where_its_tokens_are_still_in_use(
        self, ground: Bench, what: str
    ) -> None:
        await ground.install("w2")
        await with_refresh(ground, "w2")
        command, key, *rest = what.split()
        await ground.redis.execute_command(command, f"{keys.prefix()}:{key}", *rest)
        (stuck,) = await check(ground.store)
        await ground.installations.update("w2", connection="needs_reauth")

        assert stuck.startswith("w2 began to renew its tokens 12")
        assert [] == await check(ground.store)

    async def test_is_at_its_end_when_the_tokens_were_written(self, ground: Bench) -> None:
        await ground.install("w2")
        await with_refresh(ground, "w2")
        await ground.redis.delete(keys.key("renewals"))
        now = await ground.inspection.now() / 1000
        where = keys.key("state-of", "w2", "integration", "", "oauth")
        await ground.redis.hset(where, "meta", f'{{"updatedAt":{now - 119}}}')

        assert [] == await check(ground.store)

    async def test_is_under_way_while_somebody_has_the_turn(self, ground: Bench) -> None:
        await ground.install("w2")
        await with_refresh(ground, "w2")
        await ground.redis.delete(keys.key("renewals"))
        await Turns(ground.store).take("w2", "another")

        assert [] == await check(ground.store)


class TestADeliveryKey:
    async def test_may_end_while_its_record_waits(self, ground: Bench) -> None:
        """It is kept for three days, a parked request for seven."""
        await ground.accept("req_1", dedupe="k")
        await ground.redis.delete(keys.key("dedupe", "k"))
        ground.later(3 * 24 * 3600)

        assert [] == await check(ground.store)

    async def test_of_what_was_ignored_belongs_to_the_one_that_came_after(
        self, ground: Bench
    ) -> None:
        await ground.closed("req_1", "ignored", dedupe="k")
        await ground.closed("req_2", "ignored", dedupe="k")
        await ground.ledger.drop("req_2")
        await ground.ledger.replay("req_1")

        assert [] == await check(ground.store)


class TestTheVerdict:
    def test_is_sound_only_where_all_was_added_up(self) -> None:
        still, moving = Soundness(records=1, sentences=()), ("done",)

        assert "sound" == still.verdict
        assert "not all added up" == Soundness(records=1, sentences=(), moving=moving).verdict
        assert "contradictory" == Soundness(records=1, sentences=("x",), moving=moving).verdict

    @pytest.mark.parametrize(
        ("status", "sentences", "moving"),
        [(0, (), ()), (1, ("it is wrong",), ("done",)), (3, (), ("done",))],
    )
    async def test_has_a_status_of_its_own(
        self, store: Store, valkey, monkeypatch, capsys, status, sentences, moving
    ) -> None:
        async def found(_: Store) -> Soundness:
            return Soundness(records=1, sentences=sentences, moving=moving)

        monkeypatch.setattr(doctor, "soundness", found)
        monkeypatch.setenv("WAYPOST_REDIS_URL", valkey.url)
        ended = await doctor.ledger(as_json=True)
        said = json.loads(capsys.readouterr().out)

        assert (status, status == 0) == (ended, said["sound"])

    async def test_says_that_bytes_were_not_added_up(
        self, ground: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def moved(*_: object) -> None:
            """As often as it is looked at."""

        monkeypatch.setattr("shared.storage.ledger_sums._Sums.of_state", moved)

        assert "done was not added up: it kept changing" in await check(ground.store)


class TestABusyLedger:
    """It changes while it is looked at: nothing that was never true is said."""

    async def test_is_not_slandered(self, ground: Bench) -> None:
        working = asyncio.create_task(_work(ground))
        await asyncio.sleep(0.05)
        looks = [await soundness(ground.store) for _ in range(5)]
        working.cancel()

        assert [()] * 5 == [look.sentences for look in looks]
        assert all(look.records for look in looks)

    async def test_is_not_held_up(self, ground: Bench) -> None:
        """However much lies in it, no look takes more than a page of it."""
        await ground.accept(*(f"req_{n:04}" for n in range(3000)))
        scripts, looks = ground.store.scripts, []

        async def run(name: str, args: Sequence[Part], by=scripts.run) -> object:
            looks.append(len(args))
            return await by(name, args)

        scripts.run = run  # type: ignore[method-assign]
        found = await soundness(ground.store)

        assert (3000, ()) == (found.records, found.sentences)
        assert 60 >= max(looks)


async def _work(bench: Bench) -> None:
    for n in itertools.count():
        await bench.accept(*(f"req_{n}_{m}" for m in range(20)))
        for claim in await bench.claim(15):
            await bench.ledger.step("begin", claim.record, "send", b"once")
            await bench.settle(claim, ("done", "retry", "dead", "ignored", "release")[n % 5])


class TestAStepThatIsDoneOnce:
    async def test_is_not_stuck_while_it_may_still_be_under_way(self, ground: Bench) -> None:
        claim = await ground.lease("req_1")
        await ground.ledger.step("begin", claim.record, "exchange", b"once")
        ground.later(60)

        assert [] == await check(ground.store)

    async def test_is_stuck_a_minute_later(self, ground: Bench) -> None:
        claim = await ground.lease("req_1")
        await ground.ledger.step("begin", claim.record, "exchange", b"once")
        ground.later(62)
        (sentence,) = await check(ground.store)

        assert sentence.startswith("req_1 began the step exchange 6")

    async def test_is_not_stuck_with_a_result(self, ground: Bench) -> None:
        claim = await ground.lease("req_1")
        await ground.ledger.step("begin", claim.record, "exchange", b"once")
        await ground.ledger.step("commit", claim.record, "exchange", b"sealed")
        ground.later(62)

        assert [] == await check(ground.store)

    async def test_of_another_kind_may_be_done_again(self, ground: Bench) -> None:
        claim = await ground.lease("req_1")
        await ground.ledger.step("begin", claim.record, "verdict", b"idempotent")
        ground.later(62)

        assert [] == await check(ground.store)
