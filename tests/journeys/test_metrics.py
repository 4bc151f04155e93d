"""One page of the api tells what every process of a running Waypost has counted."""

from __future__ import annotations

import re

import pytest

from tests.journeys.system import System, until
from tests.journeys.webhook_builders import knock, registered

pytestmark = pytest.mark.asyncio(loop_scope="session")

INGRESS = r'waypost_http_requests_total\{method="POST",program="ingress",route="/integration/[^"]+",status="200"} [1-9]'
WORKER = r'waypost_jobs_settled_total\{job="webhook",outcome="done"\} [1-9]'
TIMES = r'waypost_job_seconds_bucket\{job="webhook",le="\+Inf"\} [1-9]'
NOW = r'waypost_records_total\{what="accepted"\} [1-9]'


async def test_a_webhook_is_counted_where_it_came_in_and_where_it_was_done(
    system: System,
) -> None:
    name = await registered(system, identifier={"extractScript": '"T1"\n'})
    bot = await system.bot()
    await system.install(name, bot, identifier="T1")
    assert 200 == (await knock(system, name, {}))[0]
    await system.events(bot, 1)
    text = ""

    async def told() -> bool:
        nonlocal text
        async with system.http.get(f"{system.api}/metrics") as answer:
            text = await answer.text()
        return all(re.search(one, text) for one in (INGRESS, WORKER, TIMES, NOW))

    await until(told, 15, lambda: text)

    assert re.search(r"^waypost_workers [1-9]", text, re.MULTILINE), re.findall(
        "waypost_workers.*", text
    )
    assert name not in text
