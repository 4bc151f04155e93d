"""
Linear's webhooks: data changes, and the end of an authorization.

Signature and times: https://linear.app/developers/webhooks
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.simulator.webhooks.occasion import Draft, Occasion, as_json, hex_mac

KINDS = ("Issue", "Comment", "OAuthApp")
SIGNATURES = ("Linear-Signature",)
HAS_TIME = True


def build(occasion: Occasion) -> Draft:
    """The request for one of `KINDS`; the time to check is in the body, in milliseconds."""
    return as_json(
        {**_change(occasion), **_origin(occasion)},
        Linear_Delivery=occasion.delivery_id,
        Linear_Event=occasion.kind,
        Linear_Timestamp=str(_milliseconds(occasion)),
        User_Agent="Linear-Webhook",
    )


def sign(occasion: Occasion, secret: str, body: bytes) -> Mapping[str, str]:
    """The HMAC of the body, without any prefix."""
    del occasion
    return {"Linear-Signature": hex_mac(secret, body)}


def new_id(uuid: str) -> str:
    """A delivery id, the same for each repetition."""
    return uuid


def _origin(occasion: Occasion) -> dict[str, Any]:
    return {
        "createdAt": occasion.moment,
        "organizationId": occasion.account.id,
        "webhookTimestamp": _milliseconds(occasion),
        "webhookId": f"wh-{occasion.app.client_id}",
    }


def _change(occasion: Occasion) -> dict[str, Any]:
    if occasion.kind == "OAuthApp":
        return {
            "type": "OAuthApp",
            "action": "revoked",
            "oauthClientId": occasion.app.client_id,
        }
    person = occasion.account.users[0]
    return {
        "action": occasion.say("action", "create"),
        "type": occasion.kind,
        "actor": {"id": person.id, "type": "user", "name": person.name, "email": person.email},
        "url": f"https://linear.app/{occasion.account.handle}/issue/ENG-1",
        "data": _issue(occasion) if occasion.kind == "Issue" else _comment(occasion),
    }


def _issue(occasion: Occasion) -> dict[str, Any]:
    number = int(occasion.say("number", 1))
    return {
        "id": occasion.say("id", f"issue-{occasion.delivery_id}"),
        "identifier": f"ENG-{number}",
        "number": number,
        "title": occasion.say("title", "The door squeaks"),
        "description": occasion.say("text", "It squeaks when it opens."),
        "priority": 0,
        "state": {"id": "state-1", "name": "Todo", "type": "unstarted", "color": "#e2e2e2"},
        "team": {"id": "team-eng", "key": "ENG", "name": "Engineering"},
        "createdAt": occasion.moment,
        "updatedAt": occasion.moment,
    }


def _comment(occasion: Occasion) -> dict[str, Any]:
    return {
        "id": occasion.say("id", f"comment-{occasion.delivery_id}"),
        "body": occasion.say("text", "Oil it."),
        "issueId": occasion.say("issue", "issue-1"),
        "userId": occasion.account.users[0].id,
        "createdAt": occasion.moment,
        "updatedAt": occasion.moment,
    }


def _milliseconds(occasion: Occasion) -> int:
    return int(occasion.at * 1000)
