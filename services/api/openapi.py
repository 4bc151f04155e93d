"""The OpenAPI 3.1 document, made from the same table as the routes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.api.wire import Operation

_BEARER = {"type": "http", "scheme": "bearer"}
_CALLER = ("x-bot-id", "x-integration-id", "x-integration-alias")
_REF = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"{(\w+)}")
_ABOUT = (
    "Staff calls of Waypost, and Botpress's runtime API below `/v1/chat`. Send `Authorization: Bearer TOKEN`:"
    " with the admin token, or there with a runtime token of the integration. Names in paths are"
    " percent-encoded (`handle%2Fname`). In a query a list repeats its name, and a tag is `tags.NAME=VALUE`."
    " Times are RFC 3339, UTC. Errors have Botpress's shape and name the field and the fix."
)


class Problem(Struct, frozen=True, kw_only=True):
    """What every refused call answers; `id` is in the log too."""

    id: str
    code: int
    type: str
    message: str
    metadata: dict[str, Any] = {}


def document(operations: Sequence[Operation], origin: str) -> dict[str, Any]:
    """The whole document; *origin* is where the api is reached."""
    paths: dict[str, dict[str, Any]] = {}
    schemas = _schemas(operations)
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(
            operation, schemas
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": "Waypost", "version": "1", "description": _ABOUT},
        "servers": [{"url": origin}],
        "security": [{"admin": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": dict.fromkeys(("admin", "runtime"), _BEARER),
        },
    }


def _schemas(operations: Sequence[Operation]) -> dict[str, Any]:
    records: list[Any] = [Problem]
    for operation in operations:
        records += [
            one
            for one in (operation.answer, operation.body, operation.query)
            if _is_record(one)
        ]
    _, components = msgspec.json.schema_components(records, ref_template=_REF)
    return dict(components)


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _described(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": [
            *_path_parameters(operation),
            *_query_parameters(operation, schemas),
            *_header_parameters(operation),
        ],
        "responses": {
            str(operation.status): {
                "description": operation.summary,
                "content": _json(operation.answer, operation.example.answer),
            },
            "default": {
                "description": "Refused, with the reason",
                "content": _json(Problem, None),
            },
        },
    }
    if operation.access != "admin":
        described["security"] = [{operation.access: []}]
    if operation.body is not None:
        content = _json(operation.body, operation.example.body)
        described["requestBody"] = {"required": True, "content": content}
    return described


def _json(kind: Any, example: Any) -> dict[str, Any]:
    schema = (
        {"$ref": _REF.format(name=kind.__name__)} if _is_record(kind) else {"type": "object"}
    )
    return {
        "application/json": {"schema": schema}
        | ({"example": example} if example is not None else {})
    }


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name, "in": "path", "required": True, "schema": {"type": "string"},
            "example": operation.example.path[name],
        }
        for name in _PARAMETER.findall(operation.path)
    ]  # fmt: skip


def _query_parameters(operation: Operation, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    if not operation.query.__struct_fields__:
        return []
    fields = schemas[operation.query.__name__]["properties"]
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "schema": schema,
            **_shown(operation, name),
        }
        for name, schema in fields.items()
    ]


def _header_parameters(operation: Operation) -> list[dict[str, Any]]:
    """For which installation an integration's server calls."""
    if operation.access == "admin":
        return []
    schema = {"type": "string"}
    return [
        {"name": name, "in": "header", "required": name != _CALLER[-1], "schema": schema}
        for name in _CALLER
    ]


def _shown(operation: Operation, name: str) -> dict[str, Any]:
    given = operation.example.query.get(name)
    return {} if given is None else {"example": given}


def table(operations: Sequence[Operation]) -> str:
    """
    All calls as a Markdown table, for docs/api.md.

    >>> print(table(()).strip())
    | call | does |
    |---|---|
    """
    rows = [f"| `{one.method} {_with_query(one)}` | {one.summary} |" for one in operations]
    return "\n".join(["| call | does |", "|---|---|", *rows, ""])


def _with_query(operation: Operation) -> str:
    names = "&".join(f"{name}=" for name in operation.query.__struct_encode_fields__)
    return operation.path + (f"?{names}" if names else "")
