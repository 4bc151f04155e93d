"""
Slack's requests to an app: events, interactions, slash commands and the URL handshake.

Signature: https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from services.simulator.webhooks.occasion import Draft, Occasion, as_json, hex_mac

KINDS = (
    "message", "app_mention", "app_uninstalled", "tokens_revoked", "event", "interactive",
    "command", "url_verification",
)  # fmt: skip
SIGNATURES = ("X-Slack-Signature",)
HAS_TIME = True


def build(occasion: Occasion) -> Draft:
    """The request for one of `KINDS`."""
    match occasion.kind:
        case "interactive":
            draft = _form({"payload": json.dumps(_interaction(occasion))})
        case "command":
            draft = _form(_command(occasion))
        case "url_verification":
            draft = as_json(_handshake(occasion))
        case _:
            draft = as_json(_event_callback(occasion))
    return Draft(body=draft.body, headers={**draft.headers, **_retry(occasion)})


def sign(occasion: Occasion, secret: str, body: bytes) -> Mapping[str, str]:
    """Slack's two headers: `v0=` and the HMAC of `v0:timestamp:body`."""
    stamp = str(int(occasion.at))
    mac = hex_mac(secret, f"v0:{stamp}:".encode() + body)
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={mac}"}


def new_id(uuid: str) -> str:
    """An event id, which is in the body."""
    return f"Ev{uuid.replace('-', '')[:10].upper()}"


def _retry(occasion: Occasion) -> dict[str, str]:
    if not occasion.envelope.retry:
        return {}
    number, reason = str(occasion.envelope.retry), occasion.envelope.retry_reason
    return {"X-Slack-Retry-Num": number, "X-Slack-Retry-Reason": reason}


def _event_callback(occasion: Occasion) -> dict[str, Any]:
    account, app = occasion.account, occasion.app
    enterprise = (account.facts.get("enterprise") or {}).get("id")
    authorization = {
        "enterprise_id": enterprise,
        "team_id": account.id,
        "user_id": f"UB{account.id[1:]}",
        "is_bot": True,
        "is_enterprise_install": bool(account.facts.get("org")),
    }
    return {
        "token": "deprecated-verification-token",
        "team_id": account.id,
        "enterprise_id": enterprise,
        "api_app_id": f"A{app.client_id.upper()[:10]}",
        "event": _event(occasion),
        "type": "event_callback",
        "event_id": occasion.delivery_id,
        "event_time": int(occasion.at),
        "authorizations": [authorization],
        "is_ext_shared_channel": False,
        "event_context": f"4-{occasion.delivery_id}",
    }


def _event(occasion: Occasion) -> dict[str, Any]:
    match occasion.kind:
        case "event":
            return dict(occasion.say("event", {"type": "team_rename", "name": "Renamed"}))
        case "app_uninstalled":
            return {"type": "app_uninstalled"}
        case "tokens_revoked":
            return {
                "type": "tokens_revoked",
                "tokens": {"bot": [f"UB{occasion.account.id[1:]}"]},
            }
        case _:
            return _message(occasion)


def _message(occasion: Occasion) -> dict[str, Any]:
    stamp = f"{occasion.at:.6f}"
    return {
        "type": occasion.kind,
        "channel": occasion.say("channel", "C0GENERAL1"),
        "channel_type": "channel",
        "user": occasion.say("user", occasion.account.users[0].id),
        "text": occasion.say("text", "Hello from the simulated workspace"),
        "team": occasion.account.id,
        "ts": stamp,
        "event_ts": stamp,
    }


def _interaction(occasion: Occasion) -> dict[str, Any]:
    account, person = occasion.account, occasion.account.users[0]
    action = {
        "type": "button",
        "block_id": "b1",
        "action_id": occasion.say("action_id", "approve"),
        "value": occasion.say("value", "yes"),
        "action_ts": f"{occasion.at:.6f}",
    }
    return {
        "type": "block_actions",
        "team": {"id": account.id, "domain": account.handle},
        "user": {"id": person.id, "username": person.name, "team_id": account.id},
        "api_app_id": f"A{occasion.app.client_id.upper()[:10]}",
        "container": {"type": "message", "channel_id": "C0GENERAL1"},
        "trigger_id": f"{int(occasion.at)}.{occasion.delivery_id}",
        "channel": {"id": "C0GENERAL1", "name": "general"},
        "actions": [action],
    }


def _command(occasion: Occasion) -> dict[str, str]:
    account, person = occasion.account, occasion.account.users[0]
    return {
        "token": "deprecated-verification-token",
        "team_id": account.id,
        "team_domain": account.handle,
        "channel_id": "C0GENERAL1",
        "channel_name": "general",
        "user_id": person.id,
        "user_name": person.name,
        "command": occasion.say("command", "/waypost"),
        "text": occasion.say("text", "status"),
        "api_app_id": f"A{occasion.app.client_id.upper()[:10]}",
        "response_url": f"https://hooks.slack.com/commands/{account.id}/1/x",
        "trigger_id": f"{int(occasion.at)}.{occasion.delivery_id}",
    }


def _handshake(occasion: Occasion) -> dict[str, str]:
    challenge = occasion.say(
        "challenge", "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"
    )
    token = "deprecated-verification-token"  # noqa: S105 - the vendor's name for a public field
    return {"token": token, "challenge": challenge, "type": "url_verification"}


def _form(fields: Mapping[str, str]) -> Draft:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return Draft(body=urlencode(fields).encode(), headers=headers)
