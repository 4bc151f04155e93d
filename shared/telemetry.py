"""
What a running Waypost tells: the names of its log events and metrics, once, and how they leave.

A log line never holds a body, a header, a token or a query string; `redacted` is the last look at each
line before it is written.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, Any, Final, TextIO

import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, FilteringBoundLogger, Processor

    from shared.configvalues import LogSettings

EVENTS: Final[dict[str, str]] = {
    "process.started": "the api is ready: name, port",
    "process.stopped": "the api has ended cleanly: name",
    "program.exited": "a child of `up` ended and is started again: program, exit code",
    "ingress.started": "an ingress is ready: port, public URL",
    "ingress.stopping": "an ingress was told to stop",
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
    "store.unavailable": "the store does not answer; what is under way is tried again: worker, error",
    "store.pressure": "the store is nearly full, or no longer: full, used, maxmemory (bytes)",
    "installation.disconnected": "its provider said that it is over: integration, record",
    "record.settled": "a record ended, or comes again: record, job, integration, attempt, outcome, reason, seconds",
    "record.lost": "another worker has the record; what this one did is not written: record, epoch",
    "record.broke": "a job broke in a way nobody foresaw; the line has the trace: record",
    "lease.lost": "a lease could not be renewed; its job was stopped: record, worker",
    "ledger.swept": "retention ended: removed, unmatched",
    "reply.lost": "a reply could not be sent, its record ended all the same: record, error",
    "reply.too_large": "a worker's reply was over 1 MiB and became a 502: size",
    "handler.failed": "an integration's own code raised; the line has the trace: integration, handler",
    "gate.closed": "a target is down; what is for it waits: gate, failed, calls",
    "gate.opened": "a target is there again; what waited for it goes on: gate",
    "script.failed": "an event script failed, the usual type was used: script, kind, line",
    "definition.published": "an integration has a new version: name",
    "http.answered": "one HTTP answer: route template, method, status, seconds",
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


def redacted(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """
    Take out what no line may hold: by the names of fields, and by the look of values.

    >>> redacted(None, "", {"event": "call.made", "url": "https://x.example/a?code=1", "access_token": "t"})
    {'event': 'call.made', 'url': 'https://x.example/a?[hidden]', 'access_token': '[hidden]'}
    """
    return {name: _shown(name, value) for name, value in event.items()}


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
    text = _QUERY.sub(rf"\g<place>?{HIDDEN}", text)
    text = _USER.sub(rf"\g<scheme>{HIDDEN}@", text)
    return _BEARER.sub(rf"\1 {HIDDEN}", text)


def configure(settings: LogSettings, *, program: str = "", to: TextIO | None = None) -> None:
    """Set up logging for this process; lines of libraries take the same way out."""
    target = to or sys.stderr
    form = settings.form or ("console" if target.isatty() else "json")
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(program),
    ]
    structlog.configure(
        processors=[*before, *_ends(form)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=True,
    )
    _lead_in_libraries(before, form, level, target)


def get_logger(**facts: Any) -> FilteringBoundLogger:
    """Return a logger whose lines all carry *facts*."""
    logger: FilteringBoundLogger = structlog.get_logger(**facts)
    return logger


def _ends(form: str) -> list[Processor]:
    # A trace as text, since the other form writes the local variables, and with them the secrets.
    trace = structlog.processors.format_exc_info
    if form == "json":
        return [trace, redacted, structlog.processors.JSONRenderer(sort_keys=True)]
    return [trace, redacted, structlog.dev.ConsoleRenderer(colors=False, pad_event_to=24)]


def _named(program: str) -> Processor:
    def name(_logger: Any, _method: str, event: EventDict) -> EventDict:
        if program:
            event.setdefault("program", program)
        return event

    return name


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
