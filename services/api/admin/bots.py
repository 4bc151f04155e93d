"""Bots, and where their events go."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from services.api.answers import (
    BotAnswer,
    BotList,
    BotView,
    EventList,
    EventQuery,
    Nothing,
    PutBot,
)
from services.api.wire import Call, matching
from shared.botpress import invalid
from shared.egress import may_be_asked_for, may_reach, networks
from shared.errors import NotFound
from shared.explain import rfc3339
from shared.secret import Secret

if TYPE_CHECKING:
    from services.api.ports import ApiPorts
    from shared.model.installations import Bot

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_ANYWHERE = networks(["0.0.0.0/0", "::/0"])
_SHORTEST_KEY = 16  # bytes
_CURSOR = re.compile(r"(\d{1,19}-\d{1,19})?", re.ASCII)


async def put_bot(ports: ApiPorts, call: Call[Nothing, PutBot]) -> BotAnswer:
    """Make a bot, or say anew where its events go."""
    bot_id = matching(
        call.path["botId"],
        _ID,
        "botId",
        "use letters, digits, dot, dash, underscore; at most 100",
    )
    url = checked_url(call.body.url or "", "url")
    secret = checked_secret(call.body.secret or "", "secret")
    bot = await ports.bots.put(bot_id, url, secret)
    await ports.audit.entry(
        "admin", "bot.put", bot_id, {"url": bool(url), "secret": bool(secret)}
    )
    return BotAnswer(bot=_view(bot))


async def get_bot(ports: ApiPorts, call: Call[Nothing, None]) -> BotAnswer:
    """Read a bot."""
    return BotAnswer(bot=_view(await bot_by_id(ports, call.path["botId"])))


async def list_bots(ports: ApiPorts, call: Call[Nothing, None]) -> BotList:
    """Read all bots."""
    del call
    return BotList(bots=[_view(bot) for bot in await ports.bots.list()])


async def read_events(ports: ApiPorts, call: Call[EventQuery, None]) -> EventList:
    """Read a bot's stream; with `wait` the answer comes with the first event, or after that time."""
    bot = await bot_by_id(ports, call.path["botId"])
    query = call.query
    after = matching(
        query.after,
        _CURSOR,
        "after",
        "give the nextAfter of an earlier answer, or leave it out",
    )
    events, next_after = await ports.events.read(bot.id, after, query.limit, query.wait)
    return EventList(events=list(events), next_after=next_after)


async def bot_by_id(ports: ApiPorts, bot_id: str) -> Bot:
    """The bot, or `NotFound` with the call that makes it."""
    bot = await ports.bots.get(bot_id)
    if bot is None:
        raise NotFound(f"there is no bot {bot_id}; make it with PUT /v1/admin/bots/{bot_id}")
    return bot


def checked_url(url: str, field: str) -> str:
    """*url* when it is absolute http or https without user or fragment; empty stays empty."""
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        port_is_number = parts.port is None or parts.port > 0
    except ValueError:
        raise invalid(
            field, "is no URL", "give one such as https://bot.example/events"
        ) from None
    plain = parts.scheme in {"http", "https"} and not parts.username
    plain = plain and may_be_asked_for(parts.hostname or "")
    if not plain or parts.fragment or not port_is_number or not url.isprintable() or " " in url:
        raise invalid(
            field, "is no http or https URL", "give one such as https://bot.example/events"
        )
    if _is_never_reached(parts.hostname or ""):
        fix = "give the address of the bot itself; no setting opens link-local ones"
        raise invalid(field, f"{parts.hostname} is never called", fix)
    return url


def _is_never_reached(host: str) -> bool:
    """An address that no setting opens; names are judged when they are called."""
    try:
        return not may_reach(host, _ANYWHERE)
    except ValueError:
        return False


def checked_secret(text: str, field: str) -> Secret | None:
    """A signing secret (https://www.standardwebhooks.com: `whsec_` and base64); empty is none."""
    if not text:
        return None
    encoded = text.removeprefix("whsec_")
    try:
        key = text.encode() if encoded == text else base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if len(key) < _SHORTEST_KEY:
        fix = f"give whsec_ and base64 of 24 to 64 bytes, or a text of at least {_SHORTEST_KEY}"
        raise invalid(field, "is no secret that can sign", fix)
    return Secret(text.encode())


def _view(bot: Bot) -> BotView:
    return BotView(
        id=bot.id,
        url=bot.url or None,
        has_secret=bot.has_secret,
        created_at=rfc3339(bot.created_at * 1000),
    )
