"""Secrets that providers brought in handshakes: look at them, and take one into use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from services.api.admin.installations import by_webhook_id
from services.api.admin.integrations import current
from services.api.answers import Nothing
from services.api.hook_answers import HandshakeAnswer, HandshakeList, HandshakeView
from shared.errors import Conflict
from shared.explain import rfc3339

if TYPE_CHECKING:
    from services.api.ports import ApiPorts
    from services.api.wire import Call
    from shared.model.caught import Caught
    from shared.secret import Secret


async def list_all(ports: ApiPorts, call: Call[Nothing, None]) -> HandshakeList:
    """Read what came, values included: a provider may want to see them again."""
    _, definition = await current(ports, call.path["name"])
    name = definition.name
    found = [
        await ports.handshakes.value(name, one.id) for one in await ports.handshakes.list(name)
    ]
    if found:
        await ports.audit.entry("admin", "handshakes.shown", name, {"count": str(len(found))})
    return HandshakeList(handshakes=[_view(*one) for one in found])


async def accept(ports: ApiPorts, call: Call[Nothing, None]) -> HandshakeAnswer:
    """Use the secret that came: it is set at the place that the definition names."""
    _, definition = await current(ports, call.path["name"])
    caught, value = await ports.handshakes.value(definition.name, call.path["handshake"])
    await _use(ports, definition.name, caught, value)
    made = await ports.handshakes.accepted(definition.name, caught.id)
    await ports.audit.entry(
        "admin", "handshake.accepted", definition.name, {"id": caught.id, "name": caught.name}
    )
    return HandshakeAnswer(handshake=_view(made, value))


async def _use(ports: ApiPorts, integration: str, caught: Caught, value: Secret) -> None:
    if caught.source == "global":
        await ports.secrets.set(integration, caught.name, value)
        return
    if not caught.installation:
        raise Conflict(
            "it came to the address of all installations, so whose secret it is cannot be told;"
            " set it at the installation"
        )
    home = await by_webhook_id(ports, caught.installation)
    if caught.source == "subscription":
        await ports.subscriptions.put(home, caught.subscription or home.webhook_id, value)
        return
    known = await ports.installations.secret_configuration(home.webhook_id)
    fields: dict[str, Any] = msgspec.json.decode(known.reveal()) if known else {}
    fields[caught.name] = value.reveal().decode("utf-8", "replace")
    sealed = await ports.installations.sealed(home.webhook_id, msgspec.json.encode(fields))
    await ports.installations.update(home.webhook_id, sealed=sealed)


def _view(caught: Caught, value: Secret) -> HandshakeView:
    return HandshakeView(
        id=caught.id,
        at=rfc3339(caught.at * 1000),
        source=caught.source,
        name=caught.name,
        webhook_id=caught.installation or None,
        note=caught.note,
        accepted=caught.accepted,
        value=value.reveal().decode("utf-8", "replace"),
    )
