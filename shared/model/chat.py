"""
Users, conversations, messages and events of an installation, as its integration reads and writes them.

Names and fields are those of Botpress's runtime API (`@botpress/client`). An object is found by its *terms*: a tag
with its value, its conversation, its type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import UNSET, Struct, UnsetType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Kind = Literal["user", "conversation", "message", "event"]
KINDS: tuple[Kind, ...] = ("user", "conversation", "message", "event")
Tags = dict[str, str]
EventStatus = Literal["pending", "processed", "ignored", "failed", "scheduled"]


class User(Struct, frozen=True, kw_only=True, rename="camel"):
    """Somebody on the provider's side, or the bot itself."""

    id: str
    created_at: str  # RFC 3339, as all times here
    updated_at: str
    tags: Tags = {}
    name: str | UnsetType = UNSET
    picture_url: str | UnsetType = UNSET
    properties: Tags | UnsetType = UNSET
    attributes: Tags | UnsetType = UNSET


class Conversation(Struct, frozen=True, kw_only=True, rename="camel"):
    """A place where users and the bot talk."""

    id: str
    created_at: str
    updated_at: str
    channel: str
    integration: str
    tags: Tags = {}
    message_count: int = 0  # counted when it is read, never stored
    properties: Tags | UnsetType = UNSET


class Message(Struct, frozen=True, kw_only=True, rename="camel"):
    """One message; `incoming` is to the bot."""

    id: str
    created_at: str
    updated_at: str
    type: str
    payload: dict[str, Any]
    direction: Literal["incoming", "outgoing"]
    user_id: str
    conversation_id: str
    tags: Tags = {}
    origin: Literal["synthetic"] | UnsetType = UNSET


class ChatEvent(Struct, frozen=True, kw_only=True, rename="camel"):
    """An event that an integration made for its bot; its status is that of the delivery."""

    id: str
    created_at: str
    type: str
    payload: dict[str, Any]
    conversation_id: str | UnsetType = UNSET
    user_id: str | UnsetType = UNSET
    message_id: str | UnsetType = UNSET
    status: EventStatus = "pending"
    failure_reason: str | None = None


def tag_terms(tags: Mapping[str, str]) -> tuple[str, ...]:
    """
    What an object with these tags is found by; no two tags share a term.

    >>> tag_terms({"a": "bc"}), tag_terms({"ab": "c"})
    (('tag:1:abc',), ('tag:2:abc',))
    """
    return tuple(f"tag:{len(name)}:{name}{value}" for name, value in sorted(tags.items()))


def relation(name: str, value: str | UnsetType) -> tuple[str, ...]:
    """
    The term of a relation or a field; none where there is no value.

    >>> relation("conversation", "conv_1"), relation("user", UNSET)
    (('conversation:conv_1',), ())
    """
    return (f"{name}:{value}",) if isinstance(value, str) else ()


def terms_of(one: User | Conversation | Message | ChatEvent) -> tuple[str, ...]:
    """Everything *one* is found by."""
    match one:
        case User(tags=tags):
            return tag_terms(tags)
        case Conversation(tags=tags, channel=channel):
            return (*tag_terms(tags), *relation("channel", channel))
        case Message(tags=tags, conversation_id=conversation):
            return (*tag_terms(tags), *relation("conversation", conversation))
        case ChatEvent():
            return (
                *relation("type", one.type),
                *relation("conversation", one.conversation_id),
                *relation("user", one.user_id),
                *relation("message", one.message_id),
            )


def given(tags: Mapping[str, str | None]) -> Tags:
    """
    The tags that say something: null and the empty text stand for none.

    >>> given({"a": "1", "b": None, "c": ""})
    {'a': '1'}
    """
    return {name: value for name, value in tags.items() if value}


def merged(tags: Mapping[str, str], changes: Mapping[str, str | None]) -> Tags:
    """
    *tags* with *changes*; null and the empty text take a tag away.

    >>> merged({"a": "1", "b": "2"}, {"b": "", "c": "3"})
    {'a': '1', 'c': '3'}
    """
    return given({**tags, **changes})


def discriminating(tags: Mapping[str, str], by: Iterable[str]) -> Tags:
    """
    The tags by which an object counts as the same; all of them unless some are named.

    >>> discriminating({"a": "1", "b": "2"}, ["a"]), discriminating({"a": "1"}, [])
    ({'a': '1'}, {'a': '1'})
    """
    wanted = set(by) or set(tags)
    return {name: value for name, value in tags.items() if name in wanted}
