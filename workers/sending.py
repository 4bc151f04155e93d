"""
Sending to providers: once, or a few times where it is provably safe.

A provider that asked for a pause is left alone by all workers until it is over, and retries inside a step stay below a
fifth of the calls to a host, so that a provider in trouble is not buried under them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tenacity import (
    AsyncRetrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from shared.breakers import LONGEST_PAUSE
from shared.errors import ProviderBusy, UnknownOutcome
from shared.retries import retry_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.model.calls import HttpAnswer, HttpCall
    from workers.tools import Tools

_BUSY = frozenset((429, 503))


async def send(tools: Tools, sender: str, call: HttpCall) -> HttpAnswer:
    """
    Send to a provider for *sender*; what is idempotent, up to three times within ten seconds.

    The sender is who the provider counts: an integration, or one installation that calls with its own token. Raises
    `GateClosed`, without sending anything, while that host wants a pause from that sender.
    """
    gate = f"provider:{sender}/{urlsplit(call.url).hostname or ''}"
    tools.gates.earn(gate)
    attempts = AsyncRetrying(
        retry=retry_if_exception(_again(tools, gate)),
        stop=stop_after_attempt(3 if call.idempotent else 1) | stop_after_delay(10),
        wait=wait_random_exponential(multiplier=0.2, max=3),
        reraise=True,
    )
    return await attempts(_once, tools, gate, call)


def _again(tools: Tools, gate: str) -> Callable[[BaseException], bool]:
    def is_worth_it(error: BaseException) -> bool:
        return isinstance(error, ProviderBusy | UnknownOutcome) and tools.gates.may_retry(gate)

    return is_worth_it


async def _once(tools: Tools, gate: str, call: HttpCall) -> HttpAnswer:
    tools.gates.check(gate)
    answer = await tools.provider.send(call)
    after = retry_after(answer.headers, now=tools.clock.now())
    if answer.status in _BUSY and after is not None:
        reason = f"because {gate.partition('/')[2]} answered {answer.status} and asked for it"
        await tools.gates.pause(gate, min(after, LONGEST_PAUSE), reason)
    return answer
