"""`waypost integrations`: what can be installed, and its set-up."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli import show
from services.cli.api import Api
from services.cli.show import AsJson
from shared.integrations.definition import compile_scripts, document_of, load_folder
from shared.integrations.registry import handlers_of
from shared.vrl.pool import VrlPool

app = typer.Typer(no_args_is_help=True, help="Integrations: list, show, check, add.")

Name = Annotated[str, typer.Argument(help="Name of an integration, as in `ls`")]
Folder = Annotated[
    Path, typer.Argument(help="Folder with a definition.toml", exists=True, file_okay=False)
]


@app.command()
def ls(as_json: AsJson = False) -> None:
    """
    All integrations.

    Example: waypost integrations ls
    """
    found = Api.from_settings().get("integrations")
    if as_json:
        return show.json(found)
    rows = [
        (one["name"], one["version"], one["verify"], _missing(one))
        for one in found["integrations"]
    ]
    columns = ("name", "version", "verified by", "secrets to set")
    show.table(columns, rows, "None. Add one: waypost integrations add DIR")
    return None


def _missing(one: dict[str, Any]) -> str:
    return (
        ", ".join(s["name"] for s in one["secrets"] if not s["isSet"] and not s["optional"])
        or "none"
    )


@app.command(name="show")
def show_one(name: Name, as_json: AsJson = False) -> None:
    """
    The addresses to paste at the provider, the secrets, and the ways to configure it.

    Example: waypost integrations show slack
    """
    found = Api.from_settings().get("integrations", name)["integration"]
    if as_json:
        return show.json(found)
    show.line(f"{found['title'] or found['name']} {found['version']}  {found['description']}\n")
    show.line(f"redirect URL to paste:  {found['redirectUrl']}")
    show.line(f"webhook URL to paste:   {found['webhookUrl']}\n")
    rows = [
        (s["name"], "set" if s["isSet"] else "not set", s["title"]) for s in found["secrets"]
    ]
    show.table(("secret", "value", "where to find it"), rows, "No secrets.")
    kinds = [
        (c["name"] or "(default)", c["canConnect"], ", ".join(f["name"] for f in c["fields"]))
        for c in found["configurations"]
    ]
    show.line("")
    show.table(("configuration", "one click", "fields"), kinds, "")
    return None


@app.command()
def check(folder: Folder, as_json: AsJson = False) -> None:
    """
    Check a definition, its scripts and its code, without publishing anything.

    Example: waypost integrations check ./acme
    """
    definition = asyncio.run(_checked(folder))
    if as_json:
        return show.json({"ok": True, "name": definition.name, "version": definition.version})
    show.line(f"{definition.name} {definition.version} is right")
    return None


@app.command()
def add(folder: Folder, as_json: AsJson = False) -> None:
    """
    Check a definition and publish it. Code in handlers.py runs where WAYPOST_INTEGRATIONS names the folder.

    Example: waypost integrations add ./acme
    """
    definition = asyncio.run(_checked(folder))
    found = Api.from_settings().post("integrations", body=document_of(definition))
    if as_json:
        return show.json(found)
    show.line(f"published {found['integration']['name']} {found['integration']['version']}")
    return None


async def _checked(folder: Path) -> Any:
    definition = load_folder(folder)
    async with VrlPool() as scripts:
        await compile_scripts(definition, scripts)
    if (folder / "handlers.py").is_file():
        handlers_of(definition.name, folder)
    return definition
