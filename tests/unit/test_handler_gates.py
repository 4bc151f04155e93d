"""The gate of a handler: a server that answers 5xx, and Python code that breaks or takes too long, are left alone."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from shared.errors import FlowRefused, GateClosed, HandlerUnavailable, WaypostError
from shared.integrations.records import Definition
from shared.model.calls import HttpAnswer, HttpCall
from shared.model.flows import Flow
from shared.model.installations import Installation
from shared.model.jobs import Record
from shared.model.operations import Operation
from shared.model.requests import RawRequest, ReplyAddress
from tests.unit.engine_builders import a_claim
from tests.unit.test_gates import FakeGates, HandClock
from workers.effects import Callback
from workers.gates import Gatekeeper
from workers.installed import Installed
from workers.jobs import python_callback
from workers.jobs.operation import operation
from workers.runtime.botpress import BotpressServer
from workers.runtime.python import PythonRuntime

GATE = "handler:acme"
RAW = RawRequest(id="req_1", door="global", method="POST", path="/", received_at=0.0)
BUSY = HttpAnswer(status=503, headers=(("retry-after", "20"),))
HANDLERS = """
import asyncio
from shared.errors import ProviderBusy

async def webhook(ctx, request):
    match request.body:
        case "crash":
            raise KeyError("team")
        case "hang":
            await asyncio.sleep(3600)
        case "busy":
            raise ProviderBusy("429")
    return {"status": 200}
"""


class Server:
    """The server of an integration."""

    def __init__(self) -> None:
        self.answer, self.calls = HttpAnswer(status=500), 0

    async def send(self, call: HttpCall) -> HttpAnswer:
        self.calls += 1
        return self.answer


class Stored:
    """What a worker reads of one installation; no secret is set, and every step is the first."""

    def __init__(self, owner: Installed) -> None:
        self.owner = owner

    async def opened(self, _webhook_id: str) -> tuple[Installation, None]:
        return self.owner.installation, None

    async def version(self, _integration_id: str) -> Definition:
        return self.owner.definition

    async def all(self, _integration: str) -> dict[str, Any]:
        return {}

    async def step(self, *_: object) -> tuple[str, bytes]:
        return "begun", b""


class Scene:
    """One worker, and handlers that it calls."""

    def __init__(self, folder: Path) -> None:
        self.gates, self.clock, self.server, self.folder = (
            FakeGates(),
            HandClock(),
            Server(),
            folder,
        )
        (folder / "handlers.py").write_text(HANDLERS)
        self.keeper = Gatekeeper(self.gates, self.clock)  # type: ignore[arg-type]
        stored = Stored(self.owner(url="https://acme.example"))
        self.tools: Any = SimpleNamespace(
            gates=self.keeper,
            admin=self.server,
            clock=self.clock,
            secrets=stored,
            installations=stored,
            catalogue=stored,
            ledger=stored,
            folders={"acme": folder},
            origin="",
        )

    def owner(self, **parts: Any) -> Installed:
        return Installed(
            installation=Installation(
                webhook_id="w", bot_id="b", alias="a", integration="acme"
            ),
            definition=Definition(name="acme", version="1.0.0", **parts),
            configuration={},
        )

    async def by_server(self, record: Record, times: int = 1) -> Counter[str]:
        """What came of requests that the caller of nobody waits for."""
        owner = self.owner(url="https://acme.example")
        work = BotpressServer(self.tools).webhook
        return Counter([await _end(work(record, RAW, owner)) for _ in range(times)])

    async def by_python(self, body: str, times: int = 1, **parts: Any) -> Counter[str]:
        raw = msgspec.structs.replace(RAW, body=body.encode())
        work = PythonRuntime(self.tools, self.folder).webhook
        record = a_claim().record
        return Counter(
            [await _end(work(record, raw, self.owner(**parts))) for _ in range(times)]
        )


async def half_of_them_fail(scene: Scene) -> None:
    """Ten first calls, by turns."""
    for status in (500, 200) * 5:
        scene.server.answer = HttpAnswer(status=status)
        await scene.by_server(a_claim().record)


async def _end(work: Any) -> str:
    try:
        return type(await work).__name__
    except WaypostError as error:
        return type(error).__name__


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


class TestAServer:
    async def test_that_answers_500_is_left_alone_after_ten_of_them(self, scene: Scene) -> None:
        came = await scene.by_server(a_claim().record, 25)

        assert {"HandlerUnavailable": 10, "GateClosed": 15} == came
        assert 10 == scene.server.calls
        assert [(GATE, "breaker", timedelta(seconds=30))] == scene.gates.closed

    async def test_that_says_no_is_there(self, scene: Scene) -> None:
        scene.server.answer = HttpAnswer(status=400)

        assert {"Permanent": 25} == await scene.by_server(a_claim().record, 25)
        assert [] == scene.gates.closed

    async def test_that_breaks_at_one_installation_is_there_for_the_others(
        self, scene: Scene
    ) -> None:
        """Whose configuration is wrong makes nine calls of ten, and all of them fail."""
        for _ in range(10):
            scene.server.answer = HttpAnswer(status=500)
            await scene.by_server(a_claim(installation="w1").record, 9)
            scene.server.answer = HttpAnswer(status=200)
            others = await scene.by_server(a_claim(installation="w2").record)

        assert {"Done": 1} == others
        assert [] == scene.gates.closed

    async def test_that_breaks_at_all_installations_is_down(self, scene: Scene) -> None:
        """The negative control, as unevenly spread."""
        await scene.by_server(a_claim(installation="w2").record)
        await scene.by_server(a_claim(installation="w1").record, 9)

        assert [(GATE, "breaker", timedelta(seconds=30))] == scene.gates.closed

    async def test_that_often_breaks_gets_few_retries_and_they_lose_no_attempt(
        self, scene: Scene
    ) -> None:
        """Half of all calls fail, so no gate is closed; a hundred retries come at once, in the same second."""
        await half_of_them_fail(scene)
        came = await scene.by_server(a_claim(attempts=1).record, 100)

        assert {"Done": 10, "GateClosed": 90} == came
        assert [] == scene.gates.closed

    async def test_that_often_breaks_has_its_retries_spread_over_a_minute(
        self, scene: Scene
    ) -> None:
        await half_of_them_fail(scene)
        await scene.by_server(a_claim(attempts=1).record, 10)
        owner, later = scene.owner(url="https://acme.example"), set()
        for _ in range(60):
            with pytest.raises(GateClosed) as raised:
                await BotpressServer(scene.tools).webhook(
                    a_claim(attempts=1).record, RAW, owner
                )
            later.add((raised.value.gate, raised.value.after))

        assert {("", timedelta(seconds=second)) for second in range(1, 61)} == later

    async def test_that_is_down_has_its_retries_wait_behind_its_gate(
        self, scene: Scene
    ) -> None:
        """There they are seen, and go when it opens."""
        await half_of_them_fail(scene)
        await scene.by_server(a_claim(attempts=1).record, 10)
        await scene.keeper.pause(GATE, timedelta(seconds=30), "because an operator closed it")
        owner = scene.owner(url="https://acme.example")
        with pytest.raises(GateClosed) as raised:
            await BotpressServer(scene.tools).webhook(a_claim(attempts=1).record, RAW, owner)

        assert GATE == raised.value.gate

    async def test_that_works_again_gets_all_of_them(self, scene: Scene) -> None:
        await half_of_them_fail(scene)
        scene.clock.seconds += 31

        assert {"Done": 100} == await scene.by_server(a_claim(attempts=1).record, 100)

    async def test_that_answers_a_probe_with_503_keeps_its_gate_closed(
        self, scene: Scene
    ) -> None:
        await scene.by_server(a_claim().record, 10)
        failed = await scene.by_server(a_claim(probe=GATE).record)
        opened = list(scene.gates.opened)
        scene.server.answer = HttpAnswer(status=200)
        passed = await scene.by_server(a_claim(probe=GATE).record)

        assert ({"GateClosed": 1}, []) == (failed, opened)
        assert ({"Done": 1}, [GATE]) == (passed, scene.gates.opened)

    async def test_that_asks_for_a_pause_gets_one_and_the_record_waits_as_long(
        self, scene: Scene
    ) -> None:
        scene.server.answer = BUSY
        owner = scene.owner(url="https://acme.example")
        with pytest.raises(HandlerUnavailable) as raised:
            await BotpressServer(scene.tools).webhook(a_claim().record, RAW, owner)

        assert timedelta(seconds=20) == raised.value.after
        assert [(GATE, "pause", timedelta(seconds=20))] == scene.gates.closed
        assert {"GateClosed": 1} == await scene.by_server(a_claim().record)

    async def test_s_answer_reaches_a_caller_who_waits_whatever_it_is(
        self, scene: Scene
    ) -> None:
        scene.server.answer = HttpAnswer(status=503, body=b"later")
        raw = msgspec.structs.replace(
            RAW, reply_to=ReplyAddress(inbox="i", nonce="n"), received_at=scene.clock.now()
        )
        owner = scene.owner(url="https://acme.example")
        ended = await BotpressServer(scene.tools).webhook(a_claim().record, raw, owner)

        assert (503, b"later") == (ended.reply.status, ended.reply.body)


class TestAnOperation:
    async def test_that_somebody_waits_for_is_refused_with_503_at_a_closed_gate(
        self, scene: Scene
    ) -> None:
        """Nobody waits for ever: the record is closed, and nothing was sent."""
        await scene.by_server(a_claim().record, 10)
        address = ReplyAddress(inbox="i", nonce="n")
        body = msgspec.msgpack.encode(
            Operation(webhook_id="w", name="ping", payload={}, reply_to=address)
        )
        claim = msgspec.structs.replace(a_claim(job="operation"), body=body)
        ended = await operation(claim, scene.tools)

        assert ("Dead", 503) == (type(ended).__name__, ended.reply.status)
        assert b"of the last 10 calls failed" in ended.reply.body
        assert 10 == scene.server.calls


class TestPythonCode:
    async def test_that_crashes_again_and_again_is_left_alone(self, scene: Scene) -> None:
        came = await scene.by_python("crash", 25)

        assert {"HandlerBroke": 10, "GateClosed": 15} == came
        assert [(GATE, "breaker", timedelta(seconds=30))] == scene.gates.closed

    async def test_that_takes_too_long_is_stopped_and_left_alone(self, scene: Scene) -> None:
        came = await scene.by_python("hang", 12, max_execution_time=0.001)

        assert {"HandlerBroke": 10, "GateClosed": 2} == came

    async def test_that_meets_a_busy_provider_is_not_to_blame(self, scene: Scene) -> None:
        assert {"ProviderBusy": 25} == await scene.by_python("busy", 25)
        assert [] == scene.gates.closed

    async def test_that_works_is_never_in_question(self, scene: Scene) -> None:
        assert {"Done": 25} == await scene.by_python("fine", 25)

    async def test_that_a_person_comes_back_to_is_said_to_be_away(self, scene: Scene) -> None:
        """Nobody waits for a page, and the code is not run for a browser either."""
        await scene.by_python("crash", 10)
        flow = Flow(
            id="flow_1", link="l", installation="w", integration="acme", cookie_hash="c",
            status="exchanging", created_at=0.0, expires_at=1e12,
        )  # fmt: skip
        callback = Callback(record=a_claim().record, flow=flow, owner=scene.owner())
        with pytest.raises(FlowRefused) as raised:
            await python_callback.connect(callback, {"code": "c"}, scene.tools)

        assert "server_away" == raised.value.cause
