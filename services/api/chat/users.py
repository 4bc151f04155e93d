"""Users: people at the provider, and the bot itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType, structs

from services.api.chat.kept import by_id, changed, drop, now, page, put, shelf_of, stamp
from services.api.chat.records import Created, Done, Silence, Tags
from services.api.chat.sorting import in_order
from services.api.chat.talk import (
    CreateUser,
    GetOrCreateUser,
    UpdateUser,
    UserAnswer,
    UserFilter,
    UserMade,
    UserPage,
)
from shared.botpress import invalid
from shared.model.chat import (
    Conversation,
    User,
    discriminating,
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


async def create(ports: ApiPorts, call: ChatCall[Silence, CreateUser]) -> UserAnswer:
    """Make a user."""
    user, _ = await put(ports, call.caller.installation, _new(ports, call.body))
    return UserAnswer(user=user)


async def get_or_create(ports: ApiPorts, call: ChatCall[Silence, GetOrCreateUser]) -> UserMade:
    """Find the user by tags, or make them."""
    user, is_new = await known_or_new(ports, call.caller.installation, call.body)
    return UserMade(user=user, meta=Created(created=is_new))


async def known_or_new(
    ports: ApiPorts, home: Installation, wanted: GetOrCreateUser
) -> tuple[User, bool]:
    """The user with these tags, and whether they were made just now."""
    user = _new(ports, wanted)
    same = tag_terms(chosen(user.tags, wanted.discriminate_by_tags))
    user, result = await put(ports, home, user, same=same)
    return user, result.is_new


def chosen(tags: dict[str, str], by: Sequence[str]) -> dict[str, str]:
    """The tags that tell one from another; one that is named and not given is refused, since anybody would match."""
    for name in by:
        if name not in tags:
            fix = "name tags that are given"
            raise invalid("discriminateByTags", f"names {name[:60]!r}, which is no tag", fix)
    return discriminating(tags, by)


def _new(ports: ApiPorts, wanted: CreateUser) -> User:
    id, at = stamp(ports, User)
    return User(
        id=id, created_at=at, updated_at=at, tags=given(wanted.tags), name=wanted.name,
        picture_url=wanted.picture_url, properties=optional(wanted.properties),
        attributes=optional(wanted.attributes),
    )  # fmt: skip


def optional(tags: Tags | UnsetType) -> dict[str, str] | UnsetType:
    """Tags that may be absent."""
    return UNSET if isinstance(tags, UnsetType) else given(tags)


def with_changes(
    tags: dict[str, str] | UnsetType, changes: Tags | UnsetType
) -> dict[str, str] | UnsetType:
    """Tags that may be absent, and changes that may be, too."""
    if isinstance(changes, UnsetType):
        return tags
    return merged({} if isinstance(tags, UnsetType) else tags, changes)


async def get(ports: ApiPorts, call: ChatCall[Silence, None]) -> UserAnswer:
    """Read a user."""
    return UserAnswer(user=await by_id(ports, call.caller.installation, User, call.path["id"]))


async def update(ports: ApiPorts, call: ChatCall[Silence, UpdateUser]) -> UserAnswer:
    """Change a user; tags are merged."""
    wanted = call.body

    def change(user: User) -> User:
        return structs.replace(
            user,
            updated_at=now(ports),
            tags=merged(user.tags, wanted.tags or {}),
            name=_text(user.name, wanted.name),
            picture_url=_text(user.picture_url, wanted.picture_url),
            properties=with_changes(user.properties, wanted.properties),
            attributes=with_changes(user.attributes, wanted.attributes),
        )

    return UserAnswer(
        user=await changed(ports, call.caller.installation, User, call.path["id"], change)
    )


def _text(before: str | UnsetType, wanted: str | UnsetType | None) -> str | UnsetType:
    return before if isinstance(wanted, UnsetType) else wanted or UNSET


async def delete(ports: ApiPorts, call: ChatCall[Silence, None]) -> Done:
    """Remove a user from every conversation, with their states."""
    home, id = call.caller.installation, call.path["id"]
    await drop(ports, home, User, id)
    while True:
        theirs, _ = await page(ports, home, Conversation, relation("with", id), Span(limit=200))
        if not theirs:
            break
        for one in theirs:
            gone = relation("with", id)
            await ports.objects.mark(shelf_of(home, Conversation), one.id, drop=gone)
    await ports.states.delete_of(home, "user", id)
    return Done()


async def list_users(ports: ApiPorts, call: ChatCall[UserFilter, None]) -> UserPage:
    """Read users, by tags and conversation."""
    query = call.query
    terms = (*tag_terms(query.tags), *relation("in", query.conversation_id))
    many, following = await in_order(ports, call.caller.installation, User, terms, query)
    return UserPage(users=many, meta=following)
