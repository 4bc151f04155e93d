"""Does a worker of this machine live? For health checks, where a container is a machine."""

from __future__ import annotations

import socket

from shared.errors import SetupFailed
from shared.storage.connection import connect
from shared.storage.inspection import Inspection


async def worker_here(redis_url: str) -> str:
    """
    The id of a worker on this host that has beaten in the last 20 seconds.

    Raises:
        SetupFailed: there is none, or the store does not answer.

    """
    mine = f"{socket.gethostname()}-"
    async with await connect(redis_url) as store:
        alive = [one["id"] for one in (await Inspection(store).stats()).workers]
    if here := next((id for id in alive if id.startswith(mine)), ""):
        return here
    raise SetupFailed(
        f"no worker on {mine[:-1]} has beaten in the last 20 seconds",
        "see its log, or start one: waypost worker",
    )
