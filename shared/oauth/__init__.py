"""OAuth as decisions: what to send, what an answer means. No I/O, no clock, no chance."""

from shared.oauth.authorize import asked_scopes, authorize_url
from shared.oauth.callback import (
    callback_cause,
    callback_values,
    captured,
    check_equal,
    check_issuer,
    code_in,
    words_of,
)
from shared.oauth.clientauth import Client
from shared.oauth.clientcalls import refresh_call, refresh_endpoint, revoke_call, token_call
from shared.oauth.identity import Sources, account_of
from shared.oauth.lifetimes import merged, payload_of, refresh_due_at, tokens_from
from shared.oauth.pkce import challenge_of, new_verifier
from shared.oauth.records import OAuthProvider
from shared.oauth.returns import return_to_allowed
from shared.oauth.section import ClientPlace, InputRule
from shared.oauth.templates import checked_inputs, unfit_inputs
from shared.oauth.tokens import Tokens, tokens_of

__all__ = [
    "Client",
    "ClientPlace",
    "InputRule",
    "OAuthProvider",
    "Sources",
    "Tokens",
    "account_of",
    "asked_scopes",
    "authorize_url",
    "callback_cause",
    "callback_values",
    "captured",
    "challenge_of",
    "check_equal",
    "check_issuer",
    "checked_inputs",
    "code_in",
    "merged",
    "new_verifier",
    "payload_of",
    "refresh_call",
    "refresh_due_at",
    "refresh_endpoint",
    "return_to_allowed",
    "revoke_call",
    "token_call",
    "tokens_from",
    "tokens_of",
    "unfit_inputs",
    "words_of",
]
