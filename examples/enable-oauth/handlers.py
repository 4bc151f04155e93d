"""Acme for bots: the code of the guide "Enable OAuth in your own integration"."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs


async def webhook(ctx: Any, request: Any) -> None:
    """Receive all that reaches an installation: the OAuth callback and Acme's webhooks."""
    if request.path.startswith("/oauth"):
        await connect(ctx, request)
    else:
        await tell_bot(ctx, request)


async def connect(ctx: Any, request: Any) -> None:
    """Take the code from the request, exchange it, keep the token, and say whose webhooks are ours."""
    code = parse_qs(request.query)["code"][0]
    token = await ctx.step("exchange", "once", lambda: exchange(ctx, code))
    team = await team_of(ctx, token)

    credentials = {"accessToken": token, "team": team["name"]}
    await ctx.client.set_state("credentials", credentials)
    await ctx.client.configure_integration(identifier=team["id"])


async def exchange(ctx: Any, code: str) -> str:
    """Trade the code for an access token. Global secrets are `ctx.secrets.NAME`."""
    answer = await ctx.http.post(
        f"{ctx.secrets.ACME_URL}/oauth/token",
        form={
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": f"{ctx.webhook_origin}/oauth",
            "client_id": ctx.secrets.CLIENT_ID,
            "client_secret": ctx.secrets.CLIENT_SECRET,
        },
    )
    if answer.status != 200:
        raise RuntimeError(f"Acme answered {answer.status} to the code")
    token: str = json.loads(answer.body)["access_token"]
    return token


async def team_of(ctx: Any, token: str) -> dict[str, str]:
    """Ask Acme itself whose token it is: what a browser brings along proves nothing."""
    answer = await ctx.http.get(
        f"{ctx.secrets.ACME_URL}/api/me", headers={"authorization": f"Bearer {token}"}
    )
    team: dict[str, str] = json.loads(answer.body)["team"]
    return team


async def tell_bot(ctx: Any, request: Any) -> None:
    """Hand a webhook to the bot. Waypost has checked its signature, see `verify` in definition.toml."""
    sent = json.loads(request.body)
    await ctx.client.create_event(type=sent["type"], payload=sent)
