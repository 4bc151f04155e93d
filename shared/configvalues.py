"""How each kind of setting is read from text. Every refusal says what to write instead."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LINK_LOCAL: tuple[Network, ...] = (
    ipaddress.ip_network("169.254.0.0/16"),
    ipaddress.ip_network("fe80::/10"),
)
LEVELS = ("debug", "info", "warning", "error")
FORMS = ("console", "json")
_SHORTEST_TOKEN = 16
_MOST_WORKERS = 64
SIZES = {"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
_SIZE = re.compile(r"([0-9]{1,9})\s*(KB|MB|GB)")
_SWITCH = {"on": True, "off": False}


class Unreadable(Exception):
    """A value that cannot be used, and what to write instead."""

    def __init__(self, problem: str, fix: str) -> None:
        """Keep both sentences apart."""
        self.problem, self.fix = problem, fix
        super().__init__(problem)


class Bind(Struct, frozen=True):
    """Where a listener listens."""

    host: str
    port: int  # 0: a free one

    @property
    def origin(self) -> str:
        """
        The URL under which this machine reaches it.

        >>> Bind("0.0.0.0", 8080).origin
        'http://127.0.0.1:8080'
        """
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 — read, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def __str__(self) -> str:
        """Tell it as it is written."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class LogSettings(Struct, frozen=True):
    """How much is logged, and in which form; an empty form is chosen by where the log goes."""

    level: str = "info"
    form: str = ""


def origin(text: str) -> str:
    """
    An http or https origin, in lower case and without a trailing slash; empty stays empty.

    >>> origin("https://Hooks.Example.com/")
    'https://hooks.example.com'
    """
    if not text:
        return ""
    parts = _split(text)
    has_more = (
        parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc
    )
    if parts.scheme not in {"http", "https"} or not parts.hostname or has_more:
        raise Unreadable(
            f"{_shown(text)} is not an origin",
            "write scheme and host only, such as https://hooks.example.com (a port may follow, a path may not)",
        )
    return f"{parts.scheme}://{parts.netloc.lower()}"


def public_origin(text: str) -> str:
    """
    Read an origin that Botpress's SDK leaves alone.

    The SDK rewrites `webhook` in the URL that it is given to `app`, so a host with that word in its
    name would send users elsewhere.
    """
    found = origin(text)
    if "webhook" in found:
        raise Unreadable(
            f"{found} contains `webhook`, which Botpress's SDK rewrites to `app` in every link it makes",
            "give this machine a host name without that word, such as https://hooks.example.com",
        )
    return found


def origins(text: str) -> tuple[str, ...]:
    """Read origins separated by commas."""
    return tuple(origin(part) for part in _words(text))


def networks(text: str) -> tuple[Network, ...]:
    """
    Read CIDRs separated by commas.

    >>> networks("10.0.0.0/8, ::1")
    (IPv4Network('10.0.0.0/8'), IPv6Network('::1/128'))
    """
    return tuple(_network(part) for part in _words(text))


def egress(text: str) -> tuple[Network, ...]:
    """Read CIDRs that calls may reach; link-local addresses never are, since clouds keep credentials there."""
    found = networks(text)
    for network in found:
        if any(network.version == no.version and network.subnet_of(no) for no in LINK_LOCAL):  # type: ignore[arg-type]
            raise Unreadable(f"{network} is link-local, which no call may reach", "remove it")
    return found


def bind(text: str) -> Bind:
    """
    Read `host:port`, with brackets around an IPv6 address.

    >>> bind("[::1]:8080")
    Bind(host='::1', port=8080)
    """
    host, _, port = text.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    if (
        not host
        or (":" in host and not is_bracketed)
        or not port.isdecimal()
        or int(port) > 65535
    ):
        raise Unreadable(
            f"{text!r} is not an address to listen on",
            "write host:port, such as 127.0.0.1:8080 or [::1]:8080",
        )
    return Bind(host[1:-1] if is_bracketed else host, int(port))


def optional_bind(text: str) -> Bind | None:
    """
    Read `host:port`, or nothing.

    >>> optional_bind("") is None
    True
    """
    return bind(text) if text else None


def store_url(text: str) -> str:
    """Read the URL of a store; a wrong one is refused without repeating it, as it may hold a password."""
    is_socket = text.startswith("unix:///")
    if (
        text
        and not is_socket
        and not (text.startswith(("redis://", "rediss://")) and _split(text).hostname)
    ):
        raise Unreadable(
            "this is not the URL of a store",
            "write redis://user:password@host:6379/0, rediss://… for TLS, or unix:///path/to/socket",
        )
    return text


def _place(text: str) -> Path:
    """
    A path with its `~` resolved.

    >>> _place("/tmp/./x")
    PosixPath('/tmp/x')
    """
    if "\0" in text:
        raise Unreadable(f"{text!r} is not a path: it holds a NUL", "write the whole path")
    try:
        return Path(text).expanduser()
    except RuntimeError:  # nobody of that name
        raise Unreadable(f"{text!r} is nobody's home", "write the whole path") from None


def folder(text: str) -> Path:
    """Read a folder that may have to be made."""
    found = _place(text)
    if found.exists() and not found.is_dir():
        raise Unreadable(f"{found} is a file", "name a folder")
    return found.absolute()


def folders(text: str) -> tuple[Path, ...]:
    """Read folders that exist, separated as in PATH."""
    found = tuple(_place(part).absolute() for part in text.split(os.pathsep) if part.strip())
    for place in found:
        if not place.is_dir():
            raise Unreadable(
                f"{place} is not a folder", "name folders that hold integrations, or unset it"
            )
    return found


def path(text: str) -> Path | None:
    """Read a path; empty is none."""
    return _place(text).absolute() if text else None


def token(text: str) -> str:
    """Read a token that lets somebody in: it must be hard to guess."""
    if text and (
        len(text) < _SHORTEST_TOKEN or not text.isascii() or any(c.isspace() for c in text)
    ):
        raise Unreadable(
            "the token is shorter than 16 characters, or holds spaces or characters outside ASCII",
            "make one with `openssl rand -hex 32`, or unset it",
        )
    return text


def switch(text: str) -> bool:
    """
    Read on or off.

    >>> switch("on"), switch("off")
    (True, False)
    """
    if text.lower() not in _SWITCH:
        raise Unreadable(f"{text!r} is neither on nor off", "write on or off")
    return _SWITCH[text.lower()]


def workers(text: str) -> int:
    """Read how many workers to start."""
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_WORKERS:
        raise Unreadable(
            f"{text!r} is not a number of workers", f"write a number from 1 to {_MOST_WORKERS}"
        )
    return int(text)


def processes(text: str) -> int:
    """Read how many processes share a port."""
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_WORKERS:
        raise Unreadable(
            f"{text!r} is not a number of processes",
            f"write a number from 1 to {_MOST_WORKERS}",
        )
    return int(text)


def patience(text: str) -> float:
    """
    Read seconds, of which a minute is the most: by then every provider has given up.

    >>> patience("0.25")
    0.25
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 60:
        raise Unreadable(
            f"{_shown(text)} is no number of seconds",
            "write a number from 0 to 60, such as 0.5",
        )
    return seconds


def size(text: str) -> int:
    """
    Read bytes, as KB, MB or GB of 1024.

    >>> size("4GB") == 4 << 30
    True
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        raise Unreadable(f"{_shown(text)} is no size", "write KB, MB or GB, such as 4GB")
    return int(found[1]) * SIZES[found[2]]


def number(text: str) -> int:
    """Read how many, one or more."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 12 or int(text) < 1:
        raise Unreadable(
            f"{_shown(text)} is no number", "write a whole number, such as 1000000"
        )
    return int(text)


def log(text: str) -> LogSettings:
    """
    Read level and form, in any order.

    >>> log("json")
    LogSettings(level='info', form='json')
    """
    words = [word.lower() for word in _words(text)]
    levels, forms = [w for w in words if w in LEVELS], [w for w in words if w in FORMS]
    if len(levels) > 1 or len(forms) > 1 or len(levels) + len(forms) != len(words):
        raise Unreadable(
            f"{text!r} is not a way to log",
            f"write a level ({', '.join(LEVELS)}), a form ({', '.join(FORMS)}), or both: `debug,json`",
        )
    return LogSettings("".join(levels) or "info", "".join(forms))


def _words(text: str) -> list[str]:
    return [word for word in text.replace(",", " ").split() if word]


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise Unreadable(
            f"{text!r} is not a network: {error}",
            "write CIDRs separated by commas, such as 10.0.0.0/8,::1/128",
        ) from None


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 — raises when it is no number
    except ValueError as error:
        raise Unreadable(
            f"{_shown(text)} is not a URL: {error}", "write it as scheme://host:port"
        ) from None
    return parts


def _shown(text: str) -> str:
    """What was written, without a user's name and password."""
    return repr(text if "@" not in text else "…@" + text.rpartition("@")[2])
