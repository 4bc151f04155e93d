"""The calls of Botpress's runtime API, as rows of the one table."""

from __future__ import annotations

from functools import partial
from typing import Any

from services.api.chat import (
    conversations,
    events,
    initializing,
    integrations,
    messages,
    states,
    users,
)
from services.api.chat import examples as given
from services.api.chat import records as r
from services.api.chat import talk as t
from services.api.examples import WHEN
from services.api.wire import Example, Operation

_runtime = partial(Operation, access="runtime", tag="runtime", query=r.Silence)
_STATE = "/v1/chat/states/{type}/{id}/{name}"
_PAYLOAD = {"payload": given.STATE["payload"]}
_CHANGED_STATE = {"state": given.STATE}
_READ_STATE = {"state": given.STATE, "meta": {"cached": False}}
_MADE = {"meta": {"created": False}}
_END: dict[str, Any] = {"meta": {}}
_USER, _CONVERSATION = {"id": given.USER_ID}, {"id": given.CONVERSATION_ID}
_MESSAGE, _EVENT = {"id": given.MESSAGE_ID}, {"id": given.EVENT_ID}
_PARTICIPANT = {"id": given.CONVERSATION_ID, "userId": given.USER_ID}

STATES = (
    _runtime(
        method="POST", path=_STATE, name="setState", summary="Replace a state; null removes it",
        act=states.set, body=r.SetState, answer=r.StateAnswer,
        example=Example(path=given.PLACE, body=_PAYLOAD, answer=_CHANGED_STATE),
    ),
    _runtime(
        method="GET", path=_STATE, name="getState", summary="Read a state",
        act=states.get, answer=r.StateRead,
        example=Example(path=given.PLACE, answer=_READ_STATE),
    ),
    _runtime(
        method="PATCH", path=_STATE, name="patchState",
        summary="Merge the top level into a state that is there",
        act=states.patch, body=r.PatchState, answer=r.StateAnswer,
        example=Example(path=given.PLACE, body=_PAYLOAD, answer=_CHANGED_STATE),
    ),
    _runtime(
        method="POST", path=f"{_STATE}/get-or-set", name="getOrSetState",
        summary="Read a state, or make it",
        act=states.get_or_set, body=r.GetOrSetState, answer=r.StateRead,
        example=Example(path=given.PLACE, body=_PAYLOAD, answer=_READ_STATE),
    ),
    _runtime(
        method="POST", path=f"{_STATE}/expiry", name="setStateExpiry",
        summary="Change how long a state may lie untouched",
        act=states.expiry, body=r.SetExpiry, answer=r.StateAnswer,
        example=Example(
            path=given.PLACE, body={"expiry": 3_600_000},
            answer={
                "state": {**given.STATE, "expiry": 3_600_000, "expiresAt": "2026-09-21T15:13:20.000Z"}
            },
        ),
    ),
)  # fmt: skip

INTEGRATION = (
    _runtime(
        method="POST", path="/v1/chat/integrations/configure", name="configureIntegration",
        summary="Bind the installation to an identifier; register it again and again",
        act=integrations.configure, body=r.Configure, answer=r.Done,
        example=Example(
            body={"identifier": "org_42", "scheduleRegisterCall": "monthly"}, answer={}
        ),
    ),
    _runtime(
        method="POST", path="/v1/chat/actions", name="callAction",
        summary="Call an action of the integration itself",
        act=integrations.call_action, body=r.CallAction, answer=r.ActionAnswer,
        example=Example(
            body={"type": "closeTicket", "input": {"ticket": "T-42"}},
            answer={"output": {"closed": True}, "meta": {"cached": False}},
        ),
    ),
    _runtime(
        method="POST", path="/v1/chat/analytics", name="trackAnalytics", summary="Count something",
        act=integrations.track, body=r.Analytics, answer=r.Done,
        example=Example(body={"name": "ticketsOpened", "count": 1}, answer={}),
    ),
)  # fmt: skip

USERS = (
    _runtime(
        method="POST", path="/v1/chat/users", name="createUser", summary="Make a user", status=201,
        act=users.create, body=t.CreateUser, answer=t.UserAnswer,
        example=Example(body=given.NEW_USER, answer={"user": given.USER}),
    ),
    _runtime(
        method="POST", path="/v1/chat/users/get-or-create", name="getOrCreateUser",
        summary="Find a user by tags, or make them",
        act=users.get_or_create, body=t.GetOrCreateUser, answer=t.UserMade,
        example=Example(
            body={**given.NEW_USER, "discriminateByTags": ["id"]}, answer={"user": given.USER, **_MADE}
        ),
    ),
    _runtime(
        method="GET", path="/v1/chat/users", name="listUsers", summary="Read users",
        act=users.list_users, query=t.UserFilter, answer=t.UserPage,
        example=Example(query={"tags.id": "U42"}, answer={"users": [given.USER], **_END}),
    ),
    _runtime(
        method="GET", path="/v1/chat/users/{id}", name="getUser", summary="Read a user",
        act=users.get, answer=t.UserAnswer,
        example=Example(path=_USER, answer={"user": given.USER}),
    ),
    _runtime(
        method="PUT", path="/v1/chat/users/{id}", name="updateUser",
        summary="Change a user; tags are merged",
        act=users.update, body=t.UpdateUser, answer=t.UserAnswer,
        example=Example(
            path=_USER, body={"tags": {"id": "U42"}, "name": "Ada Lovelace"},
            answer={"user": given.USER},
        ),
    ),
    _runtime(
        method="DELETE", path="/v1/chat/users/{id}", name="deleteUser", summary="Remove a user",
        act=users.delete, answer=r.Done, example=Example(path=_USER, answer={}),
    ),
)  # fmt: skip

CONVERSATIONS = (
    _runtime(
        method="POST", path="/v1/chat/conversations", name="createConversation",
        summary="Make a conversation", status=201,
        act=conversations.create, body=t.CreateConversation, answer=t.ConversationAnswer,
        example=Example(
            body=given.NEW_CONVERSATION, answer={"conversation": given.CONVERSATION}
        ),
    ),
    _runtime(
        method="POST", path="/v1/chat/conversations/get-or-create",
        name="getOrCreateConversation",
        summary="Find a conversation by channel and tags, or make it",
        act=conversations.get_or_create, body=t.GetOrCreateConversation,
        answer=t.ConversationMade,
        example=Example(
            body=given.NEW_CONVERSATION, answer={"conversation": given.CONVERSATION, **_MADE}
        ),
    ),
    _runtime(
        method="GET", path="/v1/chat/conversations", name="listConversations",
        summary="Read conversations",
        act=conversations.list_conversations, query=t.ConversationFilter,
        answer=t.ConversationPage,
        example=Example(
            query={"tags.id": "D7", "channel": "dm"},
            answer={"conversations": [given.CONVERSATION], **_END},
        ),
    ),
    _runtime(
        method="GET", path="/v1/chat/conversations/{id}", name="getConversation",
        summary="Read a conversation", act=conversations.get, answer=t.ConversationAnswer,
        example=Example(path=_CONVERSATION, answer={"conversation": given.CONVERSATION}),
    ),
    _runtime(
        method="PUT", path="/v1/chat/conversations/{id}", name="updateConversation",
        summary="Change a conversation; tags are merged",
        act=conversations.update, body=t.UpdateConversation, answer=t.ConversationAnswer,
        example=Example(
            path=_CONVERSATION, body={"tags": {"id": "D7"}},
            answer={"conversation": given.CONVERSATION},
        ),
    ),
    _runtime(
        method="DELETE", path="/v1/chat/conversations/{id}", name="deleteConversation",
        summary="Remove a conversation with its messages",
        act=conversations.delete, answer=r.Done, example=Example(path=_CONVERSATION, answer={}),
    ),
    _runtime(
        method="POST", path="/v1/chat/conversations/{id}/participants", name="addParticipant",
        summary="Let a user take part",
        act=conversations.add_participant, body=t.AddParticipant, answer=t.ParticipantAnswer,
        example=Example(
            path=_CONVERSATION, body={"userId": given.USER_ID}, answer={"participant": given.USER}
        ),
    ),
    _runtime(
        method="GET", path="/v1/chat/conversations/{id}/participants", name="listParticipants",
        summary="Read who takes part",
        act=conversations.list_participants, query=r.Paged, answer=t.ParticipantPage,
        example=Example(path=_CONVERSATION, answer={"participants": [given.USER], **_END}),
    ),
    _runtime(
        method="GET", path="/v1/chat/conversations/{id}/participants/{userId}",
        name="getParticipant", summary="Read somebody who takes part",
        act=conversations.get_participant, answer=t.ParticipantAnswer,
        example=Example(path=_PARTICIPANT, answer={"participant": given.USER}),
    ),
    _runtime(
        method="DELETE", path="/v1/chat/conversations/{id}/participants/{userId}",
        name="removeParticipant", summary="Let a user go",
        act=conversations.remove_participant, answer=r.Done,
        example=Example(path=_PARTICIPANT, answer={}),
    ),
)  # fmt: skip

MESSAGES = (
    _runtime(
        method="POST", path="/v1/chat/messages", name="createMessage",
        summary="Store what somebody said, and tell the bot", status=201,
        act=messages.create, body=t.CreateMessage, answer=t.MessageAnswer,
        example=Example(body=given.NEW_MESSAGE, answer={"message": given.MESSAGE}),
    ),
    _runtime(
        method="POST", path="/v1/chat/messages/get-or-create", name="getOrCreateMessage",
        summary="The same, once per tags in a conversation",
        act=messages.get_or_create, body=t.GetOrCreateMessage, answer=t.MessageMade,
        example=Example(body=given.NEW_MESSAGE, answer={"message": given.MESSAGE, **_MADE}),
    ),
    _runtime(
        method="GET", path="/v1/chat/messages", name="listMessages",
        summary="Read messages, newest first",
        act=messages.list_messages, query=t.MessageFilter, answer=t.MessagePage,
        example=Example(
            query={"conversationId": given.CONVERSATION_ID},
            answer={"messages": [given.MESSAGE], **_END},
        ),
    ),
    _runtime(
        method="POST", path="/v1/chat/messages/import-messages", name="importMessages",
        summary="Store messages of the past",
        act=messages.import_messages, body=t.ImportMessages, answer=t.ImportAnswer,
        example=Example(
            body={
                "messages": [
                    {**given.NEW_MESSAGE, "createdAt": WHEN, "discriminateByTags": ["id"]}
                ]
            },
            answer={"messages": [given.MESSAGE]},
        ),
    ),
    _runtime(
        method="GET", path="/v1/chat/messages/{id}", name="getMessage", summary="Read a message",
        act=messages.get, answer=t.MessageAnswer,
        example=Example(path=_MESSAGE, answer={"message": given.MESSAGE}),
    ),
    _runtime(
        method="PUT", path="/v1/chat/messages/{id}", name="updateMessage",
        summary="Change a message; tags are merged",
        act=messages.update, body=t.UpdateMessage, answer=t.MessageAnswer,
        example=Example(
            path=_MESSAGE, body={"tags": given.MESSAGE["tags"]}, answer={"message": given.MESSAGE}
        ),
    ),
    _runtime(
        method="DELETE", path="/v1/chat/messages/{id}", name="deleteMessage",
        summary="Remove a message",
        act=messages.delete, answer=r.Done, example=Example(path=_MESSAGE, answer={}),
    ),
    _runtime(
        method="POST", path="/v1/chat/initialize-incoming-message",
        name="initializeIncomingMessage",
        summary="Find or make user, conversation and message in one call",
        act=initializing.initialize, body=t.Initialize, answer=t.Initialized,
        example=Example(
            body={
                "user": {**given.NEW_USER, "discriminateByTags": ["id"]},
                "conversation": {**given.NEW_CONVERSATION, "discriminateByTags": ["id"]},
                "message": {
                    "type": "text", "payload": {"text": "Hello"},
                    "tags": given.MESSAGE["tags"], "discriminateByTags": ["id"],
                },
            },
            answer={
                "user": given.USER, "conversation": given.CONVERSATION, "message": given.MESSAGE,
            },
        ),
    ),
)  # fmt: skip

EVENTS = (
    _runtime(
        method="POST", path="/v1/chat/events", name="createEvent", summary="Tell the bot of an event",
        status=201, act=events.create, body=r.CreateEvent, answer=r.EventAnswer,
        example=Example(
            body=given.NEW_EVENT, answer={"event": {**given.EVENT, "status": "pending"}}
        ),
    ),
    _runtime(
        method="GET", path="/v1/chat/events", name="listEvents", summary="Read events, newest first",
        act=events.list_events, query=r.EventFilter, answer=r.EventPage,
        example=Example(
            query={"type": "ticketOpened"}, answer={"events": [given.EVENT], **_END}
        ),
    ),
    _runtime(
        method="GET", path="/v1/chat/events/{id}", name="getEvent",
        summary="Read an event and what became of it", act=events.get, answer=r.EventAnswer,
        example=Example(path=_EVENT, answer={"event": given.EVENT}),
    ),
)  # fmt: skip

RUNTIME: tuple[Operation, ...] = (
    *STATES, *INTEGRATION, *USERS, *CONVERSATIONS, *MESSAGES, *EVENTS,
)  # fmt: skip
