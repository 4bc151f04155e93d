"""Workers may hang, die or be killed: the caller gets an error in time, and the next job an answer."""

from __future__ import annotations

import asyncio
import http.server
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import shared
from shared.errors import HandlerUnavailable, ScriptFailed, ScriptInvalid, SetupFailed
from shared.vrl import frames
from shared.vrl import worker as worker_module
from shared.vrl.pool import VrlPool
from tests.unit.vrl.vrl_builders import GREEDY, HUNGRY, SLOW, TURNS, a_request, unguarded

ROOT = Path(__file__).resolve().parents[3]
DEEP_XML = a_request("<a>" * 100_000)

PATIENT = 20.0  # seconds, where nothing is meant to take long

# name: source that the guard lets through, event, kind
HOSTILE = {
    "loops in loops": (SLOW, TURNS, "timeout"),
    "a text that doubles": (HUNGRY, {}, "crashed"),
    "a far index": (".a[400000000] = 1\n.a", {}, "crashed"),
    "a stack that overflows in the body": ("parse_xml!(.body)", DEEP_XML, "crashed"),
}


async def gone(pids: list[int]) -> bool:
    """Whether all *pids* end within ten seconds."""
    for _ in range(1000):
        if not any(is_alive(pid) for pid in pids):
            return True
        await asyncio.sleep(0.01)
    return False


def is_alive(pid: int) -> bool:
    """Whether *pid* runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


class TestAHostileScript:
    @pytest.mark.parametrize(("source", "event", "kind"), HOSTILE.values(), ids=HOSTILE)
    async def test_is_contained_and_the_next_job_is_answered(self, source, event, kind):
        deadline = 0.3 if kind == "timeout" else PATIENT
        async with VrlPool(size=1, deadline=deadline) as pool:
            with pytest.raises(ScriptFailed) as failed:
                await pool.run("hostile.vrl", source, event)

            assert ("hostile.vrl", kind) == (failed.value.script, failed.value.kind)
            assert 7 == await pool.run("good.vrl", ".id", {"id": 7})

    @pytest.mark.parametrize(
        "source",
        ["to_string!(" * 30 + "1" + ")" * 30, "1" + " + 1" * 8000, "[" * 7000 + "]" * 7000],
        ids=["exponential in nested calls", "a chain that overflows", "brackets that overflow"],
    )
    async def test_that_breaks_the_compiler_is_contained_even_without_the_guard(self, source):
        async with VrlPool(size=1, deadline=0.5) as pool:
            reply = await pool.ask(unguarded(source), "compile", b"")

            assert frames.PROBLEM == reply[:1]
            assert any(kind in reply for kind in (b'"timeout"', b'"crashed"'))
            assert 7 == await pool.run("good.vrl", ".id", {"id": 7})

    async def test_that_panics_is_an_ordinary_failure(self):
        async with VrlPool(size=1) as pool:
            source = 'parse_duration!(.x, "s")'
            before = pool.pids

            with pytest.raises(ScriptFailed, match="runtime: the engine panicked"):
                await pool.run("panic.vrl", source, {"x": "9999999999999999999999999999w"})
            assert before == pool.pids

    async def test_is_put_in_quarantine_when_it_has_killed_two_workers(self):
        async with VrlPool(size=1, deadline=PATIENT) as pool:
            kinds = [await kind_of(pool, GREEDY) for _ in range(3)]

            assert ["crashed", "crashed", "quarantined"] == kinds
            with pytest.raises(ScriptInvalid, match="quarantined: killed two workers"):
                await pool.compile("greedy.vrl", GREEDY)
            assert 7 == await pool.run("good.vrl", ".id", {"id": 7})

    async def test_does_not_make_another_script_wait_for_a_new_worker(self):
        """The spare steps in; a dozen losses in a row are replaced all the same."""
        async with VrlPool(size=2, deadline=PATIENT) as pool:
            for turn in range(6):
                jobs = [kind_of(pool, f"{GREEDY} # {turn} {other}") for other in "ab"]
                assert ["crashed", "crashed"] == await asyncio.gather(*jobs)
                assert turn == await pool.run("good.vrl", ".id", {"id": turn})


async def kind_of(pool: VrlPool, source: str) -> str:
    with pytest.raises(ScriptFailed) as failed:
        await pool.run("greedy.vrl", source, {})
    return failed.value.kind


class TestAWorker:
    async def test_has_no_environment(self):
        async with VrlPool(size=1) as pool:
            reply = await pool.ask(unguarded('get_env_var("HOME") ?? "nothing"'), "run", b"{}")

        assert frames.RESULT + b'"nothing"' == reply

    async def test_can_read_no_file(self, tmp_path):
        (tmp_path / "aliases.json").write_text("{}")
        source = f'parse_groks!(.a, ["%{{WORD}}"], {{}}, ["{tmp_path}/aliases.json"])'
        async with VrlPool(size=1) as pool:
            reply = await pool.ask(unguarded(source), "run", b'{"a":"b"}')

        assert b"Unable to open alias source file" in reply

    async def test_can_reach_no_server(self):
        seen: list[str] = []

        class Seen(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append(self.path)

        with http.server.HTTPServer(("127.0.0.1", 0), Seen) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_port}/"
            async with VrlPool(size=1) as pool:
                reply = await pool.ask(unguarded(f'http_request!("{url}")'), "run", b"{}")
            server.shutdown()

        assert frames.PROBLEM == reply[:1]
        assert [] == seen

    async def test_that_is_killed_in_a_job_is_replaced_and_the_job_done_once_more(self):
        async with VrlPool(size=1, deadline=PATIENT) as pool:
            first = pool.pids
            job = asyncio.create_task(pool.run("slow.vrl", SLOW + "7", {"turns": [0] * 100}))
            await asyncio.sleep(0.02)
            os.kill(first[0], signal.SIGKILL)

            assert 7 == await job
            assert first != pool.pids

    async def test_that_is_killed_while_idle_is_replaced(self):
        async with VrlPool(size=2) as pool:
            killed = pool.pids
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            assert await gone(killed)

            assert [1, 2, 3] == [await pool.run("id.vrl", ".id", {"id": n}) for n in (1, 2, 3)]

    async def test_is_sent_a_source_once(self, monkeypatch):
        async with VrlPool(size=1) as pool:
            asked: list[bytes] = []
            (worker,) = pool._workers
            ask = worker.ask

            async def recorded(request: bytes, deadline: float) -> bytes:
                asked.append(request)
                return await ask(request, deadline)

            monkeypatch.setattr(worker, "ask", recorded)
            for number in range(3):
                await pool.run("id.vrl", ".id", {"id": number})

            assert [True, False, False] == [b'"source"' in request for request in asked]

    async def test_that_forgot_a_program_is_sent_it_again(self):
        async with VrlPool(size=1, deadline=PATIENT) as pool:
            for number in range(1005):
                await pool.compile("many.vrl", f".x = {number}")

            assert 0 == await pool.run("many.vrl", ".x = 0", {})

    async def test_that_cannot_start_says_how_to_mend_it(self, monkeypatch):
        monkeypatch.setattr(worker_module, "_START", "raise SystemExit(3)")

        with pytest.raises(SetupFailed, match=r"the VRL worker does not start: .*exit code 3"):
            await VrlPool().start()


class TestCallers:
    async def test_are_answered_together(self):
        async with VrlPool(deadline=PATIENT) as pool:
            jobs = [
                pool.run(f"{n % 7}.vrl", f".id + {n % 7} ?? 0", {"id": n}) for n in range(500)
            ]

            assert [n + n % 7 for n in range(500)] == await asyncio.gather(*jobs)

    async def test_take_turns_between_scripts(self):
        """A slow script with many waiting jobs lets another one in after the next."""
        order: list[str] = []
        async with VrlPool(size=1, deadline=PATIENT) as pool:

            async def job(name: str, source: str) -> None:
                await pool.run(name, source, {"turns": [0] * 45})
                order.append(name)

            await asyncio.gather(*(job("busy", SLOW) for _ in range(12)), job("quiet", "1"))

        assert order.index("quiet") <= 3

    async def test_that_give_up_free_their_worker(self):
        async with VrlPool(size=1, deadline=PATIENT) as pool:
            running = asyncio.create_task(pool.run("slow.vrl", SLOW, TURNS))
            waiting = asyncio.create_task(pool.run("slow.vrl", SLOW, TURNS))
            await asyncio.sleep(0.02)
            for task in (waiting, running):
                task.cancel()
            await asyncio.gather(running, waiting, return_exceptions=True)

            assert 7 == await pool.run("good.vrl", ".id", {"id": 7})

    async def test_hear_that_the_pool_is_closed(self):
        pool = VrlPool(size=1, deadline=PATIENT)
        await pool.start()
        jobs = [asyncio.create_task(pool.run("slow.vrl", SLOW, TURNS)) for _ in range(3)]
        await asyncio.sleep(0.02)
        await pool.close()
        ended = await asyncio.gather(*jobs, return_exceptions=True)

        assert [HandlerUnavailable] * 3 == [type(error) for error in ended]
        with pytest.raises(HandlerUnavailable):
            await pool.run("good.vrl", ".id", {"id": 7})

    async def test_hear_that_the_pool_was_never_started(self):
        with pytest.raises(HandlerUnavailable):
            await VrlPool().run("good.vrl", ".id", {"id": 7})


PARENT = """
import asyncio, sys
from shared.vrl.pool import VrlPool
from tests.unit.vrl.vrl_builders import SLOW, TURNS

async def main():
    async with VrlPool(size=2, deadline=60) as pool:
        job = asyncio.create_task(pool.run("slow.vrl", SLOW, TURNS))
        await asyncio.sleep(0.05)
        print(*pool.pids, pool._spare.pid, flush=True)
        await job

asyncio.run(main())
"""

ELSEWHERE = """
import asyncio
from shared.vrl.pool import VrlPool

async def main():
    async with VrlPool(size=1) as pool:
        print(await pool.run("id.vrl", ".id", {"id": 7}))

asyncio.run(main())
"""


class TestUvloop:
    def test_runs_the_pool_as_well(self):
        """The extra `fast` puts uvloop under everything."""
        uvloop = pytest.importorskip("uvloop")

        async def answers() -> list[object]:
            async with VrlPool(size=1, deadline=PATIENT) as pool:
                kind = await kind_of(pool, GREEDY)
                return [kind, await pool.run("good.vrl", ".id", {"id": "x" * (1 << 20)})]

        assert ["crashed", "x" * (1 << 20)] == uvloop.run(answers())


class TestProcesses:
    async def test_end_when_the_pool_is_closed(self):
        async with VrlPool() as pool:
            pids = pool.pids

        assert [False, False] == [is_alive(pid) for pid in pids]

    @pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
    async def test_end_with_a_parent_that_is_killed_even_in_the_middle_of_a_job(self):
        with subprocess.Popen(
            [sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as parent:
            pids = [int(pid) for pid in parent.stdout.readline().split()]
            parent.kill()

        assert 3 == len(pids)
        assert await gone(pids)

    def test_find_their_imports_wherever_the_package_lies(self, tmp_path):
        """As in a wheel that was unpacked somewhere (`pip install --target`), with another folder current."""
        shutil.copytree(Path(shared.__file__).parent, tmp_path / "lib" / "shared")
        found = subprocess.run(
            [sys.executable, "-c", ELSEWHERE],
            cwd="/",
            env={"PYTHONPATH": str(tmp_path / "lib")},
            capture_output=True,
            text=True,
            check=False,
        )

        assert ("7\n", "") == (found.stdout, found.stderr)
