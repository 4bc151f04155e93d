"""
The desk by HTTP, for an operator and for tests in another process.

Bodies are JSON with the parameter names of `Desk`'s methods. A body must be declared as JSON,
which a web page elsewhere cannot do without asking first.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from services.simulator.desk import Desk
from services.simulator.webhooks.occasion import Envelope

Answer = dict[str, Any]


def routes(desk: Desk) -> list[web.RouteDef]:
    """The control calls, bound to *desk*."""
    control = _Control(desk)
    return [
        web.post("/__ctl/apps", _json(control.register_app)),
        web.post("/__ctl/accounts", _json(control.add_account)),
        web.post("/__ctl/installations", _json(control.install)),
        web.post("/__ctl/faults", _json(control.fault)),
        web.delete("/__ctl/faults", control.clear_faults),
        web.post("/__ctl/send", _json(control.send)),
        web.get("/__ctl/log", control.log),
    ]


def _json(
    act: Callable[[dict[str, Any]], Awaitable[Answer]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            return _problem(415, "send Content-Type: application/json")
        try:
            return web.json_response(await act(_object(await request.read())))
        except (ValueError, TypeError, KeyError, OSError) as error:
            return _problem(400, str(error.args[0] if error.args else error))

    return handler


def _object(body: bytes) -> dict[str, Any]:
    given = json.loads(body)
    if not isinstance(given, dict):
        message = f"the body must be a JSON object, not a {type(given).__name__}"
        raise TypeError(message)
    return given


def _problem(status: int, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)


@dataclasses.dataclass(frozen=True)
class _Control:
    desk: Desk

    async def register_app(self, given: dict[str, Any]) -> Answer:
        app = self.desk.register_app(**given)
        return {"provider": app.provider, "client_id": app.client_id}

    async def add_account(self, given: dict[str, Any]) -> Answer:
        account = self.desk.add_account(**given)
        users = [dataclasses.asdict(one) for one in account.users]
        return {"provider": account.provider, "id": account.id, "users": users}

    async def install(self, given: dict[str, Any]) -> Answer:
        self.desk.install(**given)
        return {}

    async def fault(self, given: dict[str, Any]) -> Answer:
        return dataclasses.asdict(self.desk.fault(**given))

    async def clear_faults(self, _request: web.Request) -> web.Response:
        self.desk.clear_faults()
        return web.json_response({})

    async def send(self, given: dict[str, Any]) -> Answer:
        where = (given.pop("provider"), given.pop("account"), given.pop("kind"))
        envelope = Envelope(**given.pop("envelope", {}))
        sent = await self.desk.send(*where, envelope=envelope, **given.pop("content", {}))
        body = sent.body.decode(errors="replace")
        return {"delivery_id": sent.delivery_id, "status": sent.status, "body": body}

    async def log(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        found = [dataclasses.asdict(one) for one in self.desk.log]
        calls = [
            one for one in found if all(str(one.get(name)) == asked[name] for name in asked)
        ]
        return web.json_response({"calls": calls})
