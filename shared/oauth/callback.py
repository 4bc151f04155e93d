"""What the browser brings back from the provider. Nobody has vouched for any of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.errors import FlowRefused
from shared.oauth.refusals import cause_of
from shared.oauth.templates import checked_inputs, filled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.oauth.records import OAuthProvider

LONGEST_WORDS = 300
LONGEST_VALUE = 4096
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")


def callback_cause(query: Mapping[str, str], code: str = "code") -> str | None:
    """
    Why a callback brings no code, one of `CAUSES`; None when it brings one in the parameter *code*.

    >>> callback_cause({"code": "c"}), callback_cause({"error": "access_denied"}), callback_cause({"error": "<b>"})
    (None, 'cancelled', 'provider_error')
    >>> callback_cause({"setup_action": "request"})  # a GitHub App that an owner must approve first
    'admin_approval'
    """
    if "error" in query:
        return cause_of(query["error"])
    if query.get(code):
        return None
    return "admin_approval" if query.get("setup_action") == "request" else "provider_error"


def words_of(query: Mapping[str, str]) -> str:
    r"""
    The provider's own words for people: shortened, on one line, still to be escaped.

    >>> words_of({"error": "x", "error_description": "no\r\nway"})
    'no way'
    """
    words = query.get("error_description") or query.get("error", "")
    return _UNPRINTABLE.sub(" ", words[: 4 * LONGEST_WORDS]).strip()[:LONGEST_WORDS]


def check_issuer(provider: OAuthProvider, query: Mapping[str, str]) -> None:
    """
    Raise `FlowRefused` unless `iss` is the issuer that the definition declares.

    The defence against mix-up of https://www.rfc-editor.org/rfc/rfc9207#section-2.4: compared as whole strings,
    for errors as well as for codes. A missing one is refused too, unless the definition knows that the provider
    may leave it out.
    """
    wanted, given = provider.authorize.issuer, query.get("iss")
    if given is None and not provider.authorize.issuer_required:
        return
    if wanted and given != wanted:
        raise FlowRefused("unknown_state", "the answer comes from another authorization server")


def code_in(provider: OAuthProvider, query: Mapping[str, str]) -> str:
    """The code, without what the provider hangs on to it (Instagram's `#_`)."""
    return query[provider.callback.code].removesuffix(provider.callback.strip)


def check_equal(
    provider: OAuthProvider, query: Mapping[str, str], values: Mapping[str, str]
) -> None:
    """Raise `FlowRefused` unless the parameters say what the flow began with: another shop is another account."""
    for name, template in provider.callback.equals.items():
        if query.get(name, "").lower() != filled(template, values).lower():
            problem = f"{name} is not the one that this flow began with"
            raise FlowRefused("wrong_account", problem)


def callback_values(provider: OAuthProvider, query: Mapping[str, str]) -> dict[str, str]:
    """The parameters that templates may name, each checked by its rule."""
    try:
        return checked_inputs(provider.callback.inputs, query)
    except FlowRefused as refused:
        raise FlowRefused("provider_error", f"the callback brought {refused.detail}") from None


def captured(provider: OAuthProvider, query: Mapping[str, str]) -> dict[str, str]:
    """The parameters that the definition keeps for `identity`; still nobody has vouched for them."""
    names = (*provider.callback.capture, *provider.callback.inputs)
    given = {name: query[name] for name in names if name in query}
    return {name: value for name, value in given.items() if len(value) <= LONGEST_VALUE}
