"""
arq as it comes, for the controls; a process of its own, since Waypost's worker puts its own class into arq.

`peak PORT WORKERS SLOTS` prints how many jobs run at the same time; `killed PORT` runs one worker whose job kills it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

from arq import func
from arq.connections import RedisSettings, create_pool
from arq.worker import Worker

STILL = 1.5  # seconds in which none more is started: so many run at once


class Running:
    now = 0


async def job(_: dict[str, Any]) -> None:
    Running.now += 1
    await asyncio.Event().wait()


async def deadly(_: dict[str, Any]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def worker(port: int, slots: int, **options: Any) -> Worker:
    jobs = [func(job, name="job"), func(deadly, name="deadly")]
    return Worker(
        jobs, redis_settings=RedisSettings(host="127.0.0.1", port=port), max_jobs=slots,
        handle_signals=False, keep_result=0, poll_delay=0.2, **options,
    )  # fmt: skip


async def peak(port: int, workers: int, slots: int) -> int:
    """As many jobs as there are slots, and none ends; how many of them run at the same time."""
    pool = await create_pool(RedisSettings(host="127.0.0.1", port=port))
    for n in range(workers * slots):
        await pool.enqueue_job("job", _job_id=f"j{n}")
    running = [asyncio.create_task(worker(port, slots).async_run()) for _ in range(workers)]
    before = -1
    while before < Running.now or not Running.now:
        before = Running.now
        await asyncio.sleep(STILL)
    for one in running:
        one.cancel()
    return Running.now


async def killed(port: int) -> None:
    """One start of a worker; it does not come back from its job."""
    await worker(port, 10, burst=True).async_run()


def main() -> None:
    what, *numbers = sys.argv[1:]
    if what == "peak":
        sys.stdout.write(f"{asyncio.run(peak(*map(int, numbers)))}\n")
        sys.stdout.flush()
        os._exit(0)
    asyncio.run(killed(*map(int, numbers)))


if __name__ == "__main__":
    main()
