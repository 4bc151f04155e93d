"""Who has connected, step by step: a call, a claim, a choice, and what templates learn on the way."""

from __future__ import annotations

from urllib.parse import urlsplit

from shared.errors import FlowRefused
from shared.model.flows import Option
from shared.oauth import Tokens, tokens_of
from shared.secret import Secret
from shared.steps.effects import AskChoice, Call
from shared.steps.identify import Who, identified
from tests.unit.oauth_builders import NOON, a_provider, answered, granted
from tests.unit.steps_builders import Played

SITES = [{"id": "s1", "name": "One", "url": "one.example"}, {"id": "s2", "name": "Two"}]
ATLASSIAN = a_provider(
    identity={
        "externalId": {"from": "choice", "path": "id"},
        "name": {"from": "choice", "path": "name"},
        "choose": {"url": "https://api.acme.example/accessible-resources", "detail": "url"},
        "facts": {"site": {"from": "choice", "path": "url"}},
    }
)


def who(provider=ATLASSIAN, **more) -> Who:
    return Who(provider=provider, client_id="client-1", **more)


def tokens(provider=ATLASSIAN, **said) -> Tokens:
    return tokens_of(provider, granted(refresh_token="r", expires_in=60, **said), now=NOON)


def urls(played: Played) -> list[str]:
    return [one.call.url for one in played.effects if isinstance(one, Call)]


class TestOneOfSeveral:
    def test_is_asked_for(self) -> None:
        played = Played(identified(who(), tokens()), [answered(SITES), NOON, "s2"])

        [asked] = [one for one in played.effects if isinstance(one, AskChoice)]
        assert Option(id="s1", name="One", detail="one.example") == asked.options[0]
        assert "s2" == played.value[0].id

    def test_is_taken_when_it_is_the_only_one(self) -> None:
        played = Played(identified(who(), tokens()), [answered(SITES[:1]), NOON])

        assert ("s1", "One", {"site": "one.example"}) == (
            played.value[0].id, played.value[0].name, played.value[0].facts,
        )  # fmt: skip

    def test_is_looked_for_on_every_page(self) -> None:
        first = answered(SITES[:1], link='<?page=2>; rel="next"')

        played = Played(
            identified(who(), tokens()), [first, NOON, answered(SITES[1:]), NOON, "s2"]
        )

        assert "s2" == played.value[0].id

    def test_is_refused_when_there_is_none(self) -> None:
        played = Played(identified(who(), tokens()), [answered([]), NOON])

        assert isinstance(played.error, FlowRefused)
        assert "no_account" == played.error.cause

    def test_must_be_in_the_providers_list(self) -> None:
        """What the browser sent back is looked up again; nobody connects what is not listed for them."""
        played = Played(identified(who(), tokens()), [answered(SITES), NOON, "s3"])

        assert isinstance(played.error, FlowRefused)
        assert "wrong_account" == played.error.cause

    def test_may_lie_in_the_identity_calls_answer(self) -> None:
        """DocuSign: the accounts of a user, each on a host of its own that is checked."""
        provider = a_provider(
            identity={
                "externalId": {"from": "choice", "path": "account_id"},
                "call": {"url": "https://account.docusign.example/oauth/userinfo"},
                "choose": {
                    "from": "call", "items": "accounts", "id": "account_id", "name": "account_name",
                    "where": {"path": "is_default"},
                },
                "facts": {
                    "api": {"from": "choice", "path": "base_uri", "type": "host", "suffixes": ["docusign.example"]}
                },
            }
        )  # fmt: skip
        accounts = [
            {"account_id": "a1", "is_default": False, "base_uri": "https://evil.test"},
            {"account_id": "a2", "is_default": True, "base_uri": "https://eu.docusign.example"},
        ]

        played = Played(
            identified(who(provider), tokens(provider)), [answered({"accounts": accounts})]
        )

        assert ("a2", {"api": "eu.docusign.example"}) == (
            played.value[0].id,
            played.value[0].facts,
        )

    def test_may_have_a_token_of_its_own(self) -> None:
        """A Facebook page's token lasts; the user's own is not kept."""
        provider = a_provider(
            identity={
                "externalId": {"from": "choice", "path": "id"},
                "choose": {"url": "https://graph.acme.example/me/accounts", "items": "data", "token": "access_token"},
            }
        )  # fmt: skip
        pages = {"data": [{"id": "p1", "name": "Page", "access_token": "page-token"}]}

        played = Played(identified(who(provider), tokens(provider)), [answered(pages), NOON])

        _, kept = played.value
        assert Secret(b"page-token") == kept.access
        assert (None, None) == (kept.refresh, kept.expires_at)


class TestWhatTemplatesLearn:
    def test_the_host_in_the_token_answer_is_asked_who_it_is(self) -> None:
        """Salesforce: `instance_url` is an input like any other."""
        provider = a_provider(
            identity={
                "externalId": {"path": "id", "pattern": "/id/([^/]+)/"},
                "call": {"url": "https://{instance}/services/oauth2/userinfo"},
                "facts": {"instance": {"path": "instance_url", "type": "host", "suffixes": ["force.example"]}},
            }
        )  # fmt: skip
        said = {
            "id": "https://login.acme.example/id/00D7/0057",
            "instance_url": "https://na1.force.example",
        }

        played = Played(identified(who(provider), tokens(provider, **said)), [answered({})])

        assert ["https://na1.force.example/services/oauth2/userinfo"] == urls(played)
        assert "00D7" == played.value[0].id

    def test_a_host_of_somebody_else_is_never_called(self) -> None:
        provider = a_provider(
            identity={
                "externalId": {"path": "team.id"},
                "call": {"url": "https://{instance}/me"},
                "facts": {"instance": {"path": "instance_url", "type": "host", "suffixes": ["force.example"]}},
            }
        )  # fmt: skip
        said = {"instance_url": "http://127.0.0.1"}

        played = Played(identified(who(provider), tokens(provider, **said)), [])

        assert isinstance(played.error, FlowRefused)

    def test_what_the_user_typed_is_kept_with_the_account(self) -> None:
        provider = a_provider(identity={"externalId": {"from": "input", "path": "shop"}})

        played = Played(identified(who(provider, given={"shop": "ada"}), tokens(provider)), [])

        assert ("ada", {"shop": "ada"}) == (played.value[0].id, played.value[0].inputs)


class TestTheCall:
    def test_may_carry_the_token_elsewhere(self) -> None:
        provider = a_provider(
            identity={
                "externalId": {"from": "call", "path": "id"},
                "call": {
                    "url": "https://acme.example/me?v=2", "header": "X-Access-Token", "scheme": "", "param": "key",
                },
            }
        )  # fmt: skip

        played = Played(identified(who(provider), tokens(provider)), [answered({"id": 1})])

        [call] = [one.call for one in played.effects if isinstance(one, Call)]
        assert "access-1" == dict(call.headers)["x-access-token"]
        assert "v=2&key=access-1" == urlsplit(call.url).query


class TestAClaim:
    PROVIDER = a_provider(
        identity={
            "externalId": {"from": "claim", "path": "tid"},
            "facts": {"user": {"from": "claim", "path": "oid"}},
        }
    )

    def test_is_an_identity(self) -> None:
        """Microsoft: `tid` of the id_token."""
        claims = {"aud": "client-1", "exp": NOON + 60, "tid": "t-7", "oid": "o-9"}
        good = tokens(self.PROVIDER).__class__(
            access=Secret(b"a"), obtained_at=NOON, claims=claims
        )

        played = Played(identified(who(self.PROVIDER), good), [])

        assert ("t-7", {"user": "o-9"}) == (played.value[0].id, played.value[0].facts)

    def test_of_an_answer_without_one_is_none(self) -> None:
        played = Played(identified(who(self.PROVIDER), tokens(self.PROVIDER)), [])

        assert isinstance(played.error, FlowRefused)
