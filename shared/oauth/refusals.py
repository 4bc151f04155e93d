"""What the providers' error codes mean, by allow-list; what is not in it is a `provider_error`."""

from __future__ import annotations

from shared.model.flows import CAUSES

_BY_CAUSE: dict[str, frozenset[str]] = {
    "cancelled": frozenset(
        ("access_denied", "user_denied", "user_cancelled_login", "user_cancelled_authorize", "consent_required")
    ),
    "admin_approval": frozenset(
        ("admin_approval", "admin_approval_required", "admin_policy_enforced", "org_login_required", "app_not_approved")
    ),
    # A code is refused in the same words whether it is old, spent or wrong.
    "flow_expired": frozenset(
        ("invalid_grant", "invalid_code", "bad_verification_code", "code_expired", "expired_token")
    ),
    "already_used": frozenset(("code_already_used",)),
    "redirect_mismatch": frozenset(("redirect_uri_mismatch", "bad_redirect_uri", "invalid_redirect_uri")),
    "provider_busy": frozenset(("temporarily_unavailable", "rate_limited", "ratelimited", "slow_down")),
    "misconfigured": frozenset(
        (
            "invalid_client", "invalid_client_id", "bad_client_secret", "incorrect_client_credentials",
            "unauthorized_client", "unsupported_response_type", "unsupported_grant_type", "invalid_grant_type",
            "invalid_scope", "application_suspended", "invalid_request",
        )
    ),
}  # fmt: skip
_CAUSE = {code: cause for cause, codes in _BY_CAUSE.items() for code in codes}

# https://www.rfc-editor.org/rfc/rfc6749#section-5.2, and Slack's, GitHub's and others' words for the same.
_ENDED = frozenset(
    (
        "invalid_grant", "bad_refresh_token", "invalid_refresh_token", "token_revoked", "token_expired",
        "invalid_auth", "account_inactive", "bad_verification_code",
    )
)  # fmt: skip


def cause_of(code: str) -> str:
    """
    The cause, one of `CAUSES`, for an error code of a provider.

    >>> [cause_of(code) for code in ("access_denied", "invalid_client", "<script>")]
    ['cancelled', 'misconfigured', 'provider_error']
    """
    return _CAUSE.get(code, "provider_error")


def has_ended(code: str) -> bool:
    """
    Whether a refusal of a refresh means that the user has to connect again.

    >>> has_ended("invalid_grant"), has_ended("invalid_client")
    (True, False)
    """
    return code in _ENDED


def is_rate_limit(code: str) -> bool:
    """
    Whether a refusal with any status means "later"; what was sent has not been processed.

    >>> is_rate_limit("ratelimited")
    True
    """
    return code in {"ratelimited", "rate_limited", "RATELIMITED", "slow_down"}


assert set(_BY_CAUSE) <= set(CAUSES)
