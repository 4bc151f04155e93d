"""`waypost queue replay` and `drop`: one record, or all that match, after a count and a question."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from services.cli import show
from services.cli.api import Api
from services.cli.filters import filtered
from services.cli.many import Many
from services.cli.show import AsJson

OneId = Annotated[str, typer.Argument(help="req_… or dlv_…; or use filters")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what would happen")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask")]
Cursor = Annotated[str, typer.Option(help="Go on where one that was stopped said")]


@filtered
def replay(
    wanted: dict[str, str],
    id: OneId = "",
    rate: Annotated[
        str, typer.Option(metavar="N/s", help="How many, a second (s) or a minute (m)")
    ] = "50/s",
    dry_run: DryRun = False,
    yes: Yes = False,
    cursor: Cursor = "",
    as_json: AsJson = False,
) -> None:
    """
    Make one record, or all that match, ready again; oldest first, dead ones if no state is named.

    Examples: waypost queue replay dlv_01m3…  ·  waypost queue replay --integration slack --reason 410 --dry-run
    """
    _one_or_some(id, wanted, cursor)
    api = Api.from_settings()
    if id and dry_run:
        return _results(_would(api, "replay", id), as_json=as_json)
    if id:
        return _results(api.post("requests", id, "replay"), as_json=as_json)
    many = Many(api, "replay", "replayed", wanted, rate=_per_second(rate))
    return many.act(dry_run=dry_run, yes=yes, cursor=cursor, as_json=as_json)


@filtered
def drop(
    wanted: dict[str, str],
    id: OneId = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    cursor: Cursor = "",
    as_json: AsJson = False,
) -> None:
    """
    Remove one record, or all that match, with the body, for good; dead ones if no state is named.

    Examples: waypost queue drop req_01m3… --yes  ·  waypost queue drop --integration slack --until 30d --dry-run
    """
    _one_or_some(id, wanted, cursor)
    api = Api.from_settings()
    if id and dry_run:
        return _results(_would(api, "drop", id), as_json=as_json)
    if id:
        if not yes:
            typer.confirm(f"Remove {id} and its body for good?", abort=True, err=True)
        return _results(api.post("requests", id, "drop"), as_json=as_json)
    many = Many(api, "drop", "removed for good", wanted)
    return many.act(dry_run=dry_run, yes=yes, cursor=cursor, as_json=as_json)


def add_to(app: typer.Typer) -> None:
    """Both, as commands of *app*."""
    app.command()(replay)
    app.command()(drop)


def _one_or_some(id: str, wanted: dict[str, str], cursor: str) -> None:
    if not id and not wanted:
        raise typer.BadParameter("give an id, or at least one filter such as --state dead")
    beside = [f"--{name}" for name in (*wanted, *(["cursor"] if cursor else []))]
    if id and beside:
        raise typer.BadParameter(
            f"{' and '.join(beside)}: {id} names one record already; leave out either"
        )


def _would(api: Api, verb: str, id: str) -> dict[str, Any]:
    """What *verb* would do to one record, told as a dry run of many tells it."""
    api.get("requests", id)  # says so where there is none
    found = api.post("requests", verb, body={"filter": {"ids": [id]}, "dryRun": True})
    return {name: found[name] for name in ("dryRun", "groups", "results")}


def _per_second(given: str) -> float:
    """
    How many a second.

    >>> _per_second("50/s"), _per_second("30/m"), _per_second("7")
    (50.0, 0.5, 7.0)
    """
    number, _, unit = given.partition("/")
    try:
        rate = float(number) / {"": 1, "s": 1, "m": 60}[unit]
    except (ValueError, KeyError):
        rate = 0.0
    if not 0.1 <= rate <= 10_000:
        raise typer.BadParameter(f"--rate {given}: give 50/s, or 30/m; 6/m at least")
    return rate


def _results(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        return show.json(found)
    return show.results(found["results"])
