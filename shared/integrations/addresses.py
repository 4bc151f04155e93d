"""The addresses in a definition: provider calls are https, nobody hides in one, and placeholders are declared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

import msgspec

from shared.integrations.configurations import configuration_fields, public_secrets, rules_in
from shared.integrations.spelling import Misspelt, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.integrations.records import Definition

Path = tuple[str, ...]
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
LEAST_FIXED_LABELS = 2  # example.com
_PLACEHOLDER = re.compile(r"\{([A-Za-z][A-Za-z0-9_]*)\}")
_HOST = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")


def address_problems(definition: Definition, *, allow_loopback: bool) -> Iterator[Misspelt]:
    """Every address of *definition* that is not one, or not a safe one."""
    for path, text in provider_templates(definition):
        known = _values_at(definition, path)
        if path[-1] == "url":
            yield from _provider_problems(text, path, known, allow_loopback=allow_loopback)
        else:
            yield from _placeholder_problems(text, path, known)
    for path, keys in key_addresses(definition):
        yield from _provider_problems(keys, path, set(), allow_loopback=allow_loopback)
    if definition.url is not None:
        yield from _server_problems(definition.url, ("url",))
    if definition.public_url is not None:
        yield from _origin_problems(definition.public_url, ("publicUrl",))
    for index, host in enumerate(definition.egress):
        if not _HOST.fullmatch(host):
            fix = 'write a host such as "api.example.com" or "*.example.com"'
            yield Misspelt(("egress", f"[{index}]"), f"{host[:80]!r} is no host", fix)


def _values_at(definition: Definition, path: Path) -> set[str]:
    """What a placeholder of the address at *path* may stand for."""
    known = {*definition.inputs, *public_secrets(definition)}
    if path[0] != "oauth":
        type_name = path[1] if path[0] == "configurations" else None
        fields = configuration_fields(definition, type_name)
        known |= {field.name for field in fields if not field.secret}
    return known if "authorize" in path else known | {"clientId"}


def provider_templates(definition: Definition) -> Iterator[tuple[Path, str]]:
    """Each address and parameter that `oauth` and the configuration types name, with its place."""
    if definition.oauth is not None:
        yield from _templates(msgspec.to_builtins(definition.oauth), ("oauth",))
    if definition.configuration is not None:
        yield from _templates(definition.configuration.oauth, ("configuration", "oauth"))
    for name, rule in definition.configurations.items():
        yield from _templates(rule.oauth, ("configurations", name, "oauth"))


def key_addresses(definition: Definition) -> Iterator[tuple[Path, str]]:
    """Where a rule says that a provider publishes its keys, with its place."""
    tables: dict[Path, Any] = {(): definition, ("configuration",): definition.configuration}
    for name, rule in definition.configurations.items():
        tables["configurations", name] = rule
    for path, table in tables.items():
        for found in rules_in(table.verify) if table else ():
            if found.jwt is not None and found.jwt.keys:
                yield (*path, "verify", "jwt", "keys"), found.jwt.keys


def _templates(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    for key, item in value.items() if isinstance(value, dict) else ():
        if isinstance(item, str) and (key == "url" or path[-1] == "params"):
            yield (*path, key), item
        else:
            yield from _templates(item, (*path, key))


def _provider_problems(
    url: str, path: Path, known: set[str], *, allow_loopback: bool
) -> Iterator[Misspelt]:
    parts = _split(url)
    if parts is None:
        yield Misspelt(path, f"{url[:80]!r} is no address", "write https://host/path")
        return
    local = allow_loopback and parts.scheme == "http" and parts.hostname in _LOOPBACK
    if parts.scheme != "https" and not local:
        fix = f"write {url.replace('http://', 'https://', 1)[:200]}"
        yield Misspelt(path, "must be https", fix)
    fixed = parts.netloc.rpartition("}")[2].split(".")[1:]
    if "{" in parts.netloc and len(fixed) < LEAST_FIXED_LABELS:
        fix = "write a fixed domain after it, as in https://{subdomain}.example.com"
        yield Misspelt(path, "whoever fills the placeholder would choose the host", fix)
    yield from _placeholder_problems(url, path, known)


def _placeholder_problems(text: str, path: Path, known: set[str]) -> Iterator[Misspelt]:
    for name in _PLACEHOLDER.findall(text):
        if name not in known:
            problem = f"{{{name}}} is neither an input nor a public secret"
            yield Misspelt(path, problem, nearest(name, known))


def _server_problems(url: str, path: Path) -> Iterator[Misspelt]:
    """An integration server is the operator's own; which addresses it may have is egress policy."""
    parts = _split(url)
    if parts is None or parts.scheme not in {"http", "https"}:
        yield Misspelt(path, f"{url[:80]!r} is no address", "write https://host[:port][/path]")


def _origin_problems(url: str, path: Path) -> Iterator[Misspelt]:
    parts = _split(url)
    fix = "write an origin such as https://slack.example.com"
    if parts is None or parts.path not in {"", "/"} or parts.query or parts.fragment:
        yield Misspelt(path, "must be an origin without a path", fix)
    elif parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        yield Misspelt(path, "must be https", fix)
    elif "webhook" in url:
        yield Misspelt(
            path, "must not contain 'webhook', which Botpress's SDK turns into 'app'", fix
        )


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    hidden = parts.username is not None or re.search(r"[\s\\\x00-\x1f\x7f]", url)
    return None if hidden or not parts.hostname else parts
