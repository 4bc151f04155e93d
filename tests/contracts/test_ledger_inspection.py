"""Lists and numbers, also of many records."""

from __future__ import annotations

from datetime import timedelta

import pytest
import pytest_asyncio

from shared.model.jobs import STATES, Page, StateLoad
from shared.storage import keys
from shared.storage.inspection import Filter
from shared.storage.rows import kind_of
from tests.contracts.ledger_builders import CLOSED, OPEN, Bench, an_accept

MANY = 10_000


async def _pages(
    bench: Bench, wanted: Filter, limit: int, *, oldest_first: bool = False
) -> list[Page]:
    """All pages from the first to the last."""
    found = [await bench.inspection.list(wanted, "", limit, oldest_first=oldest_first)]
    while found[-1].cursor:
        found.append(
            await bench.inspection.list(
                wanted, found[-1].cursor, limit, oldest_first=oldest_first
            )
        )
        assert len(found) < 1000, "the cursor never ends"
    return found


def _ids(pages: list[Page]) -> list[str]:
    return [record.id for page in pages for record in page.records]


class TestAList:
    async def test_of_nothing_is_one_empty_page(self, bench: Bench) -> None:
        assert Page(records=()) == await bench.inspection.list(Filter())

    async def test_has_the_newest_first_whatever_their_state(self, bench: Bench) -> None:
        await bench.closed("req_1", "done")
        bench.later(1)
        await bench.park("A", "req_2")
        bench.later(1)
        await bench.accept("req_3")

        page = await bench.inspection.list(Filter())

        assert [("req_3", "ready"), ("req_2", "parked"), ("req_1", "done")] == [
            (one.id, one.state) for one in page.records
        ]
        assert page.cursor == ""

    async def test_holds_whole_records(self, bench: Bench) -> None:
        await bench.park("A", "req_1")

        (record,) = (await bench.inspection.list(Filter())).records
        assert record == await bench.record("req_1")

    async def test_filters_by_every_part_and_by_all_together(self, bench: Bench) -> None:
        await bench.install("w1")
        await bench.bind("w1", "A")
        await bench.route(await bench.lease("req_1"), "A")
        await bench.park("B", "req_2")
        await bench.ledger.accept([an_accept("req_3", integration="slack", bot="shop")])

        async def ids(**parts: object) -> list[str]:
            return sorted(_ids([await bench.inspection.list(Filter(**parts))]))  # type: ignore[arg-type]

        assert ["req_1", "req_2"] == await ids(integration="linear")
        assert ["req_1", "req_3"] == await ids(bot="shop")
        assert ["req_2"] == await ids(identifier="B")
        assert ["req_2", "req_3"] == await ids(states=("parked", "ready"))
        assert ["req_1"] == await ids(integration="linear", bot="shop", states=("leased",))
        assert [] == await ids(integration="linear", bot="shop", states=("parked",))

        assert ["req_1"] == await ids(installation="w1")
        assert [] == await ids(installation="w")

    async def test_filters_by_words_of_the_reason_whatever_their_case(
        self, bench: Bench
    ) -> None:
        for id, reason in (("req_1", "the bot's URL answered 410 (a%b.c)"), ("req_2", "gone")):
            await bench.settle(await bench.lease(id), "dead", reason=reason)

        async def ids(words: str) -> list[str]:
            return _ids([await bench.inspection.list(Filter(reason=words))])

        assert ["req_1"] == await ids("url answered") == await ids("(A%B.C)")
        assert [] == await ids("answered.410")

    async def test_until_a_moment_includes_that_moment(self, bench: Bench) -> None:
        await bench.accept("req_1")
        bench.later(10)
        await bench.accept("req_2")
        moment = (await bench.record("req_2")).accepted_at

        for oldest_first in (False, True):
            at, earlier = Filter(until=moment), Filter(until=moment - 1)
            assert ["req_1", "req_2"] == sorted(
                _ids(await _pages(bench, at, 1, oldest_first=oldest_first))
            )
            assert ["req_1"] == _ids(await _pages(bench, earlier, 5, oldest_first=oldest_first))

    async def test_since_a_moment_includes_that_moment(self, bench: Bench) -> None:
        await bench.accept("req_1")
        bench.later(10)
        await bench.accept("req_2")
        moment = (await bench.record("req_2")).accepted_at

        assert ["req_2"] == _ids(await _pages(bench, Filter(since=moment), 5))
        assert [] == _ids(await _pages(bench, Filter(since=moment + 1), 5))

    async def test_goes_on_while_new_records_arrive(self, bench: Bench) -> None:
        """What is new is on the first page; the pages behind it neither repeat nor skip."""
        for n in range(6):
            await bench.accept(f"req_{n}")
            bench.later(1)
        first = await bench.inspection.list(Filter(), limit=3)
        await bench.accept("req_6")
        second = await bench.inspection.list(Filter(), first.cursor, 3)

        assert ["req_5", "req_4", "req_3", "req_2", "req_1", "req_0"] == _ids([first, second])

    @pytest.mark.parametrize("cursor", ["x", "1", ":", "-1:a", "١:a", "1e3:a"])
    async def test_refuses_a_cursor_that_no_page_gave(self, bench: Bench, cursor: str) -> None:
        with pytest.raises(ValueError, match="cursor: not one that a page gave"):
            await bench.inspection.list(Filter(), cursor)

    @pytest.mark.parametrize("cursor", ["99999999999999999999999999:x", "0:req_1", "5:ü'\n"])
    async def test_of_a_made_up_cursor_breaks_nothing(self, bench: Bench, cursor: str) -> None:
        await bench.accept("req_1")

        assert {"req_1"} >= set(_ids([await bench.inspection.list(Filter(), cursor)]))


class TestOfTenThousandRecords:
    """In five states, hundreds in each millisecond, so that pages begin and end between ties."""

    @pytest_asyncio.fixture
    async def many(self, bench: Bench) -> Bench:
        states = ("ready", "done", "dead", "ignored", "leased")
        async with bench.redis.pipeline(transaction=False) as together:
            for n in range(MANY):
                id, state, at = f"req_{n:05}", states[n % 5], 1_000_000 + n // 300
                kind = kind_of("x", "webhook", "rare" if n % 1000 in {7, 9} else "linear")
                row = {"state": state, "came": f"{at} 1 {n} {kind}"}
                together.hset(keys.key("record", id), mapping=row)
                together.zadd(keys.key("state", state), {id: at if state != "leased" else -n})
            await together.execute()
        return bench

    @pytest.mark.parametrize("limit", [50, 500])
    async def test_every_one_is_on_exactly_one_page_in_order(
        self, many: Bench, limit: int, request: pytest.FixtureRequest
    ) -> None:
        wanted = Filter() if limit == 500 else Filter(states=("done", "leased"))
        expected = [f"req_{n:05}" for n in range(MANY) if limit == 500 or n % 5 in {1, 4}]

        pages = await _pages(many, wanted, limit)

        assert expected[::-1] == _ids(pages)
        assert all(limit == len(page.records) for page in pages[:-2])

        await many.redis.flushdb()

    @pytest.mark.parametrize("oldest_first", [False, True])
    async def test_a_rare_one_is_found_and_the_walk_ends(
        self, many: Bench, *, oldest_first: bool
    ) -> None:
        pages = await _pages(many, Filter(integration="rare"), 3, oldest_first=oldest_first)

        rare = [f"req_{n:05}" for n in range(MANY) if n % 1000 in {7, 9}]
        assert (rare if oldest_first else rare[::-1]) == _ids(pages)
        await many.redis.flushdb()

    @pytest.mark.parametrize("oldest_first", [False, True])
    async def test_a_call_looks_at_so_many_and_the_cursor_goes_on_from_there(
        self, many: Bench, monkeypatch: pytest.MonkeyPatch, *, oldest_first: bool
    ) -> None:
        monkeypatch.setattr("shared.storage.inspection._BUDGET", 700)

        pages = await _pages(many, Filter(integration="rare"), 3, oldest_first=oldest_first)

        rare = [f"req_{n:05}" for n in range(MANY) if n % 1000 in {7, 9}]
        assert (rare if oldest_first else rare[::-1]) == _ids(pages)
        assert any(not page.records for page in pages[:-1]), "the budget never ended"
        await many.redis.flushdb()


class TestStats:
    async def test_count_records_and_bytes_by_state(self, bench: Bench) -> None:
        await bench.closed("req_1", "done", body=b"12345")
        await bench.lease("req_2", body=b"123")
        await bench.accept("req_3", "req_4", body=b"1")

        stats = await bench.inspection.stats()

        loads = {"done": StateLoad(count=1, bytes=5), "leased": StateLoad(count=1, bytes=3),
                 "ready": StateLoad(count=2, bytes=2)}  # fmt: skip
        assert {s: loads.get(s, StateLoad(count=0, bytes=0)) for s in STATES} == stats.states
        assert (5 + CLOSED, 2 * (1 + OPEN), 0) == (
            stats.held["done"], stats.held["ready"], stats.held["events"],
        )  # fmt: skip
        assert (4, 1) == (stats.totals["accepted"], stats.totals["done"])

    async def test_know_the_age_of_the_oldest_that_is_ready(self, bench: Bench) -> None:
        assert (await bench.inspection.stats()).oldest_ready_age is None
        await bench.accept("req_1")
        bench.later(90)
        await bench.accept("req_2")

        age = (await bench.inspection.stats()).oldest_ready_age
        assert age is not None
        assert 90 <= age < 100

    async def test_know_the_throughput_of_the_last_whole_minute(self, bench: Bench) -> None:
        await bench.closed("req_1", "done")
        await bench.accept("req_2", dedupe="d1")
        await bench.settle((await bench.claim())[0], "dead")
        await bench.accept("req_3", dedupe="d1")
        bench.later(60)

        assert {"accepted": 2, "done": 1, "dead": 1} == (
            await bench.inspection.stats()
        ).last_minute

    async def test_name_the_workers_that_live(self, bench: Bench) -> None:
        await bench.ledger.beat("w1", {"slots": 4}, timedelta(seconds=60))
        bench.later(30)
        await bench.ledger.beat("w2", {"slots": 8}, timedelta(seconds=60))

        workers = (await bench.inspection.stats()).workers
        assert [("w1", "4"), ("w2", "8")] == [(one["id"], one["slots"]) for one in workers]
