"""Scripts as integrations write them: extract, fallback and link, for the four providers."""

from __future__ import annotations

import hmac
from urllib.parse import urlencode

import orjson
import pytest

from shared.errors import ScriptFailed
from tests.unit.vrl.vrl_builders import a_request

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLACK = """
# Events are JSON; commands and buttons are forms, a button's `payload` is JSON again.
text = to_string!(.body)
sent = {}
if starts_with(text, "payload=") {
  sent = parse_json!(parse_query_string!(text).payload)
} else if starts_with(text, "{") {
  sent = parse_json!(text)
} else {
  sent = parse_query_string!(text)
}
sent.team_id || sent.team.id
"""
GITHUB = """
# GitHub's own events name the App's installation; Botpress's engine is fine with this apostrophe.
to_string!(parse_json!(.body).installation.id)
"""
LINEAR = "parse_json!(.body).organizationId"
NOTION = """
# Everything but the verification, which log() would not show.
body = parse_json!(.body)
if exists(body.verification_token) { null } else { body.workspace_id }
"""

BUTTON = urlencode(
    {"payload": orjson.dumps({"type": "block_actions", "team": {"id": "T7"}}).decode()}
)

CASES = [
    (SLACK, a_request({"team_id": "T1", "type": "event_callback", "event": {"text": "100% %22"}}), "T1"),
    (SLACK, a_request("command=%2Fdeploy&team_id=T2&text=now+100%25"), "T2"),
    (SLACK, a_request(BUTTON), "T7"),
    (SLACK, a_request({"type": "url_verification", "challenge": "c"}), None),
    (GITHUB, a_request({"action": "opened", "installation": {"id": 47114711}}), "47114711"),
    (GITHUB, a_request({"zen": "Keep it logically awesome."}), ""),
    (LINEAR, a_request({"action": "create", "organizationId": "8a8a-11"}), "8a8a-11"),
    (LINEAR, a_request({"action": "create"}), None),
    (NOTION, a_request({"type": "page.created", "workspace_id": "w-1"}), "w-1"),
    (NOTION, a_request({"verification_token": "secret_x"}), None),
]  # fmt: skip


class TestExtract:
    @pytest.mark.parametrize(("source", "event", "expected"), CASES)
    async def test_finds_the_workspace(self, pool, source, event, expected):
        assert expected == await pool.run("extract.vrl", source, event)

    @pytest.mark.parametrize("source", [GITHUB, LINEAR, NOTION])
    @pytest.mark.parametrize("body", ["", "no json", "\x00", '{"a":'])
    async def test_fails_on_what_is_no_json(self, pool, source, body):
        with pytest.raises(ScriptFailed) as failed:
            await pool.run("extract.vrl", source, a_request(body))
        assert "runtime" == failed.value.kind

    async def test_may_return_slices_of_a_batch(self, pool):
        source = """
        slices = []
        for_each(array!(parse_json!(.body))) -> |_i, event| {
          slices = push(slices, {"identifier": event.portal, "body": encode_json([event])})
        }
        slices
        """
        event = a_request([{"portal": 1, "z": 1, "a": 2}, {"portal": 2}])

        assert [
            {"identifier": 1, "body": '[{"a":2,"portal":1,"z":1}]'},
            {"identifier": 2, "body": '[{"portal":2}]'},
        ] == await pool.run("extract.vrl", source, event)

    async def test_may_check_a_signature_itself(self, pool):
        source = """
        expected = "sha256=" + encode_base16(hmac(to_string!(.body), to_string!(.secrets.APP_SECRET)))
        if .headers."x-hub-signature-256" != expected { null } else { parse_json!(.body).entry[0].id }
        """
        body = '{"entry":[{"id":"p1"}]}'
        signature = "sha256=" + hmac.new(b"s", body.encode(), "sha256").hexdigest()
        right = a_request(
            body, headers={"x-hub-signature-256": signature}, secrets={"APP_SECRET": "s"}
        )
        wrong = right | {"secrets": {"APP_SECRET": "another"}}

        assert "p1" == await pool.run("extract.vrl", source, right)
        assert None is await pool.run("extract.vrl", source, wrong)


class TestFallback:
    async def test_answers_slacks_challenge(self, pool):
        source = """
        sent, err = parse_json(.body)
        if err == null && sent.type == "url_verification" {
          {"body": to_string!(sent.challenge)}
        } else {
          {"status": 404, "headers": {"content-type": "text/plain"}, "body": "nobody here"}
        }
        """
        challenge = a_request({"type": "url_verification", "challenge": "c4"})
        unknown = {
            "status": 404,
            "headers": {"content-type": "text/plain"},
            "body": "nobody here",
        }

        assert {"body": "c4"} == await pool.run("fallback.vrl", source, challenge)
        assert unknown == await pool.run("fallback.vrl", source, a_request("no json"))

    async def test_answers_metas_challenge(self, pool):
        source = """
        query = parse_query_string!(.query)
        known = query."hub.verify_token" == .secrets.VERIFY_TOKEN
        if known { {"body": query."hub.challenge"} } else { {"status": 403} }
        """
        right = a_request(
            query="hub.mode=subscribe&hub.verify_token=v&hub.challenge=42",
            secrets={"VERIFY_TOKEN": "v"},
        )
        wrong = a_request(query="hub.verify_token=x", secrets={"VERIFY_TOKEN": "v"})

        assert {"body": "42"} == await pool.run("fallback.vrl", source, right)
        assert {"status": 403} == await pool.run("fallback.vrl", source, wrong)

    async def test_may_put_a_token_where_the_author_reads_it(self, pool):
        """Notion's way: the verification token is the text of a failed assertion."""
        source = """
        token = to_string!(parse_json!(.body).verification_token)
        assert!(token == "", message: "Your verification token is " + token)
        {}
        """

        with pytest.raises(
            ScriptFailed, match="Your verification token is secret_x$"
        ) as failed:
            await pool.run(
                "fallback.vrl", source, a_request({"verification_token": "secret_x"})
            )

        assert 3 == failed.value.line
        assert {} == await pool.run("fallback.vrl", source, a_request({"workspace_id": "w"}))


class TestLink:
    async def test_fills_in_the_installation(self, pool):
        source = """
        id = to_string!(.webhookId)
        back = encode_percent(to_string!(.webhookUrl) + "/oauth", ascii_set: "NON_ALPHANUMERIC")
        "https://slack.example/oauth?client_id={{ id }}&redirect_uri={{ back }}&state={{ id }}"
        """
        event = {
            "webhookId": "4b2f",
            "webhookUrl": "https://hooks.example",
            "env": "production",
        }

        assert (
            "https://slack.example/oauth?client_id=4b2f"
            "&redirect_uri=https%3A%2F%2Fhooks%2Eexample%2Foauth&state=4b2f"
        ) == await pool.run("linkTemplate.vrl", source, event)
