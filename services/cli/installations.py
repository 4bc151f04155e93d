"""`waypost installations` and `waypost bots`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from services.cli import show
from services.cli.api import Api
from services.cli.show import AsJson

app = typer.Typer(
    no_args_is_help=True, help="Install an integration on a bot, connect it, remove it."
)
bots = typer.Typer(no_args_is_help=True, help="Bots and their events.")

Bot = Annotated[str, typer.Argument(help="Id of a bot")]
WebhookId = Annotated[str, typer.Argument(help="webhookId of an installation, as in `ls`")]


@app.command()
def ls(
    bot: Annotated[str, typer.Option(help="Only of this bot")] = "",
    integration: Annotated[str, typer.Option(help="Only of this integration")] = "",
    as_json: AsJson = False,
) -> None:
    """
    All installations, newest first.

    Example: waypost installations ls --bot support
    """
    found = Api.from_settings().get("installations", bot=bot, integration=integration)
    if as_json:
        return show.json(found)
    rows = [
        (
            one["webhookId"],
            one["botId"],
            one["alias"],
            one["integration"],
            one["connection"],
            one["identifier"],
        )
        for one in found["installations"]
    ]
    columns = ("webhookId", "bot", "alias", "integration", "connection", "identifier")
    show.table(columns, rows, "None. Install one: waypost installations add BOT INTEGRATION")
    return None


@app.command(name="show")
def show_one(webhook_id: WebhookId, as_json: AsJson = False) -> None:
    """
    One installation: where it stands, and its own webhook URL.

    Example: waypost installations show 4b2f0c6e-…
    """
    found = Api.from_settings().get("installations", webhook_id)
    if as_json:
        return show.json(found)
    rows = [(name, _plain(value)) for name, value in found["installation"].items()]
    show.table(("field", "value"), [row for row in rows if row[1]], "")
    return None


def _plain(value: Any) -> str:
    """
    A field as people read it.

    >>> _plain({"id": "T1", "name": "Acme"}), _plain(None), _plain(True)
    ('id T1, name Acme', '', 'yes')
    """
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


@app.command()
def add(
    bot: Bot,
    integration: Annotated[
        str, typer.Argument(help="Name of an integration, or NAME@VERSION of a server's")
    ],
    alias: Annotated[str, typer.Option(help="Default: the integration's name")] = "",
    kind: Annotated[
        str, typer.Option("--type", help="Configuration type, such as manual")
    ] = "",
    field: Annotated[
        list[str] | None, typer.Option("--set", help="A field of the configuration: NAME=VALUE")
    ] = None,
    identifier: Annotated[str, typer.Option(help="Bind by hand")] = "",
    as_json: AsJson = False,
) -> None:
    """
    Install an integration on a bot.

    Examples: waypost installations add support slack
    · waypost installations add support slack --type manual --set botToken=xoxb-… --set signingSecret=…
    """
    wanted: dict[str, Any] = {"integration": integration, "configuration": _fields(field or [])}
    wanted |= {"configurationType": kind} if kind else {}
    wanted |= {"identifier": identifier} if identifier else {}
    found = Api.from_settings().post(
        "bots", bot, "integrations", alias or integration.partition("@")[0], body=wanted
    )
    if as_json:
        return show.json(found)
    one = found["installation"]
    show.line(f"installed as {one['webhookId']}; its own webhook URL is {one['webhookUrl']}")
    if one["connection"] == "pending":
        show.line(f"connect it: waypost installations connect {one['webhookId']}")
    return None


def _fields(given: list[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise typer.BadParameter(f"--set {wrong[0]}: write NAME=VALUE")
    return {name: value for name, _, value in pairs}


@app.command()
def subscribe(
    webhook_id: WebhookId,
    subscription: Annotated[str, typer.Argument(help="Its id at the provider, or your own")],
    secret: Annotated[
        bool, typer.Option("--secret", help="Ask for the secret that signs what it sends")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="End it instead")] = False,
    as_json: AsJson = False,
) -> None:
    """
    Announce a subscription at the provider, for integrations whose webhooks name no workspace.

    Example: waypost installations subscribe WEBHOOK_ID 7689a169 --secret < secret.txt
    """
    from services.cli.global_secrets import asked

    path = ("installations", webhook_id, "subscriptions", subscription)
    api = Api.from_settings()
    if remove:
        found = api.call("DELETE", path)
        said = "ended" if found["removed"] else "there was none"
    else:
        found = api.call("PUT", path, body={"secret": asked("secret")} if secret else {})
        said = f"announced; {found['released']} requests had waited for it"
    show.json(found) if as_json else show.line(said)


@app.command(name="set")
def set_one(
    webhook_id: WebhookId,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether it hears webhooks")
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option("--set", help="The whole configuration anew: NAME=VALUE for each field"),
    ] = None,
    version: Annotated[
        str, typer.Option("--to", help="A published version of its integration to move to")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """
    Turn it on or off, configure it anew, or move it to another version; its states stay.

    Examples: waypost installations set 4b2f0c6e-… --disable
    · waypost installations set 4b2f0c6e-… --to 1.1.0
    """
    from shared.storage.definitions import integration_id_of

    api, body = Api.from_settings(), dict[str, Any]()
    if enabled is not None:
        body["enabled"] = enabled
    if field:
        body["configuration"] = _fields(field)
    if version:
        name = api.get("installations", webhook_id)["installation"]["integration"]
        body["integrationId"] = integration_id_of(name, version)
    found = api.call("PATCH", ("installations", webhook_id), body=body)
    if as_json:
        return show.json(found)
    one = found["installation"]
    show.line(
        f"{one['alias']} on {one['botId']}: {'on' if one['enabled'] else 'off'}, {one['status']}"
    )
    return None


@app.command()
def connect(
    webhook_id: WebhookId,
    return_to: Annotated[str, typer.Option(help="Where the browser goes afterwards")] = "",
    as_json: AsJson = False,
) -> None:
    """
    A link for the person who clicks "Connect"; good for a day, until it has worked once.

    Example: waypost installations connect 4b2f0c6e-…
    """
    body = {"returnTo": return_to} if return_to else {}
    found = Api.from_settings().post("installations", webhook_id, "connect", body=body)
    show.json(found) if as_json else show.line(found["url"])


@app.command()
def rm(
    webhook_id: WebhookId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
    as_json: AsJson = False,
) -> None:
    """
    Uninstall: its states, its binding and its key are gone for good.

    Example: waypost installations rm 4b2f0c6e-… --yes
    """
    if not yes:
        typer.confirm(f"Uninstall {webhook_id} for good?", abort=True)
    found = Api.from_settings().call("DELETE", ("installations", webhook_id))
    show.json(found) if as_json else show.line(f"uninstalled {found['receipt']['alias']}")


@bots.command()
def put(
    bot: Bot,
    url: Annotated[
        str,
        typer.Option(help="Where its events are posted; without one they wait in its stream"),
    ] = "",
    secret: Annotated[str, typer.Option(help="Standard Webhooks secret, whsec_…")] = "",
    as_json: AsJson = False,
) -> None:
    """
    Make a bot, or say anew where its events go.

    Example: waypost bots put support --url https://bot.example/events --secret whsec_…
    """
    body = {name: value for name, value in (("url", url), ("secret", secret)) if value}
    found = Api.from_settings().call("PUT", ("bots", bot), body=body)
    show.json(found) if as_json else show.line(
        f"bot {found['bot']['id']}: {found['bot']['url'] or 'stream'}"
    )


@bots.command(name="ls")
def list_bots(as_json: AsJson = False) -> None:
    """
    All bots.

    Example: waypost bots ls
    """
    found = Api.from_settings().get("bots")
    if as_json:
        return show.json(found)
    rows = [
        (one["id"], one["url"] or "(stream)", _plain(one["hasSecret"])) for one in found["bots"]
    ]
    show.table(("bot", "events go to", "signed"), rows, "None. Make one: waypost bots put NAME")
    return None


@bots.command()
def events(
    bot: Bot,
    after: Annotated[str, typer.Option(help="Position to go on from")] = "",
    wait: Annotated[float, typer.Option(help="Seconds to wait for the first one", max=30)] = 0,
    as_json: AsJson = False,
) -> None:
    """
    A bot's events, in order.

    Example: waypost bots events support --wait 10
    """
    found = Api.from_settings().get("bots", bot, "events", after=after, wait=wait or "")
    if as_json:
        return show.json(found)
    rows = [
        (one["createdAt"][:19], one["integration"], one["identifier"], one["type"], one["id"])
        for one in found["events"]
    ]
    show.table(("at", "integration", "identifier", "type", "event"), rows, "No events.")
    return None
