"""Handshakes: answered at once, and what they bring is caught."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.handshakes import brought_by, matching, reply_to
from shared.model.caught import Caught
from shared.model.outcomes import Done, Ignored, Outcome
from shared.model.requests import Reply
from shared.routing import SUBSCRIPTION
from shared.secret import Secret
from workers.installed import Installed, installed
from workers.jobs.identifying import identify
from workers.jobs.verification import Holder, secrets_in

if TYPE_CHECKING:
    from shared.handshakes import Handshake
    from shared.signatures import SecretPlace
    from workers.jobs.visits import Visit
    from workers.tools import Tools

REFUSED = Reply(status=401)
UNGUESSABLE = 16  # characters


async def handshake(visit: Visit, tools: Tools, *, verified: bool = False) -> Outcome | None:
    """Answer *visit* where it is a handshake; None where it is something else."""
    if not visit.definition.handshakes:
        return None
    found = matching(visit.definition.handshakes, visit.raw, verified=verified)
    if found is None:
        return None
    kept = await _catch(found, visit, tools)
    reply = reply_to(found, visit.raw, await _secret(found, visit, tools))
    if reply is None:
        return (
            Ignored(f"a handshake that could not be answered; {kept}", REFUSED)
            if kept
            else None
        )
    said = found.note or "answered a handshake"
    return Done(reason=f"{said}; {kept}" if kept else said, reply=reply)


async def _secret(found: Handshake, visit: Visit, tools: Tools) -> Secret | None:
    places = (found.secret,) if found.secret else visit.rules[0].places[:1]
    holder = Holder(owner=visit.installed)
    held = [one for place in places for one in await secrets_in(place, visit, holder, tools)]
    return held[0] if held else None


async def _catch(found: Handshake, visit: Visit, tools: Tools) -> str:
    """Keep what *found* brings; what is said of it, nothing where it brings nothing new."""
    text = brought_by(found, visit.raw)
    place = _place(found, visit)
    if place is None or not text:
        return ""
    value, home = Secret(text.encode()), visit.installed
    whose = ("", home.installation.webhook_id if home else "")
    if place.from_ == "subscription":
        for subscription, owner in await _subscriptions(visit, tools):
            if said := await _given(value, subscription, owner, visit, tools):
                return said
            whose = (subscription, owner.installation.webhook_id)
    elif await _is_set(place, visit, value, tools):
        return ""
    return await _kept(value, place, whose, found, visit, tools)


async def _kept(
    value: Secret,
    place: SecretPlace,
    whose: tuple[str, str],
    found: Handshake,
    visit: Visit,
    tools: Tools,
) -> str:
    name = visit.definition.name
    caught = Caught(
        id="", at=visit.raw.received_at, source=place.from_, name=place.name,
        subscription=whose[0], installation=whose[1], note=found.note,
    )  # fmt: skip
    id = await tools.handshakes.keep(name, caught, value)
    return f"its secret is kept as {id}: see `waypost integrations handshakes {name}`"


def _place(found: Handshake, visit: Visit) -> SecretPlace | None:
    """What it is to be: at an installation's own address, the secret by which that address is verified."""
    own = visit.rules[0].places[:1] if visit.installed and found.token is None else ()
    return own[0] if found.catch and own else found.catch


async def _is_set(place: SecretPlace, visit: Visit, value: Secret, tools: Tools) -> bool:
    held = await secrets_in(place, visit, Holder(owner=visit.installed), tools)
    return any(one.reveal() == value.reveal() for one in held)


async def _given(
    value: Secret, subscription: str, owner: Installed, visit: Visit, tools: Tools
) -> str:
    """
    The first secret counts where only the provider knows the address that it came to; nothing is said of another.

    That is an installation's own address, and one in which a subscription's id stands that is too long to guess.
    """
    home = owner.installation
    is_in_address = (
        subscription in visit.raw.path.split("/") and len(subscription) >= UNGUESSABLE
    )
    if (visit.installed or is_in_address) and await tools.subscriptions.put_first(
        home, subscription, value
    ):
        return f"the secret of the subscription {subscription} is set"
    held = await tools.subscriptions.secret(home, subscription)
    if held is not None and held.reveal() == value.reveal():
        return f"the secret of the subscription {subscription} was set before"
    return ""


async def _subscriptions(visit: Visit, tools: Tools) -> list[tuple[str, Installed]]:
    """The subscriptions that a handshake may be of, by what the script finds, or by an installation's own address."""
    parts = await identify(visit, tools) if visit.finds_subscriptions else ""
    home = visit.installed
    if isinstance(parts, str):
        if home is None:
            return []
        await tools.subscriptions.put(home.installation, home.installation.webhook_id)
        return [(home.installation.webhook_id, home)]
    owners = [
        (part.identifier.removeprefix(SUBSCRIPTION), await installed(tools, webhook_id))
        for part in parts
        for webhook_id in await tools.installations.owners_of(
            visit.definition.name, part.identifier
        )
    ]
    if home is None:
        return owners
    own = home.installation.webhook_id
    return [one for one in owners if one[1].installation.webhook_id == own]
