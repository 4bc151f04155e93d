"""What a handler's `ctx.http` may reach: the hosts that its definition names, at the guard that every call meets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from shared.errors import EgressRefused, ProviderBusy
from shared.integrations.addresses import callable_hosts
from shared.integrations.definition import decode
from shared.storage.connection import Store
from tests.contracts.token_builders import Bench
from tests.integrations.definition_builders import a_document
from tests.local import listen
from tests.unit.engine_builders import a_claim
from workers.outbound import Outbound, Policy
from workers.runtime.context import Context, SecretValues


@pytest.fixture
async def local() -> AsyncIterator[str]:
    """A server on this machine that says yes to everything."""

    async def yes(_: web.Request) -> web.Response:
        return web.Response(text="yes")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", yes)
    origin, runner = await listen(app)
    yield origin
    await runner.cleanup()


async def status_of(store: Store, url: str, simulator: str = "", **parts: Any) -> int:
    """What `ctx.http.get` of an installation's handler gets."""
    bench = await Bench(store).open(**parts)
    outbound = Outbound(Policy(origins=tuple(filter(None, [simulator]))))
    tools = bench.worker(provider=outbound)
    owner = await bench.owner(tools)
    ctx = Context(tools, a_claim().record, owner, SecretValues({}), in_flow=False)
    try:
        return (await ctx.http.get(url)).status
    finally:
        await outbound.close()


class TestAHandler:
    @pytest.mark.parametrize(
        "url",
        [
            "https://evil.invalid/",
            "https://below.api.invalid/",
            "https://api.invalid.evil.invalid/",
        ],
    )
    async def test_reaches_no_host_that_its_definition_does_not_name(
        self, store: Store, url: str
    ) -> None:
        """Not even the name is looked up."""
        with pytest.raises(
            EgressRefused, match="is not among the hosts in the definition's egress"
        ):
            await status_of(store, url, egress=["api.invalid"])

    @pytest.mark.parametrize(
        ("url", "egress"),
        [
            ("https://api.invalid/", ["api.invalid"]),
            ("https://API.invalid./", ["api.invalid"]),
            ("https://x.api.invalid/", ["*.api.invalid"]),
            ("https://elsewhere.invalid/", None),
        ],
    )
    async def test_gets_to_the_others_as_far_as_dns(
        self, store: Store, url: str, egress: list[str] | None
    ) -> None:
        """The negative control: nobody is there, but nothing forbids them."""
        parts = {} if egress is None else {"egress": egress}
        with pytest.raises(ProviderBusy):
            await status_of(store, url, **parts)

    async def test_reaches_the_simulator_that_stands_for_its_provider(
        self, store: Store, local: str
    ) -> None:
        assert 200 == await status_of(
            store, f"{local}/x", simulator=local, egress=["api.invalid"]
        )


class TestTheHosts:
    def test_that_oauth_names_are_among_them(self) -> None:
        document = a_document(
            egress=["files.acme.example"],
            inputs={"site": {"type": "dns_label"}},
            oauth__token={"url": "https://{site}.acme.example/token"},
        )

        hosts = callable_hosts(decode(document))

        assert hosts is not None
        assert {"files.acme.example", "*.acme.example", "acme.example"} == set(hosts)

    def test_are_only_those_where_the_list_is_empty(self) -> None:
        assert ("acme.example",) == callable_hosts(decode(a_document(egress=[])))

    def test_are_all_where_there_is_no_list(self) -> None:
        assert callable_hosts(decode(a_document())) is None
