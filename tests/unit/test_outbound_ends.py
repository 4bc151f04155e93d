"""Rows 22 and 29 of docs/security.md: what a call of ours does not do, whatever the other side wants."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.errors import EgressRefused, ProviderBusy, UnknownOutcome
from shared.model.calls import HttpAnswer, HttpCall
from tests.local import listen
from workers.outbound import LARGEST_ANSWER, Outbound, Policy, verifying

BOMB = 64 << 20  # bytes, of which 64 kB are sent


def packed(size: int) -> bytes:
    """So many zeros in gzip."""
    zipped = zlib.compressobj(wbits=31)
    return zipped.compress(bytes(size)) + zipped.flush()


class Server:
    """Somebody whom we call."""

    def __init__(self) -> None:
        self.seen: list[web.Request] = []
        self.bomb = b""

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_route("*", "/{what}/{more:.*}", self._answer)
        origin, runner = await listen(app, tls=tls)
        yield origin
        await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        match request.match_info["what"]:
            case "redirect":
                status = int(request.match_info["more"])
                return web.Response(status=status, headers={"Location": "/elsewhere/"})
            case "bomb":
                return web.Response(body=self.bomb, headers={"Content-Encoding": "gzip"})
            case "large":
                return web.Response(body=bytes(LARGEST_ANSWER + 1))
            case "drip":
                return await self._drip(request)
        return web.Response(headers={"Set-Cookie": "a=1; Path=/"})

    async def _drip(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b".")
            await asyncio.sleep(0.02)


@pytest_asyncio.fixture
async def server() -> Server:
    return Server()


@pytest_asyncio.fixture
async def url(server: Server) -> AsyncIterator[str]:
    async with server.running() as found:
        yield found


async def sent(url: str, path: str, times: int = 1, **policy: float) -> list[HttpAnswer]:
    """One client sends a form to *path* so many times."""
    outbound = Outbound(Policy(origins=(url,), **policy))
    call = HttpCall(name="test", method="POST", url=f"{url}{path}", body=b"code=canary")
    try:
        return [await outbound.send(call) for _ in range(times)]
    finally:
        await outbound.close()


class TestACall:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_follows_no_redirect(self, server: Server, url: str, status: int) -> None:
        """307 and 308 would send the form with its secret to wherever they point."""
        (answer,) = await sent(url, f"/redirect/{status}")

        assert status == answer.status
        assert [f"/redirect/{status}"] == [one.path for one in server.seen]

    async def test_keeps_no_cookie(self, server: Server, url: str) -> None:
        await sent(url, "/cookie/", times=2)

        assert [False, False] == ["Cookie" in one.headers for one in server.seen]

    async def test_takes_no_proxy_from_the_environment(
        self, server: Server, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with Server().running() as proxy:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, proxy)
            await sent(url, "/plain/")

        assert 1 == len(server.seen)

    async def test_asks_for_nothing_compressed(self, server: Server, url: str) -> None:
        await sent(url, "/plain/")

        assert "identity" == server.seen[0].headers["Accept-Encoding"]

    async def test_is_not_blown_up_by_what_is_compressed_all_the_same(
        self, server: Server, url: str
    ) -> None:
        server.bomb = packed(BOMB)
        tracemalloc.start()
        with pytest.raises(UnknownOutcome, match="larger"):
            await sent(url, "/bomb/")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert peak < BOMB / 4

    async def test_takes_no_more_than_a_mebibyte(self, url: str) -> None:
        with pytest.raises(UnknownOutcome, match="larger"):
            await sent(url, "/large/")

    async def test_ends_in_time_however_slowly_the_answer_comes(self, url: str) -> None:
        with pytest.raises(UnknownOutcome, match="no answer in time"):
            await sent(url, "/drip/", total=0.2)

    async def test_is_never_plain_http_to_somebody_who_was_not_declared(self) -> None:
        with pytest.raises(EgressRefused, match="https"):
            await Outbound(Policy()).send(
                HttpCall(name="test", method="GET", url="http://provider.example/")
            )


def a_certificate(folder: Path, name: x509.GeneralName) -> tuple[ssl.SSLContext, str]:
    """A server's context whose certificate nobody knows, and the file that makes it known."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peer")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / "peer.pem", folder / "peer.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, private)
    return context, str(pem)


HERE = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
ELSEWHERE = x509.DNSName("elsewhere.example")


class TestTls:
    async def test_is_no_use_with_a_certificate_that_nobody_vouches_for(
        self, server: Server, tmp_path: Path
    ) -> None:
        """Nothing was sent, so it may be tried again."""
        context, _ = a_certificate(tmp_path, HERE)
        async with server.running(context) as url:
            with pytest.raises(ProviderBusy, match="certificate"):
                await sent(url, "/plain/")

        assert [] == server.seen

    async def test_works_with_one_that_the_operator_vouches_for(
        self, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The control, and how a company's own authority is made known."""
        context, known = a_certificate(tmp_path, HERE)
        monkeypatch.setenv("SSL_CERT_FILE", known)
        async with server.running(context) as url:
            (answer,) = await sent(url, "/plain/")

        assert 200 == answer.status

    async def test_is_no_use_with_the_name_of_somebody_else(
        self, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        context, known = a_certificate(tmp_path, ELSEWHERE)
        monkeypatch.setenv("SSL_CERT_FILE", known)
        async with server.running(context) as url:
            with pytest.raises(ProviderBusy, match="certificate"):
                await sent(url, "/plain/")

        assert [] == server.seen

    def test_of_an_older_kind_is_not_spoken(self) -> None:
        context = verifying()

        assert ssl.TLSVersion.TLSv1_2 <= context.minimum_version
        assert (ssl.CERT_REQUIRED, True) == (context.verify_mode, context.check_hostname)
