"""The calls about subscriptions and handshakes, rows of the one table in `operations`."""

from __future__ import annotations

from services.api import examples as given
from services.api.admin import handshakes, subscriptions
from services.api.hook_answers import (
    HandshakeAnswer,
    HandshakeList,
    PutSubscription,
    RemovedSubscription,
    SubscriptionAnswer,
    SubscriptionList,
)
from services.api.wire import Example, Operation

_HOOK = {"webhookId": given.WEBHOOK_ID}
_ONE = {**_HOOK, "subscription": given.SUBSCRIPTION_ID}
_NAME = {"name": "acme"}

HOOKS = (
    Operation(
        method="GET", path="/v1/admin/installations/{webhookId}/subscriptions", name="listSubscriptions",
        tag="installations", summary="Read an installation's subscriptions at the provider",
        act=subscriptions.list_all, answer=SubscriptionList,
        example=Example(path=_HOOK, answer={"subscriptions": [given.SUBSCRIPTION]}),
    ),
    Operation(
        method="PUT", path="/v1/admin/installations/{webhookId}/subscriptions/{subscription}",
        name="putSubscription", tag="installations",
        summary="Announce a subscription at the provider, with the secret that signs its events",
        act=subscriptions.put, body=PutSubscription, answer=SubscriptionAnswer,
        example=Example(
            path=_ONE, body={"secret": "from the provider's answer"},
            answer={"subscription": given.SUBSCRIPTION, "released": 0},
        ),
    ),
    Operation(
        method="DELETE", path="/v1/admin/installations/{webhookId}/subscriptions/{subscription}",
        name="removeSubscription", tag="installations", summary="End a subscription",
        act=subscriptions.remove, answer=RemovedSubscription,
        example=Example(path=_ONE, answer={"removed": True}),
    ),
    Operation(
        method="GET", path="/v1/admin/integrations/{name}/handshakes", name="listHandshakes",
        tag="integrations", summary="Read the secrets that providers brought in handshakes",
        act=handshakes.list_all, answer=HandshakeList,
        example=Example(path=_NAME, answer={"handshakes": [given.HANDSHAKE]}),
    ),
    Operation(
        method="POST", path="/v1/admin/integrations/{name}/handshakes/{handshake}/accept",
        name="acceptHandshake", tag="integrations", summary="Take a secret that came into use",
        act=handshakes.accept, answer=HandshakeAnswer,
        example=Example(
            path={**_NAME, "handshake": given.HANDSHAKE_ID},
            answer={"handshake": {**given.HANDSHAKE, "accepted": True}},
        ),
    ),
)  # fmt: skip
