"""Calls with the user's own access token: who it is, what it can reach, and what the answers mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import orjson

from shared.errors import FlowRefused, ProviderBusy
from shared.model.calls import HttpAnswer, HttpCall
from shared.oauth.answers import document_of, text_at
from shared.oauth.endpoints import Limits
from shared.oauth.limits import asked_wait
from shared.oauth.queries import with_query
from shared.oauth.templates import filled_params

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.oauth.identities import UserCall
    from shared.oauth.tokens import Tokens

_NEXT = re.compile(r'<([^<>]{1,2000})>\s*;[^,<]*\brel="?next"?')


def user_call(
    name: str, rule: UserCall, url: str, tokens: Tokens, values: Mapping[str, str]
) -> HttpCall:
    """A call to *url* with the user's own token. Asking again changes nothing at the provider."""
    token = tokens.access.reveal().decode("ascii")
    own = {key.lower(): text for key, text in filled_params(rule.headers, values).items()}
    headers = {"accept": "application/json", **own}
    if rule.header:
        headers[rule.header.lower()] = f"{rule.scheme} {token}".strip(" ")
    body = b"" if rule.json is None else orjson.dumps(rule.json)
    if body:
        headers["content-type"] = "application/json"
    return HttpCall(
        name=name,
        method=rule.method,
        url=with_query(url, {rule.param: token}) if rule.param else url,
        headers=tuple(headers.items()),
        body=body,
        idempotent=True,
    )


def next_page(url: str, answer: HttpAnswer) -> str:
    """The address of the page after *url* by the Link header (RFC 8288), when it is on the same host; else empty."""
    found = _NEXT.search(answer.header("link"))
    try:
        following = urljoin(url, found[1]) if found else ""
    except ValueError:  # it opens a bracket that it does not close
        return ""
    return following if urlsplit(following)[:2] == urlsplit(url)[:2] else ""


def reading_of(answer: HttpAnswer, now: float, limits: Limits | None = None) -> Any:
    """
    The document of a call made with the user's token.

    Raises:
        ProviderBusy: the provider cannot answer now, or limits us; the call may be sent again.
        FlowRefused: it answers no.

    """
    rule = limits or Limits()
    status, after = answer.status, asked_wait(rule, answer, now)
    spent = status in {400, 403} and (after is not None or _is_spent(answer))
    if status in {408, 429, *rule.statuses} or status >= 500 or spent:
        raise ProviderBusy(f"the provider answered {status}", after)
    if not 200 <= status < 300:
        raise FlowRefused("provider_error", f"the provider answered {status} to the new token")
    document = document_of(answer)
    code = text_at(document, "errors.0.extensions.code")
    if code == "RATELIMITED" or (code and code in rule.codes):
        raise ProviderBusy("the provider limits our calls", after)
    return document


def _is_spent(answer: HttpAnswer) -> bool:
    names = ("x-ratelimit-remaining", "x-ratelimit-requests-remaining")
    return any(answer.header(name) == "0" for name in names)
