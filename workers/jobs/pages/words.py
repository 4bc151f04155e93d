"""What the pages say, in the reader's language: a file of `messages/` for each; English is the measure."""

from __future__ import annotations

import tomllib
from contextvars import ContextVar
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

LANGUAGES: Final = ("en", "de", "es", "fr", "ja")


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


def preferred(accepted: str) -> str:
    """
    The best of our languages for an `Accept-Language` header (RFC 9110 §12.5.4); English where none fits.

    >>> preferred("de-CH, de;q=0.9, en;q=0.8"), preferred("nl, ja;q=0.5"), preferred("fr;q=0, es;q=0.1"), preferred("")
    ('de', 'ja', 'es', 'en')
    """
    ranges = [_range(part) for part in accepted[:500].split(",")]
    known = [(weight, tag) for tag, weight in ranges if tag in LANGUAGES and weight > 0]
    return max(known, key=lambda one: one[0], default=(0.0, "en"))[1]


def _range(part: str) -> tuple[str, float]:
    tag, _, parameter = part.partition(";")
    name, _, weight = parameter.strip().partition("=")
    try:
        number = float(weight) if name.strip() == "q" else 1.0
    except ValueError:
        number = 0.0
    return tag.strip().lower().partition("-")[0], number
