"""The two authorization servers, their integrations, and how a person gets through them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from aiohttp import encode_basic_auth
from yarl import URL

from tests.compat.oauth.authlib_server import AuthlibServer, Client
from tests.compat.oauth.front import Front, a_session, forwarded_to
from tests.compat.packages import packages
from tests.journeys.system import System
from tests.journeys.visitor import Page, Visitor
from tests.needs import path_of

PEERS = ("oidc", "authlib")
SECRET = "peer/secret+with=odd&signs%"
APP = {"CLIENT_ID": "waypost", "CLIENT_SECRET": SECRET}
LAX = "waypost-without-pkce"  # a client whose codes are bound to nobody
AUTH = {"oidc": "post", "authlib": "basic"}
SCRIPT = Path(__file__).with_name("oidc.mjs")


@asynccontextmanager
async def both(front: Front, redirect_uri: str) -> AsyncIterator[None]:
    """Start both servers behind *front*; Waypost's callback is *redirect_uri*."""
    issuer = f"{front.url}/authlib"
    front.servers["authlib"] = AuthlibServer(issuer, [Client("waypost", SECRET, redirect_uri)])
    async with a_node(f"{front.url}/oidc", redirect_uri) as port, a_session() as session:
        front.servers["oidc"] = forwarded_to(port, session)
        yield


@asynccontextmanager
async def a_node(issuer: str, redirect_uri: str) -> AsyncIterator[int]:
    """`oidc-provider` in a process of its own: the port it listens on."""
    folder = await asyncio.to_thread(packages, "oidc")
    usual = {
        "client_secret": SECRET, "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "client_secret_post",
    }  # fmt: skip
    clients = [
        {"client_id": name, "pkce": name != LAX, **usual} for name in (APP["CLIENT_ID"], LAX)
    ]
    told = json.dumps({"issuer": issuer, "clients": clients})
    process = await asyncio.create_subprocess_exec(
        path_of("node"), str(SCRIPT), str(folder), told,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield int(await asyncio.wait_for(process.stdout.readline(), 20))
    finally:
        process.terminate()
        await process.wait()


def document(name: str, base: str, auth: str, **authorize: Any) -> dict[str, Any]:
    """An integration with the authorization server at *base*, which names itself in `iss`."""
    return {
        "name": name,
        "version": "1.0.0",
        "title": name.title(),
        "verify": "none",
        "secrets": {"CLIENT_ID": {"public": True}, "CLIENT_SECRET": {}},
        "configuration": {"identifier": {"required": True}},
        "oauth": {
            "client": {"id": {"name": "CLIENT_ID"}, "secret": {"name": "CLIENT_SECRET"}},
            "authorize": {
                "url": f"{base}/auth",
                "issuer": base,
                "scopes": {"default": ["openid", "read"]},
                **authorize,
            },
            "token": {"url": f"{base}/token", "auth": auth},
            "identity": {
                "externalId": {"from": "call", "path": "sub"},
                "name": {"from": "call", "path": "name"},
                "call": {"url": f"{base}/me"},
            },
            "revoke": {
                "url": f"{base}/token/revocation", "auth": auth, "token": "refresh",
            },
        },
    }  # fmt: skip


async def offer(
    system: System, front: Front, name: str, doc: dict[str, Any] | None = None, **link: Any
) -> tuple[str, str]:
    """An installation of the integration *name*: its webhookId, and a link to connect it."""
    await system.register(doc or document(name, f"{front.url}/{name}", AUTH[name]))
    await system.set_secrets(name, APP)
    made = await system.install(name, await system.bot())
    return made["webhookId"], (await system.link(made["webhookId"], **link))["url"]


async def agreed(visitor: Visitor, address: str, user: str) -> Page:
    """Agree as *user* (or `deny`) on the consent page at *address*: the answer that ends it there."""
    server = URL(address).origin()
    at = URL(address, encoded=True).update_query(login_hint=user)
    page = await visitor.ask("GET", str(at))
    while page.status in {302, 303}:
        at = at.join(URL(page.location, encoded=True))
        if at.origin() != server:
            break
        page = await visitor.ask("GET", str(at))
    return page


async def callback(visitor: Visitor, link: str, user: str) -> str:
    """Press the button and agree: the address at Waypost that the server sends the browser to."""
    pressed = await visitor.press(link)
    return (await agreed(visitor, pressed.location, user)).location


async def asked(front: Front, peer: str, path: str, **form: str) -> tuple[int, dict[str, Any]]:
    """Ask a server as the client that is registered there: its status and answer."""
    client = {"client_id": APP["CLIENT_ID"], "client_secret": SECRET}
    headers = {} if AUTH[peer] == "post" else {"Authorization": basic()}
    sent = form if headers else {**client, **form}
    async with (
        a_session() as session,
        session.post(f"{front.url}/{peer}/{path}", data=sent, headers=headers) as answer,
    ):
        return answer.status, await answer.json(content_type=None) or {}


def basic() -> str:
    """RFC 6749 §2.3.1: both halves are form-encoded first."""
    return encode_basic_auth(quote_plus(APP["CLIENT_ID"]), quote_plus(SECRET))


async def who(front: Front, peer: str, access: str) -> int:
    """What a server answers who is asked with this access token."""
    headers = {"Authorization": f"Bearer {access}"}
    async with (
        a_session() as session,
        session.get(f"{front.url}/{peer}/me", headers=headers) as answer,
    ):
        return answer.status
