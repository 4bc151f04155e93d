"""Is a webhook genuine: the rules that decide, their secrets, and the keys that providers publish."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec import Struct

from shared.errors import Permanent, SignatureMismatch
from shared.routing import SUBSCRIPTION, Slice
from shared.secret import Secret
from shared.signatures import (
    Facts,
    Grammar,
    SecretPlace,
    UnknownKey,
    ValuePlace,
    Verify,
    chosen,
    grammar_of,
    value_places,
    verify,
)
from workers.installed import Installed, installed, secret_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.model.installations import Installation
    from shared.model.requests import RawRequest
    from workers.jobs.visits import Visit
    from workers.tools import Tools


class Holder(Struct, frozen=True, kw_only=True):
    """With whom secrets may lie: an installation, and the subscription that a request is of."""

    owner: Installed | None = None
    subscription: str = ""  # empty: any of the installation's
    body: bytes | None = None  # of its part of a batch


class Owned(NamedTuple):
    """A part of a request, and the one installation that may have it; without a name, any that it belongs to."""

    part: Slice
    owner: str


async def genuine_parts(
    visit: Visit, found: Sequence[Slice], tools: Tools
) -> tuple[list[Owned], Permanent | None]:
    """The parts that the secret of an owner signed, each with that owner, and why others are refused."""
    kept: list[Owned] = []
    refusal: Permanent | None = None
    owners = await _owners(visit, {part.identifier for part in found}, tools)
    for part in found:
        named = part.identifier.removeprefix(SUBSCRIPTION) if visit.finds_subscriptions else ""
        for owner in owners[part.identifier]:
            try:
                holder = Holder(owner=owner, subscription=named, body=part.body)
                await check_genuine(visit, holder, tools)
            except Permanent as error:
                refusal = refusal or error
            else:
                kept.append(Owned(part, owner.installation.webhook_id))
    return kept, refusal


async def _owners(
    visit: Visit, identifiers: set[str], tools: Tools
) -> dict[str, list[Installed]]:
    """Whose each of *identifiers* is; a batch may name one many times."""
    name = visit.definition.name
    ids = {one: await tools.installations.owners_of(name, one) for one in identifiers}
    every = {id for owners in ids.values() for id in owners}
    loaded = {id: await installed(tools, id) for id in every}
    return {one: [loaded[id] for id in owners] for one, owners in ids.items()}


async def check_genuine(visit: Visit, holder: Holder, tools: Tools) -> None:
    """
    Raise `SignatureMismatch` unless the request is genuine; `Permanent` when no secret is set to tell it.

    Its own time counts, so that what waited in the queue, or is replayed, still passes.
    """
    main, beside = chosen(visit.rules, visit.raw)
    if len(main) == 1:
        await _check(main[0], visit, holder, tools)
    else:
        await _check_any(main, visit, holder, tools)
    for rule in beside:
        await _check(rule, visit, holder, tools)


async def _check_any(
    rules: Sequence[Verify], visit: Visit, holder: Holder, tools: Tools
) -> None:
    refusals: list[Permanent] = []
    for rule in rules:
        try:
            return await _check(rule, visit, holder, tools)
        except Permanent as error:
            refusals.append(error)
    told = (one for one in refusals if isinstance(one, SignatureMismatch))
    raise next(told, refusals[0])


async def _check(rule: Verify, visit: Visit, holder: Holder, tools: Tools) -> None:
    grammar = grammar_of(rule)
    held = [] if grammar.needs_keys else await _secrets_of(rule, visit, holder, tools)
    wanted = value_places(rule)
    values = await _values(wanted, visit, holder, tools) if wanted else {}
    raw = _signed_part(grammar, visit.raw, holder)
    anew = False
    while True:
        keys = (
            await tools.keysets.keys(grammar.jwt.keys, anew=anew) if grammar.needs_keys else ()
        )
        facts = Facts(keys=keys, values=values)
        try:
            return verify(
                rule, held, raw, now=raw.received_at, public_url=visit.public_url, facts=facts
            )
        except UnknownKey:
            if anew:
                raise
            anew = True  # they may have been rolled over


def _signed_part(grammar: Grammar, raw: RawRequest, holder: Holder) -> RawRequest:
    """Where every item of a body carries a token of its own, that of one part counts for this part."""
    if holder.body is None or grammar.algorithm != "token" or "[]" not in grammar.body:
        return raw
    return msgspec.structs.replace(raw, body=holder.body)


async def _secrets_of(rule: Verify, visit: Visit, holder: Holder, tools: Tools) -> list[Secret]:
    held: list[Secret] = []
    for place in rule.places:
        held += await secrets_in(place, visit, holder, tools)
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
    if place.from_ == "subscription":
        return await _of_subscription(holder, owner.installation, tools) if owner else []
    if place.from_ == "state":
        found = await _in_state(place.name, owner.installation, tools) if owner else None
    else:
        configuration = owner.configuration if owner else {}
        found = await secret_at(tools, place, visit.definition, configuration)
    return [] if found is None else [found]


async def _of_subscription(holder: Holder, home: Installation, tools: Tools) -> list[Secret]:
    if not holder.subscription:
        return list(await tools.subscriptions.secrets(home))
    found = await tools.subscriptions.secret(home, holder.subscription)
    return [] if found is None else [found]


async def _in_state(place: str, home: Installation, tools: Tools) -> Secret | None:
    name, _, field = place.partition(".")
    owner = home.integration_id or home.integration
    state = await tools.states.get(home, "integration", owner, name)
    value = state.payload.get(field) if state else None
    return Secret(value.encode()) if isinstance(value, str) and value else None


async def _values(
    wanted: Sequence[ValuePlace], visit: Visit, holder: Holder, tools: Tools
) -> dict[ValuePlace, str]:
    found: dict[ValuePlace, str] = {}
    configuration = holder.owner.configuration if holder.owner else {}
    for place in wanted:
        if place.from_ == "body":
            continue
        where = SecretPlace(from_=place.from_, name=place.name)
        value = await secret_at(tools, where, visit.definition, configuration)
        if value is not None:
            found[place] = value.reveal().decode("utf-8", "replace")
    return found
