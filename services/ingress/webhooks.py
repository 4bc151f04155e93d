"""`/integration/global/{name}[/…]` and `/{webhookId}[/…]`: webhooks."""

from __future__ import annotations

import functools
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
    accept.admit(ports)
    path, _ = accept.target_of(request)
    door, rest = await _door_in(ports, path[len(GLOBAL) :])
    return await _webhook(request, ports, door, "global", (door.name, rest))


async def installation_webhook(request: web.Request) -> web.StreamResponse:
    """A webhook for one installation."""
    ports = accept.ports_of(request)
    accept.admit(ports)
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
    for name, below in names_in(path):
        door = await ports.doors.door(name)
        if door is not None:
            if door.enabled:
                return door, below
            break
    raise NotFound("there is no such integration")


@functools.lru_cache(1024)
def names_in(path: str) -> tuple[tuple[str, str], ...]:
    """
    The names that may begin *path*, each with the path below it.

    The longer name goes first: somebody registered it knowing the shorter one.

    >>> names_in("acme%2Fpro/x")
    (('acme/pro/x', '/'), ('acme/pro', '/x'))
    >>> names_in("acme")
    (('acme', '/'),)
    """
    first, _, rest = path.partition("/")
    second, _, below = rest.partition("/")
    shorter = (unquote(first), f"/{rest}")
    return (
        ((f"{unquote(first)}/{unquote(second)}", f"/{below}"), shorter)
        if second
        else (shorter,)
    )


async def _webhook(
    request: web.Request,
    ports: IngressPorts,
    door: Door,
    kind: DoorKind,
    target: tuple[str, str],
) -> web.StreamResponse:
    accept.refuse_service_workers(request)
    raw = await _raw(request, ports, door, kind, target)
    handshake = any(matches(match, raw) for match in door.handshakes)
    to = admission(door, raw)
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


def admission(door: Door, raw: RawRequest) -> accept.Admission:
    """Whose turn it takes, and by what a copy of it is recognised."""
    given = raw.header(door.delivery_id) if door.delivery_id else None
    is_one = raw.door == "installation"
    return accept.Admission(
        job="webhook",
        lane=raw.name if is_one else door.name,
        integration=door.name,
        installation=raw.name if is_one else "",
        dedupe=accept.hashed(f"{raw.door}:{raw.name}:{given}") if given else "",
    )


def matches(match: HandshakeMatch, raw: RawRequest) -> bool:
    """Every part that the match gives must hold."""
    return (
        (match.method is None or match.method == raw.method)
        and (match.query is None or match.query in _names(raw.query))
        and (match.header is None or raw.header(match.header) is not None)
        and (match.body is None or match.body.encode() in raw.body)
    )


def _names(query: str) -> set[str]:
    return {name for name, _ in parse_qsl(query, keep_blank_values=True)}
