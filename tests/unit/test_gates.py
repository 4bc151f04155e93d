"""What a worker does before and after calls to a target: counted by itself, told to all."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from shared.errors import (
    EgressRefused,
    GateClosed,
    HandlerUnavailable,
    Permanent,
    ProviderBusy,
    Transient,
)
from shared.model.calls import HttpAnswer, HttpCall
from shared.model.gates import Gate, GateKind
from shared.model.jobs import Record
from shared.retries import MAX_ATTEMPTS
from tests.unit.engine_builders import a_claim
from tests.unit.test_journey import Hands
from workers.gates import Gatekeeper
from workers.sending import send

BOT = "bot:shop"
RECORD: Record = a_claim().record


class FakeGates:
    """Notes what is closed and opened; `standing` is what other workers did."""

    def __init__(self) -> None:
        self.closed: list[tuple[str, GateKind, timedelta]] = []
        self.opened: list[str] = []
        self.released: list[tuple[str, int]] = []
        self.standing: list[Gate] = []

    async def close(self, name: str, kind: GateKind, span: timedelta, reason: str) -> None:
        assert reason
        self.closed.append((name, kind, span))

    async def open(self, name: str) -> None:
        self.opened.append(name)

    async def release(self, name: str, many: int, *, wake: bool) -> None:
        self.released.append((name, many))

    async def all(self) -> list[Gate]:
        return self.standing


class HandClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        return 1_790_000_000.0 + self.seconds

    monotonic = lambda self: self.seconds  # noqa: E731


class Target:
    """Answers or breaks, as told."""

    def __init__(self) -> None:
        self.calls, self.error = 0, None

    async def __call__(self) -> str:
        self.calls += 1
        if self.error:
            raise self.error
        return "answered"


class Scene:
    """One worker and one target."""

    def __init__(self) -> None:
        self.gates, self.clock, self.target = FakeGates(), HandClock(), Target()
        self.keeper = Gatekeeper(self.gates, self.clock)  # type: ignore[arg-type]

    async def call(self, times: int = 1, record: Record = RECORD) -> list[str]:
        """What came of each call: the answer, or the name of the error."""
        found = []
        for _ in range(times):
            try:
                found.append(await self.keeper.through(BOT, record, self.target))
            except (GateClosed, HandlerUnavailable, Permanent) as error:
                found.append(type(error).__name__)
        return found


@pytest.fixture
def scene() -> Scene:
    return Scene()


class TestABreaker:
    async def test_closes_after_ten_failures_and_calls_no_more(self, scene: Scene) -> None:
        scene.target.error = HandlerUnavailable("502")
        came = await scene.call(25)

        assert ["HandlerUnavailable"] * 10 + ["GateClosed"] * 15 == came
        assert 10 == scene.target.calls
        assert [(BOT, "breaker", timedelta(seconds=30))] == scene.gates.closed

    async def test_stays_open_while_enough_succeeds(self, scene: Scene) -> None:
        for _ in range(20):
            scene.target.error = HandlerUnavailable("502")
            await scene.call()
            scene.target.error = None
            await scene.call()

        assert [] == scene.gates.closed

    async def test_forgets_failures_of_long_ago(self, scene: Scene) -> None:
        scene.target.error = HandlerUnavailable("502")
        for _ in range(30):
            await scene.call()
            scene.clock.seconds += 4

        assert [] == scene.gates.closed

    async def test_is_not_moved_by_refusals_for_good(self, scene: Scene) -> None:
        """A target that says no is there."""
        scene.target.error = Permanent("400")

        assert ["Permanent"] * 20 == await scene.call(20)

    async def test_that_another_worker_closed_holds_here_too(self, scene: Scene) -> None:
        gate = Gate(name=BOT, kind="breaker", seconds=30, reason="because it is down", behind=0)
        scene.gates.standing = [gate]
        await scene.keeper.look()
        scene.clock.seconds += 1000
        held = await scene.call()
        scene.gates.standing = []
        await scene.keeper.look()

        assert ["GateClosed"] == held
        assert ["answered"] == await scene.call()


class TestAProbe:
    @pytest.fixture
    def probe(self) -> Record:
        return a_claim(probe=BOT).record

    @pytest.fixture
    async def closed(self, scene: Scene) -> Scene:
        scene.target.error = HandlerUnavailable("502")
        await scene.call(10)
        return scene

    async def test_opens_the_gate_when_it_gets_through(
        self, closed: Scene, probe: Record
    ) -> None:
        closed.target.error = None
        came = await closed.call(record=probe)

        assert (["answered"], [BOT]) == (came, closed.gates.opened)
        assert ["answered"] == await closed.call()

    async def test_that_fails_waits_again_and_loses_no_attempt(
        self, closed: Scene, probe: Record
    ) -> None:
        assert ["GateClosed"] == await closed.call(record=probe)
        assert [] == closed.gates.opened

    async def test_that_is_refused_for_good_opens_the_gate_too(
        self, closed: Scene, probe: Record
    ) -> None:
        """A target that says no is there; nothing was said where the address may not be called."""
        closed.target.error = EgressRefused("10.0.0.1")
        forbidden = (await closed.call(record=probe), list(closed.gates.opened))
        closed.target.error = Permanent("410")

        assert (["EgressRefused"], []) == forbidden
        assert (["Permanent"], [BOT]) == (await closed.call(record=probe), closed.gates.opened)

    async def test_opens_the_gate_for_a_worker_that_has_not_heard_of_it(
        self, scene: Scene, probe: Record
    ) -> None:
        """It has just started."""
        await scene.call(record=probe)
        scene.target.error = HandlerUnavailable("502")

        assert [BOT] == scene.gates.opened
        assert ["GateClosed"] == await scene.call(record=probe)

    async def test_for_another_gate_opens_nothing(self, closed: Scene) -> None:
        closed.target.error = None

        assert ["GateClosed"] == await closed.call(record=a_claim(probe="bot:other").record)


class TestAPause:
    async def test_made_by_hand_is_not_ended_by_a_call_that_was_under_way(
        self, scene: Scene
    ) -> None:
        scene.target.error = HandlerUnavailable("502")
        await scene.call()
        scene.target.error = None

        async def closed_meanwhile() -> str:
            await scene.keeper.pause(BOT, timedelta(hours=1), "because an operator closed it")
            return "answered"

        await scene.keeper.through(BOT, RECORD, closed_meanwhile)

        assert [] == scene.gates.opened
        assert ["GateClosed"] == await scene.call()

    async def test_that_is_asked_for_a_day_stops_all_for_a_minute(self, scene: Scene) -> None:
        """It may be about this one event; the record itself waits the day."""
        scene.target.error = HandlerUnavailable("429", timedelta(days=1))
        with pytest.raises(HandlerUnavailable) as raised:
            await scene.keeper.through(BOT, RECORD, scene.target)

        assert timedelta(days=1) == raised.value.after
        assert [(BOT, "pause", timedelta(minutes=1))] == scene.gates.closed

    async def test_that_another_worker_has_ended_is_over_for_who_was_let_through(
        self, scene: Scene
    ) -> None:
        """The store knows first: workers look once a second."""
        scene.gates.standing = [
            Gate(name=BOT, kind="pause", seconds=3600, reason="because it asked", behind=2)
        ]
        await scene.keeper.look()
        scene.gates.standing = []

        assert ["GateClosed"] == await scene.call()
        assert ["answered"] == await scene.call(record=a_claim(passed=BOT).record)

    async def test_is_taken_from_what_the_target_asks_for(self, scene: Scene) -> None:
        scene.target.error = HandlerUnavailable("503", timedelta(seconds=7))
        came = await scene.call(3)
        scene.clock.seconds += 8
        scene.target.error = None

        assert ["HandlerUnavailable", "GateClosed", "GateClosed"] == came
        assert [(BOT, "pause", timedelta(seconds=7))] == scene.gates.closed
        assert ["answered"] == await scene.call()


class Provider:
    """Answers with the next of *answers*; the last one stays."""

    def __init__(self, *answers: HttpAnswer | Exception) -> None:
        self.answers, self.calls = list(answers), 0

    async def send(self, call: HttpCall) -> HttpAnswer:
        self.calls += 1
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def tools_of(scene: Scene, provider: Provider) -> Any:
    return SimpleNamespace(gates=scene.keeper, provider=provider, clock=scene.clock)


def a_call(
    url: str = "https://api.acme.example/token", *, idempotent: bool = False
) -> HttpCall:
    return HttpCall(
        name="token", method="POST", url=url, headers=(), body=b"", idempotent=idempotent
    )


OK = HttpAnswer(status=200, headers=(), body=b"")
BUSY = HttpAnswer(status=429, headers=(("retry-after", "20"),), body=b"")


class TestAProvider:
    async def test_that_asked_for_a_pause_is_not_called_until_it_is_over(
        self, scene: Scene
    ) -> None:
        provider = Provider(BUSY, OK)
        tools = tools_of(scene, provider)
        await send(tools, "acme", a_call())
        with pytest.raises(GateClosed) as raised:
            await send(tools, "acme", a_call())
        other = await send(tools, "acme", a_call("https://other.example/"))
        scene.clock.seconds += 21

        gate = "provider:acme/api.acme.example"
        assert (gate, timedelta(seconds=20)) == (raised.value.gate, raised.value.after)
        assert 200 == other.status
        assert 200 == (await send(tools, "acme", a_call())).status
        assert 3 == provider.calls

    async def test_that_is_left_alone_costs_no_attempt_however_often_it_is_tried(
        self, scene: Scene
    ) -> None:
        """Another record of the same sender is refused every minute: this one would be dead after eleven of them."""
        provider = Provider(HttpAnswer(status=429, headers=(("retry-after", "3600"),)))
        hands, tools = Hands(), tools_of(scene, provider)
        for _ in range(MAX_ATTEMPTS + 1):
            await send(tools, "acme", a_call())
            with pytest.raises(Transient) as held:
                await send(tools, "acme", a_call())
            tried = sum(one.end == "retry" for one in hands.endings)
            await hands.carry(a_claim(attempts=tried), held.value)
            scene.clock.seconds += 61

        assert {"wait"} == {one.end for one in hands.endings}
        assert {"provider:acme/api.acme.example"} == {one.gate for one in hands.endings}

    async def test_never_stops_all_for_longer_than_a_minute(self, scene: Scene) -> None:
        """Limits are often per account: one that is used up for a day must not stop the others."""
        answer = HttpAnswer(status=429, headers=(("retry-after", "86400"),), body=b"")
        await send(tools_of(scene, Provider(answer)), "acme", a_call())

        assert [
            ("provider:acme/api.acme.example", "pause", timedelta(minutes=1))
        ] == scene.gates.closed

    async def test_in_trouble_gets_few_retries(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Three tries each would be three hundred calls; the budget allows a fifth more, and the one to begin with."""
        monkeypatch.setattr("asyncio.sleep", _at_once)
        provider = Provider(ProviderBusy("connection refused"))
        for _ in range(100):
            with pytest.raises(ProviderBusy):
                await send(tools_of(scene, provider), "acme", a_call(idempotent=True))

        assert 100 < provider.calls <= 121

    async def test_is_asked_again_within_a_step_where_that_is_safe(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("asyncio.sleep", _at_once)
        provider = Provider(ProviderBusy("connection refused"), OK)

        assert (
            200
            == (await send(tools_of(scene, provider), "acme", a_call(idempotent=True))).status
        )


async def _at_once(_seconds: float) -> None:
    return None
