"""The api, as commands call it."""

from __future__ import annotations

import os
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, Request, build_opener

import orjson

from shared.config import Settings
from shared.errors import SetupFailed, WaypostError

_open = build_opener(ProxyHandler({})).open


class Refused(WaypostError):
    """The api said no; its message names the field and the fix."""


class Api:
    """Calls with the admin token."""

    def __init__(self, url: str, token: str) -> None:
        """Call *url*, an origin."""
        self._url, self._token = url, token

    @classmethod
    def from_settings(cls) -> Api:
        """The api that the environment names; `up` leaves its token in the data folder."""
        settings = Settings.from_env(os.environ)
        token = settings.admin_token
        if not token and settings.admin_token_file.is_file():
            token = settings.admin_token_file.read_text().strip()
        if not token:
            raise SetupFailed(
                "no admin token is known",
                "set WAYPOST_ADMIN_TOKEN, or start `waypost up`, which makes one",
            )
        return cls(settings.api_url, token)

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
        url = f"{self._url}/v1/admin/" + "/".join(quote(part, safe="") for part in path)
        request = Request(  # noqa: S310 - the api's own origin
            url + (f"?{urlencode(wanted)}" if wanted else ""),
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
            raise Refused(_message(error)) from None
        except (URLError, TimeoutError, ConnectionError) as error:
            raise SetupFailed(
                f"the api does not answer at {self._url} ({error})",
                "start it with `waypost up`, or set WAYPOST_API_URL",
            ) from None


def _message(error: HTTPError) -> str:
    try:
        return str(orjson.loads(error.read())["message"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return f"the api answered {error.code}"
