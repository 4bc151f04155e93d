"""
The short way of a request through aiohttp: from its parser to a callback, and from the answer's bytes to the socket.

The long way costs more than a webhook costs otherwise: a task and its context, a request, a match of routes, a response
and its headers. The short way is for requests that came whole and alone, and that a `Shortcut` takes over; every other
one goes on as if nothing had happened. It rests on a few attributes of aiohttp's `RequestHandler`;
tests/unit/test_short_way.py holds what is expected of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import StreamReader
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

if TYPE_CHECKING:
    from aiohttp import web

Answer = Callable[[bytes], None]


class Shortcut(Protocol):
    """Takes over what it can answer without aiohttp's help."""

    def wants(self, message: RawRequestMessage) -> Any:
        """What `take` needs of a request's head; None when it goes the long way."""

    def take(self, head: Any, body: bytes, answer: Answer) -> bool:
        """Whether it is taken over; then *answer* is called once, now or later, with a whole response."""


class ShortWay(RequestHandler):
    """A connection whose requests may go a short way, one at a time."""

    shortcut: Shortcut | None = None

    def data_received(self, data: bytes) -> None:
        """Let aiohttp parse, but wake its task only for what goes the long way."""
        waiter = self._waiter
        if self.shortcut is None or waiter is None or waiter.done():
            super().data_received(data)  # its task is at work, and will see what comes
            return
        self._waiter = None
        super().data_received(data)
        self._waiter = waiter
        if self._messages and not self._request_in_progress and not self._goes_short():
            waiter.set_result(None)

    def _goes_short(self) -> bool:
        message, payload = self._messages[0]
        if len(self._messages) > 1 or self._paused or not payload.is_eof():
            return False
        if not isinstance(message, RawRequestMessage) or payload.exception():
            return False
        head = self.shortcut.wants(message)  # type: ignore[union-attr]
        if head is None:
            return False
        self._messages.popleft()  # before it is read, since reading looks for more
        body = payload.read_nowait()
        self._request_in_progress = True  # so a shutdown waits for it
        if not self.shortcut.take(head, body, self._answer):  # type: ignore[union-attr]
            self._request_in_progress = False
            self._messages.appendleft((message, self._again(body)))
            return False
        self._parser.message_consumed()  # type: ignore[union-attr]
        self._manager.requests_count += 1  # type: ignore[union-attr]
        return True

    def _again(self, body: bytes) -> StreamReader:
        """What was read, to be read once more."""
        payload = StreamReader(self, self._read_bufsize, loop=self._loop)
        payload.feed_data(body)
        payload.feed_eof()
        return payload

    def _answer(self, answer: bytes) -> None:
        self._request_in_progress = False
        if self._handler_waiter is not None and not self._handler_waiter.done():
            self._handler_waiter.set_result(None)
        if self.transport is None:
            return  # the caller has left
        self.transport.write(answer)
        waiter = self._waiter
        if self._close or waiter is None or waiter.done():
            self.transport.close()
            return
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._messages:
            waiter.set_result(None)  # they came meanwhile, and go the long way

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002  as aiohttp has it
        """Do nothing where nothing was paused: aiohttp asks whenever a body ends or is read, and parses once more."""
        if self._reading_paused or self._buffer_paused:
            super().resume_reading(resume_parser)

    def _process_keepalive(self) -> None:
        if self._request_in_progress:  # to aiohttp, whose task has nothing to do, it looks idle
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        super()._process_keepalive()


class Written:
    """A response as it goes over the wire, but for its id and date; *loop* time tells when the date is another."""

    def __init__(self, answer: web.Response) -> None:
        """Write *answer*, which nobody changes from now on, to a POST in HTTP/1.1 on a line that stays open."""
        body = answer.body if isinstance(answer.body, bytes) else b""
        headers = answer.headers.copy()
        if answer.status not in {204, 304}:
            headers["Content-Length"] = str(len(body))
        lines = [
            f"{name}: {value}\r\n" for name, value in headers.items() if name != "X-Request-Id"
        ]
        self._before = f"HTTP/1.1 {answer.status} {answer.reason}\r\n{''.join(lines)}X-Request-Id: ".encode()
        self._after = b"\r\n\r\n" + body

    def to(self, id: str) -> bytes:
        """The response to request *id*."""
        return b"%b%b\r\nDate: %b%b" % (
            self._before,
            id.encode(),
            rfc822_formatted_time().encode(),
            self._after,
        )
