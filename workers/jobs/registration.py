"""Let an integration's own code set itself up at the provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import Permanent, Transient
from shared.model.outcomes import Done, Outcome
from workers.installed import installed
from workers.runtime import registrar_of

if TYPE_CHECKING:
    from shared.model.jobs import Claim
    from workers.installed import Installed
    from workers.tools import Tools


async def registration(claim: Claim, tools: Tools) -> Outcome:
    """
    Call `register`; the installation shows how it went.

    A server's refusal is final until somebody asks again; where nobody was there it is tried again.
    """
    owner = await installed(tools, claim.record.installation)
    webhook_id = owner.installation.webhook_id
    if registrar := registrar_of(owner, tools):
        try:
            await registrar.registration(
                claim.record, owner, "register", webhook_url(owner, tools)
            )
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
