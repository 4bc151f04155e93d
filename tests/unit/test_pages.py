"""The pages of connecting, in every language: complete, escaped, and with nothing from elsewhere."""

from __future__ import annotations

import contextvars
import re
import string
from collections.abc import Callable
from html.parser import HTMLParser
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TypeVar, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.languages import LANGUAGES, preferred
from shared.model.flows import CAUSES, Flow, Option
from shared.model.requests import Reply
from shared.oauth.section import InputRule, InputType
from workers.jobs.pages import causes
from workers.jobs.pages.render import failure, page, progress
from workers.jobs.pages.words import CATALOGUES, say, speak_to

T = TypeVar("T")
STYLE = resources.files("workers.jobs.pages") / "templates" / "style.css"
PENDING = resources.files("services.ingress") / "pending.html"
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


@pytest.mark.parametrize("place", [STYLE, PENDING], ids=["style.css", "pending.html"])
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
