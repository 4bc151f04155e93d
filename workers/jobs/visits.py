"""One webhook and what is known about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from shared.integrations.configurations import rules_in, verify_of
from shared.integrations.records import Definition
from shared.model.jobs import Record
from shared.model.requests import RawRequest
from shared.signatures import UNCHECKED, Verify
from workers.installed import Installed, installed
from workers.jobs.sealed import readable

if TYPE_CHECKING:
    from shared.model.jobs import Claim
    from workers.tools import Tools


class Visit(Struct, frozen=True, kw_only=True):
    """One webhook and what is known about it."""

    record: Record
    raw: RawRequest
    definition: Definition
    installed: Installed | None  # known at once for an installation's own URL
    rules: tuple[Verify, ...]
    public_url: str  # of this request, as the provider knows it

    @property
    def is_checked(self) -> bool:
        """Whether a signature is asked for at all."""
        return self.rules[0].scheme not in UNCHECKED

    @property
    def finds_subscriptions(self) -> bool:
        """Whether the extract script returns ids of subscriptions."""
        scripts = self.definition.identifier
        return scripts is not None and scripts.finds == "subscription"

    @property
    def is_owners_secret(self) -> bool:
        """Whether the secret lies with an installation that is not known yet."""
        if self.installed is not None:
            return False
        return not all(one.is_known_at_once for rule in self.rules for one in rule.places)


async def visit_of(claim: Claim, tools: Tools) -> Visit:
    """What *claim* is about."""
    raw = readable(claim.body, tools)
    owner = await installed(tools, raw.name) if raw.door == "installation" else None
    definition = owner.definition if owner else await tools.catalogue.definition(raw.name)
    kind = owner.installation.configuration_type if owner else None
    rules = verify_of(definition, kind) if owner else rules_in(definition.verify)
    return Visit(
        record=claim.record,
        raw=raw,
        definition=definition,
        installed=owner,
        rules=rules or (Verify(scheme="handler"),),
        public_url=_public_url(raw, definition.public_url or tools.origin),
    )


def _public_url(raw: RawRequest, origin: str) -> str:
    door = f"integration/global/{raw.name}" if raw.door == "global" else raw.name
    path = "" if raw.path == "/" else raw.path
    query = f"?{raw.query}" if raw.query else ""
    return f"{origin}/{door}{path}{query}"
