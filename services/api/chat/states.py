"""States: named JSON of the installation, of a conversation, of a user; private to the installation and sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from msgspec import UNSET

from services.api.chat.kept import by_id
from services.api.chat.records import (
    GetOrSetState,
    PatchState,
    SetExpiry,
    SetState,
    Silence,
    StateAnswer,
    StateRead,
    StateView,
)
from shared.botpress import Refusal, invalid
from shared.errors import NotFound
from shared.explain import rfc3339
from shared.integrations.payloads import misfit, without_required
from shared.model.chat import Conversation, User
from shared.model.states import StateType, StoredState

if TYPE_CHECKING:
    from services.api.chat.caller import Caller
    from services.api.chat.wire import ChatCall
    from services.api.ports import ApiPorts

Place = tuple[StateType, str, str]  # type, owner, name

# Integrations compare these words.
NO_STATE = "No State found"


async def get(ports: ApiPorts, call: ChatCall[Silence, None]) -> StateRead:
    """Read a state."""
    place = await _place(ports, call)
    found = await ports.states.get(call.caller.installation, *place)
    if found is None:
        raise NotFound(NO_STATE)
    return StateRead(state=_view(ports, found))


async def set(ports: ApiPorts, call: ChatCall[Silence, SetState]) -> StateAnswer:  # noqa: A001 — the call's name
    """Replace the whole payload; null removes the state."""
    home, place, wanted = call.caller.installation, await _place(ports, call), call.body
    _check_name(call.caller, place)
    if wanted.payload is None:
        state = await ports.states.cleared(home, *place)
    else:
        _check_payload(call.caller, place, wanted.payload)
        state = await ports.states.set(home, *place, wanted.payload, expiry=wanted.expiry)
    return StateAnswer(state=_view(ports, state))


async def get_or_set(ports: ApiPorts, call: ChatCall[Silence, GetOrSetState]) -> StateRead:
    """Read a state, or make it."""
    home, place, wanted = call.caller.installation, await _place(ports, call), call.body
    _check_name(call.caller, place)
    _check_payload(call.caller, place, wanted.payload)
    state, _ = await ports.states.get_or_set(home, *place, wanted.payload, expiry=wanted.expiry)
    return StateRead(state=_view(ports, state))


async def patch(ports: ApiPorts, call: ChatCall[Silence, PatchState]) -> StateAnswer:
    """Merge the top level into a state that is there."""
    home, place, wanted = call.caller.installation, await _place(ports, call), call.body
    _check_payload(call.caller, place, wanted.payload, is_part=True)
    try:
        state = await ports.states.patch(home, *place, wanted.payload, expiry=wanted.expiry)
    except NotFound:
        raise NotFound(NO_STATE) from None
    return StateAnswer(state=_view(ports, state))


async def expiry(ports: ApiPorts, call: ChatCall[Silence, SetExpiry]) -> StateAnswer:
    """Change how long a state may lie untouched."""
    home, place = call.caller.installation, await _place(ports, call)
    try:
        state = await ports.states.expiry(home, *place, call.body.expiry)
    except NotFound:
        raise NotFound(NO_STATE) from None
    return StateAnswer(state=_view(ports, state))


async def _place(ports: ApiPorts, call: ChatCall[Silence, Any]) -> Place:
    kind, owner, name = (call.path[part] for part in ("type", "id", "name"))
    if len(name) > 200:
        raise invalid("name", "is longer than 200 characters")
    if kind == "integration":
        await _check_version(ports, call.caller, owner)
    elif kind == "conversation":
        await by_id(ports, call.caller.installation, Conversation, owner)
    elif kind == "user":
        await by_id(ports, call.caller.installation, User, owner)
    else:
        fix = "use integration, conversation or user"
        raise invalid("type", f"an integration keeps no {kind[:20]!r} states", fix)
    return cast("StateType", kind), owner, name


async def _check_version(ports: ApiPorts, caller: Caller, integration_id: str) -> None:
    """Whichever of its versions an integration names, it means this installation."""
    if integration_id == caller.installation.integration_id:
        return
    named = await ports.known.by_id(integration_id)
    if named is None or named.name != caller.installation.integration:
        raise NotFound(NO_STATE)


def _check_name(caller: Caller, place: Place) -> None:
    kind, _, name = place
    declared = caller.definition.states
    if declared and (name not in declared or declared[name].type != kind):
        known = ", ".join(f"{one} ({rule.type})" for one, rule in sorted(declared.items()))
        message = f"name: {caller.definition.name} declares no {kind} state {name[:60]} (declared: {known})"
        raise Refusal("ReferenceNotFound", message, metadata={"field": "name"})


def _check_payload(
    caller: Caller, place: Place, payload: dict[str, Any], *, is_part: bool = False
) -> None:
    kind, _, name = place
    rule = caller.definition.states.get(name)
    if rule is None or rule.type != kind:
        return
    problem = misfit(without_required(rule.schema) if is_part else rule.schema, payload)
    if problem:
        message = f"{problem} (the definition of the state {name} wants it so)"
        raise Refusal(
            "InvalidDataFormat", message, metadata={"field": problem.partition(":")[0]}
        )


def _view(ports: ApiPorts, state: StoredState) -> StateView:
    idle = state.expiry
    return StateView(
        id=state.id,
        created_at=rfc3339(state.created_at * 1000),
        updated_at=rfc3339(state.updated_at * 1000),
        bot_id=state.bot_id,
        name=state.name,
        type=state.type,
        payload=state.payload,
        conversation_id=state.owner if state.type == "conversation" else UNSET,
        user_id=state.owner if state.type == "user" else UNSET,
        expiry=idle or UNSET,
        expires_at=rfc3339(ports.clock.now() * 1000 + idle) if idle else UNSET,
    )
