"""Conversations, and who takes part in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UnsetType, structs

from services.api.chat.kept import (
    by_id,
    changed,
    drop,
    now,
    page,
    put,
    referred,
    shelf_of,
    span_of,
    stamp,
)
from services.api.chat.records import Created, Done, Paged, Silence
from services.api.chat.sorting import in_order
from services.api.chat.talk import (
    AddParticipant,
    ConversationAnswer,
    ConversationFilter,
    ConversationMade,
    ConversationPage,
    CreateConversation,
    GetOrCreateConversation,
    ParticipantAnswer,
    ParticipantPage,
    UpdateConversation,
)
from services.api.chat.users import chosen, optional, with_changes
from shared.errors import NotFound
from shared.model.chat import (
    Conversation,
    Message,
    User,
    given,
    merged,
    relation,
    tag_terms,
)
from shared.storage.objects import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.api.chat.wire import ChatCall
    from services.api.ports import ApiPorts
    from shared.model.installations import Installation


async def create(
    ports: ApiPorts, call: ChatCall[Silence, CreateConversation]
) -> ConversationAnswer:
    """Make a conversation."""
    home = call.caller.installation
    conversation, _ = await put(ports, home, _new(ports, home, call.body))
    return ConversationAnswer(conversation=conversation)


async def get_or_create(
    ports: ApiPorts, call: ChatCall[Silence, GetOrCreateConversation]
) -> ConversationMade:
    """Find the conversation by channel and tags, or make it."""
    home = call.caller.installation
    conversation, is_new = await known_or_new(ports, home, call.body)
    (conversation,) = await counted(ports, home, [conversation])
    return ConversationMade(conversation=conversation, meta=Created(created=is_new))


async def known_or_new(
    ports: ApiPorts, home: Installation, wanted: GetOrCreateConversation
) -> tuple[Conversation, bool]:
    """The conversation with this channel and these tags, and whether it was made just now."""
    conversation = _new(ports, home, wanted)
    same = tag_terms(chosen(conversation.tags, wanted.discriminate_by_tags))
    if same:
        same = (*same, *relation("channel", wanted.channel))
    conversation, result = await put(ports, home, conversation, same=same)
    return conversation, result.is_new


def _new(ports: ApiPorts, home: Installation, wanted: CreateConversation) -> Conversation:
    id, at = stamp(ports, Conversation)
    return Conversation(
        id=id, created_at=at, updated_at=at, channel=wanted.channel,
        integration=home.integration, tags=given(wanted.tags),
        properties=optional(wanted.properties),
    )  # fmt: skip


async def counted(
    ports: ApiPorts, home: Installation, many: Sequence[Conversation]
) -> list[Conversation]:
    """Them, with how many messages each has."""
    terms = [f"conversation:{one.id}" for one in many]
    counts = await ports.objects.counts(shelf_of(home, Message), terms) if many else ()
    pairs = zip(many, counts, strict=True)
    return [structs.replace(one, message_count=count) for one, count in pairs]


async def get(ports: ApiPorts, call: ChatCall[Silence, None]) -> ConversationAnswer:
    """Read a conversation."""
    home = call.caller.installation
    one = await by_id(ports, home, Conversation, call.path["id"])
    (conversation,) = await counted(ports, home, [one])
    return ConversationAnswer(conversation=conversation)


async def update(
    ports: ApiPorts, call: ChatCall[Silence, UpdateConversation]
) -> ConversationAnswer:
    """Change a conversation; tags are merged."""
    home, wanted = call.caller.installation, call.body

    def change(one: Conversation) -> Conversation:
        return structs.replace(
            one,
            updated_at=now(ports),
            tags=merged(one.tags, wanted.tags or {}),
            properties=with_changes(one.properties, wanted.properties),
        )

    one = await changed(ports, home, Conversation, call.path["id"], change)
    (conversation,) = await counted(ports, home, [one])
    return ConversationAnswer(conversation=conversation)


async def delete(ports: ApiPorts, call: ChatCall[Silence, None]) -> Done:
    """Remove a conversation with its messages and states."""
    home, id = call.caller.installation, call.path["id"]
    await drop(ports, home, Conversation, id)
    await _drop_messages(ports, home, id)
    for one in await _everybody(ports, home, id):
        await leave(ports, home, id, one)
    await ports.states.delete_of(home, "conversation", id)
    return Done()


async def _drop_messages(ports: ApiPorts, home: Installation, id: str) -> None:
    said = relation("conversation", id)
    while True:
        messages, _ = await page(ports, home, Message, said, Span(limit=500))
        for one in messages:
            await ports.objects.drop(shelf_of(home, Message), one.id)
        if not messages:
            return


async def _everybody(ports: ApiPorts, home: Installation, id: str) -> list[User]:
    found, span = list[User](), Span(limit=500)
    while True:
        users, following = await page(ports, home, User, relation("in", id), span)
        found += users
        if isinstance(following.next_token, UnsetType):
            return found
        span = Span(limit=500, high=following.next_token)


async def list_conversations(
    ports: ApiPorts, call: ChatCall[ConversationFilter, None]
) -> ConversationPage:
    """Read conversations, by tags, channel and participants."""
    home, query = call.caller.installation, call.query
    if query.integration_name not in ("", home.integration) and isinstance(
        query.integration_name, str
    ):
        return ConversationPage(conversations=[])
    with_all = [term for id in query.participant_ids for term in relation("with", id)]
    terms = (*tag_terms(query.tags), *relation("channel", query.channel), *with_all)
    many, following = await in_order(ports, home, Conversation, terms, query)
    return ConversationPage(conversations=await counted(ports, home, many), meta=following)


# participants


async def join(ports: ApiPorts, home: Installation, conversation_id: str, user: User) -> None:
    """Let *user* take part; being there already is fine. The bot's own user is stored by it."""
    place = relation("in", conversation_id)
    if await ports.objects.has(shelf_of(home, User), user.id, place[0]):
        return
    if not await ports.objects.mark(shelf_of(home, User), user.id, add=place):
        await put(ports, home, user, also=place)
    there = relation("with", user.id)
    await ports.objects.mark(shelf_of(home, Conversation), conversation_id, add=there)


async def leave(ports: ApiPorts, home: Installation, conversation_id: str, user: User) -> None:
    """Let *user* take part no more."""
    gone, away = relation("in", conversation_id), relation("with", user.id)
    await ports.objects.mark(shelf_of(home, User), user.id, drop=gone)
    await ports.objects.mark(shelf_of(home, Conversation), conversation_id, drop=away)


async def add_participant(
    ports: ApiPorts, call: ChatCall[Silence, AddParticipant]
) -> ParticipantAnswer:
    """Let a user take part."""
    home, id = call.caller.installation, call.path["id"]
    await by_id(ports, home, Conversation, id)
    user = await referred(ports, home, User, call.body.user_id, "userId")
    await join(ports, home, id, user)
    return ParticipantAnswer(participant=user)


async def get_participant(ports: ApiPorts, call: ChatCall[Silence, None]) -> ParticipantAnswer:
    """Read somebody who takes part."""
    home = call.caller.installation
    return ParticipantAnswer(participant=await _participant(ports, home, call.path))


async def remove_participant(ports: ApiPorts, call: ChatCall[Silence, None]) -> Done:
    """Let a user go."""
    home, id = call.caller.installation, call.path["id"]
    user = await _participant(ports, home, call.path)
    await leave(ports, home, id, user)
    return Done()


async def list_participants(ports: ApiPorts, call: ChatCall[Paged, None]) -> ParticipantPage:
    """Read who takes part."""
    home, id = call.caller.installation, call.path["id"]
    await by_id(ports, home, Conversation, id)
    span = span_of(User, call.query.next_token, call.query.page_size)
    users, following = await page(ports, home, User, relation("in", id), span)
    return ParticipantPage(participants=users, meta=following)


async def _participant(ports: ApiPorts, home: Installation, path: dict[str, str]) -> User:
    await by_id(ports, home, Conversation, path["id"])
    user = await by_id(ports, home, User, path["userId"])
    if not await ports.objects.has(shelf_of(home, User), user.id, f"in:{path['id']}"):
        raise NotFound("No Participant found")
    return user
