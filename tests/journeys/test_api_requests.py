"""Staff calls about requests and deliveries, against a real store."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from services.api import examples
from shared.metrics import Metrics
from shared.vrl.pool import VrlPool
from tests.journeys.api_builders import (
    HOOK,
    REQUEST,
    TOKEN,
    ended,
    running_api,
    with_acme,
    with_dead,
    with_installation,
    with_request,
)

READERS = "token-of-those-who-watch"


class TestRequests:
    async def test_are_listed_by_state_newest_first(self, api):
        await with_dead(api, "req_1")
        await with_request(api, "req_2")

        everything = await api.get("/v1/admin/requests")
        dead = await api.get("/v1/admin/requests?state=dead&since=1h&integration=acme")
        elsewhere = await api.get("/v1/admin/requests?integration=other")

        assert {"req_1", "req_2"} == {one["id"] for one in everything.body["requests"]}
        assert ["req_1"] == [one["id"] for one in dead.body["requests"]]
        assert [] == elsewhere.body["requests"]

    async def test_go_on_where_the_page_before_ended(self, api):
        for number in range(5):
            await with_request(api, f"req_{number}")
        first = await api.get("/v1/admin/requests?limit=3")
        rest = await api.get(f"/v1/admin/requests?limit=3&cursor={first.body['cursor']}")

        ids = [one["id"] for page in (first, rest) for one in page.body["requests"]]
        assert 5 == len(set(ids)) == len(ids)
        assert "" == rest.body["cursor"]

    async def test_say_in_one_sentence_why_they_are_where_they_are(self, api):
        await with_request(api)
        await ended(api, "ignored", "signature refused: acme-signature does not match the body")

        said = await api.get(f"{REQUEST}/explain")

        assert (
            "It was ignored, nothing was parked and nothing delivered: "
            "signature refused: acme-signature does not match the body."
        ) == said.body["sentence"]
        assert said.body["timeline"][0]["what"].startswith("accepted and stored")

    async def test_show_their_body_without_credentials(self, api):
        await with_request(api)

        shy = await api.get(f"{REQUEST}/body")
        open_ = await api.get(f"{REQUEST}/body?reveal=true")

        assert "canary" not in str(shy.body)
        assert '{"organization_id":"org_42"}' == shy.body["body"]
        assert "key=canary" == open_.body["query"]
        assert ["body.revealed"] == [one.action for one in await api.ports.audit.tail()]

    async def test_show_bytes_that_are_no_text(self, api):
        await with_request(api, body=b"\xff\x00")

        said = await api.get(f"{REQUEST}/body")

        assert ("base64", "/wA=") == (said.body["encoding"], said.body["body"])

    async def test_are_replayed_and_dropped(self, api):
        await with_dead(api)

        replayed = await api.post(f"{REQUEST}/replay")
        shown = await api.get(REQUEST)
        twice = await api.post(f"{REQUEST}/replay")
        dropped = await api.post(f"{REQUEST}/drop")
        gone = await api.get(REQUEST)

        assert [("replayed", "dead")] == [
            (one["result"], one["was"]) for one in replayed.body["results"]
        ]
        assert "ready" == shown.body["request"]["state"]
        assert (409, f"{examples.REQUEST_ID} is ready; wait until it is closed, or parked") == (
            twice.status,
            twice.message,
        )
        assert "dropped" == dropped.body["results"][0]["result"]
        assert 404 == gone.status

    async def test_stand_for_their_worst_delivery(self, api):
        await with_acme(api)
        await with_installation(api, webhook_id=HOOK)
        await api.ports.ledger.bind("acme", "org_1", HOOK, "take_over", in_flow=False)
        await with_request(api)
        claims, _ = await api.ports.ledger.claim("tester", 1)
        slices = [("org_1", b"one"), ("org_2", b"two")]
        await api.ports.ledger.route(claims[0].record, slices, may_park=True)

        said = await api.get(REQUEST)
        explained = await api.get(f"{REQUEST}/explain")

        assert "parked" == said.body["standing"]
        assert ["org_1", "org_2"] == [one["identifier"] for one in said.body["deliveries"]]
        assert (
            "It was split into 2 deliveries: 1 parked, 1 ready." in explained.body["sentence"]
        )

    async def test_of_a_split_are_replayed_where_it_did_not_end_well(self, api):
        await with_acme(api)
        await with_installation(api)
        await api.ports.ledger.bind("acme", "org_1", HOOK, "take_over", in_flow=False)
        await with_request(api)
        claims, _ = await api.ports.ledger.claim("tester", 1)
        await api.ports.ledger.route(
            claims[0].record, [("org_1", b"one"), ("org_2", b"two")], may_park=True
        )
        await ended(api, "done")

        said = await api.post(f"{REQUEST}/replay")

        assert [("replayed", "parked")] == [
            (one["result"], one["was"]) for one in said.body["results"]
        ]

    async def test_are_counted(self, api):
        await with_dead(api, "req_1")
        await with_request(api, "req_2")

        said = await api.get("/v1/admin/queue")

        assert (
            1 == said.body["states"]["dead"]["count"] == said.body["states"]["ready"]["count"]
        )
        assert 2 == said.body["totals"]["accepted"]
        assert ["tester"] == [one["id"] for one in said.body["workers"]] or [] == said.body[
            "workers"
        ]

    async def test_and_gates_are_in_the_metrics_without_the_id_of_any_webhook(self, api):
        hosts = (
            f"provider:installation:{HOOK}/api.test",
            "provider:installation:other/api.test",
        )
        for gate in (f"installation:{HOOK}", "bot:b1", *hosts):
            await api.ports.gates.close(gate, "pause", timedelta(minutes=1), "it asked for it")
        async with api.session.get(f"{api.origin}/metrics") as answer:
            text = await answer.text()

        assert {"bot:b1", "installation", "provider:installation/api.test"} == set(
            re.findall(r'gate_behind\{gate="([^"]+)"', text)
        )
        assert HOOK not in text

    async def test_and_what_other_processes_counted_are_in_the_metrics(self, api):
        """Once, however often somebody looks."""
        worker = Metrics()
        worker.count("jobs_settled_total", 3, job="webhook", outcome="done")
        await worker.tell(api.ports.measured.add)
        pages = []
        for _ in range(2):
            async with api.session.get(f"{api.origin}/metrics") as answer:
                pages.append(await answer.text())

        assert [True, True] == [
            'waypost_jobs_settled_total{job="webhook",outcome="done"} 3.0' in text
            for text in pages
        ]
        assert 'route="/metrics",status="200"} 1.0' in pages[1]

    @pytest.mark.parametrize(
        ("given", "status"),
        [
            ("", 401), ("Bearer ", 401), ("Bearer wrong", 401), (f"Basic {READERS}", 401), (f"Bearer {READERS}", 200),
            (f"Bearer {TOKEN}", 200),
        ],
    )  # fmt: skip
    async def test_are_told_to_those_with_a_token_where_one_is_set(self, store, given, status):
        async with (
            VrlPool(size=1) as scripts,
            running_api(store, scripts, metrics_token=READERS) as api,
            api.session.get(
                f"{api.origin}/metrics", headers={"Authorization": given}
            ) as answer,
        ):
            assert status == answer.status

    async def test_and_workers_are_in_the_metrics(self, api):
        await with_dead(api)
        await api.ports.ledger.refused({"waiting": 4})

        for _ in range(2):
            async with api.session.get(f"{api.origin}/metrics") as answer:
                text = await answer.text()

        assert 'waypost_queue_records{state="dead"} 1.0' in text
        assert 'waypost_records_total{what="accepted"} 1.0' in text
        assert "waypost_store_durable 1.0" in text
        assert 'waypost_requests_refused_total{reason="waiting"} 4.0' in text
