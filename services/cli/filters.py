"""The options that say which records are meant, alike for every command that takes them."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

IntegrationFilter = Annotated[str, typer.Option("--integration", help="Name of an integration")]
BotFilter = Annotated[str, typer.Option("--bot", help="Id of a bot")]
_FILTERS: dict[str, Any] = {
    "state": Annotated[
        str, typer.Option("--state", help="One or several, with commas: dead,parked")
    ],
    "integration": IntegrationFilter,
    "installation": Annotated[
        str, typer.Option("--installation", help="webhookId of an installation")
    ],
    "bot": BotFilter,
    "identifier": Annotated[str, typer.Option("--identifier", help="External id")],
    "reason": Annotated[str, typer.Option("--reason", help="Words that the reason has")],
    "since": Annotated[
        str, typer.Option("--since", help="A time, or a span such as 15m, 2h, 3d")
    ],
    "until": Annotated[
        str, typer.Option("--until", help="Accepted no later; a time, or a span before now")
    ],
}


def filtered(command: Callable[..., None]) -> Callable[..., None]:
    """Give *command* an option per filter; those that were given are its first argument, by name."""

    @functools.wraps(command)
    def called(**given: Any) -> None:
        wanted = {name: given.pop(name) for name in _FILTERS}
        command({name: value for name, value in wanted.items() if value}, **given)

    _, *own = inspect.signature(command, eval_str=True).parameters.values()
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default="", annotation=kind)
        for name, kind in _FILTERS.items()
    ]
    named = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
    together = options + named
    called.__signature__ = inspect.Signature(together)  # type: ignore[attr-defined]  # what typer reads
    called.__annotations__ = {one.name: one.annotation for one in together}
    return called
