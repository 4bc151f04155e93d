"""From an HTTP request to a record on disk."""

from __future__ import annotations

import asyncio
import functools
import hashlib
from typing import TYPE_CHECKING

import msgspec

from services.ingress.cookie import masked
from services.ingress.ports import PORTS, IngressPorts
from services.ingress.turnstile import crowded, some_seconds
from services.web import REQUEST_ID
from shared.botpress import Refusal, unavailable
from shared.model.jobs import Accept, Accepted, JobKind
from shared.model.requests import Headers, RawRequest, Reply, SealedPart

if TYPE_CHECKING:
    from aiohttp import web

_ENCODER = msgspec.msgpack.Encoder()
_HOP_BY_HOP = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
    "transfer-encoding", "upgrade",
})  # fmt: skip
_UNUSUAL = frozenset({"expect", "service-worker", "transfer-encoding", "upgrade"})
_CHANGED = _HOP_BY_HOP | _UNUSUAL | {"cookie"}  # which most requests have none of
RawHeaders = tuple[tuple[bytes, bytes], ...]


def headers_of(request: web.Request) -> Headers:
    """The headers as they came, names in lower case, without the hop's own; our cookie is replaced by its hash."""
    return _kept(_read(request.raw_headers))


def plain_headers(raw_headers: RawHeaders) -> Headers | None:
    """The same, or None where one of them asks for more than to be stored, or may be read in two ways."""
    headers = _read(raw_headers)
    names = [name for name, _ in headers]
    if names.count("host") > 1 or names.count("content-length") > 1:
        return None
    if _CHANGED.isdisjoint(names):
        return tuple(headers)
    return _kept(headers) if _UNUSUAL.isdisjoint(names) else None


def _read(raw_headers: RawHeaders) -> list[tuple[str, str]]:
    return [(_lower(name), value.decode("latin-1")) for name, value in raw_headers]


def _kept(headers: list[tuple[str, str]]) -> Headers:
    return tuple([
        (name, masked(value) if name == "cookie" else value)
        for name, value in headers
        if name not in _HOP_BY_HOP
    ])  # fmt: skip


@functools.lru_cache(1024)
def _lower(name: bytes) -> str:
    return name.decode("latin-1").lower()


def target_of(request: web.Request) -> tuple[str, str]:
    """Path and query of the request line, byte for byte."""
    path, _, query = request.raw_path.partition("?")
    return path, query


def sealed(ports: IngressPorts, raw: RawRequest, part: SealedPart) -> RawRequest:
    """*raw* with *part* readable by workers only, and only as part of this request."""
    box = ports.seal.seal(msgspec.msgpack.encode(part), raw.id.encode())
    return msgspec.structs.replace(raw, sealed=box)


def whole_sealed(ports: IngressPorts, raw: RawRequest) -> RawRequest:
    """*raw* with nothing left to read in it but what it is, when it came and for whom."""
    part = SealedPart(path=raw.path, query=raw.query, headers=raw.headers, body=raw.body)
    bare = msgspec.structs.replace(raw, path="/", query="", headers=(), body=b"")
    return sealed(ports, bare, part)


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """What to put beside the raw request in the ledger."""

    job: JobKind
    lane: str  # whose turn it takes
    integration: str = ""
    installation: str = ""
    dedupe: str = ""  # by which a copy is recognised, hashed; empty for never


def hashed(delivery: str) -> str:
    """What stands for a delivery's id in the ledger: an id may be long, and is nobody's business there."""
    return hashlib.sha256(delivery.encode()).hexdigest()


def admit(ports: IngressPorts) -> None:
    """Let a webhook in, or raise 503 while nothing of it has been read and the store was not asked."""
    if ports.ledger.is_crowded:
        ports.refused["waiting"] += 1
        raise crowded(some_seconds(ports.chance))


async def store(ports: IngressPorts, raw: RawRequest, to: Admission) -> Accepted:
    """Put *raw* on disk; raises a refusal with 503 and Retry-After when the queue is full or the store is away."""
    if ports.pressure.is_full:
        ports.refused["memory"] += 1
        raise _too_full("the store is nearly full", ports)
    ports.reach("accept.before_store")
    accepted = await ports.ledger.accept(as_accept(raw, to))
    ports.reach("accept.stored")
    if accepted.status == "full":
        raise queue_full(ports, accepted)
    return accepted


def as_accept(raw: RawRequest, to: Admission) -> Accept:
    """What goes to the ledger."""
    return Accept(
        id=raw.id,
        job=to.job,
        body=_ENCODER.encode(raw),
        dedupe=to.dedupe,
        integration=to.integration,
        lane=to.lane,
        installation=to.installation,
    )


def queue_full(ports: IngressPorts, accepted: Accepted) -> Refusal:
    """What to say when the ledger has no room, or none for so many of one lane; it is counted."""
    ports.refused["lane" if accepted.is_crowded else "depth"] += 1
    why = "too many of these wait already" if accepted.is_crowded else "the queue is full"
    return _too_full(why, ports)


def _too_full(why: str, ports: IngressPorts) -> Refusal:
    """503 with a `Retry-After` that spreads those who come back."""
    return unavailable(why, 5.0 + 25.0 * ports.chance.fraction())


async def store_and_wait(
    ports: IngressPorts, raw: RawRequest, to: Admission, seconds: float
) -> Reply | None:
    """Put *raw* on disk and wait for the worker's reply; None when none came in time."""
    nonce = ports.chance.token(12).hex()
    address, reply = ports.inbox.expect(nonce)
    try:
        accepted = await store(ports, msgspec.structs.replace(raw, reply_to=address), to)
        if accepted.status == "duplicate":
            return None
        async with asyncio.timeout(seconds):
            return await reply
    except TimeoutError:
        return None
    finally:
        ports.inbox.forget(nonce)


def refuse_service_workers(request: web.Request) -> None:
    """An integration's page may not install a worker on the origin that all integrations share."""
    if request.headers.get("Service-Worker") == "script":
        raise Refusal("Forbidden", "service workers are not served on this origin")


def request_id(request: web.Request) -> str:
    """The id of the record: the one that the answer and the log line have, under the record's prefix."""
    return f"req_{request[REQUEST_ID].partition('_')[2]}"


def ports_of(request: web.Request) -> IngressPorts:
    """The ports of the app that serves *request*."""
    return request.app[PORTS]
