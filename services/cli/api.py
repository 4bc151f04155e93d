"""The api, as commands call it."""

from __future__ import annotations

import os
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, Request, build_opener

import orjson

from services.cli import presence
from shared.config import Settings
from shared.errors import SetupFailed, WaypostError

_open = build_opener(ProxyHandler({})).open


class Refused(WaypostError):
    """The api said no; its message names the field and the fix."""


class Api:
    """Calls with the admin token."""

    def __init__(self, url: str, token: str) -> None:
        """Call *url*, an origin."""
        self.url, self._token = url, token

    @classmethod
    def from_settings(cls) -> Api:
        """The api that the environment names, or else the `up` that runs in the data folder, with its token."""
        settings = Settings.from_env(os.environ)
        token = settings.admin_token or _left_by_up(settings)
        if not token:
            raise SetupFailed(
                f"no admin token is known: none is in {settings.data_dir}",
                "start `waypost up`, which makes one; or name the folder of a running one with"
                " WAYPOST_DATA_DIR, or set WAYPOST_ADMIN_TOKEN and WAYPOST_API_URL",
            )
        return cls(_url(settings), token)

    def get(self, *path: str, **query: Any) -> Any:
        """GET; parts of *path* are percent-encoded."""
        return self.call("GET", path, query=query)

    def post(self, *path: str, body: Any = None) -> Any:
        """POST JSON."""
        return self.call("POST", path, body=body)

    def call(
        self,
        method: str,
        path: tuple[str, ...],
        *,
        body: Any = None,
        query: dict[str, Any] | None = None,
    ) -> Any:
        """One call of `/v1/admin/…`; raises `Refused` with the api's own words."""
        wanted = {
            name: value for name, value in (query or {}).items() if value not in (None, "")
        }
        url = f"{self.url}/v1/admin/" + "/".join(quote(part, safe="") for part in path)
        return self._ask(method, url + (f"?{urlencode(wanted)}" if wanted else ""), body)

    def health(self) -> Any:
        """`/health` of the staff port: what its store promises."""
        return self._ask("GET", f"{self.url}/health")

    def _ask(self, method: str, url: str, body: Any = None) -> Any:
        request = Request(  # noqa: S310 - the api's own origin
            url,
            data=None if body is None else orjson.dumps(body),
            method=method,
            headers={
                "authorization": f"Bearer {self._token}",
                "content-type": "application/json",
            },
        )
        try:
            with _open(request, timeout=60) as answer:
                return orjson.loads(answer.read())
        except HTTPError as error:
            raise self._refusal(error) from None
        except (URLError, OSError, HTTPException) as error:
            raise SetupFailed(
                f"the api does not answer at {self.url} ({getattr(error, 'reason', error)})",
                "start it with `waypost up`, or set WAYPOST_API_URL",
            ) from None
        except orjson.JSONDecodeError:
            raise self._stranger() from None

    def _refusal(self, error: HTTPError) -> WaypostError:
        try:
            message = str(orjson.loads(error.read())["message"])
        except (orjson.JSONDecodeError, KeyError, TypeError, OSError, HTTPException):
            return self._stranger()
        if error.code in (401, 403):
            fix = "set WAYPOST_ADMIN_TOKEN to the token that the api was started with"
            return SetupFailed(f"the api at {self.url} refused the admin token", fix)
        return Refused(message)

    def _stranger(self) -> SetupFailed:
        return SetupFailed(
            f"what answers at {self.url} is not the api of Waypost",
            "set WAYPOST_API_URL to the staff address, which is WAYPOST_API_BIND of the api",
        )


def _left_by_up(settings: Settings) -> str:
    where = settings.admin_token_file
    try:
        return where.read_text().strip() if where.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SetupFailed(
            f"the admin token in {where} cannot be read: {said}",
            "run as the user who runs Waypost, or set WAYPOST_ADMIN_TOKEN",
        ) from None


def _url(settings: Settings) -> str:
    """Explicit settings go first; then the `up` that says where it is; then the default."""
    if "WAYPOST_API_URL" in os.environ or settings.api_url != settings.api_bind.origin:
        return settings.api_url
    running = presence.found(settings.data_dir)
    return str(running["apiUrl"]) if running and "apiUrl" in running else settings.api_url
