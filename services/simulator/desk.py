"""What tests, the demo and operators do to the simulated world, from Python or by HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Unpack

from aiohttp import ClientSession

from services.simulator.faults import Fault, FaultKind, FaultSettings
from services.simulator.provider import PROVIDERS
from services.simulator.records import Account, App, Call, Received, Settings, User, users_of
from services.simulator.webhooks import sender
from services.simulator.webhooks.occasion import Envelope, Sent, Signed
from services.simulator.world import World

_PLAIN = Envelope()


class Desk:
    """The controls of one world. `Simulator` is a desk with a server around it."""

    def __init__(self, world: World) -> None:
        """Take over a world."""
        self.world = world
        self._session: ClientSession | None = None

    def register_app(
        self,
        provider: str,
        client_id: str,
        client_secret: str,
        redirect_uris: Iterable[str],
        signing_secret: str = "",
        webhook_url: str = "",
        **settings: Unpack[Settings],
    ) -> App:
        """Register or replace an app. The record returned may be changed at any time."""
        _check_provider(provider)
        _check_webhook_url(webhook_url)
        app = App(
            provider=provider,
            client_id=client_id,
            client_secret=client_secret,
            redirect_uris=tuple(redirect_uris),
            signing_secret=signing_secret,
            webhook_url=webhook_url,
            **settings,
        )
        self.world.apps[provider, client_id] = app
        return app

    def add_account(
        self,
        provider: str,
        id: str,
        name: str = "",
        users: Iterable[User | Mapping[str, str] | str] = (),
        **facts: Any,
    ) -> Account:
        """
        Add a workspace, organization or installation target, or replace it.

        Of *facts*, Slack knows `enterprise` (`{id, name}`) and `org` (an org-wide install).
        """
        _check_provider(provider)
        members = users_of(users, id)
        account = Account(provider=provider, id=id, name=name or id, users=members, facts=facts)
        self.world.accounts[provider, id] = account
        return account

    def install(self, client_id: str, account_id: str) -> None:
        """Have a GitHub App installed on an account without going through the page."""
        self.world.installed.add((client_id, account_id))

    def fault(
        self, provider: str, path: str, kind: FaultKind, **settings: Unpack[FaultSettings]
    ) -> Fault:
        """
        Disturb the next `times` calls (1 unless given, None for all) of a path.

        *path* is host and path, the end of one, or "*"; for the provider "bot" a bot's name.
        """
        if provider != "bot":
            _check_provider(provider)
        fault = Fault(provider=provider, path=path, kind=kind, **settings)
        self.world.faults.append(fault)
        return fault

    def clear_faults(self) -> None:
        """Let everything work again."""
        self.world.faults.clear()

    @property
    def log(self) -> list[Call]:
        """Every call to a provider or bot, oldest first."""
        return self.world.log

    def calls(self, provider: str, path: str = "", code_hash: str = "") -> list[Call]:
        """The calls of one provider whose path ends so, or that carried that code."""
        return [
            one
            for one in self.world.log
            if one.provider == provider
            and one.path.endswith(path)
            and code_hash in ("", one.code_hash)
        ]

    def received(self, bot: str) -> list[Received]:
        """What a bot received, oldest first."""
        return self.world.bots.get(bot, [])

    def signed(
        self,
        provider: str,
        account: Account | str,
        kind: str,
        *,
        envelope: Envelope = _PLAIN,
        **content: Any,
    ) -> Signed:
        """The webhook that `send` would post, for callers that post it themselves."""
        _check_provider(provider)
        return sender.prepare(self.world, provider, account, kind, envelope, content)

    async def send(
        self,
        provider: str,
        account: Account | str,
        kind: str,
        *,
        envelope: Envelope = _PLAIN,
        **content: Any,
    ) -> Sent:
        """Post a signed webhook to the app's URL (or the envelope's) and return the answer."""
        return await self.post(
            self.signed(provider, account, kind, envelope=envelope, **content)
        )

    async def post(self, request: Signed) -> Sent:
        """Post a webhook again exactly as it was, or one that `signed` returned."""
        if self._session is None:
            message = "the simulator is not running: use it as an async context manager"
            raise RuntimeError(message)
        return await sender.post(self._session, request)


def _check_provider(provider: str) -> None:
    if provider not in PROVIDERS:
        message = f"provider {provider!r} is not simulated: use one of {', '.join(PROVIDERS)}"
        raise ValueError(message)


def _check_webhook_url(url: str) -> None:
    if url and not sender.is_local(url):
        message = f"webhook_url {url!r} is not on this machine: use a loopback address"
        raise ValueError(message)
