"""
How often one address may ask for pages, and one link's button be pressed.

What a browser brings is stored like everything else, and nobody has signed it: without a limit it could fill the store
and keep webhooks out. Each ingress process counts for itself.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from shared.botpress import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.egress import Network

PAGES = 600  # a minute, for one address: an office behind one is several people
PRESSES = 60  # a minute, for one link
MOST_NAMES = 50_000  # that are counted at a time


class Pace:
    """Counts in minutes."""

    def __init__(self, pages: int = PAGES, presses: int = PRESSES) -> None:
        """Count nobody yet."""
        self._pages, self._presses = pages, presses
        self._minute, self._counts = 0, dict[str, int]()

    def page(self, address: str, now: float) -> None:
        """Count a request of *address*, which is empty where many share one; raises 429 for one too many."""
        if address:
            self._count(f"address {address}", self._pages, now)

    def press(self, link: str, now: float) -> None:
        """Count a press of the button of *link*, a hash; raises 429 for one too many."""
        self._count(f"link {link}", self._presses, now)

    def _count(self, name: str, limit: int, now: float) -> None:
        minute = int(now // 60)
        if minute != self._minute or len(self._counts) >= MOST_NAMES:
            self._minute = minute
            self._counts.clear()
        count = self._counts[name] = self._counts.get(name, 0) + 1
        if count > limit:
            message = "too many requests; try again in a minute"
            raise Refusal("RateLimited", message, headers={"Retry-After": "60"})


def caller(peer: str, forwarded: str, proxies: Sequence[Network]) -> str:
    """
    Whose request it is: *peer*, or behind one of *proxies* whom that names last; "" where nobody can tell.

    Of an IPv6 address the first half counts, since whoever has one has all the others of its network.

    >>> here = [ipaddress.ip_network("127.0.0.0/8")]
    >>> caller("192.0.2.7", "198.51.100.1", here)
    '192.0.2.7'
    >>> caller("127.0.0.1", "203.0.113.5, 198.51.100.1, 127.0.0.2", here), caller("127.0.0.1", "", here)
    ('198.51.100.1', '')
    >>> caller("2001:db8:1:2:3::4", "", here)
    '2001:db8:1:2::'
    """
    for text in (peer, *reversed(forwarded.split(","))):
        try:
            address = ipaddress.ip_address(text.strip())
        except ValueError:
            return ""
        if not any(address in network for network in proxies):
            return str(_home(address))
    return ""


def _home(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> object:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    return address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False)[0]
