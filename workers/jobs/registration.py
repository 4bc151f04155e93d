"""Let an integration written in Python set itself up at the provider, or take itself down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import Permanent, Transient
from shared.model.outcomes import Done, Outcome
from workers.installed import installed
from workers.runtime import is_python
from workers.runtime.python import PythonRuntime

if TYPE_CHECKING:
    from shared.model.jobs import Claim
    from workers.tools import Tools


async def registration(claim: Claim, tools: Tools) -> Outcome:
    """Call `register`; the installation shows how it went. A failure that may pass is tried again."""
    owner = await installed(tools, claim.record.installation)
    webhook_id = owner.installation.webhook_id
    if is_python(owner, tools):
        runtime = PythonRuntime(tools, tools.folders[owner.definition.name])
        try:
            url = f"{tools.origin}/{webhook_id}"
            await runtime.registration(claim.record, owner, "register", url)
        except (Permanent, Transient) as error:
            await tools.installations.update(
                webhook_id, status="registration_failed", status_reason=str(error)
            )
            raise
    await tools.installations.update(webhook_id, status="registered", status_reason="")
    return Done(reason="registered")
