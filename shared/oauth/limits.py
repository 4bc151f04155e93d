"""How long a provider asks us to wait, by the usual headers and by those that its definition names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.retries import retry_after

if TYPE_CHECKING:
    from datetime import timedelta

    from shared.model.calls import HttpAnswer
    from shared.oauth.endpoints import Limits


def asked_wait(limits: Limits, answer: HttpAnswer, now: float) -> timedelta | None:
    """
    How long to wait, None where nothing says so. What the definition names goes before the usual headers.

    >>> from shared.model.calls import HttpAnswer
    >>> from shared.oauth.endpoints import Limits
    >>> answer = HttpAnswer(status=429, headers=(("x-next", "1790000060"), ("retry-after", "5")))
    >>> asked_wait(Limits(reset=("x-next",)), answer, 1790000000.0).seconds
    60
    >>> asked_wait(Limits(), answer, 1790000000.0).seconds
    5
    """
    for names, usual in ((limits.after, "retry-after"), (limits.reset, "x-ratelimit-reset")):
        for name in names:
            value = answer.header(name.lower())
            if value and (wait := retry_after({usual: value}, now=now)):
                return wait
    return retry_after(answer.headers, now=now)
