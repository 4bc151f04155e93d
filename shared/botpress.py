"""
Botpress's error shape, `{id, code, type, message, metadata?}`, and where our own errors stand in it.

Botpress's client builds a typed error only when `id`, `code`, `type` and `message` are all there
(`packages/client` of https://github.com/botpress/botpress).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from shared.errors import (
    Conflict,
    DefinitionInvalid,
    EgressRefused,
    FlowRefused,
    LeaseLost,
    NotFound,
    ProviderRefused,
    ScriptFailed,
    ScriptInvalid,
    SetupFailed,
    SignatureMismatch,
    Transient,
    UnknownOutcome,
    WaypostError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

CODES: dict[str, int] = {
    "Unknown": 500, "Internal": 500, "Unauthorized": 401, "Forbidden": 403,
    "PayloadTooLarge": 413, "InvalidPayload": 400, "UnsupportedMediaType": 415,
    "MethodNotFound": 405, "ResourceNotFound": 404, "InvalidJsonSchema": 400,
    "InvalidDataFormat": 400, "InvalidIdentifier": 400, "RelationConflict": 409,
    "ReferenceConstraint": 409, "ResourceLockedConflict": 409, "ResourceGone": 410,
    "ReferenceNotFound": 400, "InvalidQuery": 400, "Runtime": 400, "AlreadyExists": 409,
    "RateLimited": 429, "PaymentRequired": 402, "QuotaExceeded": 403, "LimitExceeded": 413,
    "BreakingChanges": 400, "OperationTimeout": 504,
}  # fmt: skip


def bot_user_id(bot_id: str) -> str:
    """
    The id of the user that stands for a bot (`x-bot-user-id`): the same in every process and for ever.

    >>> bot_user_id("support")
    'user_564e120ba88d0c4fcec6e694b8d'
    """
    return "user_" + hashlib.sha256(f"bot-user\0{bot_id}".encode()).hexdigest()[:27]


class Refusal(WaypostError):
    """A call is answered with this type and message; *status* only where it differs from the type's code."""

    def __init__(
        self,
        type: str,
        message: str,
        *,
        status: int = 0,
        metadata: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Take the status from `CODES` unless one is given."""
        self.type, self.message = type, message
        self.status = status or CODES[type]
        self.metadata, self.headers = dict(metadata or {}), dict(headers or {})
        super().__init__(message)

    def document(self, id: str) -> bytes:
        """The body of the answer."""
        shape = {"id": id, "code": self.status, "type": self.type, "message": self.message}
        return msgspec.json.encode(
            shape | ({"metadata": self.metadata} if self.metadata else {})
        )


def invalid(field: str, problem: str, fix: str = "") -> Refusal:
    """
    A field of a call is wrong; the sentence names it and what to write instead.

    >>> invalid("limit", "must be at most 1000", "leave it out for 50").message
    'limit: must be at most 1000 (leave it out for 50)'
    """
    message = f"{field}: {problem}" + (f" ({fix})" if fix else "")
    return Refusal("InvalidPayload", message, metadata={"field": field, "fix": fix})


_TYPES: tuple[tuple[type[WaypostError], str], ...] = (
    (NotFound, "ResourceNotFound"),
    (Conflict, "AlreadyExists"),
    (LeaseLost, "ResourceLockedConflict"),
    (SignatureMismatch, "Unauthorized"),
    (FlowRefused, "Forbidden"),
    (EgressRefused, "InvalidPayload"),
    (ScriptFailed, "Runtime"),
    (ProviderRefused, "Runtime"),
    (UnknownOutcome, "OperationTimeout"),
)


def refusal_of(error: WaypostError) -> Refusal:
    """
    What a caller is told about *error*.

    >>> refusal_of(NotFound("there is no bot b1")).status
    404
    """
    match error:
        case Refusal():
            return error
        case DefinitionInvalid(source=source, field=field, problem=problem, fix=fix):
            where = {"source": source, "field": field, "problem": problem, "fix": fix}
            return Refusal("InvalidPayload", str(error), metadata=where)
        case ScriptInvalid(script=script, kind=kind, line=line):
            parts = {"field": script, "kind": kind, "line": line}
            return Refusal("InvalidPayload", str(error), metadata=parts)
        case Transient():
            return unavailable(str(error), error.after.total_seconds() if error.after else 1.0)
        case SetupFailed():
            return unavailable(str(error), 30.0)
    known = (name for kind, name in _TYPES if isinstance(error, kind))
    return Refusal(next(known, "Runtime"), str(error))


def unavailable(message: str, after: float) -> Refusal:
    """
    Nothing was done; the same call may be made again after *after* seconds.

    >>> unavailable("the store did not answer", 1).headers
    {'Retry-After': '1'}
    """
    return Refusal("Internal", message, status=503, headers={"Retry-After": f"{after:.0f}"})
