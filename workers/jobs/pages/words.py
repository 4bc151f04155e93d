"""What the pages say, in the reader's language: a file of `messages/` for each; English is the measure."""

from __future__ import annotations

import tomllib
from contextvars import ContextVar
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from shared.languages import LANGUAGES, preferred

if TYPE_CHECKING:
    from collections.abc import Iterable


def _messages(table: dict[str, Any], path: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            found |= _messages(value, f"{path}{name}.")
        else:
            found[f"{path}{name}"] = value
    return found


def _catalogue(language: str) -> dict[str, str]:
    file = files("workers.jobs.pages").joinpath("messages", f"{language}.toml")
    return _messages(tomllib.loads(file.read_text(encoding="utf-8")))


CATALOGUES: Final = {language: _catalogue(language) for language in LANGUAGES}

# One record is carried by one task, so what a task says is in one reader's language.
_language: ContextVar[str] = ContextVar("language", default="en")


def speak_to(headers: Iterable[tuple[str, str]]) -> None:
    """From here on this task speaks the language that the request with these *headers* prefers."""
    accepted = ",".join(value for name, value in headers if name == "accept-language")
    _language.set(preferred(accepted))


def language() -> str:
    """The language that is spoken now, as in `<html lang>`."""
    return _language.get()


def say(key: str, **facts: Any) -> str:
    """
    One message; *facts* fill its places.

    >>> say("connect.go", title="Slack")
    'Continue to Slack'
    """
    return CATALOGUES[language()][key].format(**facts)
