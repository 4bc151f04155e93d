"""The command: puts the nouns together, and turns our errors into one line and an exit code."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from services.cli import gates, global_secrets, installations, integrations, queue
from services.cli.show import AsJson
from services.cli.vrl import vrl_app
from shared.config import Settings
from shared.errors import SetupFailed, WaypostError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Waypost: a self-hosted, one-click OAuth and webhook router for integrations.",
)
app.add_typer(queue.app, name="queue")
app.add_typer(gates.app, name="gates")
app.add_typer(integrations.app, name="integrations")
app.add_typer(installations.app, name="installations")
app.add_typer(installations.bots, name="bots")
app.add_typer(global_secrets.app, name="secrets")
app.add_typer(global_secrets.keys, name="keys")
app.add_typer(vrl_app, name="vrl")

DataDir = Annotated[
    Path | None, typer.Option(help="Where the embedded Valkey and the keys live")
]
IngressBind = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="Address of the public listener")
]
ApiBind = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="Address of the staff listener")
]
PublicUrl = Annotated[
    str | None, typer.Option(help="Origin under which providers and browsers reach the ingress")
]
RedisUrl = Annotated[
    str | None, typer.Option(help="A Redis 7 or Valkey to use instead of the embedded one")
]
Workers = Annotated[int | None, typer.Option(min=1, max=64, help="How many workers to start")]


@app.command()
def up(
    ingress_bind: IngressBind = None,
    api_bind: ApiBind = None,
    public_url: PublicUrl = None,
    redis_url: RedisUrl = None,
    data_dir: DataDir = None,
    workers: Workers = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Say where it is as one line of JSON")
    ] = False,
) -> None:
    """
    Start everything on this machine: embedded Valkey, ingress, api, workers.

    Example: waypost up --workers 2 --public-url https://hooks.example.com
    """
    from services.cli import up as ups
    from shared.telemetry import configure

    settings = Settings.from_env(
        os.environ, ingress_bind=ingress_bind, api_bind=api_bind, public_url=public_url,
        redis_url=redis_url, data_dir=data_dir, workers=workers,
    )  # fmt: skip
    configure(settings.log)
    asyncio.run(ups.stoppable(ups.up(settings, as_json=as_json)))


@app.command()
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="End by itself; status 0 only if all arrived")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the proof as JSON; the rest goes to stderr")
    ] = False,
    only: Annotated[
        list[str],
        typer.Option(metavar="NAME", help="Play these integrations instead; may be repeated"),
    ] = [],  # noqa: B006 - typer makes a new list for each call
) -> None:
    """
    The whole system with simulated Slack, GitHub, Linear and Notion. Nothing leaves this machine.

    Examples: waypost demo --once · waypost demo --only hubspot --only stripe
    """
    from services.cli import demo as demos

    raise typer.Exit(demos.run(once=once, as_json=as_json, only=only))


@app.command(context_settings={"allow_interspersed_args": False})
def dev(
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND...", help="What starts the server")
    ],
    definition: Annotated[
        Path | None, typer.Option(help="Its definition: JSON in Botpress's shape")
    ] = None,
    source: Annotated[
        Path | None, typer.Option(help="Or the folder with its integration.definition.ts")
    ] = None,
    port: Annotated[int, typer.Option(help="Where the server listens (PORT)")] = 8072,
    secret: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="A secret: SECRET_NAME for the server, and for scripts"
        ),
    ] = None,
    watch: Annotated[
        Path, typer.Option(help="The folder whose changes start it anew")
    ] = Path(),
) -> None:
    """
    Run an integration's server beside Waypost: its log beside its requests, started anew when a file changes.

    Example: waypost dev --definition integration.json --secret CLIENT_ID=… -- node server.js
    """
    from services.cli import developing
    from services.cli import up as ups
    from services.cli.devplan import planned

    plan, api = planned(
        tuple(command), definition=definition, source=source, port=port, secrets=secret or [], watch=watch,
    )  # fmt: skip
    asyncio.run(ups.stoppable(developing.develop(plan, api)))


@app.command()
def ingress() -> None:
    """
    Run one ingress. It needs WAYPOST_REDIS_URL and the public sealing key, and no other secret.

    Example: WAYPOST_REDIS_URL=redis://store:6379 waypost ingress
    """
    _become("services.ingress.main")


@app.command()
def api() -> None:
    """
    Run the api and the console, on the staff port.

    Example: WAYPOST_REDIS_URL=redis://store:6379 waypost api
    """
    _become("services.api.main")


@app.command()
def worker(
    check: Annotated[
        bool, typer.Option("--check", help="Run none; status 0 if one of this machine lives")
    ] = False,
) -> None:
    """
    Run one worker; run as many as you like. The same as `arq workers.main.WorkerSettings`.

    Example: WAYPOST_REDIS_URL=redis://store:6379 waypost worker
    """
    if not check:
        _become("workers.main")
    from services.cli.alive import worker_here

    url = Settings.from_env(os.environ).redis_url
    if not url:
        raise SetupFailed("there is no store to ask for workers", "set WAYPOST_REDIS_URL")
    typer.echo(f"{asyncio.run(worker_here(url))} lives")


@app.command()
def doctor(
    as_json: AsJson = False,
    ledger: Annotated[
        bool,
        typer.Option(
            "--ledger", help="Look at every record instead: does anything contradict?"
        ),
    ] = False,
) -> None:
    """
    Check the set-up and name each fix; or the ledger, record by record, while it works.

    Example: waypost doctor --ledger
    """
    from services.cli import doctor as doctors

    look = doctors.ledger if ledger else doctors.doctor
    raise typer.Exit(asyncio.run(look(as_json=as_json)))


@app.command()
def backup(
    to: Annotated[Path, typer.Argument(metavar="TO", help="A folder that does not exist yet")],
    data_dir: DataDir = None,
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="With the key ring, which opens what is sealed")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Copy the embedded store while it works: all that was acknowledged before is in the copy.

    Example: waypost backup /backup/monday --with-keys
    """
    from services.cli import backups
    from services.cli import up as ups

    settings = Settings.from_env(os.environ, data_dir=data_dir)
    work = backups.backup(settings, to.absolute(), with_keys=with_keys, as_json=as_json)
    raise typer.Exit(_status(asyncio.run(ups.stoppable(work))))


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(metavar="FROM", help="What `waypost backup` made")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """
    Put a backup into a data folder that holds no store, and look at its ledger.

    Example: waypost restore /backup/monday --data-dir ./again
    """
    from services.cli import backups
    from services.cli import up as ups

    settings = Settings.from_env(os.environ, data_dir=data_dir)
    work = backups.restore(settings, source, as_json=as_json)
    raise typer.Exit(_status(asyncio.run(ups.stoppable(work))))


def _status(ended: int | None) -> int:
    return 130 if ended is None else ended


def _become(module: str) -> None:
    """Replace this process, so that signals and exit codes are the program's own."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module])  # noqa: S606 - our own interpreter


def main() -> None:
    """Run the command; our errors become one line, Ctrl-C an ordinary end."""
    try:
        app()
    except WaypostError as error:
        typer.echo(f"waypost: {error}", err=True)
        raise SystemExit(1) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"waypost: {where}{error.strerror or error}", err=True)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
