"""
arq as it comes, for the controls; a process of its own, since Waypost's worker puts its own class into arq.

`peak PORT WORKERS SLOTS` prints how many jobs ran at the same time; `killed PORT` runs one worker whose job kills it.
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

SECONDS = 1.5  # a job takes


class Running:
    now = most = done = 0


async def job(_: dict[str, Any]) -> None:
    Running.now += 1
    Running.most = max(Running.most, Running.now)
    await asyncio.sleep(SECONDS)
    Running.now -= 1
    Running.done += 1


async def deadly(_: dict[str, Any]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def worker(port: int, slots: int, **options: Any) -> Worker:
    jobs = [func(job, name="job"), func(deadly, name="deadly")]
    return Worker(
        jobs, redis_settings=RedisSettings(host="127.0.0.1", port=port), max_jobs=slots,
        handle_signals=False, keep_result=0, poll_delay=0.2, **options,
    )  # fmt: skip


async def peak(port: int, workers: int, slots: int) -> int:
    """As many jobs as there are slots; how many of them ran at the same time."""
    pool = await create_pool(RedisSettings(host="127.0.0.1", port=port))
    for n in range(workers * slots):
        await pool.enqueue_job("job", _job_id=f"j{n}")
    running = [asyncio.create_task(worker(port, slots).async_run()) for _ in range(workers)]
    while Running.done < workers * slots:
        await asyncio.sleep(0.05)
    for one in running:
        one.cancel()
    return Running.most


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
