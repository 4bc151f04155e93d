"""Workers in one process over a real store, and a provider whose refresh tokens are good once."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from shared.clock import SystemChance, new_id
from shared.integrations.definition import decode, door_of, stored
from shared.model.calls import HttpAnswer, HttpCall
from shared.model.installations import Account, Installation
from shared.oauth import Tokens, payload_of
from shared.secret import KeyRing, Secret
from shared.storage.bots import Bots, Events
from shared.storage.connection import Store
from shared.storage.definitions import Definitions
from shared.storage.flows import Flows
from shared.storage.gates import Gates
from shared.storage.installations import Installations
from shared.storage.ledger import Ledger
from shared.storage.renewals import Renewals
from shared.storage.states import States
from shared.storage.turns import Turns
from shared.storage.vault import Secrets, Vault
from tests.contracts.storage_builders import NOON, FakeClock, an_installation
from tests.integrations.definition_builders import a_document
from workers.catalogue import Catalogue
from workers.gates import Gatekeeper
from workers.installed import Installed, installed
from workers.tools import Tools

LIFE = 3600.0
OVER = NOON + LIFE - 10  # too near to the end for a token to count as working
DUE = NOON + LIFE - 300
DOCUMENT = a_document(oauth__revoke={"url": "https://acme.example/revoke"})


class Provider:
    """Answers refreshes; a spent refresh token ends the whole family, as RFC 9700 §4.14.2 has it."""

    def __init__(self) -> None:
        self.refreshes = 0
        self.is_ended = False
        self.faults: list[HttpAnswer | Exception] = []  # instead of the next answers
        self.calls: list[HttpCall] = []
        self._live = "refresh-0"

    async def send(self, call: HttpCall) -> HttpAnswer:
        self.calls.append(call)
        await asyncio.sleep(0.02)
        if self.faults:
            return self._fault(self.faults.pop(0))
        if call.name == "revoke":
            return HttpAnswer(status=200)
        return self._refreshed(dict(parse_qsl(call.body.decode()))["refresh_token"])

    @staticmethod
    def _fault(fault: HttpAnswer | Exception) -> HttpAnswer:
        if isinstance(fault, Exception):
            raise fault
        return fault

    def _refreshed(self, token: str) -> HttpAnswer:
        self.refreshes += 1
        if token != self._live or self.is_ended:
            self.is_ended = True
            return HttpAnswer(status=400, body=b'{"error": "invalid_grant"}')
        self._live = f"refresh-{self.refreshes}"
        body = {
            "access_token": f"access-{self.refreshes}",
            "refresh_token": self._live,
            "expires_in": LIFE,
        }
        return HttpAnswer(status=200, body=msgspec.json.encode(body))


class Bench:
    """One installation that was connected at noon, and any number of workers."""

    def __init__(self, store: Store) -> None:
        self.store, self.clock, self.provider = store, FakeClock(), Provider()
        self.vault = Vault(store, KeyRing.generate())
        self.installations = Installations(store, self.vault)
        self.renewals, self.events = Renewals(store), Events(store)

    async def open(self, **changes: Any) -> Bench:
        """Publish the definition, install it, connect it."""
        document = {**DOCUMENT, **changes}
        definition = decode(document, allow_loopback=True)
        published = Definitions(self.store)
        await published.publish(stored(definition), "acme", "1.0.0", door_of(definition))
        await Bots(self.store, self.vault).put("shop")
        for name in ("CLIENT_ID", "CLIENT_SECRET"):
            await Secrets(self.store, self.vault).set("acme", name, Secret(name.encode()))
        self.home = await self.connected()
        return self

    async def connected(self, identifier: str = "T1", **tokens: Any) -> Installation:
        """A further installation, connected at noon."""
        account = Account(id=identifier, name="Team", inputs={"site": "ada"})
        home = an_installation(
            integration="acme",
            alias=f"acme-{new_id('a', self.clock, SystemChance())}",
            account=account,
        )
        await self.installations.create(home)
        await self.installations.update(home.webhook_id, connection="connected")
        usual = {
            "access": Secret(b"access-0"), "refresh": Secret(b"refresh-0"), "obtained_at": NOON,
            "expires_at": NOON + LIFE,
        }  # fmt: skip
        payload = payload_of(Tokens(**{**usual, **tokens}))
        await States(self.store, self.vault).set(home, "integration", "int_1", "oauth", payload)
        await self.store.redis.zadd("waypost:{c0}:1:renewals", {home.webhook_id: 0})
        return home

    def worker(self, **changes: Any) -> Tools:
        """What a worker works with; parts that a refresh never touches are not there."""
        usual: dict[str, Any] = {
            "ledger": Ledger(self.store), "catalogue": Catalogue(Definitions(self.store), self.clock),
            "installations": self.installations, "states": States(self.store, self.vault), "turns": Turns(self.store),
            "renewals": self.renewals, "secrets": Secrets(self.store, self.vault), "flows": Flows(self.store),
            "bots": Bots(self.store, self.vault), "events": self.events, "vault": self.vault,
            "provider": self.provider, "reach": lambda _: None, "clock": self.clock, "chance": SystemChance(),
            "origin": "https://way.test", "keysets": None, "slots": None, "subscriptions": None, "handshakes": None,
            "gates": Gatekeeper(Gates(self.store), self.clock), "scripts": None, "sealing": None,
            "admin": None, "folders": {},
        }  # fmt: skip
        return Tools(**{**usual, **changes})

    async def owner(self, tools: Tools) -> Installed:
        """The installation as a worker loads it."""
        return await installed(tools, self.home.webhook_id)

    async def now(self) -> Installation:
        """The installation as it is."""
        found = await self.installations.by_webhook_id(self.home.webhook_id)
        assert found is not None
        return found

    async def told(self) -> list[Any]:
        """The events that its bot has in its stream."""
        found, _ = await self.events.read("shop")
        return list(found)
