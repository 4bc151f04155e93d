"""A script for steps: which effect is expected next and what it is answered with."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

from shared.secret import Secret
from shared.steps.effects import Effect, Reach
from shared.steps.exchange import ExchangeOrder
from shared.steps.refresh import RefreshOrder
from tests.unit.oauth_builders import CLIENT, NOON, a_provider


def an_exchange(**changes: Any) -> ExchangeOrder:
    usual = {
        "provider": a_provider(),
        "client": CLIENT,
        "code": Secret(b"the-code"),
        "redirect_uri": "https://way.test/oauth",
        "verifier": Secret(b"the-verifier"),
        "code_deadline": NOON + 600,
        "deadline": NOON + 1800,
    }
    return ExchangeOrder(**{**usual, **changes})


def a_refresh(**changes: Any) -> RefreshOrder:
    return RefreshOrder(**{"provider": a_provider(), "client": CLIENT, **changes})


class Played:
    """What became of steps: their value or error, the effects in order, the places they came by."""

    def __init__(self, steps: Generator[Effect, Any, Any], answers: Iterable[Any]) -> None:
        """Play *steps*; each of *answers* goes to the next effect that is not a place, an exception is raised."""
        self.effects: list[Effect] = []
        self.places: list[str] = []
        self.value: Any = None
        self.error: Exception | None = None
        self._left = list(answers)
        try:
            self._play(steps)
        except StopIteration as end:
            self.value = end.value
        except Exception as error:  # noqa: BLE001  what the steps raised is what is looked at
            self.error = error
        finally:
            steps.close()
        assert not self._left, f"never asked for: {self._left}"

    def _play(self, steps: Generator[Effect, Any, Any]) -> None:
        effect = next(steps)
        while True:
            if isinstance(effect, Reach):
                self.places.append(effect.name)
                effect = steps.send(None)
                continue
            self.effects.append(effect)
            assert self._left, f"nobody foresaw {effect}"
            answer = self._left.pop(0)
            effect = (
                steps.throw(answer) if isinstance(answer, Exception) else steps.send(answer)
            )

    @property
    def asked(self) -> list[str]:
        """The effects by name, calls by the name of the call."""
        return [
            getattr(getattr(one, "call", None), "name", type(one).__name__)
            for one in self.effects
        ]
