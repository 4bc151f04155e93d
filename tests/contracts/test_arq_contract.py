"""
What we stand on in arq, word for word.

When one of these fails after an upgrade: read the difference, see that the engine still holds, then renew the pin.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import os
import pickle
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import arq.connections
import arq.constants
import arq.jobs
import arq.worker
import msgspec
import orjson
import pytest
import pytest_asyncio
from arq.connections import ArqRedis

from shared.storage import keys
from shared.storage.embedded import EmbeddedValkey
from tests.contracts.ledger_builders import Bench
from workers.engine import Engine

ROOT = Path(__file__).parents[2]

# sha256 of the source of what the engine overrides, or relies on to stay as it is, in arq 0.28.0.
DIGESTS = {
    "Worker.__init__": "edfb0cd7e05e77cf83392f7733ae03f3554c69f12df39da8833d2c5218d77f41",
    "Worker.run": "e683c7f402930145d502fa1e8720aaec4b543a5067e9f99b7291734d7a35453e",
    "Worker.async_run": "f3434c3dd359b31bba5eb5e6db831727f86393b83053a14a40ecd1fd56968eb6",
    "Worker.main": "45ca1591c9717466eec76e17fa958f84acf6085103d692a84ee25d9904e7f8fc",
    "Worker._poll_iteration": "f8d39d823a0a59f27a45f1c0e80bee44e16219d5072235fbc81866402298322f",
    "Worker.run_job": "589a19059ff84ee777552dc9fa5ff76b17d6d0d7f99716d2720a2ed07ccb9607",
    "Worker.handle_sig": "985ff7ba01aa8f04269a46c0d1be4e86ccf1d67ef5cab3a1154a9633e7360981",
    "Worker.handle_sig_wait_for_completion": "8f161d86834cc74ee2293cf004c5456c4c01614d651e6daa03f5d7d81863435f",
    "Worker._add_signal_handler": "7efddf3cba88b9d707c22dba9910b855ea96ae81dbebeedae46033cead0edaff",
    "Worker.close": "5bcc9cb35668082910200a680f052cc5d36a8ce3b3c04a95ef32c14ebd7daaa1",
    "get_kwargs": "08307e4b73636fb6adba07838d175e754f14921cf85a160fb8b136b4eab74c4d",
    "create_worker": "55a479cb0a397ea5819e59541bcf35785ff17414fcf249fa0484438f7d24740c",
    "run_worker": "22866eb362a13a398f37e9fe1492e35b68325aadace2d25e08b0f23e8edb7c5f",
    "func": "f44ddaf9b8a2bdbb75ce751afc51bc7f603e014adfc5f763f13e760d24f3e08f",
    "Function": "98fad4a733bbb7d9aa55073392236842bfaaf999a8a3aa17353732ce7c227bcb",
}


def _found(name: str) -> Any:
    found: Any = _stock()
    return getattr(found, name.partition(".")[2]) if "." in name else getattr(arq.worker, name)


def _stock() -> type[arq.worker.Worker]:
    """arq's own class, wherever ours has taken its place."""
    return Engine.__mro__[1]


def test_arq_is_pinned_to_the_one_version_that_was_read() -> None:
    assert "0.28.0" == importlib.metadata.version("arq")
    pins = [
        line for line in importlib.metadata.requires("waypost") or [] if line.startswith("arq")
    ]
    assert ["arq==0.28.0"] == pins


@pytest.mark.parametrize("name", DIGESTS)
def test_what_the_engine_stands_on_is_as_it_was(name: str) -> None:
    source = inspect.getsource(_found(name))

    assert DIGESTS[name] == hashlib.sha256(source.encode()).hexdigest()


def test_the_engine_overrides_what_it_says_and_nothing_else_of_arq() -> None:
    ours = {name for name in vars(Engine) if not name.startswith("__")}

    assert {"main", "close", "handle_sig", "handle_sig_wait_for_completion"} == ours & set(
        dir(_stock())
    )


def test_arqs_keys_are_those_that_the_scripts_write() -> None:
    assert "arq:job:" == arq.constants.job_key_prefix


def test_arq_builds_our_engine_once_the_workers_root_is_imported() -> None:
    """In a program of its own, since the import changes arq for good."""
    program = (
        "import arq.worker, workers.main\n"
        "from workers.engine import Engine\n"
        "assert arq.worker.Worker is Engine\n"
        "worker = arq.worker.create_worker(workers.main.WorkerSettings)\n"
        "assert type(worker) is Engine, type(worker)\n"
        "assert worker.functions.keys() == {'carry'}\n"
        "assert worker.queue_name == 'waypost:{c0}:1:queue'\n"
        "assert worker.keep_result_s == 0 and not worker.log_results\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (0, "") == (done.returncode, done.stderr)


def test_arqs_own_command_starts_our_engine() -> None:
    """It ends with our message, because it is told of no store."""
    environ = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    arqs = Path(sys.executable).with_name("arq")
    done = subprocess.run(
        [arqs, "workers.main.WorkerSettings"], cwd=ROOT, capture_output=True, text=True, env=environ, check=False,
    )  # fmt: skip

    assert 0 != done.returncode
    assert "a worker needs a store" in done.stderr


class TestTickets:
    """A queue of ours is one that arq's tools read."""

    @pytest_asyncio.fixture(params=[orjson.loads, msgspec.json.decode])
    async def arqs(
        self, valkey: EmbeddedValkey, request: pytest.FixtureRequest
    ) -> AsyncIterator[ArqRedis]:
        async with _arqs(valkey, request.param) as pool:
            yield pool

    async def test_are_jobs_that_name_their_records(self, bench: Bench, arqs: ArqRedis) -> None:
        await bench.accept("req_1", "req_2")
        await bench.settle((await bench.claim(1))[0], "release")

        jobs = await arqs.queued_jobs(queue_name=keys.key("queue"))

        assert [
            ("carry", ["req_2"], {}, "{c0}req_2"),
            ("carry", ["req_1"], {}, "{c0}req_1"),
        ] == [(job.function, job.args, job.kwargs, job.job_id) for job in jobs]
        assert ["req_2", "req_1"] == [keys.record_id(job.job_id or "") for job in jobs]
        accepted = (await bench.record("req_2")).accepted_at
        assert abs(jobs[0].enqueue_time.timestamp() * 1000 - accepted) < 5000

    async def test_have_arqs_status(self, bench: Bench, arqs: ArqRedis) -> None:
        await bench.accept("req_1")

        async def status(id: str) -> str:
            job = arq.jobs.Job(keys.ticket(id), arqs, keys.key("queue"), arqs.job_deserializer)
            return str((await job.status()).value)

        assert ["queued", "not_found"] == [await status("req_1"), await status("req_2")]

    async def test_have_the_fields_that_arq_itself_writes(
        self, bench: Bench, arqs: ArqRedis
    ) -> None:
        job = await arqs.enqueue_job(
            "carry", "req_1", _job_id="theirs", _queue_name="elsewhere"
        )
        assert job is not None
        await bench.accept("req_1")

        written = [
            await bench.redis.get(f"arq:job:{id}") for id in ("theirs", keys.ticket("req_1"))
        ]
        await bench.redis.delete("arq:job:theirs", "elsewhere")

        their, our = (orjson.loads(one) for one in written)
        assert {name: type(value) for name, value in their.items()} == {
            name: type(value) for name, value in our.items()
        }
        assert {**their, "et": 0} == {**our, "et": 0}

    async def test_name_any_id_without_breaking_the_document(
        self, bench: Bench, arqs: ArqRedis
    ) -> None:
        await bench.accept("req_0123456789abcdefghjkmnpqrs")

        (job,) = await arqs.queued_jobs(queue_name=keys.key("queue"))
        assert ["req_0123456789abcdefghjkmnpqrs"] == job.args


def _arqs(valkey: EmbeddedValkey, loads: Callable[[bytes], Any]) -> ArqRedis:
    pool = arq.connections.ArqRedis.from_url(valkey.url)
    pool.job_serializer, pool.job_deserializer = orjson.dumps, loads
    return pool  # type: ignore[no-any-return]


_AUDITED: list[tuple[str, Any]] = []


def _audit(event: str, args: Any) -> None:
    if event == "pickle.find_class":
        _AUDITED.append((event, args))


async def test_nothing_is_ever_unpickled(bench: Bench, valkey: EmbeddedValkey) -> None:
    """Whoever can write to the store must not be able to run code in a worker."""
    sys.addaudithook(_audit)
    gadget = b"\x80\x04cposix\nsystem\nX\x04\x00\x00\x00true\x85R."
    await bench.accept("req_1", "req_2", "req_3", body=gadget)
    await bench.redis.set("arq:job:" + keys.ticket("req_1"), gadget)
    first, second, third = await bench.claim()
    await bench.settle(first, "done")
    await bench.settle(second, "retry")
    await bench.settle(third, "release")
    async with _arqs(valkey, orjson.loads) as pool:
        await pool.queued_jobs(queue_name=keys.key("queue"))
        await bench.redis.set("arq:job:" + keys.ticket("req_3"), gadget)
        with pytest.raises(arq.jobs.DeserializationError):
            await pool.queued_jobs(queue_name=keys.key("queue"))

    assert [] == _AUDITED
    with pytest.raises(ModuleNotFoundError):
        pickle.loads(b"cno_such_module\nname\n.")
    assert ["pickle.find_class"] == [event for event, _ in _AUDITED], "the hook hears nothing"
    _AUDITED.clear()
