"""The examples of the OpenAPI document. They belong together: sent in the order of the table they work."""

from __future__ import annotations

from typing import Any

BOT_ID = "support-bot"
WEBHOOK_ID = "6f1d3c52-8a0e-4c7b-9d8e-2b1f0a5c4e3d"
REQUEST_ID = "req_01m3250v0000000000000000ab"
FLOW_ID = "flow_01m3250v0000000000000000ab"
INTEGRATION_ID = "int_6877687b6c04a9e0ac9213a4"
WHEN = "2026-09-21T14:13:20.000Z"

DEFINITION: dict[str, Any] = {
    "name": "acme",
    "version": "1.0.0",
    "title": "Acme",
    "description": "Tickets of Acme as events",
    "identifier": {"extractScript": "parse_json!(.body).organization_id"},
    "verify": {
        "scheme": "hmac-sha256-hex",
        "header": "acme-signature",
        "secret": {"from": "global", "name": "WEBHOOK_SIGNING_SECRET"},
    },
    "secrets": {
        "WEBHOOK_SIGNING_SECRET": {
            "title": "Signing secret",
            "description": "Settings → Webhooks of your Acme app",
        }
    },
    "configuration": {
        "title": "Connect with one click",
        "identifier": {
            "linkTemplateScript": '"https://acme.example/authorize?state=" + to_string!(.webhookId)'
        },
    },
    "configurations": {
        "manual": {
            "title": "With an access token",
            "schema": {
                "type": "object",
                "properties": {
                    "region": {"type": "string", "title": "Region", "enum": ["eu", "us"]},
                    "accessToken": {"type": "string", "title": "Access token", "secret": True},
                },
                "required": ["region", "accessToken"],
            },
        }
    },
}

BOT = {"id": BOT_ID, "url": None, "hasSecret": False, "createdAt": WHEN}

EVENT = {
    "id": "evt_01m3250v0000000000000000ab",
    "type": "webhook",
    "createdAt": WHEN,
    "botId": BOT_ID,
    "integration": "acme",
    "alias": "acme",
    "webhookId": WEBHOOK_ID,
    "identifier": "org_42",
    "deliveryId": "dlv_01m3250v0000000000000000ab_0001",
    "payload": {
        "method": "POST",
        "path": "/",
        "query": "",
        "headers": {"content-type": "application/json"},
        "body": {"organization_id": "org_42", "ticket": 7},
    },
}

SECRET = {
    "name": "WEBHOOK_SIGNING_SECRET",
    "title": "Signing secret",
    "description": "Settings → Webhooks of your Acme app",
    "public": False,
    "optional": False,
    "isSet": True,
}

INTEGRATION: dict[str, Any] = {
    "id": INTEGRATION_ID,
    "name": "acme",
    "version": "1.0.0",
    "title": "Acme",
    "description": "Tickets of Acme as events",
    "verify": "hmac-sha256-hex",
    "redirectUrl": "https://hooks.example/oauth",
    "webhookUrl": "https://hooks.example/integration/global/acme",
    "configurations": [
        {"name": None, "title": "Connect with one click", "canConnect": True, "fields": []},
        {
            "name": "manual",
            "title": "With an access token",
            "canConnect": False,
            "fields": [
                {
                    "name": "region",
                    "title": "Region",
                    "choices": ["eu", "us"],
                    "required": True,
                },
                {
                    "name": "accessToken",
                    "title": "Access token",
                    "secret": True,
                    "required": True,
                },
            ],
        },
    ],
    "secrets": [SECRET],
}

INSTALLATION: dict[str, Any] = {
    "webhookId": WEBHOOK_ID,
    "webhookUrl": f"https://hooks.example/{WEBHOOK_ID}",
    "botId": BOT_ID,
    "alias": "acme",
    "integration": "acme",
    "integrationId": INTEGRATION_ID,
    "configurationType": "manual",
    "configuration": {"region": "eu"},
    "enabled": True,
    "status": "registered",
    "statusReason": None,
    "connection": "none",
    "identifier": "org_42",
    "account": None,
    "createdAt": WHEN,
    "updatedAt": WHEN,
}

REQUEST: dict[str, Any] = {
    "id": REQUEST_ID,
    "job": "webhook",
    "state": "dead",
    "reason": "the bot's URL answered 410",
    "integration": "acme",
    "botId": BOT_ID,
    "webhookId": WEBHOOK_ID,
    "identifier": "org_42",
    "parent": "",
    "attempts": 1,
    "crashes": 0,
    "bytes": 214,
    "deliveries": 0,
    "worker": "host-71",
    "acceptedAt": WHEN,
    "changedAt": WHEN,
    "dueAt": None,
}

SENTENCE = "It was given up: the bot's URL answered 410; it is kept with its payload and can be replayed."
BULK = {
    "dryRun": True, "cursor": "",
    "groups": [{"state": "dead", "integration": "acme", "reason": "the bot's URL answered 410", "count": 1}],
    "results": [{"id": REQUEST_ID, "result": "eligible", "was": "dead", "reason": ""}],
}  # fmt: skip
REPLAYED = {"id": REQUEST_ID, "result": "replayed", "was": "dead", "reason": ""}

GATE = {
    "name": f"bot:{BOT_ID}",
    "kind": "breaker",
    "reason": "because 10 of the last 12 calls failed, the last one with: the bot answered 502",
    "seconds": 21.4,
    "behind": 118,
}

QUEUE = {
    "at": WHEN,
    "oldestReadyAge": 0.4,
    "states": {"ready": {"count": 3, "bytes": 642}, "dead": {"count": 1, "bytes": 214}},
    "totals": {"accepted": 1204, "done": 1200},
    "lastMinute": {"accepted": 32},
    "workers": [
        {
            "id": "host-71",
            "lastBeat": WHEN,
            "beatAge": 0.8,
            "facts": {"running": "2", "version": "0.1.0"},
        }
    ],
    "gates": [GATE],
    "held": {"ready": 3714, "dead": 1046, "events": 0},
    "warnings": [],
}

SUBSCRIPTION_ID, HANDSHAKE_ID = "4b67c11", "hsk_43eec0ec5d7e41227f97503c"

SUBSCRIPTION = {"id": SUBSCRIPTION_ID, "hasSecret": True}

HANDSHAKE = {
    "id": HANDSHAKE_ID,
    "at": WHEN,
    "source": "global",
    "name": "WEBHOOK_SIGNING_SECRET",
    "webhookId": None,
    "note": "the first request of a subscription",
    "accepted": False,
    "value": "what the provider sent",
}
