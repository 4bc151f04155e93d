"""Servers on this machine, for what a test puts in the place of somebody else."""

from __future__ import annotations

import ssl

from aiohttp import web


async def listen(
    app: web.Application, *, tls: ssl.SSLContext | None = None
) -> tuple[str, web.AppRunner]:
    """Serve *app*; returns its origin, and the runner whose `cleanup` ends it."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    return f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}", runner
