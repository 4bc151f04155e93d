"""Acting on all records that match: count, ask, go on call by call with a bar, and say how to go on when stopped."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import Progress

from services.cli import show
from shared.errors import WaypostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.cli.api import Api

_PAGE = 1000
_SHOWN = 50  # results in a table; of more only the counts are shown


class Many:
    """One replay or drop by filter."""

    def __init__(
        self, api: Api, verb: str, past: str, wanted: dict[str, str], rate: float = 0.0
    ) -> None:
        """*verb* all that is *wanted*; with a *rate*, so many a second."""
        self._api, self._verb, self._past, self._wanted = api, verb, past, wanted
        self._rate = rate
        self._cursor = ""
        self._groups = Counter[tuple[str, str, str]]()
        self._results = list[dict[str, Any]]()

    def act(self, *, dry_run: bool, yes: bool, cursor: str, as_json: bool) -> None:
        """Count and ask first; not where a *cursor* says that this was done."""
        total = None
        if dry_run or not cursor:
            self._follow("", dry_run=True)
            if dry_run:
                return self._tell(dry_run=True, as_json=as_json)
            total = self._groups.total()
            if total and not yes:
                self._ask(total)
        if total != 0:
            self._follow_with_bar(cursor, total)
        return self._tell(dry_run=False, as_json=as_json)

    def _ask(self, total: int) -> None:
        show.groups(self._groups, Console(stderr=True, highlight=False))
        pace = f" at {self._rate:g} a second, {total / self._rate:.0f} s" if self._rate else ""
        records = "1 record is" if total == 1 else f"{total} records are"
        typer.confirm(f"{records} to be {self._past}{pace}. Go on?", abort=True, err=True)

    def _follow_with_bar(self, cursor: str, total: int | None) -> None:
        with Progress(
            console=Console(stderr=True), disable=not Console(stderr=True).is_terminal
        ) as bar:
            task = bar.add_task(self._verb, total=total)
            try:
                self._follow(cursor, dry_run=False, after=lambda n: bar.advance(task, n))
            except (WaypostError, KeyboardInterrupt):
                bar.stop()
                if self._cursor != cursor:
                    self._say_how_to_go_on()
                raise

    def _follow(
        self, cursor: str, *, dry_run: bool, after: Callable[[int], object] = lambda _: None
    ) -> None:
        """Call until the walk has ended; a call takes about a second where there is a rate."""
        self._groups.clear()
        self._results.clear()
        self._cursor = cursor
        body: dict[str, Any] = {"filter": self._wanted, "dryRun": dry_run, "limit": _PAGE}
        if self._rate and not dry_run:
            body |= {"rate": self._rate, "limit": max(1, min(_PAGE, int(self._rate)))}
        while True:
            found = self._api.post("requests", self._verb, body=body | {"cursor": self._cursor})
            for one in found["groups"]:
                self._groups[one["state"], one["integration"], one["reason"]] += one["count"]
            self._results += found["results"]
            after(sum(one["count"] for one in found["groups"]))
            self._cursor = found["cursor"]
            if not self._cursor:
                return

    def _say_how_to_go_on(self) -> None:
        words = [f"waypost queue {self._verb}"]
        words += [f"--{name} {shlex.quote(value)}" for name, value in self._wanted.items()]
        words += [f"--rate {self._rate:g}/s"] if self._rate else []
        words += [f"--cursor {self._cursor}"] if self._cursor else []
        typer.echo(
            f"stopped after {self._groups.total()}; go on with:\n  {' '.join(words)}", err=True
        )

    def _tell(self, *, dry_run: bool, as_json: bool) -> None:
        if as_json:
            groups = [
                {"state": state, "integration": integration, "reason": reason, "count": count}
                for (state, integration, reason), count in self._groups.most_common()
            ]
            return show.json({"dryRun": dry_run, "groups": groups, "results": self._results})
        if not self._results:
            return show.line("Nothing matches.")
        if dry_run:
            show.groups(self._groups, show.console())
        elif len(self._results) <= _SHOWN:
            show.results(self._results)
        total, refused = self._groups.total(), len(self._results) - self._groups.total()
        said = f"{total} would be {self._past}" if dry_run else f"{total} {self._past}"
        return show.line(f"\n{said}, {refused} refused" if refused else f"\n{said}")
