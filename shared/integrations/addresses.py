"""The addresses in a definition: provider calls are https, nobody hides in one, and placeholders are declared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from shared.egress import may_be_asked_for
from shared.integrations.configurations import rules_in
from shared.integrations.inputs import is_public_suffix
from shared.integrations.placeholders import Names, providers_in, templates_of
from shared.integrations.spelling import Misspelt, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.integrations.records import Definition

Path = tuple[str, ...]
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PLACEHOLDER = re.compile(r"\{([A-Za-z][A-Za-z0-9_-]*)\}")
_HOST = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")


def address_problems(definition: Definition, *, allow_loopback: bool) -> Iterator[Misspelt]:
    """Every address of *definition* that is not one, or not a safe one."""
    yield from _oauth_problems(definition, allow_loopback=allow_loopback)
    for path, keys in key_addresses(definition):
        yield from _provider_problems(keys, path, allow_loopback=allow_loopback)
    if definition.url is not None:
        yield from _server_problems(definition.url, ("url",))
    if definition.public_url is not None:
        yield from _origin_problems(definition.public_url, ("publicUrl",))
    for index, host in enumerate(definition.egress or ()):
        if not _HOST.fullmatch(host):
            fix = 'write a host such as "api.example.com" or "*.example.com"'
            yield Misspelt(("egress", f"[{index}]"), f"{host[:80]!r} is no host", fix)


def callable_hosts(definition: Definition) -> tuple[str, ...] | None:
    """The hosts that its own code may call, those that `oauth` names among them; None where it declares no `egress`."""
    if definition.egress is None:
        return None
    named = {
        _pattern(text)
        for _, _, provider in providers_in(definition)
        for path, text in templates_of(provider)
        if path[-1] == "url"
    }
    return (*definition.egress, *sorted(named - {""}))


def _pattern(url: str) -> str:
    """
    What `egress` would say for the host of *url*; empty where somebody types in the whole host.

    >>> _pattern("https://api.a.test/x"), _pattern("https://{site}.a.test/x"), _pattern("https://{host}/x")
    ('api.a.test', '*.a.test', '')
    """
    parts = _split(url)
    host = (parts.hostname or "") if parts else ""
    fixed = host.rpartition("}")[2]
    return f"*{fixed}" if fixed != host and fixed else fixed


def _oauth_problems(definition: Definition, *, allow_loopback: bool) -> Iterator[Misspelt]:
    for path, name, provider in providers_in(definition):
        names = Names(definition, name, provider)
        for inner, text in templates_of(provider):
            yield from _placeholder_problems(text, (*path, *inner), names.at(inner))
            if inner[-1] == "url":
                where = (*path, *inner)
                yield from _provider_problems(text, where, allow_loopback=allow_loopback)
                yield from _host_problems(text, where, names)


def key_addresses(definition: Definition) -> Iterator[tuple[Path, str]]:
    """Where a rule says that a provider publishes its keys, with its place."""
    tables: dict[Path, Any] = {(): definition, ("configuration",): definition.configuration}
    for name, rule in definition.configurations.items():
        tables["configurations", name] = rule
    for path, table in tables.items():
        for found in rules_in(table.verify) if table else ():
            if found.jwt is not None and found.jwt.keys:
                yield (*path, "verify", "jwt", "keys"), found.jwt.keys


def _provider_problems(url: str, path: Path, *, allow_loopback: bool) -> Iterator[Misspelt]:
    parts = _split(url)
    if parts is None:
        yield Misspelt(path, f"{url[:80]!r} is no address", "write https://host/path")
        return
    local = allow_loopback and parts.scheme == "http" and parts.hostname in _LOOPBACK
    if parts.scheme != "https" and not local:
        fix = f"write {url.replace('http://', 'https://', 1)[:200]}"
        yield Misspelt(path, "must be https", fix)


def _host_problems(url: str, path: Path, names: Names) -> Iterator[Misspelt]:
    """Placeholders in the host: whoever fills one must not choose where the client's secret goes."""
    parts = _split(url)
    found = _PLACEHOLDER.findall(parts.netloc) if parts else []
    if parts is None or not found:
        return
    if parts.netloc == f"{{{found[0]}}}":
        if problem := names.no_host(found[0]):
            yield Misspelt(path, problem[0], problem[1])
        return
    fixed = parts.netloc.rpartition("}")[2]
    if not fixed:
        if not names.is_choice(found[-1]):
            fix = 'make it an input with type = "enum", or write a fixed domain after it'
            yield Misspelt(path, "whoever fills the placeholder would choose the host", fix)
    elif not fixed.startswith(".") or is_public_suffix(fixed):
        fix = "write a fixed domain after it, as in https://{subdomain}.example.com"
        yield Misspelt(path, "whoever fills the placeholder would choose the host", fix)


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
    return None if hidden or not may_be_asked_for(parts.hostname or "") else parts
