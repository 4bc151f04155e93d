"""What the calls about subscriptions and handshakes take and give."""

from __future__ import annotations

from services.api.answers import Asked, Given, Text


class PutSubscription(Asked, frozen=True, kw_only=True):
    """A subscription at the provider, and the secret that signs what it sends."""

    secret: Text | None = None


class SubscriptionView(Given, frozen=True, kw_only=True):
    """One subscription of an installation; its secret is never returned."""

    id: str
    has_secret: bool


class SubscriptionAnswer(Given, frozen=True, kw_only=True):
    """The subscription, and how many requests had waited for it."""

    subscription: SubscriptionView
    released: int


class SubscriptionList(Given, frozen=True, kw_only=True):
    """All subscriptions of an installation."""

    subscriptions: list[SubscriptionView]


class RemovedSubscription(Given, frozen=True, kw_only=True):
    """Whether there was one."""

    removed: bool


class HandshakeView(Given, frozen=True, kw_only=True):
    """A secret that a provider brought in a handshake; *value* is what it wants to see again."""

    id: str
    at: str
    source: str  # global, configuration or subscription: what it is to be
    name: str
    webhook_id: str | None
    note: str
    accepted: bool
    value: str


class HandshakeList(Given, frozen=True, kw_only=True):
    """What came, the newest first."""

    handshakes: list[HandshakeView]


class HandshakeAnswer(Given, frozen=True, kw_only=True):
    """The handshake whose secret is in use now."""

    handshake: HandshakeView
