"""What happens in the demo, one method a step."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from services.cli.demo.browser import Person
from services.cli.demo.plan import (
    BOTS,
    LATE,
    ROUNDS,
    Plan,
    Wish,
    comes_to_own_url,
    kinds_of,
    secrets_for,
    subscription_of,
    typed_by,
)
from services.simulator import Envelope, User
from services.simulator.defaults import signing_secret
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

    def __init__(
        self, api: Api, simulator: Simulator, say: Callable[[str], object], plan: Plan
    ) -> None:
        """Play *plan* with *api* and *simulator*; tell every step to *say*."""
        self.api, self.simulator, self.say, self.plan = api, simulator, say, plan
        self.urls: dict[Wish, str] = {}  # installations' own, where webhooks go there

    async def set_up(self) -> None:
        """What an operator does once: integrations, secrets, bots."""
        names = self.plan.integrations
        found = [one for one in built_in() if one.name in names]
        await asyncio.gather(*(asyncio.to_thread(self._publish, one) for one in found))
        self.say(f"  integrations published, their secrets set: {', '.join(names)}")
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

    async def send_before_connecting(self) -> list[Sent]:
        """A webhook of a workspace that nobody has connected: it waits, and is not lost."""
        if not self.plan.late:
            return []
        self.simulator.add_account(
            LATE.integration, LATE.account, LATE.customer, [User(id=LATE.account, name="Bill")]
        )
        self.say(f"{LATE.customer} sends a webhook before anybody has connected it:")
        sent = await self._send(LATE, kinds_of(LATE.integration)[0])
        await self._tell(await self._settled(state="parked", identifier=LATE.account))
        return [sent]

    async def connect_all(self) -> None:
        """Each person clicks "Connect", the late one too; or types in what the provider gave them."""
        wishes = (*self.plan.wishes, *self.plan.late)
        self.say(f"connecting, as {len(wishes)} people would:")
        for wish in wishes:
            outcome = await self._connect(wish)
            self.say(f"  {wish.integration} of {wish.customer} on bot {wish.bot}: {outcome}")

    async def _connect(self, wish: Wish) -> str:
        alias = wish.integration if wish != LATE else f"{wish.integration}-late"
        path = ("bots", wish.bot, "integrations", alias)
        configuration, inputs = typed_by(wish)
        body = {"integration": wish.integration, "configuration": configuration}
        made = (await self._post(*path, body=body))["installation"]
        await self._announce(wish, made)
        if configuration:
            return "typed in"
        link = await self._post("installations", made["webhookId"], "connect", body={})
        page = await _clicked(link["url"], wish.account, inputs)
        state = await self._get("installations", made["webhookId"])
        connection = str(state["installation"]["connection"])
        return (
            connection if connection == "connected" else f"{connection}; the page said: {page}"
        )

    async def _announce(self, wish: Wish, made: dict[str, Any]) -> None:
        """Tell of the subscription at the provider, and keep the address where it sends to."""
        if comes_to_own_url(wish.integration):
            self.urls[wish] = made["webhookUrl"]
        if known := subscription_of(wish):
            path = ("installations", made["webhookId"], "subscriptions", known)
            body = {"secret": signing_secret(wish.integration)}
            await asyncio.to_thread(self.api.call, "PUT", path, body=body)

    async def send_all(self) -> list[Sent]:
        """Signed webhooks for each, taking turns."""
        self.say(f"sending {ROUNDS} signed webhooks for each …")
        return [
            await self._send(
                wish, kinds_of(wish.integration)[n % len(kinds_of(wish.integration))]
            )
            for n in range(ROUNDS)
            for wish in self.plan.wishes
        ]

    async def _send(self, wish: Wish, kind: str, *, tamper: Any = "") -> Sent:
        envelope = Envelope(tamper=tamper, url=self.urls.get(wish, ""))
        sent = await self.simulator.send(
            wish.integration, wish.account, kind, envelope=envelope
        )
        body = comparable(wish.integration, sent.request.body.decode())
        return Sent(wish, body, sent.status)

    async def forge(self) -> Sent:
        """A webhook that somebody else signed: answered, refused and explained."""
        wish = self.plan.wishes[0]
        self.say(f"somebody sends a forged webhook in the name of {wish.customer}:")
        sent = await self._send(wish, kinds_of(wish.integration)[0], tamper="signature")
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
        posted = [one.json() for one in self.simulator.received(BOTS[1])]
        found = [
            (bot, comparable(one["integration"], one["payload"]["body"] or ""))
            for bot, events in zip(BOTS, (stream["events"], posted), strict=True)
            for one in events
        ]
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


def comparable(integration: str, body: str) -> str:
    """
    What an *integration* sent, in one form: one's own part of a batch is written anew.

    >>> comparable("xero", '{"b":1,"a":[2]}'), comparable("twilio", "a=1")
    ('xero {"a": [2], "b": 1}', 'twilio a=1')
    """
    with suppress(ValueError):
        body = json.dumps(json.loads(body), sort_keys=True)
    return f"{integration} {body}"


async def _clicked(link: str, account: str, inputs: dict[str, str]) -> str:
    """What the last page says, in its headline; or why it was not reached."""
    try:
        async with Person() as person:
            page = await person.connect(link, account, inputs)
    except SetupFailed as error:
        return error.problem
    headline = _HEADLINE.search(page)
    return headline[1].strip() if headline else page[:200]
