"""What the store's settings promise, in words for the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from shared.errors import CommandRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.storage.connection import Store

_OLDEST = 7
_SETTINGS = (
    "appendonly",
    "appendfsync",
    "maxmemory-policy",
    "no-appendfsync-on-rewrite",
    "maxmemory",
)
_UNREADABLE = "unreadable"
_SENTENCES = {
    "always": "A 2xx means the request is on disk.",
    "everysec": "A 2xx means the request reaches the disk within about a second; a power cut may lose the last second.",
    "no": "A 2xx means the request is in memory; the operating system writes it to disk when it likes.",
    "off": "A 2xx means the request is in memory; a restart of the store loses it.",
    _UNREADABLE: "A 2xx means the store has the request; whether it is on disk cannot be read.",
}


class Problem(Struct, frozen=True):
    """One setting that weakens the promise, or will do harm one day, and what to do."""

    problem: str
    fix: str


class Promise(Struct, frozen=True, kw_only=True):
    """What a 2xx of ours is worth on this store. `durable` is the whole promise of the design."""

    durable: bool
    sentence: str
    server: str  # as in `Valkey 9.1.2`
    problems: tuple[Problem, ...] = ()


async def promise(store: Store) -> Promise:
    """Read the server's settings and say what they promise; raises `StoreUnavailable` only."""
    facts = await store.redis.info()
    return judged(facts, await _settings(store, facts))


def judged(facts: Mapping[str, Any], settings: Mapping[str, str]) -> Promise:
    """
    Say what these settings promise.

    *facts* are `INFO`'s, *settings* are `CONFIG GET`'s, or less where the server does not tell.
    """
    mode = _mode(settings)
    weak = (
        *_version(facts),
        *_persistence(mode, settings),
        *_eviction(settings),
        *_disk(facts),
    )
    return Promise(
        durable=mode == "always" and not weak,
        sentence=_SENTENCES[mode],
        server=" ".join(_server(facts)),
        problems=(*weak, *_bound(facts, settings)),
    )


async def _settings(store: Store, facts: Mapping[str, Any]) -> dict[str, str]:
    try:
        return dict(await store.redis.config_get(*_SETTINGS))  # type: ignore[arg-type]
    except CommandRefused:  # a hosted server that hides CONFIG; INFO tells a part of it
        appendonly = {"0": "no", "1": "yes"}.get(str(facts.get("aof_enabled")), _UNREADABLE)
        eviction = str(facts.get("maxmemory_policy", _UNREADABLE))
        return {"appendonly": appendonly, "maxmemory-policy": eviction}


def _mode(settings: Mapping[str, str]) -> str:
    if settings.get("appendonly") == "no":
        return "off"
    mode = settings.get("appendfsync", _UNREADABLE)
    return mode if mode in _SENTENCES and settings.get("appendonly") == "yes" else _UNREADABLE


def _server(facts: Mapping[str, Any]) -> tuple[str, str]:
    if "valkey_version" in facts:
        return "Valkey", str(facts["valkey_version"])
    return "Redis", str(facts.get("redis_version", "of unknown version"))


def _version(facts: Mapping[str, Any]) -> tuple[Problem, ...]:
    name, version = _server(facts)
    major = version.partition(".")[0]
    if name == "Valkey" or not major.isdecimal() or int(major) >= _OLDEST:
        return ()
    return (Problem(f"the store is Redis {version}", "use Redis 7 or newer, or any Valkey"),)


def _persistence(mode: str, settings: Mapping[str, str]) -> tuple[Problem, ...]:
    found = []
    if mode == "off":
        found.append(Problem("the store writes no append-only file", "set `appendonly yes`"))
    elif mode == _UNREADABLE:
        fix = "ask its operator for `appendonly yes` and `appendfsync always`, or allow us `CONFIG GET`"
        found.append(Problem("the store does not tell how it writes to disk", fix))
    elif mode != "always":
        found.append(Problem(f"appendfsync is {mode}", "set `appendfsync always`"))
    if settings.get("no-appendfsync-on-rewrite") == "yes":
        problem = "no-appendfsync-on-rewrite is yes: writes wait in memory while the file is rewritten"
        found.append(Problem(problem, "set `no-appendfsync-on-rewrite no`"))
    return tuple(found)


def _eviction(settings: Mapping[str, str]) -> tuple[Problem, ...]:
    policy = settings.get("maxmemory-policy", _UNREADABLE)
    if policy == "noeviction":
        return ()
    problem = f"maxmemory-policy is {policy}: a full store may throw accepted requests away"
    return (Problem(problem, "set `maxmemory-policy noeviction`"),)


def _bound(facts: Mapping[str, Any], settings: Mapping[str, str]) -> tuple[Problem, ...]:
    """Without a bound an ingress cannot tell that the store is nearly full: it grows until its machine kills it."""
    if str(settings.get("maxmemory", facts.get("maxmemory", _UNREADABLE))) != "0":
        return ()
    problem = (
        "the store has no maxmemory, so that nothing is turned away before its machine is full"
    )
    fix = "set `maxmemory` to what it may use, such as half of its machine: from nine tenths of it on, senders get 503"
    return (Problem(problem, fix),)


def _disk(facts: Mapping[str, Any]) -> tuple[Problem, ...]:
    if str(facts.get("aof_last_write_status", "ok")) == "ok":
        return ()
    return (
        Problem(
            "the last write to disk failed",
            "look at the store's log and at the space on its disk",
        ),
    )
