"""Real effects for the steps of `shared.steps.exchange`: the journal, the way out, the activation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from shared.errors import (
    AlreadyBound,
    Conflict,
    FlowRefused,
    NotFound,
    Transient,
)
from shared.integrations.configurations import type_of
from shared.model.flows import Flow, Option
from shared.model.installations import Account
from shared.model.jobs import Record
from shared.oauth import payload_of
from shared.steps.effects import (
    Activate,
    AskChoice,
    BeginStep,
    Call,
    CommitStep,
    Effect,
    ForgetIntent,
    IsActive,
    Now,
    Reach,
    StepState,
)
from workers.installed import Installed
from workers.sending import send
from workers.tokens import OAUTH_STATE, is_in_use

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.tools import Tools


class AwaitsConfirmation(Transient):
    """Everything is ready; the operator's backend has not said yet that it was the right person."""


class AwaitsChoice(Transient):
    """The user has not picked one of several accounts yet."""


class Callback(Struct, frozen=True, kw_only=True):
    """One OAuth callback in work."""

    record: Record
    flow: Flow
    owner: Installed


class CallbackEffects:
    """Performs what the exchange asks for."""

    def __init__(self, tools: Tools, callback: Callback) -> None:
        """Act under the lease of *callback*'s record."""
        self._tools, self._record = tools, callback.record
        self._flow, self._owner = callback.flow, callback.owner

    async def __call__(self, effect: Effect) -> Any:
        """Do it; what it raises is for the steps."""
        match effect:
            case Reach(name=name):
                return self._tools.reach(name)
            case Now():
                return self._tools.clock.now()
            case Call(call=call):
                return await send(self._tools, self._owner.definition.name, call)
            case IsActive(tokens=tokens):
                return await is_in_use(tokens, self._owner, self._tools)
            case AskChoice() | Activate():
                return await self._with_flow(effect)
            case _:
                return await self._journal(effect)

    async def _journal(self, effect: Effect) -> Any:
        match effect:
            case BeginStep():
                return await self._begin(effect)
            case CommitStep(name=name, result=result):
                return await self._commit(name, result.reveal())
            case ForgetIntent(name=name):
                return await self._tools.ledger.step("forget", self._record, name)
            case _:
                raise TypeError(f"an exchange asks for no {type(effect).__name__}")

    def _place(self, name: str) -> str:
        return f"journal:{self._record.id}#{name}"

    async def _begin(self, step: BeginStep) -> StepState:
        name, kind = step.name, step.kind.encode()
        status, value = await self._tools.ledger.step("begin", self._record, name, kind)
        if status == "result":
            opened = await self._tools.vault.open(self._owner.scope, self._place(name), value)
            return StepState(status="result", result=opened)
        since = int(value.split(b"@")[1]) / 1000 if value else 0.0
        return StepState(status=status, since=since)  # type: ignore[arg-type]

    async def _commit(self, name: str, result: bytes) -> bool:
        sealed = await self._tools.vault.seal(self._owner.scope, self._place(name), result)
        status, _ = await self._tools.ledger.step("commit", self._record, name, sealed)
        return status == "ok"

    async def _with_flow(self, effect: AskChoice | Activate) -> Any:
        if isinstance(effect, AskChoice):
            return await self._choice(effect.options)
        return await self._activate(effect)

    async def _choice(self, options: tuple[Option, ...]) -> str:
        """What was picked; until then the flow's page asks."""
        flow = await self._tools.flows.flow(self._flow.id)
        if flow is None or flow.status == "void" or flow.expires_at <= self._tools.clock.now():
            raise FlowRefused("flow_expired")
        if flow.choice:
            return flow.choice
        await self._tools.flows.update_flow(flow.id, status="choosing", options=options)
        raise AwaitsChoice("waits for the user to pick an account")

    async def _activate(self, wanted: Activate) -> None:
        flow = await self._tools.flows.flow(self._flow.id)
        if flow is None or flow.status == "void":
            raise FlowRefused("flow_expired")
        if flow.status == "connected":
            return
        await self._check_account(wanted.account)
        if flow.confirm:
            await await_confirmation(flow, self._tools)
        try:
            await self._tools.ledger.activate(await self._arguments(flow, wanted))
        except NotFound as error:
            raise FlowRefused("misconfigured", str(error)) from None
        except AlreadyBound:
            raise FlowRefused("already_bound") from None
        except Conflict:
            raise FlowRefused("flow_expired") from None

    async def _check_account(self, account: Account) -> None:
        """Connecting again renews a connection, it never turns it into another one."""
        home = await self._tools.installations.by_webhook_id(
            self._owner.installation.webhook_id
        )
        before = home.account if home else None
        if before is None or before.id == account.id:
            return
        was, came = (
            f"{one.name} ({one.id})" if one.name else one.id for one in (before, account)
        )
        detail = f"connected to {was}, came back as {came}"
        raise FlowRefused("wrong_account", detail, {"was": was, "came": came})

    async def _arguments(self, flow: Flow, wanted: Activate) -> Sequence[bytes | str | int]:
        home, definition = self._owner.installation, self._owner.definition
        account = wanted.account
        connected = msgspec.structs.replace(
            flow,
            status="connected",
            account_id=account.id,
            account_name=account.name,
            scopes=account.scopes,
            missing_scopes=account.missing_scopes,
            options=(),
        )
        link = await self._tools.flows.link(flow.link)
        used = msgspec.structs.replace(link, used=True) if link else None
        state = await self._tools.states.prepared(
            home, "integration", home.integration_id or home.integration, OAUTH_STATE,
            payload_of(wanted.tokens),
        )  # fmt: skip
        identifier = account.id if type_of(definition, home.configuration_type).binds else ""
        encode = msgspec.json.encode
        return [
            self._record.id, self._record.epoch, flow.id, encode(flow), encode(connected),
            flow.link, encode(used) if used else b"", home.webhook_id, home.integration,
            identifier, definition.ownership, encode(account),
            1, state.key, state.payload, state.meta,
        ]  # fmt: skip


async def await_confirmation(flow: Flow, tools: Tools) -> None:
    """Say on the flow's page that it waits, and come round again."""
    if flow.status != "confirming":
        await tools.flows.update_flow(flow.id, status="confirming")
    raise AwaitsConfirmation("waits for the operator's confirmation")
