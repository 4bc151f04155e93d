"""`waypost secrets` and `waypost keys`."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from services.cli import show
from services.cli.api import Api
from services.cli.show import AsJson
from shared.config import Settings

app = typer.Typer(no_args_is_help=True, help="Global secrets of integrations.")
keys = typer.Typer(no_args_is_help=True, help="The key ring that seals everything at rest.")

Integration = Annotated[str, typer.Argument(help="Name of an integration")]


@app.command(name="set")
def set_one(
    integration: Integration,
    name: Annotated[str, typer.Argument(help="NAME of the secret, as in `integrations show`")],
    value: Annotated[
        str, typer.Option(help="Better left out: it is asked for, or read from standard input")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """
    Set a secret; it can be replaced, never read again.

    Example: waypost secrets set slack SIGNING_SECRET < secret.txt
    """
    given = value or asked(name)
    found = Api.from_settings().call(
        "PUT", ("integrations", integration, "secrets", name), body={"value": given}
    )
    show.json(found) if as_json else show.line(f"{integration} {name} is set")


def asked(name: str) -> str:
    """The secret *name*, from a person or from standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt(name, hide_input=True))
    return sys.stdin.read().strip()


@app.command()
def ls(integration: Integration, as_json: AsJson = False) -> None:
    """
    Names of an integration's secrets.

    Example: waypost secrets ls slack
    """
    found = Api.from_settings().get("integrations", integration, "secrets")
    if as_json:
        return show.json(found)
    rows = [(one["name"], "set" if one["isSet"] else "not set") for one in found["secrets"]]
    show.table(("secret", "value"), rows, "It needs none.")
    return None


@keys.command()
def new(as_json: AsJson = False) -> None:
    """
    Make the key ring and the sealing key pair, where there are none. Files are readable by their owner only.

    Example: WAYPOST_KEYS=/etc/waypost/keys.json waypost keys new
    """
    from services.cli import keyfiles

    made = keyfiles.ensure(Settings.from_env(os.environ))
    if as_json:
        return show.json({"made": [str(path) for path in made]})
    show.line("\n".join(f"made {path}" for path in made) or "all keys are there already")
    return None


@keys.command()
def rotate(as_json: AsJson = False) -> None:
    """
    Add a key to the ring and make it the primary one. Old ones still open what they sealed.

    Example: waypost keys rotate
    """
    from services.cli import keyfiles

    primary = keyfiles.rotate(Settings.from_env(os.environ))
    if as_json:
        return show.json({"primary": primary})
    show.line(f"the primary key is now {primary}; restart api and workers")
    return None
