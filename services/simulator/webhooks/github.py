"""
GitHub's webhooks of an app: ping, pushes, issues and what happens to an installation.

Signature: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.simulator.webhooks.occasion import Draft, Occasion, as_json, hex_mac

KINDS = ("ping", "push", "issues", "installation")
SIGNATURES = ("X-Hub-Signature-256", "X-Hub-Signature")
HAS_TIME = False


def build(occasion: Occasion) -> Draft:
    """The request for one of `KINDS`; `installation=False` makes it a repository's own hook."""
    hook = "1" + occasion.account.id if occasion.account.id.isdigit() else "1"
    return as_json(
        {**_PAYLOADS[occasion.kind](occasion), **_surroundings(occasion)},
        X_GitHub_Event=occasion.kind,
        X_GitHub_Delivery=occasion.delivery_id,
        X_GitHub_Hook_ID=hook,
        X_GitHub_Hook_Installation_Target_Type="integration",
        User_Agent="GitHub-Hookshot/simulated",
    )


def sign(occasion: Occasion, secret: str, body: bytes) -> Mapping[str, str]:
    """`sha256=` and the HMAC of the body, and the older SHA-1 beside it."""
    del occasion
    return {
        "X-Hub-Signature-256": f"sha256={hex_mac(secret, body)}",
        "X-Hub-Signature": f"sha1={hex_mac(secret, body, 'sha1')}",
    }


def new_id(uuid: str) -> str:
    """A delivery id, the same for a redelivery."""
    return uuid


def _surroundings(occasion: Occasion) -> dict[str, Any]:
    account, person = occasion.account, occasion.account.users[0]
    parts: dict[str, Any] = {
        "sender": {"login": person.name.lower(), "id": _number(person.id), "type": "User"},
        "organization": {"login": account.handle, "id": _number(account.id) + 1},
    }
    if occasion.kind not in {"ping", "installation"}:
        parts["repository"] = _repository(occasion)
    if occasion.kind != "installation" and occasion.say("installation", otherwise=True):
        parts["installation"] = {"id": _number(account.id), "node_id": f"MDIz{account.id}"}
    return parts


def _ping(occasion: Occasion) -> dict[str, Any]:
    events = ["issues", "push"]
    hook = {"type": "App", "id": 1, "name": "web", "active": True, "events": events}
    config = {"content_type": "json", "url": occasion.app.webhook_url, "insecure_ssl": "0"}
    return {
        "zen": "Keep it logically awesome.",
        "hook_id": 1,
        "hook": {**hook, "config": config},
    }


def _push(occasion: Occasion) -> dict[str, Any]:
    person = occasion.account.users[0]
    author = {"name": person.name, "email": person.email}
    head = hex_mac("commit", occasion.delivery_id.encode(), "sha1")
    commit = {
        "id": head,
        "message": occasion.say("message", "Fix the door"),
        "timestamp": occasion.moment,
        "author": author,
        "added": [],
        "removed": [],
        "modified": ["README.md"],
    }
    return {
        "ref": occasion.say("ref", "refs/heads/main"),
        "before": "0" * 40,
        "after": head,
        "created": False,
        "deleted": False,
        "forced": False,
        "pusher": author,
        "commits": [commit],
        "head_commit": commit,
    }


def _issues(occasion: Occasion) -> dict[str, Any]:
    issue = {
        "id": 1_000_000 + int(occasion.say("number", 1)),
        "number": occasion.say("number", 1),
        "title": occasion.say("title", "The door squeaks"),
        "body": occasion.say("text", "It squeaks when it opens."),
        "state": "open",
        "labels": [],
        "created_at": occasion.moment,
        "updated_at": occasion.moment,
    }
    return {"action": occasion.say("action", "opened"), "issue": issue}


def _installation(occasion: Occasion) -> dict[str, Any]:
    account = occasion.account
    installation = {
        "id": _number(account.id),
        "account": {
            "login": account.handle,
            "id": _number(account.id) + 1,
            "type": "Organization",
        },
        "repository_selection": "all",
        "app_slug": occasion.app.slug,
        "permissions": {"issues": "write", "metadata": "read"},
        "events": ["issues", "push"],
    }
    return {
        "action": occasion.say("action", "created"),
        "installation": installation,
        "repositories": [_repository(occasion)],
    }


def _repository(occasion: Occasion) -> dict[str, Any]:
    owner, name = occasion.account.handle, occasion.say("repository", "widgets")
    return {
        "id": _number(occasion.account.id) + 2,
        "name": name,
        "full_name": f"{owner}/{name}",
        "private": True,
        "html_url": f"https://github.com/{owner}/{name}",
        "default_branch": "main",
    }


def _number(text: str) -> int:
    return int("".join(one for one in text if one in "0123456789") or "0")


_PAYLOADS = {"ping": _ping, "push": _push, "issues": _issues, "installation": _installation}
