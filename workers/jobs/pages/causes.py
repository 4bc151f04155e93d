"""What a person reads when connecting did not work: one cause, one headline, one thing to do."""

from __future__ import annotations

from msgspec import Struct


class Cause(Struct, frozen=True):
    """Words for one way a flow can end."""

    headline: str
    sentence: str
    action: str = "again"  # again | link | none: what the one button or hint offers
    status: int = 200
    is_choice: bool = (
        False  # the person wanted it so: nothing to be alarmed about, nothing to explain
    )


CAUSES: dict[str, Cause] = {
    "cancelled": Cause(
        "You cancelled", "Nothing was connected and nothing was changed.", is_choice=True
    ),
    "admin_approval": Cause(
        "An administrator must approve this",
        "The provider asks for the approval of an administrator of your workspace. Once given, start again.",
    ),
    "link_expired": Cause(
        "This link has expired", "Ask whoever sent it for a new one.", "link", 410
    ),
    "link_used": Cause(
        "This link was used already",
        "The connection it was made for exists. To connect again, ask for a new link.",
        "link",
        410,
    ),
    "already_used": Cause(
        "This step was done already",
        "The provider's answer was used once, and it works only once. Start again if nothing is connected.",
        "again",
        409,
    ),
    "flow_expired": Cause(
        "This took too long",
        "For your safety an attempt to connect ends after a while. Start again.",
    ),
    "other_browser": Cause(
        "This was begun in another browser",
        "Finish it in the browser in which you pressed the button, or open the connect link here and start again.",
        "link",
        403,
    ),
    "unknown_link": Cause(
        "This link is not known",
        "It may have been cut off when it was copied. Ask for a new one if it looks complete.",
        "link",
        404,
    ),
    "unknown_state": Cause(
        "This answer belongs to no attempt to connect",
        "Connecting begins with a connect link. Open it and press its button.",
        "link",
        400,
    ),
    "provider_error": Cause(
        "The provider refused",
        "Nothing was connected. Often, trying again a little later helps.",
    ),
    "provider_busy": Cause(
        "The provider is busy",
        "It asked us to wait. Nothing was connected. Try again in a few minutes.",
    ),
    "exchange_unknown": Cause(
        "We lost the provider's answer",
        "We do not know whether it reached us, and asking twice could break the connection. Please connect again.",
    ),
    "scopes_missing": Cause(
        "Some permissions are missing",
        "The connection needs all permissions it asks for. Start again and allow them.",
    ),
    "already_bound": Cause(
        "This account is connected already",
        "It belongs to another bot, and here one account serves one bot only. Disconnect it there first.",
        "none",
        409,
    ),
    "no_account": Cause(
        "There is nothing to connect",
        "The provider lists no account that you may connect. Sign in as somebody who has one, and start again.",
    ),
    "wrong_account": Cause(
        "This is another account",
        "You signed in with an account that this connection was not made for.",
    ),
    "redirect_mismatch": Cause(
        "The redirect address does not match",
        "Whoever runs this service must register its redirect address at the provider.",
        "none",
    ),
    "not_allowed": Cause(
        "You may not connect this account",
        "The provider does not list it among the accounts that you may use.",
        "again",
        403,
    ),
    "invalid_input": Cause(
        "Something you entered is not right", "The details say what is expected."
    ),
    "misconfigured": Cause(
        "This integration is not set up yet",
        "Whoever runs this service must finish its set-up. The details say what is missing.",
        "none",
    ),
    "no_flow": Cause(
        "This page belongs to an attempt to connect",
        "There is none under way here. Open the connect link, press its button, and go on from there.",
        "link",
        403,
    ),
    "server_away": Cause(
        "The integration is not there at the moment",
        "Nothing was connected. Start again in a minute; if it stays so, tell whoever runs this service.",
    ),
    "internal": Cause(
        "Something went wrong on our side", "Nothing was connected. Please start again."
    ),
}


def cause_of(name: str) -> Cause:
    """
    The words for a cause; an unknown one is ours to explain.

    >>> cause_of("cancelled").headline
    'You cancelled'
    """
    return CAUSES.get(name, CAUSES["internal"])
