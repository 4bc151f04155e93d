"""A valid access token for an installation: what a person typed in, or what connecting brought, refreshed when due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random

from shared.errors import NotFound, Permanent
from shared.integrations.configurations import provider_of, token_place_of
from shared.oauth import payload_of, tokens_from
from shared.steps.effects import (
    BeginStep,
    Call,
    DropLease,
    Effect,
    ForgetIntent,
    NeedsReauth,
    Now,
    Reach,
    ReadTokens,
    ReplaceTokens,
    StepState,
    StoredTokens,
    TakeLease,
    perform,
)
from shared.steps.refresh import BeingRefreshed, RefreshOrder, refresh
from workers.clients import account_values, client_of
from workers.installed import secret_at
from workers.sending import send

if TYPE_CHECKING:
    from shared.model.installations import Installation
    from shared.oauth import OAuthProvider, Tokens
    from workers.installed import Installed
    from workers.tools import Tools

PATIENCE = 15.0  # seconds to wait for a token that another worker is about to bring
OAUTH_STATE = "oauth"  # the name of the state that holds the tokens


async def valid_token(owner: Installed, tools: Tools) -> str:
    """
    An access token that works now.

    Raises:
        NotFound: nobody has connected yet.
        ProviderRefused: the user must connect again, which the installation shows.
        ProviderBusy: none works now, but one may later.
        GateClosed: the same, while the provider wants a pause.

    """
    kind = owner.installation.configuration_type
    place = token_place_of(owner.definition, kind)
    if place is not None:
        typed = await secret_at(tools, place, owner.definition, owner.configuration)
        if typed is not None:
            return typed.reveal().decode()
    provider = provider_of(owner.definition, kind)
    if provider is None:
        return (await RefreshEffects(owner, tools).read()).tokens.access.reveal().decode()
    attempts = AsyncRetrying(
        retry=retry_if_exception_type(BeingRefreshed),
        stop=stop_after_delay(PATIENCE),
        wait=wait_random(0.05, 0.2),
        reraise=True,
    )
    tokens: Tokens = await attempts(kept_alive, provider, owner, tools)
    return tokens.access.reveal().decode()


async def kept_alive(provider: OAuthProvider, owner: Installed, tools: Tools) -> Tokens:
    """The tokens of *owner*, refreshed when that is due; raises like `valid_token`."""
    order = RefreshOrder(
        provider=provider,
        client=await client_of(provider, owner, tools),
        inputs=await account_values(owner, tools),
        chance=tools.chance.fraction(),
    )
    return await perform(refresh(order), RefreshEffects(owner, tools))


async def is_in_use(
    tokens: Tokens, owner: Installed, tools: Tools, *, beside: Installation | None = None
) -> bool:
    """Whether any installation of the integration works with *tokens*: some providers give all of them one token."""
    cursor = ""
    while True:
        page, cursor = await tools.installations.list(
            integration=owner.definition.name, cursor=cursor, limit=100
        )
        for one in page:
            if beside is not None and one.webhook_id == beside.webhook_id:
                continue
            state = await tools.states.get(
                one, "integration", one.integration_id or one.integration, OAUTH_STATE
            )
            if state and tokens_from(state.payload).access == tokens.access:
                return True
        if not cursor:
            return False


class RefreshEffects:
    """Real effects of a refresh: lease and intents lie with the installation, not with a record."""

    def __init__(self, owner: Installed, tools: Tools) -> None:
        """Act for one installation; the lease is held by this object."""
        self._home, self._tools = owner.installation, tools
        self._id = owner.installation.webhook_id
        self._holder = tools.chance.token(12).hex()

    async def __call__(self, effect: Effect) -> Any:
        """Do it; what it raises is for the steps."""
        match effect:
            case Reach(name=name):
                return self._tools.reach(name)
            case Now():
                return self._tools.clock.now()
            case Call(call=call):
                return await send(self._tools, self._home.integration, call)
            case _:
                return await self._kept(effect)

    async def _kept(self, effect: Effect) -> Any:
        match effect:
            case ReadTokens():
                return await self.read()
            case ReplaceTokens():
                return await self._replace(effect)
            case NeedsReauth():
                return await self._needs_reauth(effect)
            case _:
                return await self._guarded(effect)

    async def _guarded(self, effect: Effect) -> Any:
        turns = self._tools.turns
        match effect:
            case TakeLease():
                return await turns.take(self._id, self._holder)
            case DropLease():
                return await turns.drop(self._id, self._holder)
            case BeginStep(name=name):
                since = await turns.begin(self._id, self._holder, name, self._tools.clock.now())
                return StepState(
                    status="begun" if since is None else "intent", since=since or 0.0
                )
            case ForgetIntent(name=name):
                return await turns.forget(self._id, self._holder, name)
            case _:
                raise TypeError(f"a refresh asks for no {type(effect).__name__}")

    async def read(self) -> StoredTokens:
        """The stored tokens; their version is the moment at which they were obtained (ms)."""
        state = await self._tools.states.get(
            self._home, "integration", self._owner_id, OAUTH_STATE
        )
        if state is None:
            raise NotFound("nobody has connected this installation yet")
        try:
            tokens = tokens_from(state.payload)
        except ValueError:
            raise Permanent(
                "the state `oauth` does not hold tokens in Waypost's form"
            ) from None
        return StoredTokens(tokens=tokens, version=int(tokens.obtained_at * 1000))

    async def _replace(self, wanted: ReplaceTokens) -> bool:
        before = await self.read()
        if before.version != wanted.version:
            return False
        return await self._tools.states.exchange(
            self._home, "integration", self._owner_id, OAUTH_STATE,
            payload_of(before.tokens), payload_of(wanted.tokens),
        )  # fmt: skip

    async def _needs_reauth(self, wanted: NeedsReauth) -> None:
        if (await self.read()).version != wanted.version:
            return
        await self._tools.renewals.lose(self._id, wanted.reason)
        if (await self.read()).version != wanted.version:  # somebody has connected just now
            await self._tools.installations.update(
                self._id, connection="connected", status_reason=""
            )

    @property
    def _owner_id(self) -> str:
        return self._home.integration_id or self._home.integration
