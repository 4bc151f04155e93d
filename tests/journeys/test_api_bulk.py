"""Replay and drop of all that match: oldest first, each once, as of the moment it began."""

from __future__ import annotations

import pytest

from services.api.bulk import Pace
from tests.journeys.api_builders import (
    HOOK,
    ended,
    with_acme,
    with_dead,
    with_installation,
    with_request,
)

FAST = {"dryRun": False, "rate": 5000}
SPLIT = "req_split"


async def many(api, verb="replay", **body):
    """One call; the answer, which has to be one."""
    said = await api.post(f"/v1/admin/requests/{verb}", body)
    assert 200 == said.status, said.body
    return said.body


async def walked(api, verb="replay", cursor_="", **body):
    """All calls of a walk, from *cursor_* on; all results."""
    results, cursor = [], cursor_
    while True:
        said = await many(api, verb, **body, cursor=cursor)
        results += [(one["id"], one["result"]) for one in said["results"]]
        cursor = said["cursor"]
        if not cursor:
            return results


async def with_split(api):
    """A request that was split into three deliveries: two are done, one is parked."""
    await with_acme(api)
    for org, hook, alias in (("org_1", HOOK, "one"), ("org_2", f"{HOOK[:-1]}0", "two")):
        await with_installation(api, webhook_id=hook, alias=alias)
        await api.ports.ledger.bind("acme", org, hook, "take_over", in_flow=False)
    await with_request(api, SPLIT)
    claims, _ = await api.ports.ledger.claim("tester", 1)
    slices = [("org_1", b"one"), ("org_2", b"two"), ("org_3", b"three")]
    await api.ports.ledger.route(claims[0].record, slices, may_park=True)
    await ended(api, "done")
    deliveries = await api.ports.ledger.children(SPLIT)
    return {one.identifier: one.id for one in deliveries}


class TestADryRun:
    async def test_tells_what_would_happen_and_changes_nothing(self, api):
        await with_dead(api, "req_1")
        await with_dead(api, "req_2", reason="gone")
        await with_request(api, "req_3")

        told = await many(api, filter={"state": "dead,ready"})

        assert {"req_1": "eligible", "req_2": "eligible", "req_3": "refused"} == {
            one["id"]: one["result"] for one in told["results"]
        }
        assert [("dead", "acme", "gone", 1), ("dead", "acme", "the bot answered 410", 1)] == [
            (one["state"], one["integration"], one["reason"], one["count"])
            for one in told["groups"]
        ]
        assert 2 == len((await api.get("/v1/admin/requests?state=dead")).body["requests"])
        assert [] == [one.action for one in await api.ports.audit.tail()]

    async def test_goes_through_all_where_a_call_shows_some(self, api):
        for n in range(5):
            await with_dead(api, f"req_{n}")

        told = await walked(api, filter={"state": "dead"}, limit=2)

        assert [(f"req_{n}", "eligible") for n in range(5)] == told


class TestAReplay:
    async def test_goes_from_the_oldest_to_the_newest_and_ends(self, api):
        for n in range(5):
            await with_dead(api, f"req_{n}")

        done = await walked(api, filter={"state": "dead"}, limit=2, **FAST)
        claims, _ = await api.ports.ledger.claim("tester", 9)

        assert [(f"req_{n}", "replayed") for n in range(5)] == done
        assert [f"req_{n}" for n in range(5)] == [one.record.id for one in claims]

    async def test_of_what_is_done_ends_though_it_is_done_again(self, api):
        """Each once, however fast the workers are; and what arrives meanwhile is not caught up with."""
        for n in range(3):
            await with_request(api, f"req_{n}")
        await ended(api, "done")
        results, cursor = [], ""
        for calls in range(9):
            said = await many(api, filter={"state": "done"}, limit=1, **FAST, cursor=cursor)
            results += [one["id"] for one in said["results"]]
            await with_request(api, f"req_new_{calls}")
            await ended(api, "done")
            cursor = said["cursor"]
            if not cursor:
                break

        assert ["req_0", "req_1", "req_2"] == results

    async def test_sends_nothing_twice_when_a_call_is_made_again(self, api):
        """Its answer was lost, or whoever called was killed; what it did has meanwhile ended as before."""
        for n in range(4):
            await with_dead(api, f"req_{n}")
        body = {"filter": {"state": "dead"}, "limit": 2, **FAST}
        first = await many(api, **body)
        lost = await many(api, **body, cursor=first["cursor"])
        await ended(api, "dead", "again")

        again = await many(api, **body, cursor=first["cursor"])

        assert ["req_2", "req_3"] == [one["id"] for one in lost["results"]]
        assert [] == again["results"]

    async def test_answers_what_it_has_done_when_it_takes_long(self, api, monkeypatch):
        """And goes on behind that, not behind what it would have done."""
        for n in range(5):
            await with_dead(api, f"req_{n}")
        monkeypatch.setattr("services.api.bulk.LONGEST", 0.0)
        body = {"filter": {"state": "dead"}, **FAST}
        first = await many(api, **body)
        named = await many(api, filter={"ids": ["req_3", "req_4"]}, **FAST)

        assert ["req_0"] == [one["id"] for one in first["results"]]
        assert ["req_3"] == [one["id"] for one in named["results"]]
        assert [
            ("req_1", "replayed"),
            ("req_2", "replayed"),
            ("req_4", "replayed"),
        ] == await walked(api, **body, cursor_=first["cursor"])

    async def test_takes_words_of_the_reason_an_installation_and_a_span(self, api):
        await with_acme(api)
        await with_dead(api, "req_1", reason="the bot's URL answered 410")
        await with_dead(api, "req_2", reason="gone")

        async def told(**parts):
            return [one["id"] for one in (await many(api, filter=parts))["results"]]

        assert ["req_1"] == await told(reason="ANSWERED 410")
        assert [] == await told(installation=HOOK)
        assert [] == await told(until="1h")
        assert ["req_1", "req_2"] == await told(since="1h", until="0s")

    async def test_is_in_the_audit_before_it_acts_and_at_its_end(self, api):
        await with_dead(api, "req_1")
        await with_dead(api, "req_2")
        first = await many(api, filter={"state": "dead"}, limit=1, **FAST)
        (began,) = await api.ports.audit.tail()
        cursor = first["cursor"]
        while cursor:
            said = await many(api, filter={"state": "dead"}, limit=1, **FAST, cursor=cursor)
            cursor = said["cursor"]
        ended_, _ = await api.ports.audit.tail()

        assert ("requests.replay_began", {"state": "dead"}) == (
            began.action,
            began.detail["filter"],
        )
        assert (
            "requests.replayed",
            {"run": began.detail["run"], "records": 2, "refused": 0},
        ) == (
            ended_.action,
            ended_.detail,
        )

    @pytest.mark.parametrize(
        ("verb", "given"),
        [("replay", {"state": "ignored"}), ("drop", {"state": "dead"})],
    )
    async def test_does_not_go_on_with_another_filter_or_call(self, api, verb, given):
        await with_dead(api, "req_1")
        await with_dead(api, "req_2")
        cursor = (await many(api, filter={"state": "dead"}, limit=1, **FAST))["cursor"]

        said = await api.post(
            f"/v1/admin/requests/{verb}", {"filter": given, "dryRun": False, "cursor": cursor}
        )

        assert 400 == said.status
        assert said.message.startswith("cursor: belongs to another filter")


class TestOfASplitRequest:
    async def test_named_by_its_id_only_those_that_did_not_end_well_are_sent_again(self, api):
        deliveries = await with_split(api)

        done = await many(api, filter={"ids": [SPLIT]}, **FAST)

        assert [(deliveries["org_3"], "replayed")] == [
            (one["id"], one["result"]) for one in done["results"]
        ]

    async def test_matched_by_its_state_nothing_is_split_again(self, api):
        """Its deliveries match by themselves: the parked one does not, and stays."""
        deliveries = await with_split(api)
        before = await api.ports.ledger.show(SPLIT)

        done = await walked(api, filter={"state": "done"}, **FAST)

        assert [
            (deliveries["org_1"], "replayed"),
            (deliveries["org_2"], "replayed"),
            (SPLIT, "refused"),
        ] == done
        assert before == await api.ports.ledger.show(SPLIT)
        parked = await api.ports.ledger.show(deliveries["org_3"])
        assert ("parked", 0) == (parked.state, parked.replays)

    async def test_is_dropped_once_none_of_its_deliveries_is_left(self, api):
        deliveries = await with_split(api)

        kept = await walked(api, "drop", filter={"state": "done"}, dryRun=False)
        told = await walked(api, "drop", filter={"state": "done,parked"})
        gone = await walked(api, "drop", filter={"state": "done,parked"}, dryRun=False)

        assert (SPLIT, "refused") == kept[-1]
        assert [(deliveries["org_3"], "eligible"), (SPLIT, "eligible")] == told
        assert [(deliveries["org_3"], "dropped"), (SPLIT, "dropped")] == gone

    async def test_named_by_its_id_is_dropped_with_its_deliveries(self, api):
        deliveries = await with_split(api)

        gone = await many(api, "drop", filter={"ids": [SPLIT]}, dryRun=False)

        assert {*deliveries.values(), SPLIT} == {one["id"] for one in gone["results"]}
        assert 404 == (await api.get(f"/v1/admin/requests/{SPLIT}")).status

    async def test_is_dropped_once_where_its_delivery_is_named_too(self, api, monkeypatch):
        """Also by a call that is made again."""
        deliveries = await with_split(api)
        monkeypatch.setattr("services.api.bulk.LONGEST", 0.0)
        body = {
            "filter": {"ids": [deliveries["org_1"], SPLIT, *deliveries.values()]},
            "dryRun": False,
        }
        first = await many(api, "drop", **body)
        await walked(api, "drop", **body, cursor_=first["cursor"])

        assert [] == await walked(api, "drop", **body, cursor_=first["cursor"])

    async def test_is_not_dropped_while_a_delivery_is_leased(self, api):
        deliveries = await with_split(api)
        await many(api, filter={"ids": [deliveries["org_1"]]}, **FAST)
        await api.ports.ledger.claim("tester", 1)

        said = await many(api, "drop", filter={"ids": [SPLIT]}, dryRun=False)

        assert [(deliveries["org_1"], "refused")] == [
            (one["id"], one["result"]) for one in said["results"]
        ]
        assert await api.ports.ledger.show(SPLIT)


class TestADrop:
    async def test_begins_with_a_dry_run_and_is_in_the_audit(self, api):
        await with_dead(api, "req_1")
        await with_request(api, "req_2")

        told = await many(api, "drop", filter={"integration": "acme"})
        kept = await api.get("/v1/admin/requests/req_1")
        done = await many(api, "drop", filter={"integration": "acme"}, dryRun=False)

        assert ["eligible"] == [one["result"] for one in told["results"]]
        assert 200 == kept.status
        assert [("req_1", "dropped")] == [(one["id"], one["result"]) for one in done["results"]]
        assert 200 == (await api.get("/v1/admin/requests/req_2")).status
        assert ["requests.dropped", "requests.drop_began"] == [
            one.action for one in await api.ports.audit.tail()
        ]


class Still:
    """A clock that moves while somebody waits."""

    def __init__(self):
        self.at = 100.0
        self.waits = []

    def now(self):
        return self.at

    def monotonic(self):
        return self.at

    async def wait(self, seconds):
        self.waits.append(seconds)
        self.at += seconds


class TestThePace:
    async def test_lets_so_many_through_in_a_second(self):
        clock = Still()
        pace = Pace(50, clock, clock.wait)
        for _ in range(100):
            await pace.turn()

        assert 2.0 == pytest.approx(clock.at - 100.0)

    async def test_makes_up_for_nothing(self):
        clock = Still()
        pace = Pace(2, clock, clock.wait)
        await pace.turn()
        clock.at += 60
        await pace.turn()
        await pace.turn()

        assert [0.5, 0.5] == clock.waits
