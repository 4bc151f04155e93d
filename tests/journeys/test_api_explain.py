"""Why a record is where it is, in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.api.chat.operations import RUNTIME
from services.api.openapi import table
from services.api.operations import OPERATIONS
from services.api.publishing import publish_found
from shared.explain import explain, timeline, worst
from shared.integrations.definition import decode, door_of, stored
from shared.model.jobs import Record
from shared.storage.definitions import Definitions
from shared.vrl.pool import VrlPool

NOON = 1_790_000_000_000
ACME = {"name": "acme", "version": "1.0.0", "verify": "none"}


def a_record(**parts) -> Record:
    facts = {
        "id": "req_1",
        "job": "webhook",
        "state": "ready",
        "integration": "slack",
        "accepted_at": NOON,
    }
    return Record(**(facts | parts))


class TestTheSentence:
    @pytest.mark.parametrize(
        ("parts", "sentence"),
        [
            ({}, "It is accepted and stored; no worker has taken it yet."),
            ({"attempts": 1}, "It is ready for attempt 2; no worker has taken it yet."),
            (
                {"crashes": 2},
                "It is ready again: 2 times a worker ended before it was finished.",
            ),
            ({"state": "leased", "worker": "host-1"}, "host-1 is at it, attempt 1."),
            (
                {"state": "retrying", "attempts": 1, "reason": "429", "due_at": NOON},
                "Attempt 1 failed: 429; attempt 2 of 12 follows at 2026-09-21T14:13:20.000Z.",
            ),
            ({"state": "waiting", "reason": "behind req_0"}, "It waits behind req_0."),
            (
                {"state": "parked", "identifier": "T1"},
                (
                    "It is verified and parked: no installation of slack has the identifier T1 yet;"
                    " connecting one releases it."
                ),
            ),
            ({"state": "done", "bot": "b1"}, "It is done for bot b1."),
            (
                {"state": "done", "attempts": 1, "reason": "delivered"},
                "It is done at attempt 2: delivered.",
            ),
            (
                {"state": "ignored", "reason": "signature refused"},
                "It was ignored, nothing was parked and nothing delivered: signature refused.",
            ),
            (
                {"state": "dead", "attempts": 12, "reason": "gone"},
                "It was given up after 12 attempts: gone; it is kept with its payload and can be replayed.",
            ),
        ],
    )
    def test_says_why(self, parts, sentence):
        assert sentence == explain(a_record(**parts), (), {})

    def test_tells_of_a_step_whose_result_is_not_known(self):
        journal = {"exchange:intent": b"", "identity:intent": b"", "identity:result": b""}

        sentence = explain(a_record(state="leased", worker="w"), (), journal)

        assert sentence.endswith("The step exchange was begun, and its result is not known.")

    def test_of_a_split_counts_and_names_the_worst(self):
        children = [
            a_record(id="dlv_1", state="done"),
            a_record(id="dlv_2", state="dead", reason="gone"),
            a_record(id="dlv_3", state="parked", identifier="T1"),
        ]

        sentence = explain(a_record(state="done"), children, {})

        assert sentence.startswith(
            "It was split into 3 deliveries: 1 dead, 1 parked, 1 done. dlv_2: It was given up"
        )
        assert "dlv_2" == worst(a_record(), children).id

    def test_never_lacks_a_state(self):
        from shared.model.jobs import STATES

        assert all(explain(a_record(state=state), (), {}).endswith(".") for state in STATES)


class TestTheTimeline:
    def test_runs_from_arrival_to_the_next_attempt(self):
        record = a_record(
            state="retrying", reason="429", changed_at=NOON + 5, due_at=NOON + 9, bytes=7
        )

        whats = [moment.what for moment in timeline(record, (), {"send:intent": b""})]

        assert [
            "accepted and stored: webhook of slack, 7 bytes",
            "step send begun",
            "retrying: 429",
            "next attempt is due",
        ] == whats


class TestPublishing:
    async def test_never_goes_back_behind_what_somebody_registered(self, store):
        definitions, old = Definitions(store), decode(ACME)
        newer, changed = decode({**ACME, "version": "1.1.0"}), decode({**ACME, "title": "Acme"})
        async with VrlPool(size=1) as scripts:
            said = [
                await publish_found(definitions, scripts, found)
                for found in ([old], [old], [changed])
            ]
            await definitions.publish(stored(newer), "acme", "1.1.0", door_of(newer))
            kept = await publish_found(definitions, scripts, [old])

        assert [["acme"], [], ["acme"]] == said
        assert [] == kept


class TestDocumentation:
    def test_lists_every_call(self):
        docs = Path(__file__).parents[2] / "docs"
        staff = [one for one in OPERATIONS if one.access == "admin"]

        assert table(staff) in (docs / "api.md").read_text()
        assert table(RUNTIME) in (docs / "botpress.md").read_text()
