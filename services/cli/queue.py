"""`waypost queue`: what is in the ledger, why, and acting on it."""

from __future__ import annotations

import contextlib
import time
from typing import Annotated, Any

import typer

from services.cli import acting, gates, show
from services.cli.api import Api
from services.cli.filters import BotFilter, IntegrationFilter, filtered
from services.cli.show import AsJson

app = typer.Typer(no_args_is_help=True, help="Inspect and act on requests and deliveries.")
acting.add_to(app)

RecordId = Annotated[str, typer.Argument(help="req_… or dlv_…")]


@app.command()
def stats(as_json: AsJson = False) -> None:
    """
    Counts and bytes per state, the oldest ready record, throughput and workers.

    Example: waypost queue stats --json
    """
    found = Api.from_settings().get("queue")
    if as_json:
        return show.json(found)
    rows = [(name, load["count"], load["bytes"]) for name, load in found["states"].items()]
    show.table(("state", "count", "bytes"), rows, "")
    age = found["oldestReadyAge"]
    show.line(f"\noldest ready: {'none' if age is None else f'{age:.1f} s'}")
    show.line(f"last minute:  {_counts(found['lastMinute'])}")
    show.line(f"in all:       {_counts(found['totals'])}\n")
    _workers(found["workers"])
    for one in found["warnings"]:
        show.line(f"warning: {one}")
    if found["gates"]:
        show.line("")
        gates.table(found["gates"])
    return None


def _counts(found: dict[str, int]) -> str:
    """
    Counts as people say them.

    >>> _counts({"accepted": 3, "done": 2}), _counts({})
    ('3 accepted, 2 done', 'nothing')
    """
    return ", ".join(f"{count} {name}" for name, count in found.items()) or "nothing"


def _workers(workers: list[dict[str, Any]]) -> None:
    rows = [
        (
            one["id"],
            f"{one['beatAge']:.0f} s ago",
            one["facts"].get("busy"),
            one["facts"].get("slots"),
        )
        for one in workers
    ]
    show.table(
        ("worker", "beat", "busy", "slots"),
        rows,
        "No worker is running. Start one: waypost worker",
    )


@app.command()
@filtered
def ls(
    wanted: dict[str, str],
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    cursor: Annotated[str, typer.Option(help="Go on where a page ended")] = "",
    as_json: AsJson = False,
) -> None:
    """
    Newest first.

    Example: waypost queue ls --state dead,parked --integration slack --since 2h
    """
    found = Api.from_settings().get("requests", limit=limit, cursor=cursor, **wanted)
    if as_json:
        return show.json(found)
    show.table(_COLUMNS, [_row(one) for one in found["requests"]], "Nothing matches.")
    if found["cursor"]:
        show.line(f"\nmore: --cursor {found['cursor']}")
    return None


_COLUMNS = ("id", "state", "accepted", "integration", "identifier", "bot", "tries", "reason")


def _row(one: dict[str, Any]) -> tuple[Any, ...]:
    tries = one["attempts"] or ""
    return (one["id"], one["state"], one["acceptedAt"][:19], one["integration"], one["identifier"],
            one["botId"], tries, one["reason"])  # fmt: skip


@app.command(name="show")
def show_one(
    id: RecordId,
    body: Annotated[bool, typer.Option("--body", help="With the stored request")] = False,
    reveal: Annotated[bool, typer.Option("--reveal", help="With credentials; audited")] = False,
    as_json: AsJson = False,
) -> None:
    """
    One record with its deliveries.

    Example: waypost queue show req_01m3… --body
    """
    api = Api.from_settings()
    found = api.get("requests", id)
    if body or reveal:
        found["body"] = api.get("requests", id, "body", reveal="true" if reveal else "")
    if as_json:
        return show.json(found)
    rows = [
        (name, value) for name, value in found["request"].items() if value not in ("", None, 0)
    ]
    show.table(("field", "value"), rows, "")
    if found["deliveries"]:
        show.table(_COLUMNS, [_row(one) for one in found["deliveries"]], "")
    if "body" in found:
        show.json(found["body"])
    return None


@app.command()
def explain(id: RecordId, as_json: AsJson = False) -> None:
    """
    Why a record is where it is, in one sentence, and its way there.

    Example: waypost queue explain req_01m3…
    """
    found = Api.from_settings().get("requests", id, "explain")
    if as_json:
        return show.json(found)
    show.line(found["sentence"] + "\n")
    rows = [(one["at"] or "", one["record"], one["what"]) for one in found["timeline"]]
    show.table(("at", "record", "what"), rows, "")
    return None


@app.command()
def tail(
    integration: IntegrationFilter = "",
    bot: BotFilter = "",
    once: Annotated[bool, typer.Option("--once", help="The last ones, then end")] = False,
    as_json: AsJson = False,
) -> None:
    """
    Follow requests as they change, until Ctrl-C.

    Example: waypost queue tail --integration github
    """
    api, seen = Api.from_settings(), dict[str, str]()
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            page = api.get("requests", integration=integration, bot=bot, limit=100)["requests"]
            new = [one for one in reversed(page) if seen.get(one["id"]) != one["changedAt"]]
            for one in new:
                seen[one["id"]] = one["changedAt"]
                show.json_line(one) if as_json else show.line(
                    "  ".join(str(part) for part in _row(one) if part)
                )
            if once:
                return
            time.sleep(0.5)


@app.command()
def top(as_json: AsJson = False) -> None:
    """
    The queue at a glance, refreshed every second, until Ctrl-C. As JSON: one line a second.

    Example: waypost queue top
    """
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            if as_json:
                show.json_line(Api.from_settings().get("queue"))
            else:
                show.console().clear()
                stats(as_json=False)
            time.sleep(1)
