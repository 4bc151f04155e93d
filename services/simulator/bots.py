"""Bots for demo and tests: each name is a URL that keeps what it receives."""

from __future__ import annotations

from aiohttp import web

from services.simulator.records import Received
from services.simulator.world import WORLD, note


def routes() -> list[web.RouteDef]:
    """Post to a bot, and read what it got."""
    return [web.post("/__bot/{name}", receive), web.get("/__bot/{name}", show)]


async def receive(request: web.Request) -> web.Response:
    """Keep the request and say yes. Checking its signature is the test's affair."""
    world = request.app[WORLD]
    headers = {name.lower(): value for name, value in request.headers.items()}
    got = Received(at=world.clock.now(), headers=headers, body=await request.read())
    world.bots[request.match_info["name"]].append(got)
    note(request, outcome="received")
    return web.json_response({})


async def show(request: web.Request) -> web.Response:
    """Everything the bot received, oldest first, bodies as text."""
    got = request.app[WORLD].bots.get(request.match_info["name"], [])
    items = [
        {"at": one.at, "headers": dict(one.headers), "body": one.body.decode(errors="replace")}
        for one in got
    ]
    return web.json_response({"received": items})
