"""Subscriptions of an installation at its provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.api.admin.installations import by_webhook_id
from services.api.answers import Nothing
from services.api.hook_answers import (
    PutSubscription,
    RemovedSubscription,
    SubscriptionAnswer,
    SubscriptionList,
    SubscriptionView,
)
from shared.botpress import Refusal, invalid
from shared.errors import AlreadyBound
from shared.routing import identifier_of
from shared.secret import Secret

if TYPE_CHECKING:
    from services.api.ports import ApiPorts
    from services.api.wire import Call


async def put(ports: ApiPorts, call: Call[Nothing, PutSubscription]) -> SubscriptionAnswer:
    """Announce a subscription, or give it another secret; what waited for it is released."""
    home = await by_webhook_id(ports, call.path["webhookId"])
    id = call.path["subscription"]
    if identifier_of(id) is None:
        raise invalid("subscription", "is not an id", "write 1 to 200 characters")
    given = call.body.secret
    secret = None if given is None else Secret(given.encode())
    try:
        released = await ports.subscriptions.put(home, id, secret)
    except AlreadyBound as error:
        problem = f"subscription: installation {error.owner} has {id} already"
        raise Refusal("AlreadyExists", problem) from None
    await ports.audit.entry("admin", "subscription.put", home.webhook_id, {"id": id})
    known = await ports.subscriptions.ids(home)
    return SubscriptionAnswer(
        subscription=SubscriptionView(id=id, has_secret=known.get(id, False)), released=released
    )


async def list_all(ports: ApiPorts, call: Call[Nothing, None]) -> SubscriptionList:
    """Read an installation's subscriptions."""
    home = await by_webhook_id(ports, call.path["webhookId"])
    known = await ports.subscriptions.ids(home)
    return SubscriptionList(
        subscriptions=[SubscriptionView(id=id, has_secret=has) for id, has in known.items()]
    )


async def remove(ports: ApiPorts, call: Call[Nothing, None]) -> RemovedSubscription:
    """End a subscription; what comes for it later is nobody's."""
    home, id = await by_webhook_id(ports, call.path["webhookId"]), call.path["subscription"]
    removed = await ports.subscriptions.remove(home, id)
    if removed:
        await ports.audit.entry("admin", "subscription.removed", home.webhook_id, {"id": id})
    return RemovedSubscription(removed=removed)
