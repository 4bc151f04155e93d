"""
Who calls: an integration's token, acting for one of its own installations on one bot.

`x-bot-id`, `x-integration-id` and `x-integration-alias` are what `@botpress/sdk` sends along; older clients leave the
alias out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import hdrs
from msgspec import Struct

from shared.botpress import Refusal, invalid
from shared.integrations.records import Definition
from shared.model.installations import Installation

if TYPE_CHECKING:
    from aiohttp import web

    from services.api.ports import ApiPorts

_HOW = "send the header Authorization: Bearer TOKEN with a token of POST /v1/admin/integrations/iaks"


class Caller(Struct, frozen=True, kw_only=True):
    """For whom a call is made."""

    installation: Installation
    definition: Definition

    @property
    def home(self) -> str:
        """The installation's webhookId, to which everything belongs that it keeps."""
        return self.installation.webhook_id


async def caller_of(request: web.Request, ports: ApiPorts) -> Caller:
    """
    The caller, or a `Refusal`: 401 without a runtime token, 400 without the headers, 403 where they do not fit.

    Whatever does not fit is answered alike, so that nobody learns what there is on a bot of somebody else.
    """
    token = _token(request)
    bot_id, integration_id = _header(request, "x-bot-id"), _header(request, "x-integration-id")
    alias = request.headers.get("x-integration-alias", "")
    claims, installation = await ports.callers.find(token, bot_id, alias)
    if claims is None:
        raise _unauthorized(
            f"this is no runtime token (the admin token is none either); {_HOW}"
        )
    ours = await ports.known.by_id(claims.integration_id)
    named = await ports.known.by_id(integration_id)
    if not ours or not named or ours.name != named.name:
        raise _forbidden()
    if not alias:
        installation = await _only_one(ports, bot_id, ours.name)
    if not installation or installation.integration != ours.name:
        raise _forbidden()
    return Caller(installation=installation, definition=named)


async def _only_one(ports: ApiPorts, bot_id: str, integration: str) -> Installation | None:
    found = await ports.installations.on_bot(bot_id)
    theirs = [one for one in found if one.integration == integration]
    return theirs[0] if len(theirs) == 1 else None


def _token(request: web.Request) -> str:
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _unauthorized(f"no bearer token was sent; {_HOW}")
    return token.strip()


def _header(request: web.Request, name: str) -> str:
    value = request.headers.get(name, "")
    if not value:
        raise invalid(name, "this header is missing", "@botpress/client sends it by itself")
    return value


def _unauthorized(message: str) -> Refusal:
    return Refusal(
        "Unauthorized", message, headers={"WWW-Authenticate": 'Bearer realm="waypost"'}
    )


def _forbidden() -> Refusal:
    message = (
        "x-bot-id, x-integration-id and x-integration-alias name no installation of the integration that this token"
        " belongs to; GET /v1/admin/installations shows which there are"
    )
    return Refusal("Forbidden", message)
