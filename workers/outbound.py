"""
The only way out: every call that leaves the machine goes through `Outbound.send`.

The address is judged when the socket is about to exist, after DNS, so names, IP literals and rebinding all meet
the same guard. Redirects are off (307 and 308 would send the form with its secret to another host), cookies and
proxy settings of the environment are ignored, answers are capped.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Any

import aiohttp
from msgspec import Struct
from yarl import URL

from shared.egress import Network, is_named, may_be_asked_for, may_reach
from shared.errors import EgressRefused, ProviderBusy, UnknownOutcome
from shared.model.calls import HttpAnswer, HttpCall

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST_ANSWER = 1 << 20  # bytes
KEEPALIVE = 2.0  # seconds; Node closes an idle connection after five, and a call that meets that is lost


class Policy(Struct, frozen=True, kw_only=True):
    """Where calls may go: public addresses, *allowed* networks, and *origins* that the operator declared."""

    allowed: tuple[Network, ...] = ()
    origins: tuple[str, ...] = ()  # the simulator
    https_only: bool = True
    total: float = 20.0  # seconds
    connect: float = 5.0


class Outbound:
    """One HTTP client under one policy."""

    def __init__(self, policy: Policy) -> None:
        """Open nothing yet."""
        self._policy = policy
        self._session: aiohttp.ClientSession | None = None

    async def send(self, call: HttpCall) -> HttpAnswer:
        """
        Send *call* once and return the answer, whatever its status.

        Raises:
            EgressRefused: the policy forbids the address or the scheme.
            ProviderBusy: nothing was sent (DNS, refused, TLS, connect time-out): trying again is safe.
            UnknownOutcome: it was sent and the answer did not come, or was cut, or is too large.

        """
        self._check(_address(call.url), call.hosts)
        try:
            return await self._exchange(call)
        except aiohttp.InvalidURL as error:  # 127.1 and the like: not even looked up
            raise EgressRefused(_words(error)) from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise _refusal(error) or ProviderBusy(f"{call.name}: {_words(error)}") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnknownOutcome(f"{call.name}: {_words(error)}") from None

    async def close(self) -> None:
        """Close what is open."""
        if self._session is not None:
            await self._session.close()

    def _check(self, url: URL, hosts: tuple[str, ...] | None) -> None:
        if self._is_declared(url):
            return
        if hosts is not None and not is_named(url.raw_host or "", hosts):
            raise EgressRefused(
                f"{url.raw_host} is not among the hosts in the definition's egress"
            )
        if url.scheme != "https" and self._policy.https_only:
            raise EgressRefused(f"{url.raw_host}: only https may be called")

    def _is_declared(self, url: URL) -> bool:
        return str(url.origin()) in self._policy.origins

    async def _exchange(self, call: HttpCall) -> HttpAnswer:
        async with self._open().request(
            call.method,
            URL(call.url, encoded=True),
            headers=call.headers,
            data=call.body or None,
            allow_redirects=False,
            timeout=self._timeout(call),
        ) as response:
            body = await _limited(response)
            spelt = tuple(
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in response.raw_headers
            )
            headers = tuple((name.lower(), value) for name, value in spelt)
            return HttpAnswer(status=response.status, headers=headers, body=body, spelt=spelt)

    def _timeout(self, call: HttpCall) -> aiohttp.ClientTimeout:
        policy = self._policy
        return aiohttp.ClientTimeout(
            total=call.seconds or policy.total, sock_connect=policy.connect
        )

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                socket_factory=self._socket,
                limit=200,
                keepalive_timeout=KEEPALIVE,
                ssl=verifying(),
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                headers={"user-agent": "waypost", "accept-encoding": "identity"},
            )
        return self._session

    def _socket(self, info: Any) -> socket.socket:
        family, kind, proto, _, address = info
        if not (may_reach(address[0], self._policy.allowed) or self._is_origin(address)):
            raise _Forbidden(address[0])
        made = socket.socket(family, kind, proto)
        made.setblocking(False)  # noqa: FBT003 - the standard library's signature
        return made

    def _is_origin(self, address: Sequence[Any]) -> bool:
        return any(
            (url.host, url.port) == (address[0], address[1])
            for url in map(URL, self._policy.origins)
        )


def verifying() -> ssl.SSLContext:
    """TLS 1.2 or newer, vouched for by the system's authorities, or by those that SSL_CERT_FILE names."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class _Forbidden(OSError):
    """Raised inside the connector, where only an OSError travels well."""


def _address(text: str) -> URL:
    """*text* as an address; raises `EgressRefused` for a host that no resolver can be asked for."""
    try:
        url = URL(text)
    except ValueError:
        raise EgressRefused("the address is no URL") from None
    if not may_be_asked_for(url.raw_host or ""):
        raise EgressRefused(f"{(url.raw_host or '')[:80]} is no host name")
    return url


def _refusal(error: BaseException) -> EgressRefused | None:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, _Forbidden):
            return EgressRefused(
                f"the address {cause} is private; WAYPOST_EGRESS_ALLOW lists what may be called"
            )
        cause = cause.__cause__ or getattr(cause, "os_error", None)
    return None


async def _limited(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise aiohttp.ClientPayloadError("the answer is larger than 1 MiB")
    return bytes(body)


def _words(error: BaseException) -> str:
    if isinstance(error, asyncio.TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
