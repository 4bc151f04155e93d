"""The state of the simulated world: one object, held by one running simulator."""

from __future__ import annotations

import base64
import uuid
from collections import defaultdict
from dataclasses import dataclass, field

from aiohttp import web

from services.simulator.clock import Chance, Clock
from services.simulator.faults import Fault
from services.simulator.records import Account, App, Ask, Call, Grant, Received, Token


@dataclass(kw_only=True)
class World:
    """Everything that exists at the providers and at the bots."""

    clock: Clock
    chance: Chance
    apps: dict[tuple[str, str], App] = field(default_factory=dict)  # provider, client id
    accounts: dict[tuple[str, str], Account] = field(default_factory=dict)  # provider, id
    installed: set[tuple[str, str]] = field(default_factory=set)  # client id, account id
    asks: dict[str, Ask] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)  # by code
    tokens: dict[str, Token] = field(default_factory=dict)  # by value
    faults: list[Fault] = field(default_factory=list)
    log: list[Call] = field(default_factory=list)
    bots: defaultdict[str, list[Received]] = field(default_factory=lambda: defaultdict(list))

    def random(self, size: int = 24) -> str:
        """An unguessable string, safe in URLs and headers."""
        return base64.urlsafe_b64encode(self.chance.token(size)).rstrip(b"=").decode()

    def uuid(self) -> str:
        """A random UUID."""
        return str(uuid.UUID(bytes=self.chance.token(16), version=4))

    def accounts_of(self, provider: str) -> list[Account]:
        """Every account of one provider, in the order they were added."""
        return [one for (owner, _), one in self.accounts.items() if owner == provider]

    def app_of(self, provider: str, client_id: str = "") -> App:
        """The app with that client id, else the provider's first; KeyError names the gap."""
        for (owner, known), app in self.apps.items():
            if owner == provider and client_id in ("", known):
                return app
        message = f"no app {client_id} is registered at {provider}: call register_app first"
        raise KeyError(message)


WORLD: web.AppKey[World] = web.AppKey("world", World)

# A handler's words for the log entry of its request.
NOTES: web.RequestKey[dict[str, str]] = web.RequestKey("notes", dict[str, str])


def note(request: web.Request, **words: str) -> None:
    """Add to the log entry of this request."""
    request[NOTES].update(words)
