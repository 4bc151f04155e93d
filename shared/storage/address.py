"""Where a store listens, read once from its URL."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct
from redis.asyncio.connection import SSLConnection, parse_url

from shared.errors import SetupFailed

_FORMS = "redis://[user:password@]host:port/0, rediss://… for TLS, or unix:///path/to/socket"


class Address(Struct, frozen=True, kw_only=True):
    """A parsed `WAYPOST_REDIS_URL`. Its repr shows no password."""

    path: str = ""  # of a unix socket; empty for TCP
    host: str = "localhost"
    port: int = 6379
    username: str = ""
    password: str = ""
    database: int = 0
    tls: bool = False
    ca_file: str = ""

    def __repr__(self) -> str:
        """Tell the place only."""
        return f"Address({self.place})"

    @property
    def place(self) -> str:
        """The address as an operator may see it: no user, no password."""
        if self.path:
            return f"unix://{self.path}"
        return f"{'rediss' if self.tls else 'redis'}://{self.host}:{self.port}/{self.database}"


def parsed(url: str) -> Address:
    """
    The address behind *url*; raises `SetupFailed` when it is none.

    >>> parsed("redis://:secret@cache.internal:6380/2")
    Address(redis://cache.internal:6380/2)
    >>> parsed("unix:///run/valkey.sock").path
    '/run/valkey.sock'
    """
    try:
        parts, path = parse_url(url), urlsplit(url).path.strip("/")
        if not path if url.startswith("unix:") else path and not path.isdecimal():
            raise _NotOneError
        return _address(parts)
    except ValueError:
        raise SetupFailed(
            "WAYPOST_REDIS_URL is not the URL of a store", f"write {_FORMS}"
        ) from None


class _NotOneError(ValueError):
    """It parses, but names no socket or no database."""


def _address(parts: Any) -> Address:
    return Address(
        path=parts.get("path", ""),
        host=parts.get("host", "localhost"),
        port=int(parts.get("port", 6379)),
        username=parts.get("username", ""),
        password=parts.get("password", ""),
        database=int(parts.get("db", 0)),
        tls=parts.get("connection_class") is SSLConnection,
        ca_file=parts.get("ssl_ca_certs", ""),
    )
