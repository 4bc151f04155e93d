"""Row 3 of docs/security.md: the cookie that binds a flow to a browser."""

from __future__ import annotations

from http.cookies import Morsel

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from services.ingress import cookie
from shared.clock import SystemChance

HTTPS, HTTP = "https://way.example", "http://127.0.0.1:8080"
VALUE = cookie.new_value(SystemChance())


def given(origin: str) -> Morsel[str]:
    """The one cookie that a response of *origin* sets."""
    response = web.Response()
    cookie.give(response, origin, VALUE)
    (made,) = response.cookies.values()
    return made


def read(origin: str, name: str, value: str) -> str:
    """What we see of a cookie that a browser sends."""
    headers = {"Cookie": f"{name}={value}"}
    return cookie.value_in(make_mocked_request("GET", "/", headers=headers), origin)


class TestTheCookie:
    def test_can_be_set_by_no_other_host(self) -> None:
        """What `__Host-` asks for, and no more: RFC 6265bis §4.1.3.2."""
        made = given(HTTPS)

        assert made.key.startswith("__Host-")
        assert (True, True, "Lax") == (made["secure"], made["httponly"], made["samesite"])
        assert ("/", "") == (made["path"], made["domain"])

    def test_has_another_name_where_browsers_would_refuse_it(self) -> None:
        made = given(HTTP)

        assert not made.key.startswith("__Host-")
        assert (True, "Lax", False) == (made["httponly"], made["samesite"], made["secure"])

    def test_counts_under_the_name_of_its_origin_only(self) -> None:
        strict, plain = given(HTTPS).key, given(HTTP).key

        assert VALUE == read(HTTPS, strict, VALUE) == read(HTTP, plain, VALUE)
        assert "" == read(HTTPS, plain, VALUE) == read(HTTP, strict, VALUE)

    def test_counts_only_in_the_form_that_we_make(self) -> None:
        for value in ("", "planted", VALUE[:-1], VALUE + "a", VALUE[:-1] + "!"):
            assert "" == read(HTTPS, given(HTTPS).key, value)
