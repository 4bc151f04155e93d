"""Addresses that outgoing calls may not have: each is refused in words, before anything is looked up or sent."""

from __future__ import annotations

import pytest

from shared.egress import networks
from shared.errors import EgressRefused
from shared.model.calls import HttpCall
from workers.outbound import Outbound, Policy


async def sent_to(url: str, policy: Policy) -> None:
    outbound = Outbound(policy)
    try:
        await outbound.send(HttpCall(name="test", method="GET", url=url))
    finally:
        await outbound.close()


@pytest.mark.parametrize(
    "host",
    ["a..test", "a" * 64 + ".test", ".", "\xad.test", "[::1", "xn--a" + "a" * 70],
)
async def test_a_host_that_no_resolver_can_be_asked_for(host: str) -> None:
    with pytest.raises(EgressRefused):
        await sent_to(f"http://{host}/", Policy(https_only=False))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "0.0.0.0", "localhost",
        "[::1]", "[::127.0.0.1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]", "[fec0::1]", "[fe80::1]", "[fd00:ec2::254]", "192.0.0.192",
        "169.254.169.254", "\u2460\u2461\u2466.0.0.1",
    ],
)  # fmt: skip
async def test_a_private_address_however_it_is_written(host: str) -> None:
    with pytest.raises(EgressRefused):
        await sent_to(f"https://{host}:9/", Policy())


@pytest.mark.parametrize("host", ["169.254.169.254", "[::ffff:169.254.169.254]", "192.0.0.192"])
async def test_cloud_metadata_even_where_everything_is_allowed(host: str) -> None:
    everything = Policy(allowed=networks(["0.0.0.0/0", "::/0"]), https_only=False)
    with pytest.raises(EgressRefused):
        await sent_to(f"http://{host}:9/", everything)
