"""What may be given to a script, and what becomes of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.errors import ScriptFailed
from tests.unit.vrl.vrl_builders import a_request

pytestmark = pytest.mark.asyncio(loop_scope="module")


class TestAnEvent:
    @pytest.mark.parametrize("number", [2**53 + 1, 2**63 - 1, -(2**63), 0, -1])
    async def test_keeps_its_integers_exact(self, pool, number):
        assert number == await pool.run("number.vrl", ".number", {"number": number})

    @pytest.mark.parametrize("number", [2**63, 2**64 - 1, 2**64, -(2**64), 2**70])
    async def test_has_its_larger_integers_as_floats(self, pool, number):
        value = await pool.run("number.vrl", ".number", {"number": number})

        assert isinstance(value, float)
        assert pytest.approx(float(number)) == value

    async def test_may_hold_an_integer_that_no_float_holds(self, pool):
        """JavaScript writes Infinity as null."""
        assert None is await pool.run("number.vrl", ".number", {"number": 10**400})

    async def test_may_hold_integers_beyond_64_bits_in_its_body(self, pool):
        event = a_request('{"id": 1180591620717411303424}')

        assert isinstance(await pool.run("id.vrl", "parse_json!(.body).id", event), float)

    async def test_is_not_changed_for_the_caller(self, pool):
        event = a_request({"a": 1})
        await pool.run("change.vrl", "del(.body)\n.path = 5", event)

        assert a_request({"a": 1}) == event

    async def test_leaves_nothing_for_the_next(self, pool):
        await pool.run("left.vrl", "%left = 1\n.left = 1\nleft = 1", {})

        assert [None, None] == await pool.run("found.vrl", "[%left, .left]", {})

    @pytest.mark.parametrize(
        "value",
        [b"bytes", "\ud800", {1: "number as a name"}, object(), 1j],
        ids=["bytes", "surrogate", "names", "object", "complex"],
    )
    async def test_that_is_no_json_is_refused(self, pool, value):
        with pytest.raises(ScriptFailed, match=r"extract\.vrl: input: the event is not JSON"):
            await pool.run("extract.vrl", ".value", {"value": value})

    @pytest.mark.parametrize("depth", [130, 300, 5000, 100_000])
    async def test_that_is_nested_too_deep_is_refused(self, pool, depth):
        event: dict[str, object] = {}
        for _ in range(depth):
            event = {"a": event}

        with pytest.raises(ScriptFailed) as failed:
            await pool.run("extract.vrl", ".a", event)
        assert "input" == failed.value.kind

    @pytest.mark.parametrize("source", [".", ".body", "1"])
    @pytest.mark.parametrize("event", [["no", "object"], [], "", "no object", 1])
    async def test_that_is_no_object_is_refused(self, pool, source, event):
        with pytest.raises(ScriptFailed, match="input: the event is not a JSON object"):
            await pool.run("extract.vrl", source, event)

    async def test_that_holds_a_time_gives_its_text(self, pool):
        event = {"at": datetime(2026, 1, 2, tzinfo=UTC)}

        assert "2026-01-02T00:00:00+00:00" == await pool.run("at.vrl", ".at", event)

    async def test_of_a_mebibyte_passes(self, pool):
        event = a_request({"id": 7, "text": "x" * (1 << 20)})

        assert 7 == await pool.run("id.vrl", "parse_json!(.body).id", event)

    @pytest.mark.parametrize("body", ["[" * 1_000_000, "\0", '{"a":1e400}', '"\\ud800"'])
    async def test_with_a_hostile_body_is_an_ordinary_failure(self, pool, body):
        with pytest.raises(ScriptFailed) as failed:
            await pool.run("extract.vrl", "parse_json!(.body).id", a_request(body))
        assert "runtime" == failed.value.kind


class TestAResult:
    async def test_that_is_nested_too_deep_for_json_is_an_error(self, pool):
        source = "x = []\nfor_each(array!(.turns)) -> |_i, _v| { x = [x] }\nx"

        with pytest.raises(
            ScriptFailed, match="deep.vrl: runtime: the result is nested deeper"
        ):
            await pool.run("deep.vrl", source, {"turns": [0] * 300})

    async def test_that_is_very_large_is_an_error(self, pool):
        source = "x = to_string!(.x)\nx = x + x\nx = x + x\nx = x + x\nx + x"

        with pytest.raises(ScriptFailed, match="large.vrl: runtime: the result is larger than"):
            await pool.run("large.vrl", source, {"x": "x" * (1 << 20) + "y"})

    async def test_of_bytes_is_text(self, pool):
        assert "a\ufffdb" == await pool.run("bytes.vrl", 'decode_base64!("Yf9i")', {})
