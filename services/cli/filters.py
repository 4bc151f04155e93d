"""The options that say which records are meant."""

from __future__ import annotations

from typing import Annotated

import typer

StateFilter = Annotated[
    str, typer.Option("--state", help="One or several, with commas: dead,parked")
]
IntegrationFilter = Annotated[str, typer.Option("--integration", help="Name of an integration")]
InstallationFilter = Annotated[
    str, typer.Option("--installation", help="webhookId of an installation")
]
BotFilter = Annotated[str, typer.Option("--bot", help="Id of a bot")]
IdentifierFilter = Annotated[str, typer.Option("--identifier", help="External id")]
ReasonFilter = Annotated[str, typer.Option("--reason", help="Words that the reason has")]
SinceFilter = Annotated[
    str, typer.Option("--since", help="A time, or a span such as 15m, 2h, 3d")
]
UntilFilter = Annotated[
    str, typer.Option("--until", help="Accepted no later; a time, or a span before now")
]
