"""The one table of calls: routes, checks and the OpenAPI document are made of it."""

from __future__ import annotations

from typing import Any

from services.api import bulk, gates, queues, replays
from services.api import examples as given
from services.api.admin import (
    bots,
    changes,
    installations,
    integrations,
    links,
    talking,
    uninstalls,
)
from services.api.answers import (
    BotAnswer,
    BotList,
    ChangedInstallation,
    EventList,
    EventQuery,
    FlowAnswer,
    InstallationAnswer,
    InstallationList,
    InstallationQuery,
    IntegrationAnswer,
    IntegrationDetail,
    IntegrationList,
    LinkAnswer,
    NewInstallation,
    NewLink,
    NewToken,
    PutBot,
    PutSecret,
    ReceiptAnswer,
    SecretAnswer,
    SecretList,
    TokenAnswer,
)
from services.api.chat import examples as talk
from services.api.chat.operations import RUNTIME
from services.api.hook_operations import HOOKS
from services.api.ledger_answers import (
    ActedAnswer,
    BodyAnswer,
    BodyQuery,
    BulkAnswer,
    BulkDrop,
    BulkReplay,
    CloseGate,
    Explanation,
    GateList,
    QueueAnswer,
    RequestAnswer,
    RequestList,
    RequestQuery,
)
from services.api.wire import Example, Operation

_BOT = {"botId": given.BOT_ID}
_NAME = {"name": "acme"}
_HOOK = {"webhookId": given.WEBHOOK_ID}
_ID = {"id": given.REQUEST_ID}

BOTS = (
    Operation(
        method="PUT", path="/v1/admin/bots/{botId}", name="putBot", tag="bots",
        summary="Make a bot, or say anew where its events go",
        act=bots.put_bot, body=PutBot, answer=BotAnswer,
        example=Example(path=_BOT, body={}, answer={"bot": given.BOT}),
    ),
    Operation(
        method="GET", path="/v1/admin/bots", name="listBots", tag="bots",
        summary="Read all bots", act=bots.list_bots, answer=BotList,
        example=Example(answer={"bots": [given.BOT]}),
    ),
    Operation(
        method="GET", path="/v1/admin/bots/{botId}", name="getBot", tag="bots",
        summary="Read a bot", act=bots.get_bot, answer=BotAnswer,
        example=Example(path=_BOT, answer={"bot": given.BOT}),
    ),
    Operation(
        method="GET", path="/v1/admin/bots/{botId}/events", name="readEvents", tag="bots",
        summary="Read a bot's events; with wait, as soon as there is one",
        act=bots.read_events, query=EventQuery, answer=EventList,
        example=Example(
            path=_BOT, query={"limit": "10", "wait": "0"},
            answer={"events": [given.EVENT], "nextAfter": "1790000000000-0"},
        ),
    ),
)  # fmt: skip

TALKING = (
    Operation(
        method="POST", path="/v1/admin/bots/{botId}/messages", name="sendMessage", tag="bots",
        summary="Say something as the bot; a worker brings it to the integration",
        act=talking.send_message, body=talking.BotMessage, answer=talking.BotMessageAnswer,
        example=Example(
            path=_BOT,
            body={
                "conversationId": talk.CONVERSATION_ID, "type": "text",
                "payload": {"text": "Hello"}, "tags": {},
            },
            answer={"message": talk.ANSWER, "requestId": given.REQUEST_ID},
        ),
    ),
    Operation(
        method="POST", path="/v1/admin/bots/{botId}/actions", name="callBotAction", tag="bots",
        summary="Call an action of an integration, and wait for what it puts out",
        act=talking.call_action, body=talking.BotAction, answer=talking.BotActionAnswer,
        example=Example(
            path=_BOT, body={"alias": "clickable", "type": "closeTicket", "input": {"ticket": "T-42"}},
            answer={"output": {"closed": True}, "meta": {"cost": 0}},
        ),
    ),
)  # fmt: skip

INTEGRATIONS = (
    Operation(
        method="POST", path="/v1/admin/integrations", name="registerIntegration",
        tag="integrations", summary="Register a definition, or replace it",
        act=integrations.register, body=dict[str, Any], answer=IntegrationAnswer,
        example=Example(body=given.DEFINITION, answer={"integration": given.INTEGRATION, "warnings": []}),
    ),
    Operation(
        method="GET", path="/v1/admin/integrations", name="listIntegrations", tag="integrations",
        summary="Read all integrations", act=integrations.list_all, answer=IntegrationList,
        example=Example(answer={"integrations": [given.INTEGRATION]}),
    ),
    Operation(
        method="POST", path="/v1/admin/integrations/iaks", name="issueToken", tag="integrations",
        summary="Make a runtime token (BP_TOKEN) for an integration's own server",
        act=integrations.issue_token, body=NewToken, answer=TokenAnswer,
        example=Example(
            body={"integrationId": given.INTEGRATION_ID, "note": "staging"},
            answer={"id": "iak_01m3250v0000000000000000ab", "value": "shown this once"},
        ),
    ),
    Operation(
        method="GET", path="/v1/admin/integrations/{name}", name="getIntegration",
        tag="integrations", summary="Read an integration with its definition",
        act=integrations.get, answer=IntegrationDetail,
        example=Example(
            path=_NAME, answer={"integration": given.INTEGRATION, "definition": given.DEFINITION}
        ),
    ),
    Operation(
        method="GET", path="/v1/admin/integrations/{name}/secrets", name="listSecrets",
        tag="integrations", summary="Read the names of an integration's secrets; values never",
        act=integrations.list_secrets, answer=SecretList,
        example=Example(path=_NAME, answer={"secrets": [given.SECRET]}),
    ),
    Operation(
        method="PUT", path="/v1/admin/integrations/{name}/secrets/{secret}", name="putSecret",
        tag="integrations", summary="Set a global secret; it can never be read again",
        act=integrations.put_secret, body=PutSecret, answer=SecretAnswer,
        example=Example(
            path={**_NAME, "secret": "WEBHOOK_SIGNING_SECRET"},
            body={"value": "from the provider's page"}, answer={"secret": given.SECRET},
        ),
    ),
)  # fmt: skip

INSTALLATIONS = (
    Operation(
        method="POST", path="/v1/admin/bots/{botId}/integrations/{alias}", name="install",
        tag="installations", summary="Install an integration on a bot",
        act=installations.install, body=NewInstallation, answer=InstallationAnswer,
        example=Example(
            path={**_BOT, "alias": "acme"},
            body={
                "integration": "acme", "configurationType": "manual",
                "configuration": {"region": "eu", "accessToken": "acme_1f3c"},
                "identifier": "org_42",
            },
            answer={"installation": given.INSTALLATION},
        ),
    ),
    Operation(
        method="GET", path="/v1/admin/installations", name="listInstallations",
        tag="installations", summary="Read installations, by bot and integration",
        act=installations.list_installations, query=InstallationQuery, answer=InstallationList,
        example=Example(
            query={"bot": given.BOT_ID, "integration": "acme", "limit": "20"},
            answer={"installations": [given.INSTALLATION], "cursor": ""},
        ),
    ),
    Operation(
        method="GET", path="/v1/admin/installations/{webhookId}", name="getInstallation",
        tag="installations", summary="Read an installation",
        act=installations.get_installation, answer=InstallationAnswer,
        example=Example(path=_HOOK, answer={"installation": given.INSTALLATION}),
    ),
    Operation(
        method="POST", path="/v1/admin/installations/{webhookId}/connect", name="makeConnectLink",
        tag="installations", summary="Mint a connect link, good for a day",
        act=links.make_link, body=NewLink, answer=LinkAnswer,
        example=Example(
            path=_HOOK, body={"returnTo": "https://app.example/done", "confirm": False},
            answer={
                "url": "https://hooks.example/connect/Zk3…", "flowId": given.FLOW_ID,
                "expiresAt": "2026-09-22T14:13:20.000Z",
            },
        ),
    ),
    Operation(
        method="PATCH", path="/v1/admin/installations/{webhookId}", name="changeInstallation",
        tag="installations", summary="Turn it on or off, configure it anew, move it to another version",
        act=changes.change, body=ChangedInstallation, answer=InstallationAnswer,
        example=Example(
            path=_HOOK, body={"enabled": True}, answer={"installation": given.INSTALLATION}
        ),
    ),
    Operation(
        method="DELETE", path="/v1/admin/installations/{webhookId}", name="uninstall",
        tag="installations", summary="Uninstall, with a receipt",
        act=uninstalls.uninstall, answer=ReceiptAnswer,
        example=Example(
            path=_HOOK,
            answer={
                "receipt": {
                    "webhookId": given.WEBHOOK_ID, "botId": given.BOT_ID, "alias": "acme",
                    "integration": "acme", "identifier": "org_42", "deletedAt": given.WHEN,
                    "dataKeyDestroyed": True, "unregistered": "not_needed",
                    "revocation": "revoked",
                }
            },
        ),
    ),
    Operation(
        method="POST", path="/v1/admin/flows/{flowId}/confirm", name="confirmFlow",
        tag="installations", summary="Let a flow go on that waits for the operator's word",
        act=links.confirm, answer=FlowAnswer,
        example=Example(
            path={"flowId": given.FLOW_ID},
            answer={"flowId": given.FLOW_ID, "status": "confirming", "webhookId": given.WEBHOOK_ID},
        ),
    ),
)  # fmt: skip

REQUESTS = (
    Operation(
        method="GET", path="/v1/admin/requests", name="listRequests", tag="requests",
        summary="Read requests and deliveries, newest first",
        act=queues.list_requests, query=RequestQuery, answer=RequestList,
        example=Example(
            query={"state": "dead,parked", "integration": "acme", "since": "24h"},
            answer={"requests": [given.REQUEST], "cursor": ""},
        ),
    ),
    Operation(
        method="POST", path="/v1/admin/requests/replay", name="replayRequests", tag="requests",
        summary="Replay all that match, oldest first; begin with dryRun",
        act=bulk.replay_many, body=BulkReplay, answer=BulkAnswer,
        example=Example(
            body={
                "filter": {"state": "dead", "integration": "acme", "reason": "410"},
                "dryRun": True, "rate": 50,
            },
            answer=given.BULK,
        ),
    ),
    Operation(
        method="POST", path="/v1/admin/requests/drop", name="dropRequests", tag="requests",
        summary="Remove all that match, for good; begin with dryRun",
        act=bulk.drop_many, body=BulkDrop, answer=BulkAnswer,
        example=Example(
            body={"filter": {"state": "dead", "integration": "acme", "until": "30d"}, "dryRun": True},
            answer=given.BULK,
        ),
    ),
    Operation(
        method="GET", path="/v1/admin/requests/{id}", name="getRequest", tag="requests",
        summary="Read one request or delivery", act=queues.show, answer=RequestAnswer,
        example=Example(
            path=_ID, answer={"request": given.REQUEST, "standing": "dead", "deliveries": []}
        ),
    ),
    Operation(
        method="GET", path="/v1/admin/requests/{id}/explain", name="explainRequest", tag="requests",
        summary="Say in one sentence why it is where it is",
        act=queues.explain_one, answer=Explanation,
        example=Example(
            path=_ID,
            answer={
                "id": given.REQUEST_ID, "state": "dead",
                "sentence": given.SENTENCE,
                "timeline": [{"at": given.WHEN, "record": given.REQUEST_ID, "what": "accepted and stored"}],
            },
        ),
    ),
    Operation(
        method="GET", path="/v1/admin/requests/{id}/body", name="getRequestBody", tag="requests",
        summary="Read the stored request; credentials are blanked unless revealed",
        act=queues.body, query=BodyQuery, answer=BodyAnswer,
        example=Example(
            path=_ID, query={"reveal": "false"},
            answer={
                "id": given.REQUEST_ID, "method": "POST", "path": "/", "query": "",
                "headers": [["content-type", "application/json"], ["acme-signature", "…"]],
                "body": '{"organization_id":"org_42"}', "encoding": "text",
                "sealed": False, "redacted": True,
            },
        ),
    ),
    Operation(
        method="POST", path="/v1/admin/requests/{id}/replay", name="replayRequest", tag="requests",
        summary="Make it ready again", act=replays.replay, answer=ActedAnswer,
        example=Example(path=_ID, answer={"results": [given.REPLAYED]}),
    ),
    Operation(
        method="POST", path="/v1/admin/requests/{id}/drop", name="dropRequest", tag="requests",
        summary="Remove it with its body, for good", act=replays.drop, answer=ActedAnswer,
        example=Example(
            path=_ID,
            answer={"results": [{"id": given.REQUEST_ID, "result": "dropped", "was": "ready", "reason": ""}]},
        ),
    ),
    Operation(
        method="GET", path="/v1/admin/queue", name="getQueue", tag="requests",
        summary="Counts, ages, throughput and workers", act=queues.queue, answer=QueueAnswer,
        example=Example(answer=given.QUEUE),
    ),
)  # fmt: skip

_GATE = {"gate": f"bot:{given.BOT_ID}"}

GATES = (
    Operation(
        method="GET", path="/v1/admin/gates", name="listGates", tag="gates",
        summary="Targets that get nothing now, and how much waits for them",
        act=gates.list_gates, answer=GateList, example=Example(answer={"gates": [given.GATE]}),
    ),
    Operation(
        method="POST", path="/v1/admin/gates/{gate}/close", name="closeGate", tag="gates",
        summary="Let nothing through to a target for a while",
        act=gates.close, body=CloseGate, answer=GateList,
        example=Example(
            path=_GATE, body={"seconds": 3600, "reason": "while it is being moved"},
            answer={"gates": [given.GATE]},
        ),
    ),
    Operation(
        method="POST", path="/v1/admin/gates/{gate}/open", name="openGate", tag="gates",
        summary="Let go what waits for a target", act=gates.open_one, answer=GateList,
        example=Example(path=_GATE, answer={"gates": []}),
    ),
)  # fmt: skip

OPERATIONS: tuple[Operation, ...] = (
    *BOTS, *INTEGRATIONS, *INSTALLATIONS, *HOOKS, *REQUESTS, *GATES, *TALKING, *RUNTIME,
)  # fmt: skip
