"""Rows 13 and 14: secrets of real flows are searched for wherever they could have been written."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

import pytest
from yarl import URL

from tests.compat.oauth.front import Front
from tests.compat.oauth.peers import SECRET, callback, offer
from tests.journeys.system import System
from tests.journeys.visitor import Visitor

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("node", "npm"),
]


def spellings(secret: str) -> set[bytes]:
    """*secret* as it is, percent-encoded, in hex, and inside base64 at any place."""
    raw = secret.encode()
    found = {raw, quote(secret, safe="").encode(), raw.hex().encode()}
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(b"\0" * before + raw)[4 if before else 0 : -4])
    return found


def written(home: System) -> dict[str, bytes]:
    """All that Waypost has written: the store's files, which hold each command that ever was, and the log."""
    files = [one for one in (home.folder / "data/valkey").rglob("*") if one.is_file()]
    return {str(one): one.read_bytes() for one in [*files, home.log]}


async def said_by_metrics(home: System) -> bytes:
    async with home.http.get(f"{home.api}/metrics") as answer:
        assert 200 == answer.status
        return await answer.read()


async def secrets_of_flows(home: System, front: Front) -> dict[str, str]:
    """Flows that end well and badly, and all that was secret in them."""
    since, found = len(front.calls), {"client secret": SECRET}
    for number, (user, fault) in enumerate(
        [
            ("T1", ""),
            ("T1", "cut"),
            ("T1", "behind"),
            ("T1", "before"),
            ("deny", ""),
            ("forged", ""),
        ]
    ):
        _, link = await offer(home, front, "oidc")
        front.breaks["/oidc/token"] = fault
        async with Visitor() as visitor:
            came = URL(await callback(visitor, link, user))
            if user == "forged":
                came = came.update_query(code="c" * 43, iss=f"{front.url}/oidc")
            await visitor.stay(str(came))
            await visitor.open(str(came.update_query(state="s" * 43)))
            cookies = visitor.cookies
        front.breaks.clear()
        found |= {
            f"link {number}": link.rpartition("/")[2],
            f"state {number}": came.query["state"],
        }
        found |= {f"code {number}": came.query.get("code", "c" * 43)}
        found |= {f"cookie {number}": cookies["waypost-flow"]}
    for number, call in enumerate(front.tokens("oidc", since)):
        found[f"verifier {number}"] = call.form["code_verifier"]
        said = call.said if call.status == 200 else {}
        found |= {
            f"{k} {number}": v
            for k, v in said.items()
            if k in {"access_token", "refresh_token", "id_token"}
        }
    return found


async def test_no_secret_of_a_flow_is_written_anywhere(home: System, front: Front) -> None:
    """Rows 13 and 14. The control: what is no secret is found in the same files."""
    webhook_id, _ = await offer(home, front, "oidc")
    secrets = await secrets_of_flows(home, front)
    places = {**written(home), "metrics": await said_by_metrics(home)}
    leaks = [
        (name, Path(place).name)
        for place, content in places.items()
        for name, secret in secrets.items()
        for spelling in spellings(secret)
        if spelling in content
    ]

    assert 25 < len(secrets)
    assert [one for one in places if ".aof" in one and webhook_id.encode() in places[one]]
    assert b'"outcome":"done"' in places[str(home.log)]
    assert [] == leaks
