"""Integrations on a server of their own, written with `@botpress/sdk` or to its protocol (`shared.envelope`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from shared.envelope import (
    USUAL_LIMIT,
    body_of,
    call_for,
    idempotency_key_of,
    is_success,
    may_pass,
    reply_of,
    request_body,
    said_in,
    trace_of,
)
from shared.errors import (
    HandlerUnavailable,
    Permanent,
    ProviderBusy,
    ProviderRefused,
    Unanswered,
    UnknownOutcome,
)
from shared.model.outcomes import Dead, Done, Ignored, Outcome
from shared.model.requests import WEBHOOK_WAIT, Reply
from shared.retries import retry_after

if TYPE_CHECKING:
    from datetime import timedelta

    from shared.model.calls import HttpAnswer, HttpCall
    from shared.model.jobs import Record
    from shared.model.requests import RawRequest
    from workers.installed import Installed
    from workers.tools import Tools

_MARGIN = 0.05  # seconds a reply takes to the ingress
_LOST = Reply(
    status=502,
    headers=(("content-type", "application/json"),),
    body=b'{"id":"none","code":502,"type":"Internal","message":"the integration broke off"}',
)


class BotpressServer:
    """Speaks to the server of one integration."""

    def __init__(self, tools: Tools) -> None:
        """Work with *tools*."""
        self._tools = tools

    async def webhook(self, record: Record, raw: RawRequest, owner: Installed) -> Outcome:
        """
        Hand *raw* over.

        An answer that is passed on to a caller who waits is final, whatever it says: the caller decides whether to
        come again. Where the caller has got its 2xx already, what may pass is tried again.
        """
        body = request_body(raw, raw.path, raw.method)
        try:
            answer = await self.ask(record, owner, "webhook_received", body)
        except Unanswered as error:
            if self._is_waited_for(record, raw):
                return Dead(f"the integration broke off: {error}", _LOST)
            raise
        if self._is_waited_for(record, raw):
            return _passed_on(answer)
        return self._verdict(answer)

    async def registration(self, record: Record, owner: Installed, what: str, url: str) -> None:
        """Call `register` or `unregister`; a refusal is `ProviderRefused`, with the server's words."""
        answer = await self.ask(record, owner, what, body_of({"webhookUrl": url}))
        if not is_success(answer):
            raise ProviderRefused(said_in(answer).message)

    async def ask(
        self, record: Record, owner: Installed, operation: str, body: bytes
    ) -> HttpAnswer:
        """
        The answer to one operation, sent once; one that may pass counts against the server, whoever it is for.

        Raises:
            Unanswered: it was sent, and no answer came.
            HandlerUnavailable: nobody was there; nothing was processed.
            GateClosed: the server is down, and left alone for now; or it gets few retries.

        """
        url = owner.definition.url
        if not url:
            raise Permanent(f"{owner.definition.name} has no server")
        seconds = float(owner.definition.max_execution_time or USUAL_LIMIT)
        call = call_for(
            url, owner.installation, owner.configuration, operation, body, seconds=seconds
        )
        known_by = (
            ("traceparent", trace_of(record)),
            ("idempotency-key", idempotency_key_of(record)),
        )
        call = structs.replace(call, headers=(*call.headers, *known_by))
        gate = f"handler:{owner.definition.name}"
        self._tools.gates.ration(gate, record)
        try:
            return await self._tools.gates.through(gate, record, lambda: self._judged(call))
        except _AnsweredBusy as busy:
            return busy.answer

    async def _judged(self, call: HttpCall) -> HttpAnswer:
        answer = await self._sent(call)
        if may_pass(answer):
            raise _AnsweredBusy(
                answer, retry_after(answer.headers, now=self._tools.clock.now())
            )
        return answer

    async def _sent(self, call: HttpCall) -> HttpAnswer:
        try:
            return await self._tools.admin.send(call)
        except ProviderBusy as error:
            raise HandlerUnavailable(f"the integration is not there: {error}") from None
        except UnknownOutcome as error:
            raise Unanswered(f"the integration: {error}") from None

    def _is_waited_for(self, record: Record, raw: RawRequest) -> bool:
        """The ingress waits on the first attempt, and for so long only; after that it has given a 2xx."""
        if raw.reply_to is None or record.job != "webhook":
            return False
        if record.attempts or record.crashes or record.replays:
            return False
        return self._tools.clock.now() - raw.received_at < WEBHOOK_WAIT - _MARGIN

    def _verdict(self, answer: HttpAnswer) -> Outcome:
        if answer.status < 400:
            return Done(reason=f"the integration answered {answer.status}")
        if may_pass(answer):
            after = retry_after(answer.headers, now=self._tools.clock.now())
            raise HandlerUnavailable(_words(answer), after)
        raise Permanent(_words(answer))


class _AnsweredBusy(HandlerUnavailable):
    """On its way through the gate: an answer that tells against the server, and is one all the same."""

    def __init__(self, answer: HttpAnswer, after: timedelta | None) -> None:
        self.answer = answer
        super().__init__(_words(answer), after)


def _words(answer: HttpAnswer) -> str:
    return f"the integration answered {answer.status}: {said_in(answer).message}"


def _passed_on(answer: HttpAnswer) -> Outcome:
    reply = reply_of(answer)
    if answer.status < 400:
        return Done(reason=f"the integration answered {answer.status}", reply=reply)
    words = f"the caller was told {answer.status}: {said_in(answer).message}"
    return Dead(words, reply) if may_pass(answer) else Ignored(words, reply)
