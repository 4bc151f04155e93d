"""What a handler written in Python returns, when it is no response."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from shared.errors import HandlerUnavailable
from shared.integrations.records import Definition
from shared.model.installations import Installation
from shared.model.jobs import Record
from shared.model.requests import RawRequest, Reply
from workers.installed import Installed
from workers.runtime.python import PythonRuntime

RAW = RawRequest(id="req_1", door="global", method="POST", path="/", received_at=0.0)
OWNER = Installed(
    installation=Installation(webhook_id="w", bot_id="b", alias="a", integration="acme"),
    definition=Definition(name="acme", version="1.0.0"),
    configuration={},
)


class Returns(PythonRuntime):
    """A runtime whose handler has just returned."""

    def __init__(self, value: object) -> None:
        super().__init__(cast("Any", None), Path())
        self.value = value

    async def handle(self, *_: object, **__: object) -> object:
        return self.value


async def webhook(value: object) -> Reply | None:
    outcome = await Returns(value).webhook(cast("Record", None), RAW, OWNER)
    return outcome.reply


async def test_a_response_is_passed_on() -> None:
    reply = await webhook({"status": "201", "headers": {"x-a": 1}, "body": "said"})

    assert Reply(status=201, headers=(("x-a", "1"),), body=b"said") == reply


@pytest.mark.parametrize(
    "value", [{"status": "soon"}, {"status": [1]}, {"headers": ["x"]}, {"body": "\ud800"}]
)
async def test_anything_else_is_the_handler_s_fault_in_words(value: object) -> None:
    with pytest.raises(
        HandlerUnavailable, match="webhook of acme returned what is no response"
    ):
        await webhook(value)
