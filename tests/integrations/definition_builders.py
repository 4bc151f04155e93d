"""Documents of definitions for tests."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from shared.errors import DefinitionInvalid
from shared.integrations.definition import decode

_OAUTH: dict[str, Any] = {
    "client": {
        "id": {"from": "global", "name": "CLIENT_ID"},
        "secret": {"name": "CLIENT_SECRET"},
    },
    "authorize": {"url": "https://acme.example/authorize", "scopes": {"default": ["read"]}},
    "token": {"url": "https://acme.example/token"},
    "identity": {"externalId": {"from": "token", "path": "team.id"}},
}
_DOCUMENT: dict[str, Any] = {
    "name": "acme",
    "version": "1.0.0",
    "identifier": {"extractScript": "parse_json!(.body).team_id"},
    "secrets": {"CLIENT_ID": {"public": True}, "CLIENT_SECRET": {}, "WEBHOOK_SECRET": {}},
    "verify": {
        "scheme": "hmac-sha256-hex",
        "header": "x-acme-signature",
        "secret": {"from": "global", "name": "WEBHOOK_SECRET"},
    },
    "configurations": {
        "manual": {
            "oauth": False,
            "schema": {"type": "object", "properties": {"token": {"secret": True}, "site": {}}},
            "token": {"from": "configuration", "name": "token"},
        }
    },
    "states": {"credentials": {"type": "integration"}},
    "oauth": _OAUTH,
}


def a_document(**changes: Any) -> dict[str, Any]:
    """A good document; *changes* are laid over it by dotted path, with `__` for the dot. None removes."""
    document = copy.deepcopy(_DOCUMENT)
    for path, value in changes.items():
        *above, last = path.split("__")
        table = document
        for part in above:
            table = table.setdefault(part, {})
        if value is None:
            table.pop(last, None)
        else:
            table[last] = value
    return document


def refusal(document: Any, **options: Any) -> DefinitionInvalid:
    """How *document* is refused."""
    with pytest.raises(DefinitionInvalid) as refused:
        decode(document, "acme.json", **options)
    return refused.value
