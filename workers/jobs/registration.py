"""Let an integration's own code set itself up at the provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import GateClosed, Permanent, Transient
from shared.model.outcomes import Done, Ignored, Outcome
from workers.installed import installed
from workers.runtime import registrar_of
from workers.turns import registering

if TYPE_CHECKING:
    from shared.model.jobs import Claim
    from workers.installed import Installed
    from workers.tools import Tools


async def registration(claim: Claim, tools: Tools) -> Outcome:
    """
    Call `register`, one registration of an installation after the other; the installation shows how it went.

    A server's refusal is final until somebody asks again; where nobody was there it is tried again.
    """
    async with registering(claim.record, claim.record.installation, tools):
        return await _registered(claim, tools)


async def _registered(claim: Claim, tools: Tools) -> Outcome:
    owner = await installed(tools, claim.record.installation)
    webhook_id = owner.installation.webhook_id
    if owner.installation.status == "unregistration_pending":
        return Ignored("the installation is being removed")
    if registrar := registrar_of(owner, tools):
        try:
            await registrar.registration(
                claim.record, owner, "register", webhook_url(owner, tools)
            )
        except GateClosed:  # nobody was asked
            raise
        except (Permanent, Transient) as error:
            await tools.installations.update(
                webhook_id, status="registration_failed", status_reason=str(error)
            )
            raise
    await tools.installations.update(webhook_id, status="registered", status_reason="")
    return Done(reason="registered")


def webhook_url(owner: Installed, tools: Tools) -> str:
    """The installation's own webhook URL."""
    return f"{owner.definition.public_url or tools.origin}/{owner.installation.webhook_id}"
