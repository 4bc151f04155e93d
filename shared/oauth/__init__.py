"""OAuth as decisions: what to send, what an answer means. No I/O, no clock, no chance."""

from shared.oauth.authorize import asked_scopes, authorize_url
from shared.oauth.callback import callback_cause, captured, check_issuer, words_of
from shared.oauth.clientcalls import Client, refresh_call, revoke_call, token_call
from shared.oauth.identity import account_of, identity_call
from shared.oauth.lifetimes import merged, payload_of, refresh_due_at, tokens_from
from shared.oauth.pkce import challenge_of, new_verifier
from shared.oauth.records import OAuthProvider
from shared.oauth.returns import return_to_allowed
from shared.oauth.section import ClientPlace, InputRule
from shared.oauth.templates import checked_inputs
from shared.oauth.tokens import Tokens, tokens_of

__all__ = [
    "Client",
    "ClientPlace",
    "InputRule",
    "OAuthProvider",
    "Tokens",
    "account_of",
    "asked_scopes",
    "authorize_url",
    "callback_cause",
    "captured",
    "challenge_of",
    "check_issuer",
    "checked_inputs",
    "identity_call",
    "merged",
    "new_verifier",
    "payload_of",
    "refresh_call",
    "refresh_due_at",
    "return_to_allowed",
    "revoke_call",
    "token_call",
    "tokens_from",
    "tokens_of",
    "words_of",
]
