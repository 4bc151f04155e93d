"""When a target counts as down. Time is an argument."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from datetime import timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

SPAN = 30.0  # seconds that count
FEWEST = 10  # calls, before their failures mean anything
SHARE = 0.7  # of them that failed
SHAKY = 0.2  # of them that failed, from which on retries are rationed
CLOSED_FOR = timedelta(seconds=30)
# Of all: the one that was refused waits as long as it was told, since limits are often of one account, or of one event.
LONGEST_PAUSE = timedelta(minutes=1)
_MOST = 200  # calls kept


class Window:
    """
    How the last calls to one target went.

    >>> window = Window()
    >>> for second in range(10):
    ...     window.add(ok=second < 3, at=float(second))
    >>> window.is_down(9.0), window.failures(9.0)
    (True, (7, 10))
    >>> window.is_down(31.0)
    False
    """

    def __init__(self) -> None:
        """Nothing has been called yet."""
        self._calls: deque[tuple[float, bool, str]] = deque(maxlen=_MOST)

    def add(self, *, ok: bool, at: float, whose: str = "") -> None:
        """Note one call, and for which installation it was; *at* is in seconds and never goes back."""
        self._calls.append((at, ok, whose))

    def failures(self, now: float) -> tuple[int, int]:
        """How many of the calls of the last half minute failed, and how many there were."""
        while self._calls and self._calls[0][0] <= now - SPAN:
            self._calls.popleft()
        return sum(not ok for _, ok, _ in self._calls), len(self._calls)

    def is_down(self, now: float) -> bool:
        """Whether enough calls of the last half minute failed, and for enough installations: one may be wrong."""
        failed, calls = self.failures(now)
        return calls >= FEWEST and failed >= SHARE * calls and self._is_broad()

    def is_shaky(self, now: float) -> bool:
        """Whether so many of them failed that retries weigh."""
        failed, calls = self.failures(now)
        return calls >= FEWEST and failed >= SHAKY * calls

    def _is_broad(self) -> bool:
        calls = Counter(whose for _, _, whose in self._calls)
        failed = Counter(whose for _, ok, whose in self._calls if not ok)
        broken = sum(failed[whose] >= SHARE * count for whose, count in calls.items())
        return broken >= SHARE * len(calls)

    def forget(self) -> None:
        """Begin anew."""
        self._calls.clear()


class Budget:
    """
    How many retries may go to one target: a fifth of its calls, and one a second beside.

    >>> budget = Budget()
    >>> [budget.take(0.0) for _ in range(3)]
    [True, False, False]
    >>> for _ in range(5):
    ...     budget.earn()
    >>> budget.take(0.0), budget.take(0.0), budget.take(1.0)
    (True, False, True)
    """

    SHARE, MOST = 0.2, 10.0

    def __init__(self, at_first: float = 1.0) -> None:
        """So many retries are there to begin with."""
        self._tokens, self._turn = at_first, 0
        self._at: float | None = None  # when it was last filled up

    def earn(self) -> None:
        """A first call was made."""
        self._tokens = min(self.MOST, self._tokens + self.SHARE)

    def later(self) -> timedelta:
        """When who gets none may ask again: they take turns within a minute."""
        self._turn = self._turn % 60 + 1
        return timedelta(seconds=self._turn)

    def take(self, now: float) -> bool:
        """Whether one more retry may be made at *now* (seconds)."""
        since = now if self._at is None else self._at
        self._tokens = min(self.MOST, self._tokens + max(0.0, now - since))
        self._at = max(since, now)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class Recent(Generic[T]):
    """
    Something for each name, as long as somebody asks for it: names come and go.

    >>> calls = Recent(list)
    >>> calls.of("a", 0.0).append("call")
    >>> calls.of("a", 20.0), calls.of("b", 45.0), len(calls)
    (['call'], [], 2)
    >>> calls.of("b", 50.0), len(calls), calls.of("a", 50.0)
    ([], 1, [])
    """

    def __init__(self, make: Callable[[], T]) -> None:
        """Begin with what *make* makes."""
        self._make = make
        self._kept: OrderedDict[str, tuple[float, T]] = OrderedDict()

    def of(self, name: str, now: float) -> T:
        """What is kept for *name*; *now* is in seconds and never goes back."""
        one = self._kept.pop(name)[1] if name in self._kept else self._make()
        self._kept[name] = (now, one)
        while next(iter(self._kept.values()))[0] <= now - SPAN:
            self._kept.popitem(last=False)
        return one

    def __contains__(self, name: str) -> bool:
        """Whether there is something already."""
        return name in self._kept

    def __len__(self) -> int:
        """How many names there are."""
        return len(self._kept)
