"""`waypost gates`: which targets get nothing now, and closing or opening one by hand."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from services.cli import show
from services.cli.api import Api
from services.cli.show import AsJson

app = typer.Typer(
    no_args_is_help=True, help="Targets that are down or paused, and what waits for them."
)

GateName = Annotated[
    str,
    typer.Argument(
        help="bot:ID, handler:INTEGRATION, installation:WEBHOOKID, provider:INTEGRATION/HOST"
    ),
]


@app.command()
def ls(as_json: AsJson = False) -> None:
    """
    Closed gates, the next to let something through first.

    Example: waypost gates ls --json
    """
    _show(Api.from_settings().get("gates"), as_json)


@app.command()
def close(
    name: GateName,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="For how long")] = 600,
    reason: Annotated[str, typer.Option("--reason", help="For whoever asks")] = "",
    as_json: AsJson = False,
) -> None:
    """
    Let nothing through to a target for a while; what is for it waits and loses no attempt.

    Workers have heard of it within a second. What they have begun they finish.

    Example: waypost gates close bot:support --seconds 3600 --reason "while it is being moved"
    """
    body = {"seconds": seconds} | ({"reason": reason} if reason else {})
    _show(Api.from_settings().post("gates", name, "close", body=body), as_json)


@app.command(name="open")
def open_one(name: GateName, as_json: AsJson = False) -> None:
    """
    Let go what waits for a target: one, then twice as many while they are answered.

    Example: waypost gates open bot:support
    """
    _show(Api.from_settings().post("gates", name, "open", body=None), as_json)


def table(gates: list[dict[str, Any]]) -> None:
    """One line per gate."""
    rows = [
        (one["name"], one["kind"], f"{one['seconds']:.0f} s", one["behind"], one["reason"])
        for one in gates
    ]
    show.table(("gate", "kind", "for another", "waiting", "why"), rows, "No gate is closed.")


def _show(found: dict[str, Any], as_json: bool) -> None:
    show.json(found) if as_json else table(found["gates"])
