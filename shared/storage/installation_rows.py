"""How an installation lies in its hash: what rarely changes as JSON, the rest field by field."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from shared.model.installations import Account, Installation


class _Fixed(Struct, frozen=True, kw_only=True, rename="camel"):
    """The parts that rarely change, in the field `record`."""

    bot_id: str
    alias: str
    integration: str
    integration_id: str
    configuration_type: str | None
    configuration: dict[str, Any]
    created_at: float


_FIXED = frozenset(_Fixed.__struct_fields__)
_MOVING = {
    "enabled": "enabled", "status": "status", "status_reason": "reason", "connection": "connection",
    "account": "account", "sealed": "sealed",
}  # fmt: skip


def fields_of(one: Installation) -> dict[str, bytes | str]:
    """A new installation as fields; its identifier is bound later."""
    fixed = _Fixed(**{name: getattr(one, name) for name in _FIXED})
    return {
        "record": msgspec.json.encode(fixed),
        "enabled": "1" if one.enabled else "0",
        "status": one.status,
        "reason": one.status_reason,
        "connection": one.connection,
        "identifier": "",
        "account": msgspec.json.encode(one.account) if one.account else "",
    }


def changes_to(row: dict[bytes, bytes], parts: dict[str, Any]) -> list[bytes | str]:
    """The fields that *parts* change in *row*, flat; TypeError for a part that may not change."""
    fixed = {name: value for name, value in parts.items() if name in _FIXED}
    if (
        wrong := set(parts)
        - set(_MOVING)
        - (_FIXED - {"bot_id", "alias", "integration", "created_at"})
    ):
        raise TypeError(f"these parts of an installation cannot be updated: {sorted(wrong)}")
    changes = {
        _MOVING[name]: _stored(value) for name, value in parts.items() if name in _MOVING
    }
    if fixed:
        before = msgspec.json.decode(row[b"record"], type=_Fixed)
        changes["record"] = msgspec.json.encode(msgspec.structs.replace(before, **fixed))
    return [part for pair in changes.items() for part in pair]


def _stored(value: Any) -> bytes | str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, Account):
        return msgspec.json.encode(value)
    return value if isinstance(value, bytes | str) else ""


def installation_of(webhook_id: str, row: dict[bytes, bytes]) -> Installation | None:
    """The installation in *row*; None when there is none."""
    if b"record" not in row:
        return None
    fixed = msgspec.json.decode(row[b"record"], type=_Fixed)
    text = {
        name.decode(): value.decode()
        for name, value in row.items()
        if name not in {b"sealed", b"record"}
    }
    return Installation(
        **msgspec.structs.asdict(fixed),
        webhook_id=webhook_id,
        enabled=text["enabled"] == "1",
        status=text["status"],  # type: ignore[arg-type]
        status_reason=text.get("reason", ""),
        connection=text["connection"],  # type: ignore[arg-type]
        identifier=text.get("identifier", ""),
        account=msgspec.json.decode(text["account"], type=Account)
        if text.get("account")
        else None,
        updated_at=int(text["updated"]) / 1000,
    )
