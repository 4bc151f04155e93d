"""Is a webhook genuine: the rules that decide, their secrets, and the keys that providers publish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from shared.errors import Permanent, SignatureMismatch
from shared.secret import Secret
from shared.signatures import (
    Facts,
    SecretPlace,
    UnknownKey,
    ValuePlace,
    Verify,
    chosen,
    grammar_of,
    value_places,
    verify,
)
from workers.installed import Installed, secret_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.model.requests import RawRequest
    from workers.jobs.visits import Visit
    from workers.tools import Tools


class Holder(Struct, frozen=True, kw_only=True):
    """With whom secrets may lie: an installation, and the subscription that a request is of."""

    owner: Installed | None = None
    subscription: str = ""  # empty: any of the installation's


async def check_genuine(visit: Visit, raw: RawRequest, holder: Holder, tools: Tools) -> None:
    """
    Raise `SignatureMismatch` unless *raw* is genuine; `Permanent` when no secret is set to tell it.

    The request's own time counts, so that what waited in the queue, or is replayed, still passes.
    """
    main, beside = chosen(visit.rules, raw)
    await _check_any(main, visit, raw, holder, tools)
    for rule in beside:
        await _check(rule, visit, raw, holder, tools)


async def _check_any(
    rules: Sequence[Verify], visit: Visit, raw: RawRequest, holder: Holder, tools: Tools
) -> None:
    refusals: list[Permanent] = []
    for rule in rules:
        try:
            return await _check(rule, visit, raw, holder, tools)
        except Permanent as error:
            refusals.append(error)
    told = (one for one in refusals if isinstance(one, SignatureMismatch))
    raise next(told, refusals[0])


async def _check(
    rule: Verify, visit: Visit, raw: RawRequest, holder: Holder, tools: Tools
) -> None:
    grammar = grammar_of(rule)
    held = [] if grammar.needs_keys else await secrets_for(rule, visit, holder, tools)
    values = await _values(rule, visit, holder, tools)
    anew = False
    while True:
        keys = (
            await tools.keysets.keys(grammar.jwt.keys, anew=anew) if grammar.needs_keys else ()
        )
        try:
            return verify(
                rule,
                held,
                raw,
                now=raw.received_at,
                public_url=visit.public_url,
                facts=Facts(keys=keys, values=values),
            )
        except UnknownKey:
            if anew:
                raise
            anew = True  # they may have been rolled over


async def secrets_for(rule: Verify, visit: Visit, holder: Holder, tools: Tools) -> list[Secret]:
    """The secrets of *rule* that are set; `Permanent` when none is."""
    held = [
        one for place in rule.places for one in await secrets_in(place, visit, holder, tools)
    ]
    if not held:
        wanted = ", ".join(f"{one.from_} {one.name}".strip() for one in rule.places)
        raise Permanent(
            f"nothing can be verified: the secret is not set ({wanted}); set it and replay this request"
        )
    return held


async def secrets_in(
    place: SecretPlace, visit: Visit, holder: Holder, tools: Tools
) -> list[Secret]:
    """The secrets that lie at *place*: at most one, but for the subscriptions of an installation."""
    owner = holder.owner
    if place.from_ == "state":
        found = await _in_state(place.name, owner, tools) if owner else None
    else:
        configuration = owner.configuration if owner else {}
        found = await secret_at(tools, place, visit.definition, configuration)
    return [] if found is None else [found]


async def _in_state(place: str, owner: Installed, tools: Tools) -> Secret | None:
    name, _, field = place.partition(".")
    home = owner.installation
    state = await tools.states.get(
        home, "integration", home.integration_id or home.integration, name
    )
    value = state.payload.get(field) if state else None
    return Secret(value.encode()) if isinstance(value, str) and value else None


async def _values(
    rule: Verify, visit: Visit, holder: Holder, tools: Tools
) -> dict[ValuePlace, str]:
    found: dict[ValuePlace, str] = {}
    for place in value_places(rule):
        if place.from_ == "body":
            continue
        configuration = holder.owner.configuration if holder.owner else {}
        where = SecretPlace(from_=place.from_, name=place.name)
        value = await secret_at(tools, where, visit.definition, configuration)
        if value is not None:
            found[place] = value.reveal().decode("utf-8", "replace")
    return found
