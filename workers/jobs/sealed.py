"""Stored requests that only workers can read: opened when they are carried, sealed when a part of them is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from shared.model.requests import RawRequest, SealedPart

if TYPE_CHECKING:
    from workers.tools import Tools


def opened(body: bytes, tools: Tools) -> tuple[RawRequest, SealedPart]:
    """A stored request, and what was sealed in it."""
    raw = msgspec.msgpack.decode(body, type=RawRequest)
    plain = tools.sealing.open(raw.sealed, raw.id.encode())
    return raw, msgspec.msgpack.decode(plain, type=SealedPart)


def readable(body: bytes, tools: Tools) -> RawRequest:
    """A stored webhook as it arrived; its `sealed` stays, to tell that it was."""
    raw = msgspec.msgpack.decode(body, type=RawRequest)
    if not raw.sealed:
        return raw
    _, part = opened(body, tools)
    return msgspec.structs.replace(
        raw, path=part.path, query=part.query, headers=part.headers, body=part.body
    )


def stored_again(raw: RawRequest, tools: Tools) -> bytes:
    """*raw* as it is to be stored: sealed if it came so."""
    if not raw.sealed:
        return msgspec.msgpack.encode(raw)
    part = SealedPart(path=raw.path, query=raw.query, headers=raw.headers, body=raw.body)
    box = tools.sealing.seal(msgspec.msgpack.encode(part), raw.id.encode())
    bare = msgspec.structs.replace(raw, path="/", query="", headers=(), body=b"", sealed=box)
    return msgspec.msgpack.encode(bare)
