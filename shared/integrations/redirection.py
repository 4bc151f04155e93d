"""Lead a definition's provider calls to a simulator, without a second definition."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec

from shared.integrations.records import Definition
from shared.signatures import UNCHECKED, Verify, grammar_of


def redirected(definition: Definition, base_url: str) -> Definition:
    """
    *definition* with each provider address `https://HOST/PATH` as `{base_url}/{name}/HOST/PATH`.

    Path, query and placeholders stay. A handle in the name is left out: `acme/crm` is found under `crm`.
    """
    base = f"{base_url.rstrip('/')}/{definition.name.rpartition('/')[2]}"
    document = msgspec.to_builtins(definition)
    for table in (document, document.get("configuration", {}), *_types(document)):
        if isinstance(table.get("oauth"), dict):
            table["oauth"] = _moved(table["oauth"], base)
        if table.get("verify"):
            table["verify"] = _with_keys(table["verify"], base)
    return msgspec.convert(document, Definition)


def _with_keys(verify: Any, base: str) -> Any:
    """Rules that name where published keys are now read, below *base*."""
    if not isinstance(verify, dict):
        return [_with_keys(rule, base) for rule in verify]
    rule = msgspec.convert(verify, Verify)
    if rule.scheme in UNCHECKED or not (keys := grammar_of(rule).jwt.keys):
        return verify
    return {**verify, "jwt": {**verify.get("jwt", {}), "keys": _address(keys, base)}}


def _types(document: dict[str, Any]) -> list[dict[str, Any]]:
    return list(document.get("configurations", {}).values())


def _moved(value: Any, base: str) -> Any:
    if isinstance(value, (list, tuple)):
        return [_moved(item, base) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _address(item, base) if key == "url" else _moved(item, base)
        for key, item in value.items()
    }


def _address(url: Any, base: str) -> Any:
    """
    An address below *base*; what is not https stays.

    >>> _address("https://slack.com/api/auth.revoke?a=1", "http://127.0.0.1:9/slack")
    'http://127.0.0.1:9/slack/slack.com/api/auth.revoke?a=1'
    """
    if not isinstance(url, str) or urlsplit(url).scheme != "https":
        return url
    return f"{base}/{url.removeprefix('https://')}"
