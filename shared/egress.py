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
_UNICAST = IPv6Network(
    "2000::/3"
)  # all that is given out; the standard library calls more of it global
_SPECIAL = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("3fff::/20"),
)
_METADATA = (
    IPv4Network("169.254.0.0/16"),
    IPv4Network("192.0.0.192/32"),  # Oracle
    IPv4Network("100.100.100.200/32"),  # Alibaba
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
    True for a public address, and for one in *allowed*; those of cloud metadata, link-local ones among them, never.

    >>> [may_reach(a) for a in ("93.184.216.34", "127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1")]
    [True, False, False, False]
    >>> may_reach("127.0.0.1", networks(["127.0.0.0/8"])), may_reach("169.254.169.254", networks(["0.0.0.0/0"]))
    (True, False)
    >>> [may_reach(a) for a in ("::127.0.0.1", "fec0::1", "64:ff9b:1::7f00:1", "192.0.0.192", "2606:4700::1111")]
    [False, False, False, False, True]
    """
    address = _unwrapped(ip_address(text.partition("%")[0]))
    if _is_in(address, _METADATA):
        return False
    return _is_in(address, allowed) or _is_public(address)


def is_named(host: str, names: Iterable[str]) -> bool:
    """
    Whether *host* is one of *names*, in lower case; `*.example.com` names every host below.

    >>> [is_named(one, ["a.test", "*.b.test"]) for one in ("a.test", "A.test.", "x.b.test")]
    [True, True, True]
    >>> [is_named(one, ["a.test", "*.b.test"]) for one in ("x.a.test", "b.test", "xb.test")]
    [False, False, False]
    """
    given = host.lower().removesuffix(".")
    return any(
        given.endswith(name[1:]) if name.startswith("*.") else given == name for name in names
    )


def may_be_asked_for(host: str) -> bool:
    """
    Whether *host* can be looked up at all: each of its labels has 1 to 63 characters, as the resolver insists.

    >>> [may_be_asked_for(one) for one in ("a.test", "a.test.", "::1", "", "a..test", "a" * 64 + ".test")]
    [True, True, True, False, False, False]
    """
    try:
        return bool(host.encode("idna"))
    except UnicodeError:
        return False


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _UNICAST:
        return False
    return address.is_global and not address.is_multicast and not _is_in(address, _SPECIAL)


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside a mapped, NAT64 or 6to4 one."""
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in _NAT64:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address
