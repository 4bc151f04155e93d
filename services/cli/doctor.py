"""`waypost doctor`: what is wrong with the set-up, and what to do about each."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from services.cli import presence, show
from services.cli.api import Api
from shared.config import Settings, unknown_variables
from shared.errors import SetupFailed, WaypostError
from shared.sealing import PublicKey
from shared.secret import KeyRing, SealingKey
from shared.storage import nest
from shared.storage.checks import Promise, promise
from shared.storage.connection import connect
from shared.storage.layout import check_layout
from shared.storage.ledger_check import Soundness, soundness

if TYPE_CHECKING:
    from collections.abc import Callable


_STATUS = {"sound": 0, "contradictory": 1, "not all added up": 3}  # 2 is wrong usage
_SPACE = "see docs/capacity.md: read or replay what lies there, or set more"
_NO_STORE = "start it: waypost up; or name another store with WAYPOST_REDIS_URL"


class Finding(Struct, frozen=True):
    """One thing looked at."""

    what: str
    ok: bool
    said: str
    fix: str = ""


async def doctor(*, as_json: bool) -> int:
    """Look at everything; 1 when something must be mended."""
    found = await findings()
    if as_json:
        show.json(msgspec.to_builtins(found))
    else:
        _tell(found)
    return 0 if all(one.ok for one in found) else 1


async def ledger(*, as_json: bool) -> int:
    """Look at every record of the ledger; 1 when something contradicts something, 3 when not all could be added up."""
    settings = Settings.from_env(os.environ)
    async with await connect(_store_of(settings)) as store:
        await check_layout(store)
        found = await soundness(store)
    if as_json:
        sound = found.verdict == "sound"
        show.json(msgspec.to_builtins(found) | {"verdict": found.verdict, "sound": sound})
    else:
        _tell_ledger(found)
    return _STATUS[found.verdict]


def _tell_ledger(found: Soundness) -> None:
    for sentence in found.sentences:
        show.line(f"FIX  {sentence}")
    if found.moving:
        show.line(f"     bytes not added up, they kept changing: {', '.join(found.moving)}")
    said = {
        "sound": "the ledger is sound",
        "contradictory": f"{len(found.sentences)} contradictions",
        "not all added up": "no contradiction was seen, but not all could be added up",
    }[found.verdict]
    show.line(f"{found.records} records looked at: {said}")
    if found.sentences:
        show.line("     fix: keep a copy of the store's folder, and report what is said above")
    elif found.moving:
        show.line("     fix: look again when less is going on")


def _store_of(settings: Settings) -> str:
    if url := settings.redis_url or nest.url_of(settings.data_dir):
        return url
    raise SetupFailed(f"no Waypost runs its store in {settings.data_dir}", _NO_STORE)


def _tell(found: list[Finding]) -> None:
    for one in found:
        show.line(f"{'ok  ' if one.ok else 'FIX '} {one.what}: {one.said}")
        if one.fix:
            show.line(f"     fix: {one.fix}")
    wrong = sum(not one.ok for one in found)
    show.line(f"\n{'all is well' if not wrong else f'{wrong} to mend'}")


async def findings() -> list[Finding]:
    """Settings first; without them nothing else can be looked at."""
    try:
        settings = Settings.from_env(os.environ)
    except WaypostError as error:
        return [_wrong("settings", error)]
    found = [Finding("settings", ok=True, said=f"data in {settings.data_dir}")]
    found += [
        Finding("settings", ok=False, said=one, fix="correct its name")
        for one in unknown_variables(os.environ)
    ]
    found += [_keys("key ring", lambda: KeyRing.from_file(settings.key_ring_file))]
    found += [_keys("sealing key", lambda: SealingKey.from_file(settings.sealing_key_file))]
    found += [
        _keys("public sealing key", lambda: PublicKey.from_file(settings.sealing_public_file))
    ]
    found += await _store(settings)
    return [*found, *await asyncio.to_thread(_running)]


def _keys(what: str, read: Callable[[], object]) -> Finding:
    try:
        read()
    except WaypostError as error:
        return _wrong(
            what, error, "make them with: waypost keys new (or start `waypost up` once)"
        )
    return Finding(what, ok=True, said="readable, and by its owner only")


async def _store(settings: Settings) -> list[Finding]:
    """The store that is named, or the embedded one, or the one that a running `up` was given by a flag."""
    try:
        if url := settings.redis_url or nest.url_of(settings.data_dir):
            async with await connect(url) as store:
                promised = await promise(store)
        elif presence.found(settings.data_dir):
            told = await asyncio.to_thread(lambda: Api.from_settings().health()["store"])
            promised = msgspec.convert(told, Promise)
        else:
            said = f"no Waypost runs its store in {settings.data_dir}"
            return [Finding("store", ok=False, said=said, fix=_NO_STORE)]
    except WaypostError as error:
        return [_wrong("store", error, "start it, or `waypost up` for the embedded one")]
    found = [Finding("store", ok=True, said=f"{promised.server}. {promised.sentence}")]
    return found + [
        Finding("store", ok=False, said=one.problem, fix=one.fix) for one in promised.problems
    ]


def _running() -> list[Finding]:
    """What only the running system can tell."""
    try:
        api = Api.from_settings()
        queue, known = api.get("queue"), api.get("integrations")["integrations"]
    except WaypostError as error:
        return [_wrong("api", error)]
    return [
        Finding("api", ok=True, said="answers"),
        _workers(len(queue["workers"])),
        _dead(queue["states"]["dead"]["count"]),
        *[Finding("space", ok=False, said=one, fix=_SPACE) for one in queue["warnings"]],
        *integrations(known),
    ]


def _workers(count: int) -> Finding:
    fix = "" if count else "start one: waypost worker"
    return Finding("workers", ok=count > 0, said=f"{count} alive", fix=fix)


def _dead(count: int) -> Finding:
    fix = "see why: waypost queue ls --state dead" if count else ""
    return Finding("dead letters", ok=count == 0, said=f"{count}", fix=fix)


def integrations(known: list[dict[str, Any]]) -> list[Finding]:
    """Each one that somebody has begun to set up, or that checks nothing; the others in one line."""
    untouched = [one["name"] for one in known if _is_untouched(one)]
    told = [_integration(one) for one in known if one["name"] not in untouched]
    if not untouched:
        return told
    said = f"{len(untouched)} more can be set up, see `waypost integrations ls`"
    return [*told, Finding("integrations", ok=True, said=said)]


def _is_untouched(one: dict[str, Any]) -> bool:
    return one["verify"] != "none" and not any(secret["isSet"] for secret in one["secrets"])


def _integration(one: dict[str, Any]) -> Finding:
    """Secrets that are missing matter once it is used; they are told, and are no fault."""
    secrets = one["secrets"]
    missing = [s["name"] for s in secrets if not s["isSet"] and not s["optional"]]
    said = "all secrets are set" if not missing else "not set up: " + ", ".join(missing)
    unsigned = one["verify"] == "none"
    fix = "declare a scheme in [verify]; webhooks are not checked" if unsigned else ""
    return Finding(f"integration {one['name']}", ok=not unsigned, said=said, fix=fix)


def _wrong(what: str, error: WaypostError, fix: str = "") -> Finding:
    text, _, own = str(error).partition("\n  fix: ")
    return Finding(what, ok=False, said=text, fix=own or fix)
