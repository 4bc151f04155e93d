"""
`python -m services.simulator`: run the simulated providers for an operator.

Prints what to put into Waypost, then serves until it is interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from services.simulator.defaults import CUSTOMERS, furnish
from services.simulator.provider import PROVIDERS
from services.simulator.records import App
from services.simulator.simulator import Simulator

USUAL_PORT = 8090
USUAL_WAYPOST = "http://127.0.0.1:8080"


def main(arguments: list[str] | None = None) -> int:
    """Parse, run, and turn a taken port into a sentence."""
    parser = argparse.ArgumentParser(prog="python -m services.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=USUAL_PORT)
    parser.add_argument(
        "--public-url", default=USUAL_WAYPOST, help="of the Waypost to play with"
    )
    chosen = parser.parse_args(arguments)
    try:
        asyncio.run(_serve(Simulator(chosen.host, chosen.port), chosen.public_url))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"The simulator did not start: {error}\n")
        return 1
    return 0


async def _serve(simulator: Simulator, public_url: str) -> None:
    stop = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    async with simulator:
        apps = furnish(simulator, public_url)
        sys.stdout.write("\n".join(_lines(simulator, apps)) + "\n")
        sys.stdout.flush()
        await stop.wait()


def _lines(simulator: Simulator, apps: list[App]) -> list[str]:
    lines = [f"Simulated providers at {simulator.url} (control: {simulator.url}/__ctl/log)", ""]
    for app in apps:
        accounts = ", ".join(f"{one.name} {one.account}" for one in CUSTOMERS[app.provider])
        lines += [
            f"{PROVIDERS[app.provider].title}: {simulator.url}{PROVIDERS[app.provider].path}",
            f"  client id       {app.client_id}",
            f"  client secret   {app.client_secret}",
            f"  signing secret  {app.signing_secret}",
            f"  redirect URI    {app.redirect_uris[0]}",
            f"  webhook URL     {app.webhook_url}",
            f"  accounts        {accounts}",
            "",
        ]
    return [*lines, "Stop with Ctrl-C."]


if __name__ == "__main__":
    sys.exit(main())
