"""`/oauth[/…]` and `/connect/…`: what browsers bring. What could be a secret in it is sealed before it is stored."""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING

import msgspec

from services.ingress import accept, cookie, notices, reply
from services.ingress.pace import caller
from services.web import read_body
from shared.botpress import Refusal, refusal_of
from shared.errors import WaypostError
from shared.model.requests import DoorKind, RawRequest, SealedPart

if TYPE_CHECKING:
    from aiohttp import web

    from services.web import Handler
    from shared.model.jobs import JobKind


def _told_to_people(handler: Handler) -> Handler:
    """*handler*, whose refusals are a page where a person would read them, and stay JSON elsewhere."""

    @functools.wraps(handler)
    async def told(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except WaypostError as error:
            if not notices.is_read_by_a_person(request):
                raise
            return notices.refused(request, refusal_of(error))

    return told


@_told_to_people
async def oauth(request: web.Request) -> web.StreamResponse:
    """A provider sends a browser back, or an integration's own page is asked for."""
    accept.refuse_service_workers(request)
    path, _ = accept.target_of(request)
    raw = _raw(request, "oauth", path)
    job: JobKind = "connect" if path == "/oauth/interstitial" else "oauth_callback"
    return await _ask(request, await _sealed(request, raw), job)


@_told_to_people
async def connect_page(request: web.Request) -> web.StreamResponse:
    """The page of a connect link. It changes nothing, so a link preview does no harm."""
    raw = _raw(request, "connect", "/connect")
    return await _ask(request, await _sealed(request, _of_link(request, raw)), "connect")


@_told_to_people
async def connect_start(request: web.Request) -> web.StreamResponse:
    """Somebody pressed the button: the browser gets its cookie, and goes to the provider."""
    _refuse_other_sites(request)
    ports = accept.ports_of(request)
    value = cookie.value_in(request, ports.origin) or cookie.new_value(ports.chance)
    raw = msgspec.structs.replace(
        _of_link(request, _raw(request, "connect", "/connect")),
        new_cookie_hash=cookie.hashed(value),
    )
    ports.pace.press(raw.name, ports.clock.now())
    response = await _ask(request, await _sealed(request, raw), "connect")
    cookie.give(response, ports.origin, value)
    return response


@_told_to_people
async def flow_page(request: web.Request) -> web.StreamResponse:
    """Where a flow stands; only for the browser that began it."""
    path, _ = accept.target_of(request)
    return await _ask(
        request, await _sealed(request, _raw(request, "connect", path)), "connect"
    )


@_told_to_people
async def flow_choice(request: web.Request) -> web.StreamResponse:
    """Somebody picked one of several accounts on the flow's page."""
    _refuse_other_sites(request)
    return await flow_page(request)


def _raw(request: web.Request, door: DoorKind, path: str) -> RawRequest:
    ports = accept.ports_of(request)
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", []))
    address = caller(request.remote or "", forwarded, ports.proxies)
    ports.pace.page(address, ports.clock.now())
    return RawRequest(
        id=accept.request_id(request),
        door=door,
        method=request.method,
        path=path,
        received_at=ports.clock.now(),
        cookie_hash=cookie.hashed(cookie.value_in(request, ports.origin)),
    )


def _of_link(request: web.Request, raw: RawRequest) -> RawRequest:
    """The link's token is a secret: only its hash goes on."""
    token = request.match_info["token"]
    return msgspec.structs.replace(raw, name=hashlib.sha256(token.encode()).hexdigest())


async def _sealed(request: web.Request, raw: RawRequest) -> RawRequest:
    path, query = accept.target_of(request)
    part = SealedPart(
        path=path,
        query=query,
        headers=accept.headers_of(request),
        body=await read_body(request),
    )
    return accept.sealed(accept.ports_of(request), raw, part)


async def _ask(request: web.Request, raw: RawRequest, job: JobKind) -> web.Response:
    ports = accept.ports_of(request)
    to = accept.Admission(job=job, lane=f"browser:{raw.door}")
    answer = await accept.store_and_wait(ports, raw, to, ports.browser_wait)
    return reply.passed_on(request, answer) if answer is not None else notices.pending(request)


def _refuse_other_sites(request: web.Request) -> None:
    """Only our own page may press the button (RFC 9700 §4.7, login CSRF)."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    host = request.headers.get("Host", "")
    ours = {
        None,  # no browser: it would say where its form was
        accept.ports_of(request).origin,
        f"https://{host}",
    }  # it may have several names
    foreign = site not in {"same-origin", "none"} if site else origin not in ours
    if foreign:
        raise Refusal("Forbidden", "open the connect link itself and press its button")
