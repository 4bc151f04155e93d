"""
The short way of webhooks: those that are plainly to be stored and acknowledged, which nearly all are.

It does what `webhooks` does, in one go and without a task. What needs a look-up, a worker's reply or a refusal goes the
long way, so that nothing is decided here which is not decided there.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from aiohttp import HttpVersion11, web
from msgspec import Struct

from services.ingress import accept, reply
from services.ingress.turnstile import Turnstile
from services.ingress.webhooks import GLOBAL, admission, matches, names_in
from services.short_way import Answer, Written
from services.web import answer_to, stamp
from shared.clock import new_id
from shared.model.jobs import Accepted
from shared.model.requests import Door, DoorKind, Headers, RawRequest

if TYPE_CHECKING:
    from aiohttp.http_parser import RawRequestMessage

    from services.ingress.ports import IngressPorts
    from services.web import Edge

_HOOK = re.compile(r"/([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?:(/)(.*))?")


class Place(Struct, frozen=True):
    """Where a webhook goes."""

    door: Door
    kind: DoorKind
    name: str
    path: str
    route: str  # the template that the long way has


class Head(Struct, frozen=True):
    """What is known of a request before its body is read."""

    started: float
    to: Place
    query: str
    headers: Headers


class ShortWebhooks:
    """Stores and acknowledges."""

    def __init__(self, edge: Edge, ports: IngressPorts) -> None:
        """Take over what comes to *edge* and needs nothing but *ports*."""
        self._edge, self._ports = edge, ports
        self._turnstile = Turnstile(ports.refused, ports.chance)
        self._written: dict[str, tuple[Door, Written]] = {}

    def wants(self, message: RawRequestMessage) -> Head | bytes | None:
        """The head of a plain POST to a door that is remembered and does not wait for a worker; or its refusal."""
        if (
            message.method != "POST"
            or message.version != HttpVersion11
            or message.should_close
            or message.chunked
            or message.upgrade
            or self._ports.pressure.is_full
            or self._ports.seal_webhooks
        ):
            return None
        started = self._edge.clock.monotonic()
        path, _, query = message.path.partition("?")
        if self._ports.ledger.is_crowded:
            return self._turnstile.refusal(path)
        to = self._place(path)
        headers = accept.plain_headers(message.raw_headers)
        if to is None or headers is None or not to.door.enabled or to.door.reply == "wait":
            return None
        return Head(started, to, query, headers)

    def _place(self, path: str) -> Place | None:
        if path.startswith(GLOBAL):
            return self._global(path[len(GLOBAL) :])
        found = _HOOK.fullmatch(path)
        return self._installation(found) if found else None

    def _global(self, path: str) -> Place | None:
        for name, below in names_in(path):
            known = self._ports.doors.known_door(name)
            if not known:
                return None
            if (door := known[0]) is not None:
                return Place(door, "global", door.name, below, "/integration/global/{target}")
        return None

    def _installation(self, path: re.Match[str]) -> Place | None:
        webhook_id, doors = path[1].lower(), self._ports.doors
        hook = doors.known_hook(webhook_id)
        known = doors.known_door(hook[0]) if hook and hook[0] else ()
        if not known or (door := known[0]) is None:
            return None
        route = "/{webhook_id}/{rest}" if path[2] else "/{webhook_id}"
        return Place(door, "installation", webhook_id, f"/{path[3] or ''}", route)

    def take(self, head: Head | bytes, body: bytes, answer: Answer) -> bool:
        """Store it and have it answered, unless it is a handshake or too large."""
        if isinstance(head, bytes):
            answer(head)
            return True
        to, ports = head.to, self._ports
        if len(body) > to.door.body_limit:
            return False
        id = new_id("call", ports.clock, self._edge.chance)
        raw = RawRequest(
            id=f"req{id[4:]}",
            door=to.kind,
            name=to.name,
            method="POST",
            path=to.path,
            query=head.query,
            headers=head.headers,
            body=body,
            received_at=ports.clock.now(),
        )
        for match in to.door.handshakes:
            if matches(match, raw):
                return False
        ports.reach("accept.before_store")
        stored = accept.as_accept(raw, admission(to.door, raw))
        ports.ledger.submit(stored, functools.partial(self._stored, head, id, answer))
        return True

    def _stored(
        self, head: Head, id: str, answer: Answer, outcome: Accepted | Exception
    ) -> None:
        to = head.to
        if isinstance(outcome, Accepted) and outcome.status != "full":
            self._ports.reach("accept.stored")
            answer(self._acknowledged(to.door).to(id))
            status = to.door.ack_status
        else:
            refused = self._refused(outcome, id, to.route)
            answer(Written(refused).to(id))
            status = refused.status
        self._edge.tell(id, "POST", to.route, status, head.started)

    def _acknowledged(self, door: Door) -> Written:
        known = self._written.get(door.name)
        if known is None or known[0] is not door:
            made = reply.acknowledged(door)
            stamp(self._edge, "", made)
            known = self._written[door.name] = door, Written(made)
        return known[1]

    def _refused(self, outcome: Accepted | Exception, id: str, route: str) -> web.Response:
        if isinstance(outcome, Accepted):
            outcome = accept.queue_full(self._ports, outcome)
        made = answer_to(outcome, self._edge, id, route)
        stamp(self._edge, id, made)
        assert isinstance(made, web.Response)
        return made
