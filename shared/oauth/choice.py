"""One of several accounts: what a list offers, and the item that was picked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from shared.model.flows import Option
from shared.oauth.answers import text_at, value_at
from shared.oauth.tokens import holds, token_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.oauth.identities import Choose
    from shared.oauth.tokens import Tokens

MOST_OPTIONS = 200
LONGEST_TEXT = 200


def offered(rule: Choose, document: Any) -> Iterator[tuple[Option, Any]]:
    """
    What can be chosen in *document*, each with the item it stands for.

    >>> from shared.oauth.identities import Choose
    >>> sites = [{"id": "s1", "name": "Acme", "url": "acme.example"}, {"id": None}, "x"]
    >>> [option for option, _ in offered(Choose(url="https://a.example", detail="url"), sites)]
    [Option(id='s1', name='Acme', detail='acme.example')]
    """
    items = value_at(document, rule.items)
    for item in items[:MOST_OPTIONS] if isinstance(items, list) else ():
        identifier = text_at(item, rule.id)
        if identifier and (rule.where is None or holds(rule.where, item)):
            yield _option(rule, item, identifier), item


def _option(rule: Choose, item: Any, identifier: str) -> Option:
    return Option(
        id=identifier[:LONGEST_TEXT],
        name=(text_at(item, rule.name) or identifier)[:LONGEST_TEXT],
        detail=text_at(item, rule.detail)[:LONGEST_TEXT] if rule.detail else "",
    )


def with_own_token(rule: Choose, item: Any, tokens: Tokens) -> Tokens:
    """*tokens*, or the token of its own that the item has: a page's, which lasts as long as the page."""
    own = token_at(item, rule.token) if rule.token else None
    if own is None:
        return tokens
    return msgspec.structs.replace(
        tokens, access=own, refresh=None, expires_at=None, refresh_expires_at=None
    )
