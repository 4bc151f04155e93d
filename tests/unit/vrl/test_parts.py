"""A script gets what it may read, and cannot tell that it did not get the rest."""

from __future__ import annotations

import pytest

from shared.vrl.parts import reads
from tests.unit.vrl.vrl_builders import a_request

in_one_loop = pytest.mark.asyncio(loop_scope="module")

EVENT = a_request(
    {"items": [1, 2], "path": ".secrets.KEY"},
    secrets={"KEY": "s"},
    headers={"x": "1"},
    query="q=1",
)
PARTS = ("path", "method", "query", "headers", "body", "secrets")

# Ways to come by the secrets that a careless look at the source would miss.
ROUNDABOUT = [
    'get!(., ["sec" + "rets", "KEY"])',
    'x = "secr" + "ets"\nget!(value: ., path: [x, "KEY"])',
    'object!(."\\u{73}ecrets").KEY',
    "x = .\nencode_json(x)",
    "keys(.)",
    "length(.)",
    "values(.)",
    "y = {}\ny = merge(y, object!(.))\ny",
    ".extra = 1\n.",
    ".body = [1, 2]\nunnest!(.body)",
    "for_each(object!(.)) -> |name, _v| { .x = name }\n.x",
    'to_string(length(.)) + "1.5"',
]  # fmt: skip


class TestAScript:
    @pytest.mark.parametrize("source", ROUNDABOUT)
    def test_that_may_read_everything_in_a_roundabout_way_is_given_everything(self, source):
        assert all(reads(source, part) for part in PARTS)

    @pytest.mark.parametrize(
        ("source", "needed"),
        [
            ("parse_json!(.body).team_id", {"body"}),
            (".headers.x ?? .path", {"headers", "path"}),
            ('exists(.secrets.KEY) && .method == "POST"', {"secrets", "method"}),
            ("now()", set()),
        ],
    )
    def test_that_names_what_it_reads_is_given_no_more(self, source, needed):
        assert needed == {part for part in PARTS if reads(source, part)}

    @in_one_loop
    async def test_that_reads_all_of_it_finds_all_of_it(self, pool):
        assert sorted(EVENT) == sorted(await pool.run("all.vrl", "keys(.)", EVENT))

    @in_one_loop
    async def test_that_unnests_a_part_finds_the_others_beside_it(self, pool):
        found = await pool.run("unnest.vrl", ".body = [1, 2]\nunnest!(.body)", EVENT)

        assert [EVENT | {"body": 1}, EVENT | {"body": 2}] == found

    @in_one_loop
    async def test_that_looks_for_a_part_that_it_does_not_name_in_vain_is_none(self, pool):
        assert ["s", None] == await pool.run("get.vrl", "[.secrets.KEY, .nothing]", EVENT)
