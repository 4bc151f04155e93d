"""The floor: aiohttp that answers 204 and does nothing else."""

from __future__ import annotations

import os

import uvloop
from aiohttp import web


async def answer(_: web.Request) -> web.Response:
    """Say yes."""
    return web.Response(status=204)


def main() -> None:
    """Serve."""
    uvloop.install()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    port = int(os.environ["BENCH_PORT"])
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main()
