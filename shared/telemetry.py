"""
What a running Waypost tells: the names of its log events and metrics, once, and how they leave.

A log line never holds a body, a header, a token or a query string; `redacted` is the last look at each
line before it is written.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import re
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TextIO

import orjson
import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, FilteringBoundLogger, Processor

    from shared.configvalues import LogSettings

Say = Callable[[str, float], None]  # an id and seconds

EVENTS: Final[dict[str, str]] = {
    "process.started": "the api is ready: name, port",
    "process.stopped": "the api has ended cleanly: name",
    "program.exited": "a child of `up` ended and is started again: program, exit code",
    "ingress.refused": "webhooks were turned away in the last seconds: how many, by reason",
    "ingress.started": "an ingress is ready: port, public URL",
    "ingress.stopping": "an ingress was told to stop",
    "background.broke": "what a program does beside its work broke, and begins again; the line has the trace",
    "inbox.interrupted": "replies cannot be heard for a moment: error",
    "worker.started": "a worker is ready: worker, slots",
    "worker.stopping": "a worker was told to stop and takes nothing new: worker, signal",
    "worker.stuck": "a handler never gave way, so the worker ends itself: seconds",
    "worker.stopped": "a worker has finished what it had: worker, done",
    "vrl.worker_lost": "a VRL worker hung, died or was given up and is replaced: pid, kind",
    "vrl.worker_not_started": "a VRL worker could not be started and is tried again: reason",
    "store.started": "the embedded Valkey answers: pid, place",
    "store.exited": "the embedded Valkey ended by itself and is started again: exit code",
    "store.stopped": "the embedded Valkey has been stopped",
    "store.promise": "what a 2xx is worth on this store: durable",
    "store.problem": "a setting of the store that weakens the promise or will do harm: problem, fix",
    "store.unavailable": "the store does not answer; what is under way is tried again: worker, error",
    "store.rewrites_allowed": "a backup was killed that had put off the store's rewrites of its files; they go on",
    "store.pressure": "the store is nearly full, or no longer: full, used, maxmemory (bytes)",
    "layout.waiting": "the store has an older layout, and somebody is seen: for whom this program waits",
    "layout.begun": "the store is brought to this version's layout: before, layout, records",
    "layout.counted": "so far: records, of so many",
    "layout.settled": "the store has this version's layout: layout, records, lanes, streams",
    "record.settled": "a record ended, or comes again: record, job, integration, attempt, outcome, reason, seconds",
    "record.lost": "another worker has the record; what this one did is not written: record, epoch",
    "record.broke": "a job broke in a way nobody foresaw; the line has the trace: record",
    "lease.lost": "a lease could not be renewed; its job was stopped: record, worker",
    "registrations.scheduled": "installations are registered again, as they asked: count",
    "ledger.swept": "retention ended: removed, unmatched, tired, forgotten, events, unread",
    "ledger.dropped": "for want of space or for age, before somebody saw them: dead, events",
    "reply.lost": "a reply could not be sent, its record ended all the same: record, error",
    "reply.too_large": "a worker's reply was over 1 MiB and became a 502: size",
    "handler.failed": "an integration's own code raised; the line has the trace: integration, handler",
    "gate.closed": "a target is down; what is for it waits: gate, failed, calls",
    "gate.opened": "a target is there again; what waited for it goes on: gate",
    "connection.lost": "a user has to connect again, and the bot was told: installation, integration, kind, reason",
    "token.not_refreshed": "the provider refused for a reason that is not the user's: installation, reason",
    "upkeep.failed": "an installation could not be looked after and comes again: installation, error",
    "upkeep.broke": "looking after an installation broke; the line has the trace: installation",
    "script.failed": "an event script failed, the usual type was used: script, kind, line",
    "definition.published": "an integration has a new version: name",
    "http.answered": "one HTTP answer: route template, method, status, seconds",
    "http.abandoned": "a caller left before its request was whole: id",
    "http.unreadable": "somebody sent what is no HTTP: kind",
    "http.failed": "an HTTP handler broke in a way nobody foresaw; the line has the trace",
}  # fmt: skip

_SECRET_NAME = re.compile(
    r"(^|[._-])(authorization|cookies?|set-cookie|tokens?|secrets?|verifier|password|passwd|signature"
    r"|api[_-]?key|body|headers|payload|query|oauth_state|credentials)$|^(auth\w*_)?code$",
    re.IGNORECASE,
)
_QUERY = re.compile(r"(?P<place>(?:https?://|/)[^\s?\"'<>]*)\?[^\s\"'<>]+")
_USER = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^\s/@]*@")
_BEARER = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
HIDDEN = "[hidden]"
_HARMLESS = frozenset({str, int, float, bool, type(None)})


def redacted(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """
    Take out what no line may hold: by the names of fields, and by the look of values.

    >>> redacted(None, "", {"event": "call.made", "url": "https://x.example/a?code=1", "access_token": "t"})
    {'event': 'call.made', 'url': 'https://x.example/a?[hidden]', 'access_token': '[hidden]'}
    """
    if _is_plain(event):
        return event
    return {name: _shown(name, value) for name, value in event.items()}


def _is_plain(event: EventDict) -> bool:
    """Nearly every line is: no name asks for hiding, and no value holds what one of the patterns needs."""
    texts = [value for value in event.values() if type(value) is str]
    return _has_plain_shape(event) and not _is_suspicious("".join(texts))


def _has_plain_shape(event: EventDict) -> bool:
    return _HARMLESS.issuperset(map(type, event.values())) and not _has_secret(tuple(event))


def _is_suspicious(text: str) -> bool:
    """False where none of the three patterns can match."""
    folded = text.casefold()
    return "?" in folded or "@" in folded or "bearer" in folded or "basic" in folded


@functools.lru_cache(1024)  # each place that logs has its own few names, always the same
def _has_secret(names: tuple[str, ...]) -> bool:
    return any(_SECRET_NAME.search(name) for name in names)


def _shown(name: str, value: Any) -> Any:
    if _SECRET_NAME.search(name):
        return HIDDEN
    if isinstance(value, dict):
        return {key: _shown(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_shown("", inner) for inner in value]
    return cleaned(value) if isinstance(value, str) else value


def cleaned(text: str) -> str:
    """
    *text* without query strings, names and passwords in URLs, and bearer tokens.

    >>> cleaned("GET /oauth?code=abc failed at redis://u:p@host")
    'GET /oauth?[hidden] failed at redis://[hidden]@host'
    """
    if not _is_suspicious(text):
        return text
    text = _QUERY.sub(rf"\g<place>?{HIDDEN}", text)
    text = _USER.sub(rf"\g<scheme>{HIDDEN}@", text)
    return _BEARER.sub(rf"\1 {HIDDEN}", text)


def configure(
    settings: LogSettings,
    *,
    program: str = "",
    to: TextIO | None = None,
    time_ns: Callable[[], int] = time.time_ns,  # noqa: TID251  it stamps lines and decides nothing
) -> None:
    """Set up logging for this process; lines of libraries take the same way out."""
    target = to or sys.stderr
    form = settings.form or ("console" if target.isatty() else "json")
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    before: list[Processor] = [_Marks(program, time_ns)]
    structlog.configure(
        processors=[*before, *_ends(form)],
        wrapper_class=_logger_from(level),
        logger_factory=lambda *_: _Lines(to),
        cache_logger_on_first_use=True,
    )
    _lead_in_libraries(before, form, level, target)


def get_logger(**facts: Any) -> FilteringBoundLogger:
    """Return a logger whose lines all carry *facts*."""
    logger: FilteringBoundLogger = structlog.get_logger(**facts)
    return logger


def _ends(form: str) -> list[Processor]:
    # A trace as text, since the other form writes the local variables, and with them the secrets.
    if form == "json":
        return [_traced, _json]
    return [_traced, redacted, structlog.dev.ConsoleRenderer(colors=False, pad_event_to=24)]


def _json(logger: Any, method: str, event: EventDict) -> str:
    """One line, redacted. A line of a plain shape is written first, and looked through as a whole."""
    if _has_plain_shape(event):
        line = _as_json(event)
        if not _is_suspicious(line):
            return line
    return _as_json(redacted(logger, method, event))


def _as_json(event: EventDict) -> str:
    """orjson is many times faster, and refuses text that is no UTF-8."""
    try:
        return orjson.dumps(event, default=repr, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError:
        return json.dumps(event, default=repr, sort_keys=True)


def _traced(logger: Any, method: str, event: EventDict) -> EventDict:
    return (
        structlog.processors.format_exc_info(logger, method, event)
        if "exc_info" in event
        else event
    )


class _Marks:
    """Level, time and program, put into each event."""

    def __init__(self, program: str, time_ns: Callable[[], int]) -> None:
        self._program, self._time_ns = program, time_ns
        self._second, self._text = -1, ""

    def __call__(self, _logger: Any, method: str, event: EventDict) -> EventDict:
        event["level"] = method
        event["timestamp"] = self.now()
        if self._program:
            event.setdefault("program", self._program)
        return event

    def now(self) -> str:
        """The time as lines have it; the text of a second is made once a second."""
        second, nanos = divmod(self._time_ns(), 1_000_000_000)
        if second != self._second:
            self._second = second
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._text}.{nanos // 1000:06d}Z"


class _Logger(structlog.BoundLoggerBase):
    """From a call to its line in one step; structlog's own takes four, and every request writes a line."""

    _is_silent = False  # to `info`

    def debug(self, event: str, **facts: Any) -> None:
        self._say("debug", event, facts)

    def info(self, event: str, **facts: Any) -> None:
        self._say("info", event, facts)

    def warning(self, event: str, **facts: Any) -> None:
        self._say("warning", event, facts)

    def error(self, event: str, **facts: Any) -> None:
        self._say("error", event, facts)

    def exception(self, event: str, **facts: Any) -> None:
        self._say("error", event, {"exc_info": True, **facts})

    def critical(self, event: str, **facts: Any) -> None:
        self._say("critical", event, facts)

    def _say(self, method: str, event: str, facts: dict[str, Any]) -> None:
        getattr(self._logger, method)(self._line(method, event, facts))

    def _line(self, method: str, event: str, facts: dict[str, Any]) -> Any:
        line: Any = {**self._context, **facts, "event": event}
        for step in self._processors:
            line = step(self._logger, method, line)
        return line

    def repeated(self, event: str, name: str, facts: dict[str, Any]) -> Say:
        """What `repeated` below promises, by a form into which each line is filled; its holes are in `<`."""
        marks, *_, last = self._processors
        fits = last is _json and name < "seconds" and "<" not in repr(facts)
        if not isinstance(marks, _Marks) or not fits or self._is_silent:
            return _repeating(self, event, name, facts)
        holes = {name: "<id>", "seconds": "<seconds>", "timestamp": "<timestamp>"}
        made = _json(None, "", {**json.loads(self._line("info", event, facts)), **holes})
        form = made.replace("%", "%%").replace("<id>", "%s").replace("<timestamp>", "%s")
        form, say = form.replace('"<seconds>"', "%r"), self._logger.info
        return lambda id, seconds: say(form % (id, seconds, marks.now()))


def repeated(log: Any, event: str, *, of: str = "id", **facts: Any) -> Say:
    """
    `log.info`, for a line that is written again and again and differs in its `seconds` and in the id named *of* alone.

    The rest of it is made and redacted once. An id is one of ours, so nothing in it has to be escaped or hidden.
    """
    make: Callable[[str, str, dict[str, Any]], Say] | None = getattr(log, "repeated", None)
    return make(event, of, facts) if make else _repeating(log, event, of, facts)


def _repeating(log: Any, event: str, name: str, facts: dict[str, Any]) -> Say:
    return lambda id, seconds: log.info(event, seconds=seconds, **{name: id}, **facts)


def _logger_from(level: int) -> type[_Logger]:
    """A logger that says nothing below *level*."""
    levels = logging.getLevelNamesMapping()
    silent = [
        name for name in ("debug", "info", "warning", "error") if levels[name.upper()] < level
    ]

    def say_nothing(_logger: _Logger, _event: str, **_facts: Any) -> None:
        return None

    changed = {**dict.fromkeys(silent, say_nothing), "_is_silent": "info" in silent}
    return type("Logger", (_Logger,), changed)


class _Lines:
    """
    Writes the lines of one turn of the event loop together; a warning, and whoever has no loop, at once.

    Without a file they go to the standard error as it is then: the old one may have been closed since.
    """

    def __init__(self, file: TextIO | None) -> None:
        self._file, self._waiting = file, list[str]()

    def msg(self, line: str) -> None:
        self._waiting.append(line)
        if len(self._waiting) == 1:
            try:
                asyncio.get_running_loop().call_soon(self._flush)
            except RuntimeError:
                self._flush()

    debug = info = msg

    def warning(self, line: str) -> None:
        self._waiting.append(line)
        self._flush()

    error = critical = warning

    def _flush(self) -> None:
        if self._waiting:
            lines, self._waiting = self._waiting, []
            file = self._file or sys.stderr
            file.write("\n".join([*lines, ""]))
            file.flush()


def _lead_in_libraries(before: list[Processor], form: str, level: int, target: TextIO) -> None:
    """Let the standard library's logging end in the same lines; libraries speak from `warning` on."""
    handler = logging.StreamHandler(target)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before, processors=[remove, *_ends(form)]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
