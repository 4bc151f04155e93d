"""The pages of connecting, in every language: complete, escaped, and with nothing from elsewhere."""

from __future__ import annotations

import ast
import contextvars
import re
import string
import tomllib
from collections.abc import Callable
from html.parser import HTMLParser
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TypeVar, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import FlowRefused
from shared.languages import LANGUAGES, preferred
from shared.model.flows import CAUSES, Flow, Option
from shared.model.requests import Reply
from shared.oauth.section import InputRule, InputType
from shared.oauth.templates import checked_inputs
from workers.jobs.pages import causes
from workers.jobs.pages.details import translated
from workers.jobs.pages.render import failure, page, progress
from workers.jobs.pages.words import CATALOGUES, say, speak_to

T = TypeVar("T")
STYLE = resources.files("workers.jobs.pages") / "templates" / "style.css"
NOTICE = resources.files("services.ingress") / "notice.html"
EVIL = "<script>alert(1)</script>\"&'"


def places(message: str) -> set[str]:
    """The names between braces."""
    return {name for _, name, _, _ in string.Formatter().parse(message) if name}


def told(language: str, what: Callable[[], T]) -> T:
    """What is said to somebody who reads *language*."""

    def tell() -> T:
        speak_to([("accept-language", language)])
        return what()

    return contextvars.copy_context().run(tell)


def details_in_code() -> set[str]:
    """Each sentence of ours that stands in a `FlowRefused` or a `ProviderRefused`; x for what is filled in."""
    found = set()
    for place in ("shared.oauth", "shared.steps", "workers.jobs"):
        for file in resources.files(place).iterdir():
            if file.name.endswith(".py"):
                names = {"problem", "reason"} if place == "shared.steps" else {"problem"}
                found |= _details_in(ast.parse(file.read_text("utf-8")), names)
    return {one for one in found if " " in one and re.search("[a-z]{4}", one)}


def _details_in(tree: ast.AST, names: set[str]) -> set[str]:
    told_of: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            told_of += {"FlowRefused": node.args[1:2], "ProviderRefused": node.args[:1]}.get(
                node.func.id, []
            )
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            told_of += [node.value] if node.targets[0].id in names else []
    return {_sentence(one) for one in told_of}


def _sentence(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(
                _sentence(part) if isinstance(part, ast.Constant) else "x" for part in parts
            )
        case ast.BinOp(left=left):
            return _sentence(left)
        case _:
            return ""


def a_flow(**parts: object) -> Flow:
    usual = {
        "id": "flw_1", "link": "l", "installation": "w", "integration": "slack", "cookie_hash": "c",
        "created_at": 0.0, "expires_at": 1.0,
    }  # fmt: skip
    return Flow(**(usual | parts))  # type: ignore[arg-type]


class Reader(HTMLParser):
    """What a page is made of."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.text, self.tags, self.language = "", [], ""
        self.feed(reply.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "html":
            self.language = dict(attrs)["lang"] or ""

    def handle_data(self, data: str) -> None:
        self.text += data


class TestEveryLanguage:
    @pytest.mark.parametrize("kind", [*get_args(InputType), "pattern", "below"])
    def test_says_what_is_expected_of_an_input(self, kind: str) -> None:
        assert f"wanted.{kind}" in CATALOGUES["en"]

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_says_all_that_english_says_and_fills_the_same_places(self, language: str) -> None:
        ours, english = CATALOGUES[language], CATALOGUES["en"]

        assert english.keys() == ours.keys()
        assert {key: places(text) for key, text in english.items()} == {
            key: places(text) for key, text in ours.items()
        }
        assert [] == [key for key, text in ours.items() if not text.strip()]

    @pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
    def test_is_not_english(self, language: str) -> None:
        """A message that nobody translated would stand there as it is."""
        sentences = {
            key: text for key, text in CATALOGUES["en"].items() if text.count(" ") >= 3
        }

        assert [] == [
            key for key, text in sentences.items() if CATALOGUES[language][key] == text
        ]

    @pytest.mark.parametrize("language", LANGUAGES)
    @pytest.mark.parametrize("cause", CAUSES)
    def test_has_a_page_for_every_cause(self, language: str, cause: str) -> None:
        found = Reader(told(language, lambda: failure(cause, again="/connect/x")))

        assert language == found.language
        assert told(language, lambda: say(f"causes.{cause}.headline")) in found.text

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_escapes_what_strangers_say(self, language: str) -> None:
        flow = a_flow(
            account_id="T1", account_name=EVIL, scopes=(EVIL,), missing_scopes=(EVIL,),
            options=(Option(id=EVIL, name=EVIL, detail=EVIL),),
        )  # fmt: skip
        pages = told(language, lambda: [
            failure("provider_error", EVIL),
            progress(flow),
            page("choose", flow=flow, title=EVIL, bot=EVIL),
            page("success", flow=flow, title=EVIL, bot=EVIL),
            page("interstitial", success=False, message=EVIL),
            page("connect", title=EVIL, host=EVIL, bot=EVIL, alias=EVIL, account=EVIL, ended=EVIL,
                 scopes=(EVIL,), expires="2026-01-01",
                 inputs={"shop": InputRule(title=EVIL, description=EVIL, example=EVIL)},
                 given={"shop": EVIL}, wrong={"shop"}),
        ])  # fmt: skip

        assert [] == [one for one in pages if "script" in Reader(one).tags]
        assert all(b"<script" not in one.body for one in pages)


def test_the_ingress_itself_says_all_in_every_language() -> None:
    words = tomllib.loads(NOTICE.with_name("notices.toml").read_text("utf-8"))
    english = words["en"]

    assert sorted(LANGUAGES) == sorted(words)
    for language, ours in words.items():
        assert {what: set(said) for what, said in english.items()} == {
            what: set(said) for what, said in ours.items()
        }
        assert language == "en" or [] == [
            what
            for what, said in ours.items()
            if set(said.values()) & set(english[what].values())
        ]


class TestADetail:
    """What the steps of a flow say beside a cause, found in their code."""

    @pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
    @pytest.mark.parametrize("detail", sorted(details_in_code()))
    def test_is_told_in_the_readers_language(self, language: str, detail: str) -> None:
        page_of = told(language, lambda: failure("misconfigured", detail))

        assert told(language, lambda: translated(detail)) in Reader(page_of).text
        assert detail not in Reader(page_of).text

    def test_stands_in_the_code_in_many_places(self) -> None:
        """The one who looks for them finds them."""
        assert 30 < len(details_in_code())
        assert "the client secret is not set" in details_in_code()
        assert "x is not the one that this flow began with" in details_in_code()

    def test_may_hold_another_one(self) -> None:
        detail = "the callback brought Shop: a host name below a.test, for example b.a.test"

        assert (
            "der Rückruf brachte Shop: ein Hostname unterhalb von a.test, zum Beispiel b.a.test"
            == told("de", lambda: translated(detail))
        )

    @pytest.mark.parametrize("language", LANGUAGES)
    @pytest.mark.parametrize(
        "words", ["Zugriff verweigert", "access denied", "", "{0}", "a\nb"]
    )
    def test_of_a_provider_is_quoted(self, language: str, words: str) -> None:
        assert words == told(language, lambda: translated(words))

    @pytest.mark.parametrize("rule", [
        InputRule(type=kind, choices=("a", "b"), suffixes=ends, example=example)
        for kind in get_args(InputType) for ends in ((), (".a.test",)) for example in ("", "e.a.test")
    ], ids=repr)  # fmt: skip
    def test_of_an_input_is_told_whatever_is_expected(self, rule: InputRule) -> None:
        with pytest.raises(FlowRefused) as refused:
            checked_inputs({"shop": rule}, {"shop": "\0"})

        said = told("ja", lambda: translated(refused.value.detail))

        assert said != refused.value.detail
        assert not re.search(
            "[a-z]{4}", re.sub("shop|[a-z.]*a[.]test|123e4567[-0-9a-z]*", "", said)
        )


def test_every_cause_has_its_rule_and_every_rule_its_cause() -> None:
    assert set(CAUSES) == set(causes.CAUSES)


@given(st.text(max_size=60))
def test_whatever_a_browser_prefers_it_is_spoken_to(header: str) -> None:
    assert preferred(header) in LANGUAGES


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("ja", "ja"), ("FR-ca", "fr"), ("en-GB,de;q=0.9", "en"), ("nl,de;q=0.3,es;q=0.7", "es"),
        ("de;q=nonsense, fr;q=0.1", "fr"), ("*", "en"), ("de ; q=0.5 , ja ; q=0.6", "ja"),
    ],
)  # fmt: skip
def test_the_best_language_is_found(header: str, language: str) -> None:
    assert language == preferred(header)


def test_a_page_may_load_nothing_and_run_nothing() -> None:
    (policy,) = [v for k, v in failure("internal").headers if k == "content-security-policy"]

    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert not re.search(r"script-src|img-src|connect-src", policy)


def luminance(colour: str) -> float:
    """How bright it is, as in https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    digits = colour.removeprefix("#")
    wide = digits if len(digits) == 6 else "".join(one * 2 for one in digits)
    parts = [int(wide[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, brighter = sorted((luminance(one), luminance(other)))
    return (brighter + 0.05) / (darker + 0.05)


def palettes(style: str) -> list[dict[str, str]]:
    """The names of `:root`, in the light and in the dark."""
    roots = re.findall(r":root \{([^}]*)\}", style)
    return [dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6})\b", root)) for root in roots]


def test_contrast_is_measured_as_the_guidelines_do() -> None:
    assert 21.0 == round(contrast("#000", "#ffffff"), 2)
    assert 4.48 == round(contrast("#777777", "#fff"), 2)


@pytest.mark.parametrize("place", [STYLE, NOTICE], ids=["style.css", "notice.html"])
def test_everything_can_be_read_in_the_light_and_in_the_dark(place: Traversable) -> None:
    """4.5 to 1 for text on both grounds, and for what stands on a button or a mark (WCAG 2.2, 1.4.3)."""
    found = palettes(place.read_text("utf-8"))
    faint = {
        (number, name, ground): round(contrast(palette[name], palette[ground]), 2)
        for number, palette in enumerate(found)
        for name in palette.keys() - {"paper", "field", "line", "frame"}
        for ground in ("paper", "field")
        if contrast(palette[name], palette[ground]) < 4.5
    }

    assert 2 == len(found)
    assert {} == faint


def test_the_frame_of_a_field_can_be_seen() -> None:
    """3 to 1 (WCAG 2.2, 1.4.11)."""
    found = palettes(STYLE.read_text("utf-8"))

    assert [] == [one for one in found if contrast(one["frame"], one["paper"]) < 3.0]
