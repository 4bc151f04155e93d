"""An ingress that answers before the store has what it answers for, for a control; a process of its own."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import services.ingress.main as ingress
from services.ingress import doors
from services.ingress.acceptor import Acceptor
from shared.model.jobs import Accept, Accepted

if TYPE_CHECKING:
    from services.ingress.acceptor import Outcome

LATER = 60.0  # seconds: the store is told now and then, as where writes are gathered


class Hasty(Acceptor):
    """Says yes, and means to store it."""

    async def accept(self, one: Accept) -> Accepted:
        stored: asyncio.Future[Accepted | Exception] = asyncio.Future()
        self.submit(one, stored.set_result)
        return await stored  # type: ignore[return-value]

    def submit(self, one: Accept, then: Outcome) -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(then, Accepted(status="stored", id=one.id))
        loop.call_later(LATER, partial(super().submit, one, lambda _: None))


if __name__ == "__main__":
    doors.KNOWN = 3600.0  # … and asks for nothing that it has seen
    ingress.Acceptor = Hasty  # type: ignore[attr-defined]
    ingress.main()
