"""One file per job; each reads top to bottom as its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.jobs.connect import connect
from workers.jobs.delivery import delivery
from workers.jobs.event import event
from workers.jobs.oauth_callback import oauth_callback
from workers.jobs.operation import operation
from workers.jobs.registration import registration
from workers.jobs.revocation import revocation
from workers.jobs.webhook import webhook

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shared.model.jobs import Claim, JobKind
    from shared.model.outcomes import Outcome
    from workers.tools import Tools

    Job = Callable[[Claim, Tools], Awaitable[Outcome]]


def all_jobs() -> dict[JobKind, Job]:
    """Every kind of record that a worker carries."""
    return {
        "webhook": webhook,
        "delivery": delivery,
        "event": event,
        "connect": connect,
        "oauth_callback": oauth_callback,
        "registration": registration,
        "revocation": revocation,
        "operation": operation,
    }
