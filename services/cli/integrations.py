"""`waypost integrations`: what can be installed, and its set-up."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from msgspec import to_builtins

from services.cli import show
from services.cli.api import Api
from services.cli.show import AsJson

app = typer.Typer(
    no_args_is_help=True, help="Integrations: list, show, check, add, import, try, schema."
)

Name = Annotated[str, typer.Argument(help="Name of an integration, as in `ls`")]
Folder = Annotated[
    Path, typer.Argument(help="Folder with a definition.toml", exists=True, file_okay=False)
]
NameOrFolder = Annotated[
    str, typer.Argument(help="Name of an integration, or a folder with a definition.toml")
]
EventFile = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="One request as scripts see it, a JSON object {path, method, query, headers, body};"
        " - is standard input",
    ),
]
RequestsFile = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="One request as it came per line, {method, url, headers, body, secret?, now?} with"
        " the body in base64; - is standard input",
    ),
]
SecretsFile = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Secrets by name, a JSON object {NAME: value}"),
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
    show.table(("secret", "value", "where to find it"), _secrets(found), "No secrets.")
    show.line("")
    columns = ("configuration", "one click", "what it is", "fields")
    show.table(columns, map(_configuration, found["configurations"]), "")
    return None


def _secrets(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (one["name"], _value(one), one["description"] or one["title"])
        for one in found["secrets"]
    ]


def _value(secret: dict[str, Any]) -> str:
    if secret["isSet"]:
        return "set"
    return "not needed" if secret["optional"] else "not set"


def _configuration(one: dict[str, Any]) -> tuple[str, str, str, str]:
    fields = ", ".join(field["name"] for field in one["fields"])
    return (
        one["name"] or "(default)",
        "yes" if one["canConnect"] else "no",
        one["title"],
        fields,
    )


@app.command()
def check(folder: Folder, as_json: AsJson = False) -> None:
    """
    Check a definition, its scripts and its code, without publishing anything; hints say what may go wrong.

    Example: waypost integrations check ./acme
    """
    from services.cli.trying import checked
    from shared.integrations.hints import hints

    definition = asyncio.run(checked(folder))
    found = [to_builtins(hint) for hint in hints(definition, folder.resolve())]
    if as_json:
        named = {"name": definition.name, "version": definition.version}
        return show.json({"ok": True, **named, "hints": found})
    show.line(f"{definition.name} {definition.version} is right")
    for hint in found:
        show.line(f"hint: {hint['field']}: {hint['says']} ({hint['fix']})")
    return None


@app.command()
def handshakes(
    name: Name,
    accept: Annotated[
        str, typer.Option(metavar="ID", help="Take the secret of this handshake into use")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """
    Secrets that a provider brought in handshakes: what to paste at the provider, and what to take into use.

    For example:

    waypost integrations handshakes notion

    waypost integrations handshakes notion --accept hsk_5f1d7a84db00d2fce00b31a7
    """
    api = Api.from_settings()
    if accept:
        taken = api.post("integrations", name, "handshakes", accept, "accept")
        if as_json:
            return show.json(taken)
        show.line(f"{taken['handshake']['name'] or 'the secret'} is set")
        return None
    found = api.get("integrations", name, "handshakes")
    if as_json:
        return show.json(found)
    rows = [
        (
            one["id"],
            one["at"],
            f"{one['source']} {one['name']}".strip(),
            "in use" if one["accepted"] else "to be accepted",
            one["value"],
        )
        for one in found["handshakes"]
    ]
    columns = ("id", "came", "for", "", "value")
    show.table(columns, rows, "None came yet.")
    return None


@app.command()
def add(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder with a definition.toml", exists=True, file_okay=False),
    ] = None,
    url: Annotated[
        str, typer.Option(help="Address of an integration server, written with @botpress/sdk")
    ] = "",
    definition: Annotated[
        Path | None,
        typer.Option(help="Its definition: JSON in Botpress's shape"),
    ] = None,
    link_script: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[TYPE=]FILE",
            help="A VRL script for the link of Connect, instead of the definition's own",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Check a definition and publish it. Code in handlers.py runs where WAYPOST_INTEGRATIONS names the folder.

    Examples: waypost integrations add ./acme
    · waypost integrations add --url http://127.0.0.1:8081 --definition integration.json
    """
    from services.cli.servers import document_from
    from services.cli.trying import checked
    from shared.integrations.definition import document_of

    if (folder is None) == (definition is None):
        raise typer.BadParameter("name a folder, or a file with --definition")
    if definition is not None:
        document = document_from(definition, url, link_script or ())
    elif folder is not None and not (url or link_script):
        # Whether http on this machine is allowed is for the api to say.
        document = document_of(asyncio.run(checked(folder, allow_loopback=True)))
    else:
        raise typer.BadParameter("--url and --link-script go with --definition")
    found = Api.from_settings().post("integrations", body=document)
    show.json(found) if as_json else _published(found, is_server=definition is not None)


def _published(found: dict[str, Any], *, is_server: bool = True) -> None:
    """What was published, and what its server must be started with."""
    one = found["integration"]
    show.line(f"published {one['name']} {one['version']}")
    for warning in found["warnings"]:
        show.line(f"warning: {warning}")
    if not is_server:
        return
    show.line(f"its id is {one['id']}; start its server with a token of its own:")
    show.line(f"  waypost integrations token {one['name']}")
    show.line(f"secrets that scripts may read, not set yet: {_missing(one)}")


@app.command(name="import")
def import_one(
    folder: Annotated[
        Path,
        typer.Argument(help="Source folder with an integration.definition.ts", file_okay=False),
    ],
    url: Annotated[str, typer.Option(help="Address of its server: publish it at once")] = "",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the definition there, as JSON")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Read a Botpress integration's definition from its source, without running it, and say what could not be read.

    Examples: waypost integrations import ./integrations/linear --out linear.json
    · waypost integrations import ./integrations/linear --url http://127.0.0.1:8081
    """
    from services.cli.importing import imported

    found = imported(folder)
    for problem in found.left_out:
        typer.echo(f"not read: {problem}", err=True)
    if out is not None:
        out.write_bytes(orjson.dumps(found.document, option=orjson.OPT_INDENT_2) + b"\n")
    if url:
        answer = Api.from_settings().post("integrations", body=found.document | {"url": url})
        show.json(answer) if as_json else _published(answer)
    elif out is None:
        show.json(found.document)
    else:
        show.line(f"next: waypost integrations add --url URL --definition {out}")


@app.command()
def token(
    name: Name,
    note: Annotated[str, typer.Option(help="Which server it is for")] = "",
    as_json: AsJson = False,
) -> None:
    """
    A runtime token for an integration's own server, and the environment to start it with. Shown this once.

    Example: waypost integrations token acme --note staging
    """
    api = Api.from_settings()
    one = api.get("integrations", name)["integration"]
    body = {"integrationId": one["id"], "note": note}
    found = api.post("integrations", "iaks", body=body)
    if as_json:
        return show.json(found)
    origin = one["redirectUrl"].removesuffix("/oauth")
    show.line(f"BP_API_URL={api.url}\nBP_TOKEN={found['value']}\nBP_WEBHOOK_URL={origin}")
    return None


@app.command()
def schema(as_json: AsJson = False) -> None:
    """
    The JSON Schema of a definition, for editors that check definition.toml while it is written. --json: on one line.

    Example: waypost integrations schema > definition.schema.json
    """
    from shared.integrations.schema import json_schema

    (show.json_line if as_json else show.json)(json_schema())


@app.command(name="try")
def try_one(
    name: NameOrFolder,
    event: EventFile = None,
    requests: RequestsFile = None,
    secrets: SecretsFile = None,
    as_json: AsJson = False,
) -> None:
    """
    Judge requests to an integration: are they genuine, and whose are they? Nothing is sent or stored.

    With --requests each line gives one line: verified, reason, identifiers, slices, handshake, event.

    For example:

    waypost integrations try slack --requests requests.jsonl --json

    waypost integrations try ./acme --event request.json
    """
    from services.cli.trying import folder_of, found_in, judge_lines

    if (event is None) == (requests is None):
        raise typer.BadParameter("give either --requests FILE or --event FILE")
    folder = folder_of(name)
    if requests is not None:
        write = show.json_line if as_json else _tell
        if asyncio.run(judge_lines(folder, requests, secrets, write)) and not as_json:
            raise typer.Exit(1)
        return
    found = asyncio.run(found_in(folder, event or "-"))
    (show.json if as_json else _tell_slices)(found)


def _tell(judged: dict[str, Any]) -> None:
    """One request's judgement, for people."""
    verdict = "genuine" if judged["verified"] else "not verified"
    whose = ", ".join(judged["identifiers"]) or "nobody's"
    kind = f"answered {judged['handshake']['status']}" if judged["handshake"] else whose
    show.line(f"{verdict:12}  {kind}  ({judged['reason']})")


def _tell_slices(found: dict[str, Any]) -> None:
    parts = [
        (one["identifier"], one["body"] or "(the whole request)") for one in found["slices"]
    ]
    nobody = "The script found no identifier: the request would be nobody's."
    show.table(("identifier", "its part"), parts, nobody)
    if found["leftOut"]:
        show.line(f"{found['leftOut']} of the array's entries name nobody and are left out")
