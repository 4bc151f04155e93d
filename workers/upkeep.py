"""
Looks after installations: tokens are refreshed before they end, and bots are told of connections that were lost.

Every worker does; the schedule gives each installation to one of them at a time, and the lease of a refresh holds
against `ctx.token()` in the others.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog

from shared.clock import new_id
from shared.errors import (
    NotFound,
    Permanent,
    ProviderRefused,
    StoreUnavailable,
    Transient,
    WaypostError,
)
from shared.integrations.configurations import can_connect, provider_of
from shared.model.events import Event
from shared.oauth.lifetimes import next_look_at
from shared.oauth.links import hash_of, new_link, token_of
from workers.installed import installed
from workers.runtime.events import announce
from workers.tokens import kept_alive

if TYPE_CHECKING:
    from shared.model.renewals import Due, Loss
    from workers.installed import Installed
    from workers.tools import Tools

log = structlog.get_logger()

MOST = 20  # installations in work at a time
HOLD = 120.0  # seconds; longer than a refresh may take
PAUSE = 2.0  # seconds between two looks at the schedule
AGAIN = timedelta(minutes=1)  # after a provider that cannot answer
MUCH_LATER = timedelta(hours=1)  # after a refusal that is the operator's to mend


async def look_after_for_ever(tools: Tools) -> None:
    """Look after what is due, until cancelled."""
    while True:
        try:
            found = await look_after(tools)
        except StoreUnavailable:
            found = 0
        if found < MOST:
            await asyncio.sleep(PAUSE)


async def look_after(tools: Tools) -> int:
    """Look after some of what is due now; returns how many that were."""
    due = await tools.renewals.claim(MOST, HOLD)
    await asyncio.gather(*(_one(one, tools) for one in due))
    return len(due)


async def _one(due: Due, tools: Tools) -> None:
    """One installation; whatever went wrong, it comes again."""
    try:
        await _told(due.webhook_id, tools)
        again = await _looked_at(due.webhook_id, tools)
        if again is None:
            await tools.renewals.drop(due)
        else:
            await tools.renewals.later(due, again)
    except WaypostError as error:
        log.warning("upkeep.failed", installation=due.webhook_id, error=str(error))
    except Exception:
        # A bug, and told as one; the other installations of this round are looked after all the same.
        log.exception("upkeep.broke", installation=due.webhook_id)


async def _looked_at(webhook_id: str, tools: Tools) -> float | None:
    """Refresh if it is time; returns when to look next (seconds since 1970), None for never."""
    try:
        owner = await installed(tools, webhook_id)
        provider = provider_of(owner.definition, owner.installation.configuration_type)
        if provider is None or owner.installation.connection != "connected":
            return None
        tokens = await kept_alive(provider, owner, tools)
    except NotFound:
        return None
    except ProviderRefused as refused:
        return await _refused(webhook_id, refused, tools)
    except Permanent as error:
        log.warning("token.not_refreshed", installation=webhook_id, reason=str(error))
        return tools.clock.now() + MUCH_LATER.total_seconds()
    except Transient as busy:
        spread = 1 + tools.chance.fraction()  # all installations meet the same pause
        return tools.clock.now() + spread * (busy.after or AGAIN).total_seconds()
    return next_look_at(provider, tokens, tools.chance.fraction())


async def _refused(webhook_id: str, refused: ProviderRefused, tools: Tools) -> float | None:
    """Gone for good is told at once; anything else is for the operator, who is given time."""
    if await tools.renewals.untold(webhook_id):
        await _told(webhook_id, tools)
        return None
    log.warning("token.not_refreshed", installation=webhook_id, reason=refused.code)
    return tools.clock.now() + MUCH_LATER.total_seconds()


async def _told(webhook_id: str, tools: Tools) -> None:
    """Tell the bot of a lost connection, once, with a link by which its user connects again."""
    loss = await tools.renewals.untold(webhook_id)
    if loss is None:
        return
    try:
        owner = await installed(tools, webhook_id)
        await announce(await _event(owner, loss, tools), tools)
    except (Permanent, NotFound):
        return  # it was removed in the meantime
    await tools.renewals.told(webhook_id, loss)
    log.warning(
        "connection.lost",
        installation=webhook_id,
        integration=owner.definition.name,
        kind=loss.kind,
        reason=loss.reason,
    )


async def _event(owner: Installed, loss: Loss, tools: Tools) -> Event:
    """The same id however often it is sent."""
    home = owner.installation
    told = hashlib.sha256(f"{home.webhook_id}:{loss.at}".encode()).hexdigest()[:26]
    return Event(
        id=f"evt_{told}",
        type=f"connection.{loss.kind}",
        created_at=datetime.fromtimestamp(loss.at / 1000, UTC).isoformat(),
        bot_id=home.bot_id,
        integration=home.integration,
        alias=home.alias,
        webhook_id=home.webhook_id,
        identifier=loss.identifier or home.identifier,
        delivery_id="",
        payload={"reason": loss.reason, **await _way_back(owner, tools)},
    )


async def _way_back(owner: Installed, tools: Tools) -> dict[str, Any]:
    """A fresh connect link, where the integration has one."""
    home = owner.installation
    if not can_connect(owner.definition, home.configuration_type):
        return {}
    flow_id = new_id("flow", tools.clock, tools.chance)
    token = token_of(tools.chance.token(32))
    link = new_link(home.webhook_id, flow_id, tools.clock.now())
    await tools.flows.put_link(hash_of(token), link)
    expires = datetime.fromtimestamp(link.expires_at, UTC).isoformat()
    origin = owner.definition.public_url or tools.origin
    return {"connectUrl": f"{origin}/connect/{token}", "expiresAt": expires}
