"""Sending to providers: once, or a few times where it is provably safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from shared.errors import ProviderBusy, UnknownOutcome

if TYPE_CHECKING:
    from shared.model.calls import HttpAnswer, HttpCall
    from workers.tools import Tools


async def send(tools: Tools, call: HttpCall) -> HttpAnswer:
    """Send to the provider; what is idempotent, up to three times within ten seconds."""
    if not call.idempotent:
        return await tools.provider.send(call)
    attempts = AsyncRetrying(
        retry=retry_if_exception_type((ProviderBusy, UnknownOutcome)),
        stop=stop_after_attempt(3) | stop_after_delay(10),
        wait=wait_random_exponential(multiplier=0.2, max=3),
        reraise=True,
    )
    return await attempts(tools.provider.send, call)
