"""
Keys that providers publish (RFC 7517): fetched through the one way out, and remembered.

A key set is asked for again once it is an hour old, or when a token names a key that is not in it, since providers
roll their keys over; but never more than once a minute per address, so that nobody can make us a client that
hammers. While the provider does not answer, what was fetched within the last day still counts.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import orjson
from msgspec import Struct

from shared.errors import ProviderBusy, UnknownOutcome
from shared.model.calls import HttpCall

if TYPE_CHECKING:
    from shared.clock import Clock
    from shared.model.calls import HttpAnswer
    from shared.ports import Sends

Keys = tuple[dict[str, Any], ...]

FRESH, STALE, PAUSE = 3600.0, 24 * 3600.0, 60.0  # seconds
REST = 5.0  # seconds before an address that gave nothing yet is asked again
MOST_ADDRESSES, MOST_KEYS = 100, 100


class _Held(Struct, frozen=True, kw_only=True):
    keys: Keys
    fetched: float  # monotonic seconds
    asked: float


class KeySets:
    """Published keys by their address."""

    def __init__(self, provider: Sends, clock: Clock) -> None:
        """Fetch through *provider*."""
        self._provider, self._clock = provider, clock
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._rests: dict[str, float] = {}
        self._turn = asyncio.Lock()

    async def keys(self, url: str, *, anew: bool = False) -> Keys:
        """
        The keys at *url*; *anew* when one is missing among those that were returned before.

        Raises `ProviderBusy` when none are known and none can be had now.
        """
        if (held := self._usable(url, anew=anew)) is not None:
            return held
        async with self._turn:
            held = self._usable(url, anew=anew)
            return held if held is not None else await self._fetch(url)

    def _usable(self, url: str, *, anew: bool) -> Keys | None:
        held, now = self._held.get(url), self._clock.monotonic()
        if held is None:
            return None
        due = anew or held.fetched + FRESH <= now
        return None if due and held.asked + PAUSE <= now else held.keys

    async def _fetch(self, url: str) -> Keys:
        now, before = self._clock.monotonic(), self._held.get(url)
        if self._rests.get(url, 0.0) > now:
            raise ProviderBusy("the published keys could not be had a moment ago")
        try:
            keys, fetched = await self._asked(url), now
        except ProviderBusy:
            if before is None or before.fetched + STALE <= now:
                self._rests = {**self._resting(now), url: now + REST}
                raise
            keys, fetched = before.keys, before.fetched
        self._held[url] = _Held(keys=keys, fetched=fetched, asked=now)
        self._held.move_to_end(url)
        if len(self._held) > MOST_ADDRESSES:
            self._held.popitem(last=False)
        return keys

    def _resting(self, now: float) -> dict[str, float]:
        return {url: until for url, until in self._rests.items() if until > now}

    async def _asked(self, url: str) -> Keys:
        call = HttpCall(name="published keys", method="GET", url=url, idempotent=True)
        try:
            answer = await self._provider.send(call)
        except UnknownOutcome as error:
            raise ProviderBusy(str(error)) from None
        return keys_in(answer)


def keys_in(answer: HttpAnswer) -> Keys:
    """The keys in *answer*; `ProviderBusy` when it is no key set."""
    try:
        document = orjson.loads(answer.body) if answer.status == 200 else None
    except orjson.JSONDecodeError:
        document = None
    listed = document.get("keys") if isinstance(document, dict) else None
    keys = [key for key in listed if isinstance(key, dict)] if isinstance(listed, list) else []
    if not keys:
        raise ProviderBusy(f"the published keys could not be read: status {answer.status}")
    return tuple(keys[:MOST_KEYS])
