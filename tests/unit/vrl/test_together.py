"""Events of one moment share a frame, and none of them pays for another one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shared.errors import HandlerUnavailable, ScriptFailed
from shared.vrl.pool import VrlPool
from tests.unit.vrl.vrl_builders import GREEDY, SLOW, TURNS

PATIENT = 20.0  # seconds, where nothing is meant to take long
BRIEFLY = {"turns": [0] * 45}  # SLOW takes longer for it than a frame may, and ends
ENDLESS_FOR_SOME = SLOW.replace("array!(.turns)", "array(.turns) ?? []") + ".id"
GREEDY_FOR_SOME = f"if .id == 3 {{ {GREEDY} }} else {{ .id }}"


async def outcomes(pool: VrlPool, source: str, events: list[dict[str, Any]]) -> list[Any]:
    """Values, and the kinds of failures."""
    jobs = (pool.run("some.vrl", source, event) for event in events)
    said = await asyncio.gather(*jobs, return_exceptions=True)
    return [one.kind if isinstance(one, ScriptFailed) else one for one in said]


def recorded(pool: VrlPool, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many events each frame holds, from now on."""
    sizes: list[int] = []
    for worker in pool._workers:

        async def ask(request: bytes, deadline: float, plain=worker.ask) -> bytes:
            sizes.append(request.count(b"\n"))
            return await plain(request, deadline)

        monkeypatch.setattr(worker, "ask", ask)
    return sizes


class TestEventsOfOneMoment:
    async def test_go_in_one_frame(self, monkeypatch):
        async with VrlPool(size=1, deadline=PATIENT) as pool:
            sizes = recorded(pool, monkeypatch)
            said = await outcomes(pool, ".id", [{"id": n} for n in range(40)])

        assert list(range(40)) == said
        assert 40 == sizes[0]  # a machine that pauses may answer in several

    async def test_are_no_more_than_a_worker_may_be_given_at_once(self, monkeypatch):
        large = {"id": 1, "text": "x" * 100_000}
        async with VrlPool(size=1, deadline=PATIENT) as pool:
            sizes = recorded(pool, monkeypatch)
            await outcomes(pool, ".id", [{"id": n} for n in range(70)])
            assert 64 == sizes[0]

            sizes.clear()
            await outcomes(pool, "length(string!(.text))", [large, large])
            assert [1, 1] == sizes

    async def test_of_several_scripts_stay_apart(self):
        async with VrlPool(size=2, deadline=PATIENT) as pool:
            jobs = [
                outcomes(pool, f"int!(.id) * {n}", [{"id": 1}, {"id": 2}]) for n in range(1, 6)
            ]
            said = await asyncio.gather(*jobs)

        assert [[n, 2 * n] for n in range(1, 6)] == said

    async def test_each_get_their_own_failure(self):
        async with VrlPool(size=1, deadline=PATIENT) as pool:
            said = await outcomes(pool, "to_int!(.id)", [{"id": "1"}, {"id": "x"}, {"id": "3"}])

        assert [1, "runtime", 3] == said


class TestOneThatDoesNotEnd:
    async def test_harms_only_itself(self):
        events = [{"id": n} | (TURNS if n == 2 else {}) for n in range(6)]
        async with VrlPool(size=2, deadline=0.5) as pool:
            said = await outcomes(pool, ENDLESS_FOR_SOME, events)

            assert [0, 1, "timeout", 3, 4, 5] == said
            # It counts once against the script, not twice: the frame that it took down counts for nothing.
            assert 7 == await pool.run("some.vrl", ENDLESS_FOR_SOME, {"id": 7})

    async def test_or_that_takes_its_worker_down_harms_only_itself(self):
        async with VrlPool(size=2, deadline=PATIENT) as pool:
            said = await outcomes(pool, GREEDY_FOR_SOME, [{"id": n} for n in range(6)])

            assert [0, 1, 2, "crashed", 4, 5] == said
            assert 7 == await pool.run("some.vrl", GREEDY_FOR_SOME, {"id": 7})

    async def test_is_stopped_when_nobody_waits_for_the_frame_any_more(self):
        async with VrlPool(size=1, deadline=PATIENT) as pool:
            jobs = [asyncio.create_task(pool.run("slow.vrl", SLOW, TURNS)) for _ in range(3)]
            await asyncio.sleep(0.05)
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

            assert 7 == await pool.run("good.vrl", ".id", {"id": 7})

    async def test_goes_on_for_those_who_still_wait(self):
        async with VrlPool(size=1, deadline=PATIENT) as pool:
            jobs = [
                asyncio.create_task(pool.run("id.vrl", SLOW + ".id", {"id": n} | BRIEFLY))
                for n in range(2)
            ]
            await asyncio.sleep(0.01)
            jobs[0].cancel()

            assert 1 == await jobs[1]


class TestASlowScript:
    async def test_soon_sends_its_events_one_by_one_so_that_all_workers_take_part(
        self, monkeypatch
    ):
        async with VrlPool(size=2, deadline=PATIENT) as pool:
            sizes = recorded(pool, monkeypatch)
            await outcomes(pool, SLOW + ".id", [BRIEFLY | {"id": n} for n in range(6)])

        assert [6, 1, 1, 1, 1, 1] == sizes

    async def test_that_was_slow_once_is_sent_more_again(self, monkeypatch):
        async with VrlPool(size=1, deadline=PATIENT) as pool:
            await outcomes(pool, SLOW + ".id", [BRIEFLY | {"id": n} for n in range(3)])
            sizes = recorded(pool, monkeypatch)
            await outcomes(pool, SLOW + ".id", [{"turns": [], "id": n} for n in range(40)])

        assert 1 == sizes[0]
        assert len(sizes) < 40


class TestWaiting:
    async def test_ends_for_all_when_the_pool_is_closed(self):
        pool = VrlPool(size=1, deadline=PATIENT)
        await pool.start()
        first = asyncio.create_task(outcomes(pool, SLOW, [TURNS] * 2))
        await asyncio.sleep(0.02)
        second = asyncio.create_task(outcomes(pool, SLOW, [TURNS] * 2))
        await asyncio.sleep(0.02)
        await pool.close()

        ended = [*await first, *await second]
        assert [HandlerUnavailable] * 4 == [type(one) for one in ended]
