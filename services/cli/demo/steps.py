"""What happens in the demo, one method a step."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from services.cli.demo.browser import Person
from services.cli.demo.plan import (
    BOTS,
    INTEGRATIONS,
    KINDS,
    LATE,
    ROUNDS,
    Wish,
    secrets_for,
    wishes,
)
from services.simulator import Envelope, User
from shared.errors import SetupFailed
from shared.integrations.definition import document_of
from shared.integrations.registry import built_in, redirected

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.cli.api import Api
    from services.simulator import Simulator
    from shared.integrations.records import Definition

SECRET = "whsec_ZGVtby1kZW1vLWRlbW8tZGVtby1kZW1vLWRlbW8="  # noqa: S105 - of the demo's own bot
_PATIENCE = 10.0  # seconds a request has to be routed
_OPEN = ("ready", "leased", "retrying", "waiting")
_HEADLINE = re.compile(r"<h1[^>]*>(.*?)</h1>", re.DOTALL)


class Sent(Struct, frozen=True):
    """One webhook that the simulator sent, and for whom."""

    wish: Wish
    body: str
    status: int


class Stage:
    """The api as the operator sees it, the providers, and a voice."""

    def __init__(self, api: Api, simulator: Simulator, say: Callable[[str], object]) -> None:
        """Play with *api* and *simulator*; tell every step to *say*."""
        self.api, self.simulator, self.say = api, simulator, say

    async def set_up(self) -> None:
        """What an operator does once: integrations, secrets, bots."""
        found = [one for one in built_in() if one.name in INTEGRATIONS]
        await asyncio.gather(*(asyncio.to_thread(self._publish, one) for one in found))
        self.say(f"  integrations published, their secrets set: {', '.join(INTEGRATIONS)}")
        url = self.simulator.bot_url(BOTS[1])
        for bot, body in ((BOTS[0], {}), (BOTS[1], {"url": url, "secret": SECRET})):
            await asyncio.to_thread(self.api.call, "PUT", ("bots", bot), body=body)
        self.say(
            f"  bots: {BOTS[0]} (reads its stream), {BOTS[1]} (events are posted to its URL)"
        )

    def _publish(self, definition: Definition) -> None:
        moved = redirected(definition, self.simulator.url)
        marked = msgspec.structs.replace(moved, version=f"{moved.version}-simulated")
        self.api.post("integrations", body=document_of(marked))
        for name, value in secrets_for(definition.name).items():
            path = ("integrations", definition.name, "secrets", name)
            self.api.call("PUT", path, body={"value": value})

    async def send_before_connecting(self) -> Sent:
        """A webhook of a workspace that nobody has connected: it waits, and is not lost."""
        self.simulator.add_account(
            LATE.integration, LATE.account, LATE.customer, [User(id=LATE.account, name="Bill")]
        )
        self.say(f"{LATE.customer} sends a webhook before anybody has connected it:")
        sent = await self._send(LATE, KINDS[LATE.integration][0])
        await self._tell(await self._settled(state="parked", identifier=LATE.account))
        return sent

    async def connect_all(self) -> None:
        """Eight people click "Connect", and the late one does."""
        self.say("connecting, as nine people would:")
        for wish in (*wishes(), LATE):
            await self._connect(wish)

    async def _connect(self, wish: Wish) -> None:
        alias = wish.integration if wish != LATE else f"{wish.integration}-late"
        path = ("bots", wish.bot, "integrations", alias)
        made = await self._post(*path, body={"integration": wish.integration})
        webhook_id = made["installation"]["webhookId"]
        link = await self._post("installations", webhook_id, "connect", body={})
        page = await _clicked(link["url"], wish.account)
        state = await self._get("installations", webhook_id)
        connection = state["installation"]["connection"]
        why = "" if connection == "connected" else f"; the page said: {page}"
        self.say(
            f"  {wish.integration} of {wish.customer} on bot {wish.bot}: {connection}{why}"
        )

    async def send_all(self) -> list[Sent]:
        """Signed webhooks for each, taking turns."""
        self.say(f"sending {ROUNDS} signed webhooks for each …")
        return [
            await self._send(wish, KINDS[wish.integration][n % len(KINDS[wish.integration])])
            for n in range(ROUNDS)
            for wish in wishes()
        ]

    async def _send(self, wish: Wish, kind: str, *, tamper: Any = "") -> Sent:
        sent = await self.simulator.send(
            wish.integration, wish.account, kind, envelope=Envelope(tamper=tamper)
        )
        return Sent(wish, sent.request.body.decode(), sent.status)

    async def forge(self) -> Sent:
        """A webhook that somebody else signed: answered, refused and explained."""
        wish = wishes()[0]
        self.say(f"somebody sends a forged webhook in the name of {wish.customer}:")
        sent = await self._send(wish, KINDS[wish.integration][0], tamper="signature")
        await self._tell(await self._settled(state="ignored", integration=wish.integration))
        return sent

    async def _settled(self, **wanted: str) -> str:
        """The newest record that is as *wanted*, once there is one; empty when none comes."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _PATIENCE
        while loop.time() < until:
            if found := (await self._get("requests", limit=1, **wanted))["requests"]:
                return str(found[0]["id"])
            await asyncio.sleep(0.05)
        return ""

    async def _tell(self, id: str) -> None:
        if not id:
            self.say("  it has not been settled")
            return
        told = await self._get("requests", id, "explain")
        self.say(f"  {id}: {told['sentence']}")

    async def arrived(self) -> tuple[list[tuple[str, str]], bool]:
        """Each (bot, body) that has arrived, and whether nothing more is on its way."""
        queue = await self._get("queue")
        stream = await self._get("bots", BOTS[0], "events", limit=1000)
        found = [(BOTS[0], one["payload"]["body"]) for one in stream["events"]]
        posted = (one.json() for one in self.simulator.received(BOTS[1]))
        found += [(BOTS[1], one["payload"]["body"]) for one in posted]
        return found, not any(queue["states"][state]["count"] for state in _OPEN)

    async def some_request(self) -> str:
        """One id to try the commands with: the forged one, if it is there."""
        for wanted in ({"state": "ignored"}, {}):
            if found := (await self._get("requests", limit=1, **wanted))["requests"]:
                return str(found[0]["id"])
        return "ID"

    async def _get(self, *path: str, **query: Any) -> Any:
        return await asyncio.to_thread(self.api.get, *path, **query)

    async def _post(self, *path: str, body: Any) -> Any:
        return await asyncio.to_thread(self.api.post, *path, body=body)


async def _clicked(link: str, account: str) -> str:
    """What the last page says, in its headline; or why it was not reached."""
    try:
        async with Person() as person:
            page = await person.connect(link, account)
    except SetupFailed as error:
        return error.problem
    headline = _HEADLINE.search(page)
    return headline[1].strip() if headline else page[:200]
