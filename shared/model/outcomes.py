"""What a job returns. `workers.journey` turns each into one fenced write."""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct

from shared.model.requests import Reply


class StreamedEvent(Struct, frozen=True, kw_only=True):
    """An event for the stream of *bot*, written in the same script that closes the record, so once."""

    bot: str
    body: bytes  # `Event` JSON


class Found(Struct, frozen=True, kw_only=True):
    """Whom a request was found to be for: asked once more by the script that writes its event."""

    integration: str
    identifier: str
    installation: str
    is_shared: bool = False  # others may have the identifier, this request is for this one


class Done(Struct, frozen=True, kw_only=True):
    """The work is finished; *reply* is for a caller who waits."""

    reason: str = ""
    reply: Reply | None = None
    event: StreamedEvent | None = None
    found: Found | None = None


class Ignored(Struct, frozen=True):
    """Nothing to do, on purpose."""

    reason: str
    reply: Reply | None = None


class Retry(Struct, frozen=True):
    """Try again after *after*; a caller who waits may be answered already."""

    after: timedelta
    reason: str
    reply: Reply | None = None


class Wait(Struct, frozen=True):
    """Come back when *gate* opens, without one *after* a while; no attempt is counted."""

    gate: str
    reason: str
    reply: Reply | None = None
    after: timedelta = timedelta()


class Dead(Struct, frozen=True):
    """Given up; kept with its payload until a person acts or its retention ends."""

    reason: str
    reply: Reply | None = None


class Settled(Struct, frozen=True, kw_only=True):
    """The job has written its end itself (parked, split), in the one script that also did its work."""

    reason: str = ""
    reply: Reply | None = None


Outcome = Done | Ignored | Retry | Wait | Dead | Settled
