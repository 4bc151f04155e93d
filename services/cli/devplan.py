"""What `waypost dev` sets up before it starts a server: the definition, its secrets, a token."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from services.cli.api import Api
from services.cli.developing import Plan, environment
from services.cli.importing import imported
from services.cli.servers import document_from
from shared.errors import SetupFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def planned(
    command: tuple[str, ...],
    *,
    definition: Path | None,
    source: Path | None,
    port: int,
    secrets: Sequence[str],
    watch: Path,
) -> tuple[Plan, Api]:
    """Publish the definition for a server on this machine; returns what to run, and the api that it speaks to."""
    document = _document(definition, source, f"http://127.0.0.1:{port}")
    given = _given(secrets)
    api = Api.from_settings()
    made = api.post("integrations", body=document)["integration"]
    values = _set_for_scripts(api, made, given)
    token = api.post("integrations", "iaks", body={"integrationId": made["id"], "note": "dev"})
    origin = made["redirectUrl"].removesuffix("/oauth")
    plan = Plan(
        command=command,
        watch=watch,
        environ=environment(api.url, origin, token["value"], port, values),
        integration=made["name"],
    )
    return plan, api


def _document(definition: Path | None, source: Path | None, url: str) -> dict[str, Any]:
    if (definition is None) == (source is None):
        raise SetupFailed(
            "the definition is not known",
            "name its file with --definition, or its source folder with --source",
        )
    if definition is not None:
        return document_from(definition, url)
    assert source is not None
    return imported(source).document | {"url": url}


def _given(pairs: Sequence[str]) -> dict[str, str]:
    parts = [one.partition("=") for one in pairs]
    if wrong := [name for name, equals, _ in parts if not equals]:
        raise SetupFailed(f"--secret {wrong[0]} has no value", "write NAME=VALUE")
    return {name: value for name, _, value in parts}


def _set_for_scripts(
    api: Api, made: Mapping[str, Any], given: Mapping[str, str]
) -> dict[str, str]:
    """The values of the declared secrets, from the options or from SECRET_NAME; scripts get them too."""
    values = dict(given)
    for one in made["secrets"]:
        name = one["name"]
        value = values.get(name) or os.environ.get(f"SECRET_{name}", "")
        if value:
            values[name] = value
            api.call(
                "PUT", ("integrations", made["name"], "secrets", name), body={"value": value}
            )
    return values
