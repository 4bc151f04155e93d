"""docs/integrations.md, made from the folders: `python -m tests.integrations.catalogue_page > docs/integrations.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from shared.integrations.configurations import rules_in
from shared.integrations.records import Definition
from tests.integrations.conformance import FOLDERS, definition_of, recorded

_HEAD = """# The integrations that come with Waypost

Each is a folder in `shared/integrations/`, whose README.md says what to click at the provider, which URLs to paste and
which secrets to set. `waypost integrations show NAME` prints the URLs with your own origin; `waypost demo --only NAME`
tries it on a simulated provider. This page is made from the folders.

| | |
| --- | --- |
| sign-in | *one click*: OAuth, with PKCE where the provider takes it. *Typed in*: a token or key of the user's |
| refresh | *rotates*: each refresh token is good once. *Stays*: it serves again. *Renews itself*: needs none |
| routed by | *identifier*: bound by connecting. *Subscription*: announced by its id. *Own URL*: `webhookUrl` |
| secret | *global*: one for the application. *Installation*, *subscription*: each has its own. *Published keys*: none |
| batch | a request may concern several; each installation receives its own part |

| integration | sign-in | refresh | signature | secret | routed by | handshake | batch |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""
_PLACES = {"global": "global", "configuration": "installation", "state": "installation"}


def page() -> str:
    """The whole page."""
    return _HEAD + "".join(f"| {' | '.join(_row(name))} |\n" for name in FOLDERS)


def _row(name: str) -> Iterator[str]:
    definition = definition_of(name)
    yield f"{definition.title} (`{name}`)"
    yield _sign_in(definition)
    yield _refresh(name)
    yield ", ".join(f"`{rule.scheme}`" for rule in rules_in(definition.verify))
    yield _secret(definition)
    yield _routed_by(definition)
    yield ", ".join(dict.fromkeys(f"`{one.form}`" for one in definition.handshakes))
    yield "yes" if any(case.parts for case in recorded(name).webhooks) else ""


def _sign_in(definition: Definition) -> str:
    if definition.oauth is None:
        return "typed in"
    return f"one click{', PKCE' if definition.oauth.authorize.pkce == 'S256' else ''}"


def _refresh(name: str) -> str:
    case, provider = recorded(name).oauth, definition_of(name).oauth
    if case is None or case.refresh is None or provider is None:
        return ""
    if provider.refresh.uses == "access":
        return "renews itself"
    return "stays" if case.refresh.kept else "rotates"


def _secret(definition: Definition) -> str:
    rules = rules_in(definition.verify)
    places = dict.fromkeys(
        _PLACES.get(place.from_, place.from_) for rule in rules for place in rule.places
    )
    keys = ["published keys"] if any(not rule.places for rule in rules) else []
    return ", ".join([*places, *keys])


def _routed_by(definition: Definition) -> str:
    scripts = definition.identifier
    return scripts.finds if scripts and scripts.extract_script else "own URL"


if __name__ == "__main__":
    sys.stdout.write(page())
