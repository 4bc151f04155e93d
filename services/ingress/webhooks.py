"""`/integration/global/{name}[/…]` and `/{webhookId}[/…]`: webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from services.ingress import accept, reply
from services.web import read_body
from shared.errors import NotFound
from shared.model.requests import DoorKind, RawRequest

if TYPE_CHECKING:
    from aiohttp import web

    from services.ingress.ports import IngressPorts
    from shared.model.requests import Door, HandshakeMatch

GLOBAL = "/integration/global/"


async def global_webhook(request: web.Request) -> web.StreamResponse:
    """A provider's webhook for all installations of one integration."""
    ports = accept.ports_of(request)
    path, _ = accept.target_of(request)
    door, rest = await _door_in(ports, path[len(GLOBAL) :])
    return await _webhook(request, ports, door, "global", (door.name, rest))


async def installation_webhook(request: web.Request) -> web.StreamResponse:
    """A webhook for one installation."""
    ports = accept.ports_of(request)
    path, _ = accept.target_of(request)
    webhook_id, _, rest = path[1:].partition("/")
    webhook_id = webhook_id.lower()  # RFC 9562 §4: read without regard to case
    name = await ports.doors.hook(webhook_id)
    door = await ports.doors.door(name) if name else None
    if door is None or not door.enabled:
        raise NotFound("there is no such webhook")
    return await _webhook(request, ports, door, "installation", (webhook_id, f"/{rest}"))


async def _door_in(ports: IngressPorts, path: str) -> tuple[Door, str]:
    """The door whose name begins *path*, which may be `name` or `handle/name`, and the path below it."""
    first, _, rest = path.partition("/")
    second, _, below = rest.partition("/")
    door = None
    if second:  # the longer name goes first: somebody registered it knowing the shorter one
        door, left = await ports.doors.door(f"{unquote(first)}/{unquote(second)}"), below
    if door is None:
        door, left = await ports.doors.door(unquote(first)), rest
    if door is None or not door.enabled:
        raise NotFound("there is no such integration")
    return door, f"/{left}"


async def _webhook(
    request: web.Request,
    ports: IngressPorts,
    door: Door,
    kind: DoorKind,
    target: tuple[str, str],
) -> web.StreamResponse:
    accept.refuse_service_workers(request)
    raw = await _raw(request, ports, door, kind, target)
    handshake = any(_matches(match, raw) for match in door.handshakes)
    to = _admission(door, raw)
    raw = accept.whole_sealed(ports, raw) if ports.seal_webhooks else raw
    if not (handshake or door.reply == "wait"):
        await accept.store(ports, raw, to)
        return reply.acknowledged(door)
    answer = await accept.store_and_wait(ports, raw, to, ports.webhook_wait)
    if answer is not None:
        return reply.sandboxed(request, reply.passed_on(request, answer))
    return reply.too_late() if handshake else reply.acknowledged(door)


async def _raw(
    request: web.Request,
    ports: IngressPorts,
    door: Door,
    kind: DoorKind,
    target: tuple[str, str],
) -> RawRequest:
    return RawRequest(
        id=accept.request_id(request),
        door=kind,
        name=target[0],
        method=request.method,
        path=target[1],
        query=accept.target_of(request)[1],
        headers=accept.headers_of(request),
        body=await read_body(request, door.body_limit),
        received_at=ports.clock.now(),
    )


def _admission(door: Door, raw: RawRequest) -> accept.Admission:
    given = raw.header(door.delivery_id) if door.delivery_id else None
    lane = raw.name if raw.door == "installation" else door.name
    to = accept.Admission(
        "webhook",
        lane=lane,
        integration=door.name,
        dedupe=f"{raw.door}:{raw.name}:{given}" if given else "",
    )
    to.installation = raw.name if raw.door == "installation" else ""
    return to


def _matches(match: HandshakeMatch, raw: RawRequest) -> bool:
    """Every part that the match gives must hold."""
    names = {name for name, _ in parse_qsl(raw.query, keep_blank_values=True)}
    return (
        (match.method is None or match.method == raw.method)
        and (match.query is None or match.query in names)
        and (match.header is None or raw.header(match.header) is not None)
        and (match.body is None or match.body.encode() in raw.body)
    )
