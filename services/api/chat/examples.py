"""The examples of the runtime API. They belong together: sent in the order of the table they work."""

from __future__ import annotations

from typing import Any

from services.api.examples import BOT_ID, INTEGRATION_ID, WHEN
from shared.botpress import bot_user_id

USER_ID = "user_01m3250v0000000000000000ab"
CONVERSATION_ID = "conv_01m3250v0000000000000000ab"
MESSAGE_ID = "msg_01m3250v0000000000000000ab"
EVENT_ID = "evt_01m3250v0000000000000000ab"
_TIMES = {"createdAt": WHEN, "updatedAt": WHEN}

STATE: dict[str, Any] = {
    "id": "state_4e0a1f7c2b9d8e6f5a3c1b0d9e", **_TIMES, "botId": BOT_ID, "name": "credentials",
    "type": "integration", "payload": {"accessToken": "acme_1f3c", "refreshToken": "acme_9b2e"},
}  # fmt: skip
PLACE = {"type": "integration", "id": INTEGRATION_ID, "name": "credentials"}
USER: dict[str, Any] = {
    "id": USER_ID, **_TIMES, "tags": {"id": "U42"}, "name": "Ada Lovelace",
    "pictureUrl": "https://acme.example/ada.png",
}  # fmt: skip
NEW_USER = {name: USER[name] for name in ("tags", "name", "pictureUrl")}
CONVERSATION: dict[str, Any] = {
    "id": CONVERSATION_ID, **_TIMES, "channel": "dm", "integration": "acme",
    "tags": {"id": "D7"}, "messageCount": 0,
}  # fmt: skip
NEW_CONVERSATION = {"channel": "dm", "tags": {"id": "D7"}}
MESSAGE: dict[str, Any] = {
    "id": MESSAGE_ID, **_TIMES, "type": "text", "payload": {"text": "Hello"},
    "direction": "incoming", "userId": USER_ID, "conversationId": CONVERSATION_ID,
    "tags": {"id": "1790000000.000100"},
}  # fmt: skip
NEW_MESSAGE = {
    name: MESSAGE[name] for name in ("type", "payload", "userId", "conversationId", "tags")
}
ANSWER: dict[str, Any] = {
    **MESSAGE, "id": "msg_01m3250v0000000000000000ac", "direction": "outgoing", "tags": {},
    "userId": bot_user_id(BOT_ID),
}  # fmt: skip
EVENT: dict[str, Any] = {
    "id": EVENT_ID, "createdAt": WHEN, "type": "ticketOpened", "payload": {"ticket": "T-42"},
    "conversationId": CONVERSATION_ID, "userId": USER_ID, "status": "processed",
    "failureReason": None,
}  # fmt: skip
NEW_EVENT = {name: EVENT[name] for name in ("type", "payload", "conversationId", "userId")}
