"""Our scripts mean the same in Waypost's engine and in Botpress's own, `@bpinternal/verel`, whatever they are fed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import pytest
import pytest_asyncio

from shared.errors import HandlerUnavailable, ScriptFailed, ScriptInvalid
from shared.integrations.registry import BUILT_IN
from shared.vrl.pool import VrlPool
from tests.compat.botpress.events import events_for
from tests.compat.packages import packages
from tests.needs import path_of

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.needs("node", "npm")]

Case = tuple[str, dict[str, Any]]

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SCRIPTS = sorted(
    path for place in (BUILT_IN, ROOT / "examples") for path in place.rglob("*.vrl")
)
EVENTS = 20  # for each script
SEED = 4

# Expressions whose meaning scripts rely on, with the event they are run on.
SEMANTICS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("to_string!(.a)", {"a": None}),
    ("to_string!(.a)", {"a": 1.5}),
    ("to_string!(.a)", {"a": []}),
    ('"p" + to_string!(.a.b.c)', {"a": 1}),
    ("parse_json!(.body).a[-1]", {"body": '{"a":[1,2],"a":[3]}'}),
    ("parse_json!(.body)", {"body": ""}),
    ("parse_query_string!(.query)", {"query": "?a=1&a=2&b=&c&d=%20x+y&hub.mode=z"}),
    ("decode_percent!(.a)", {"a": "a%20b+c%2B%ZZ"}),
    ('encode_percent("aZ0_-.~ /ë")', {}),
    ('encode_json({"b": 1, "a": [null, true]})', {}),
    ('encode_base16(hmac("v", "k"))', {}),
    ('decode_base64!("aGk")', {}),
    ('decode_base64!("_-8")', {}),
    ('replace("axbx", "x", "")', {}),
    ("to_bool!(.a)", {"a": "yes"}),
    ("to_bool!(.a)", {"a": ""}),
    ("is_nullish(.a)", {"a": " "}),
    ("exists(.a)", {"a": None}),
    ('length!("ë")', {}),
    ("if .a == 1 { 2 }", {"a": 1.0}),
    ("x, err = parse_json(.a)\nerr", {"a": "{"}),
    ("abort", {}),
    ('assert!(false, message: "no")', {}),
    ('.headers."x-a" || "none"', {"headers": {}}),
    ("parts[length(parts)-1]", {}),
    ('a = "x"\n"{{ a }}\\{{ a }}"', {}),
    ("", {}),
)


class Engines:
    """Both engines, started once."""

    async def __aenter__(self) -> Self:
        modules = await asyncio.to_thread(packages, "sdk7")
        self._verel = await asyncio.create_subprocess_exec(
            path_of("node"), str(HERE / "verel.cjs"), str(modules), limit=1 << 24,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._pool = VrlPool(size=2)
        await self._pool.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._verel.terminate()
        await self._verel.communicate()
        await self._pool.close()

    async def theirs(self, cases: list[Case]) -> list[Any]:
        """What Botpress's engine says to each case."""
        assert self._verel.stdin
        assert self._verel.stdout
        lines = (json.dumps({"source": s, "event": e}) + "\n" for s, e in cases)
        self._verel.stdin.writelines(line.encode() for line in lines)
        return [json.loads(await self._verel.stdout.readline()) for _ in cases]

    async def ours(self, cases: list[Case]) -> list[Any]:
        """What Waypost's says."""
        return await asyncio.gather(*(_said(self._pool, *one) for one in cases))

    async def compared(self, cases: list[Case]) -> tuple[list[Any], int]:
        """Where they differ, and how often there was a value."""
        theirs, ours = await asyncio.gather(self.theirs(cases), self.ours(cases))
        differing = [
            (case, one, other)
            for case, one, other in zip(cases, theirs, ours, strict=True)
            if one != other
        ]
        return differing, sum(bool(one.get("result")) for one in theirs)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engines() -> AsyncIterator[Engines]:
    async with Engines() as both:
        yield both


async def _said(pool: VrlPool, source: str, event: dict[str, Any]) -> Any:
    try:
        return {"result": await pool.run("script", source, event)}
    except ScriptInvalid:
        return {"failed": "compile"}
    except ScriptFailed as error:
        if error.kind in {"timeout", "crashed", "quarantined"}:
            raise HandlerUnavailable(str(error)) from None
        return {"failed": "run"}


async def test_there_is_something_to_compare(engines: Engines) -> None:
    """A negative control: the comparison tells values from failures, and values from each other."""
    said = await engines.theirs([("1", {}), ("2", {}), ("abort", {}), ("no(", {})])

    assert [{"result": 1}, {"result": 2}, {"failed": "run"}, {"failed": "compile"}] == said
    assert len(SCRIPTS) > 6


async def test_our_scripts_say_the_same_to_every_event(engines: Engines) -> None:
    cases = [
        (path.read_text(), event)
        for path in SCRIPTS
        for event in events_for(path.read_text(), EVENTS, SEED)
    ]
    differing, values = await engines.compared(cases)

    assert [] == differing
    assert values > len(cases) / 5  # it is not failures that are compared


async def test_the_language_means_the_same(engines: Engines) -> None:
    differing, _ = await engines.compared(list(SEMANTICS))

    assert [] == differing
