"""Stock arq: `ingress` (aiohttp and `enqueue_job`), `produce` and `worker`, tuned as far as its settings go."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any, ClassVar

import orjson
import uvloop
from aiohttp import web
from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import create_worker
from meter import Meter, paced, payload

SETTINGS = RedisSettings.from_dsn(os.environ["BENCH_STORE"])
SERIALIZER = {"job_serializer": orjson.dumps, "job_deserializer": orjson.loads}


async def app() -> web.Application:
    """Take a request, enqueue a job, answer 202 when Redis has it."""
    pool = await create_pool(SETTINGS)  # pickle, as it comes

    async def accept(request: web.Request) -> web.Response:
        body = await request.read()
        headers = dict(request.headers)
        job = await pool.enqueue_job(
            "webhook", request.method, request.path, headers, body,
            _job_id=request.headers["x-delivery"],
        )  # fmt: skip
        return web.Response(status=202 if job else 200)

    made = web.Application()
    made.router.add_post("/{rest:.*}", accept)
    made.router.add_get("/health", lambda _: web.Response())
    return made


async def produce() -> None:
    """Enqueue BENCH_COUNT jobs, at BENCH_RATE a second or as fast as it goes."""
    count, rate = int(os.environ["BENCH_COUNT"]), float(os.environ["BENCH_RATE"])
    pool = await create_pool(SETTINGS, job_serializer=orjson.dumps)
    if rate:
        sent = []
        for number in range(count):
            await paced(number, rate)
            sent.append(asyncio.create_task(pool.enqueue_job("noop", time.time(), payload())))
        await asyncio.gather(*sent)
        return
    for _ in range(count // 50):
        await asyncio.gather(
            *(pool.enqueue_job("noop", time.time(), payload()) for _ in range(50))
        )


async def noop(ctx: dict[str, Any], sent_at: float, _: str) -> None:
    """Do nothing, or hold a slot for BENCH_HOLD seconds; be counted."""
    if hold := os.environ.get("BENCH_HOLD"):
        await asyncio.sleep(float(hold))
    ctx["meter"].started(sent_at)


async def _start(ctx: dict[str, Any]) -> None:
    ctx["meter"] = Meter()
    await ctx["redis"].incr("bench:workers")


class Tuned:
    """arq's settings at their best: small poll, many jobs, no results, no log, orjson."""

    functions: ClassVar = [noop]
    on_startup = _start
    redis_settings = SETTINGS
    max_jobs = int(os.environ.get("BENCH_SLOTS", "100"))
    poll_delay = 0.01
    keep_result = 0
    log_results = False
    max_tries = 5


def main() -> None:
    """Run what the first argument names."""
    uvloop.install()
    if sys.argv[1] == "ingress":
        port = int(os.environ["BENCH_PORT"])
        web.run_app(app(), host="127.0.0.1", port=port, access_log=None, print=None)
    elif sys.argv[1] == "produce":
        asyncio.run(produce())
    else:
        asyncio.set_event_loop(uvloop.new_event_loop())
        create_worker(Tuned, **SERIALIZER).run()


if __name__ == "__main__":
    main()
