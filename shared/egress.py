"""
Which addresses outgoing calls may reach. It only judges; `workers/outbound.py` asks before each socket exists.

Names, encoded addresses and DNS rebinding all end in an address, and the address is what is judged
(reference: OWASP SSRF prevention cheat sheet).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64 = IPv6Network("64:ff9b::/96")
_METADATA = (
    IPv4Network("169.254.0.0/16"),
    IPv6Network("fe80::/10"),
    IPv6Network("fd00:ec2::/32"),
)


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """
    CIDR texts as networks; ValueError for what is none.

    >>> networks(["127.0.0.0/8"])
    (IPv4Network('127.0.0.0/8'),)
    """
    return tuple(ip_network(text) for text in texts)


def may_reach(text: str, allowed: tuple[Network, ...] = ()) -> bool:
    """
    True for a public address, and for one in *allowed*; link-local ones (cloud metadata) never.

    >>> [may_reach(a) for a in ("93.184.216.34", "127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1")]
    [True, False, False, False]
    >>> may_reach("127.0.0.1", networks(["127.0.0.0/8"])), may_reach("169.254.169.254", networks(["0.0.0.0/0"]))
    (True, False)
    """
    address = _unwrapped(ip_address(text.partition("%")[0]))
    if any(address in network for network in _METADATA if network.version == address.version):
        return False
    if any(address in network for network in allowed if network.version == address.version):
        return True
    return address.is_global and not address.is_multicast


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside a mapped, NAT64 or 6to4 one."""
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in _NAT64:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address
