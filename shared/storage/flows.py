"""Connect links, the flows that browsers open from them, and one-time OAuth states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from shared.errors import Conflict, NotFound
from shared.model.flows import FLOW_LIFETIME, ConnectLink, Flow
from shared.storage import keys

if TYPE_CHECKING:
    from collections.abc import Collection

    from shared.storage.connection import Store

_DAY = 24 * 3600
_KEPT_FLOW = int((FLOW_LIFETIME + _DAY) * 1000)  # ms; the result page outlives the flow
_KEPT_LINK = 7 * _DAY  # seconds; so that an expired link is told from an unknown one
_KEPT_END = (
    10 * 60 * 1000
)  # ms; the integration's redirect to the result page is followed at once
_KEPT_USED_STATE = _DAY * 1000  # ms; so that a repeated callback finds its result page
ENDED = frozenset({"connected", "failed", "void"})


def encoded(record: ConnectLink | Flow) -> bytes:
    """The bytes that the store holds for *record*; the same for the same record, so they can be compared."""
    return msgspec.json.encode(record)


class Flows:
    """An installation has one current flow; every older one that had not ended reads as `void`."""

    def __init__(self, store: Store) -> None:
        """Keep them in *store*."""
        self._redis, self._scripts = store.redis, store.scripts

    async def put_link(self, token_hash: str, link: ConnectLink) -> None:
        """Store a link, or overwrite it."""
        seconds = int(link.expires_at - link.created_at) + _KEPT_LINK
        await self._put(keys.key("link", token_hash), encoded(link), 1000 * max(seconds, 1))

    async def link(self, token_hash: str) -> ConnectLink | None:
        """The link with that token; whether it is expired or used is for the caller to see."""
        found = await self._redis.get(keys.key("link", token_hash))
        return msgspec.json.decode(found, type=ConnectLink) if found else None

    async def begin_flow(self, flow: Flow) -> None:
        """
        Store a new flow; it takes the place of the installation's flow before it.

        `Conflict` when this very flow has connected: a link that somebody else has just used begins nothing more.
        """
        if not await self._scripts.run(
            "begin_flow", [flow.id, flow.installation, encoded(flow), _KEPT_FLOW]
        ):
            raise Conflict("the flow is connected by now")

    async def put_flow(self, flow: Flow) -> None:
        """Store a flow as it is, without looking at what was there."""
        await self._put(keys.key("flow", flow.id), encoded(flow), _KEPT_FLOW)

    async def flow(self, flow_id: str) -> Flow | None:
        """One flow; `void` when a newer one of its installation took its place before it had ended."""
        found = await self._redis.get(keys.key("flow", flow_id))
        if found is None:
            return None
        flow = msgspec.json.decode(found, type=Flow)
        if flow.status in ENDED or await self._current_id(flow.installation) == flow_id:
            return flow
        return msgspec.structs.replace(flow, status="void")

    async def current_flow(self, webhook_id: str) -> Flow | None:
        """The flow that may go on for this installation."""
        flow_id = await self._current_id(webhook_id)
        return await self.flow(flow_id) if flow_id else None

    async def update_flow(
        self, flow_id: str, *, expect: Collection[str] | None = None, **changes: Any
    ) -> Flow:
        """
        Change a flow while its status is one of *expect* (None: any that has not ended).

        Raises `Conflict` when it has another status by now, `NotFound` when it is gone. Each change
        gives the stored flow its whole time to live again.
        """
        while True:
            before = await self.flow(flow_id)
            if before is None:
                raise NotFound(f"there is no flow {flow_id}")
            if before.status in ENDED if expect is None else before.status not in expect:
                raise Conflict(f"the flow is {before.status} by now")
            after = msgspec.structs.replace(before, **changes)
            where = keys.key("flow", flow_id)
            if await self._scripts.run(
                "swap", [where, encoded(before), encoded(after), _KEPT_FLOW]
            ):
                return after

    async def confirm(self, flow_id: str) -> Flow:
        """
        The operator's word about who waits now: the flow waits for nobody any more.

        `Conflict` when nobody waits, so that no word is good for somebody who starts the link anew.
        """
        return await self.update_flow(flow_id, expect={"confirming"}, confirm=False)

    async def remember_end(self, cookie_hash: str, flow_id: str) -> None:
        """For some minutes, which flow has ended in that browser."""
        await self._put(keys.key("ended-in", cookie_hash), flow_id, _KEPT_END)

    async def ended_in(self, cookie_hash: str) -> Flow | None:
        """The flow that ended last in that browser."""
        found = await self._redis.get(keys.key("ended-in", cookie_hash))
        return await self.flow(found.decode()) if found else None

    async def put_oauth_state(self, state_hash: str, flow_id: str, ttl: float) -> None:
        """Store a one-time state for *ttl* seconds."""
        where = keys.key("oauth-state", state_hash)
        await self._put(where, flow_id, int(ttl * 1000), only_new=True)

    async def flow_of_state(self, state_hash: str) -> str | None:
        """The flow that a state belongs to, used or not; looking at it does not use it."""
        found = await self._redis.get(keys.key("oauth-state", state_hash))
        return found.decode().rpartition(":")[2] if found else None

    async def use_oauth_state(self, state_hash: str, by: str) -> tuple[str | None, bool]:
        """
        Its flow, and whether *by* is its one user.

        *by* is the record that carries the callback: exactly one is ever the user, and it stays the user when its
        worker dies and it comes round again.
        """
        where = keys.key("oauth-state", state_hash)
        flow_id, first = await self._scripts.run(
            "use_oauth_state", [where, _KEPT_USED_STATE, by]
        )
        return flow_id.decode() or None, bool(first)

    async def begin_round_trip(self, trace_id: str, webhook_id: str) -> None:
        """What is called with that trace belongs to an OAuth round trip of the installation, which has no flow."""
        where = keys.key("round-trip", trace_id)
        await self._put(where, webhook_id, int(FLOW_LIFETIME * 1000))

    async def is_round_trip(self, trace_id: str, webhook_id: str) -> bool:
        """Whether a call with that trace belongs to an OAuth round trip of the installation."""
        found = await self._redis.get(keys.key("round-trip", trace_id))
        return found is not None and found.decode() == webhook_id

    async def _put(
        self, where: str, value: bytes | str, milliseconds: int, *, only_new: bool = False
    ) -> None:
        await self._scripts.run("put", [where, value, milliseconds, int(only_new)])

    async def _current_id(self, webhook_id: str) -> str:
        found = await self._redis.get(keys.key("flow-of", webhook_id))
        return found.decode() if found else ""
