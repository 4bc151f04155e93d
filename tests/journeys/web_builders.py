"""Handlers of an app under test, what it logs, and what it says to bytes that no client would send."""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import web

from services.listener import Runner
from services.web import PASSED_ON, read_body


class Lines:
    """A log that keeps its lines."""

    def __init__(self):
        self.kept = []

    def info(self, event, **facts):
        self.kept.append(("info", event, facts))

    def warning(self, event, **facts):
        self.kept.append(("warning", event, facts))

    def exception(self, event, **facts):
        self.kept.append(("exception", event, facts))

    @property
    def text(self):
        return repr(self.kept)


async def echo(request):
    body = await read_body(request, limit=1000, timeout=0.3)
    return web.Response(
        body=body, headers={"X-Encoding": request.headers.get("Content-Encoding", "")}
    )


def raising(error):
    async def handler(_):
        raise error

    return handler


async def page_of_a_handler(request):
    request[PASSED_ON] = True
    return web.Response(text="<script>", content_type="text/html")


async def spoken(runner: Runner, raw: bytes, *, wait: float = 5.0) -> bytes:
    """Everything the server says to *raw* until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", runner.port)
    writer.write(raw)
    try:
        return await asyncio.wait_for(reader.read(), wait)
    finally:
        writer.close()


def error_in(answer: bytes) -> dict:
    return msgspec.json.decode(answer.partition(b"\r\n\r\n")[2])
