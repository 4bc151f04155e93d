"""
A crowd of senders that does not wait its turn: requests go out when they are due, whatever became of those before.

`python -m tests.chaos.crowd PLAN` takes a `Plan` in JSON and prints one line of JSON. It is a process of its own, so
as not to slow down whom it measures, and it speaks to sockets itself, since it must offer several times of what the
other side can take. What it could not send, because all of its connections were busy or not yet open, or because it
was late itself, counts as never offered. A rate of 0 sends whenever a connection is free.
"""

from __future__ import annotations

import json
import os
import resource
import select
import socket
import sys
import time
from collections import Counter, deque
from contextlib import suppress
from typing import Any

import msgspec

TICK = 0.002  # seconds of sleep at most, and at least where nothing is answered
LATE = 0.05  # seconds behind its own schedule after which it leaves out what is due


class Plan(msgspec.Struct, frozen=True):
    """What to send."""

    port: int
    path: str
    rate: float
    seconds: float
    connections: int
    deadline: float  # seconds after which nobody waits for an answer any more
    warm_up: float = 0.0  # seconds before what is counted
    body: str = '{"team":"team-1","text":"x"}'


class Line:
    """One connection; at most one request is under way on it."""

    __slots__ = ("began", "got", "is_counted", "is_open", "number", "out", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        with suppress(BlockingIOError):
            self.socket.connect(("127.0.0.1", port))
        self.is_open = self.is_counted = False
        self.began, self.number = 0.0, 0  # of the request under way, 0: none
        self.out, self.got = b"", b""


class Crowd:
    """Sends by the plan, and counts what came of it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.lines: dict[int, Line] = {}
        self.idle: list[Line] = []
        self.poll = select.epoll()
        self.waiting: deque[tuple[float, int, Line]] = deque()
        self.number = self.offered = self.left_out = self.unanswered = self.late = (
            self.without_a_time
        ) = 0
        self.statuses: Counter[int] = Counter()
        self.seconds: list[float] = []  # that an answer with 200 took
        self.refused_within: list[float] = []
        self.last_refusal = 0.0
        stamp = os.urandom(4).hex()
        body = plan.body.encode()
        self.before = (
            f"POST {plan.path} HTTP/1.1\r\nHost: crowd\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nX-Delivery: {stamp}-"
        ).encode()
        self.after = b"\r\n\r\n" + body

    def run(self) -> None:
        """Send for as long as planned, then wait for what is under way."""
        plan, began = self.plan, time.monotonic()
        self.began, due = began, 0
        while (now := time.monotonic()) < began + plan.seconds:
            if plan.rate:
                due = self._on_time(now, due)
                pause = TICK
            else:
                while self._offer(time.monotonic()) or len(self.lines) < plan.connections:
                    pass
                pause = 0.1
            self._answers(pause)
        while self.waiting:
            self._answers(0.05)

    def _on_time(self, now: float, due: int) -> int:
        """Offer what is due by *now*; returns how many have been due so far."""
        until = int((now - self.began) * self.plan.rate)
        kept = max(due, int(until - LATE * self.plan.rate))
        sent = kept
        while sent < until and self._offer(now):
            sent += 1
        if self._is_counted(now):
            self.left_out += (kept - due) + (until - sent)
        return until

    def _is_counted(self, now: float) -> bool:
        return now >= self.began + self.plan.warm_up

    def _offer(self, now: float) -> bool:
        if not self.idle:
            if len(self.lines) < self.plan.connections:
                self._open()
            return False
        line = self.idle.pop()
        self.number += 1
        line.is_counted = self._is_counted(now)
        self.offered += line.is_counted
        line.number, line.began, line.got = self.number, now, b""
        line.out = b"%b%d%b" % (self.before, self.number, self.after)
        self.waiting.append((now + self.plan.deadline, line.number, line))
        self._write(line)
        return True

    def _open(self) -> None:
        line = Line(self.plan.port)
        self.lines[line.socket.fileno()] = line
        self.poll.register(line.socket, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)

    def _write(self, line: Line) -> None:
        try:
            line.out = line.out[line.socket.send(line.out) :]
        except BlockingIOError:
            return
        except OSError:
            self._broken(line)

    def _answers(self, pause: float) -> None:
        for number, what in self.poll.poll(pause, 1024):
            line = self.lines.get(number)
            if line is None:
                continue
            if what & select.EPOLLOUT and not (line.is_open or what & select.EPOLLHUP):
                line.is_open = True
                self.idle.append(line)
            if what & select.EPOLLOUT and line.out:
                self._write(line)
            if what & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                self._read(line)
        now = time.monotonic()
        while self.waiting and (
            self.waiting[0][0] < now or self.waiting[0][1] != self.waiting[0][2].number
        ):
            _, number, line = self.waiting.popleft()
            if line.number == number:
                self.late += line.is_counted
                self._closed(line)

    def _read(self, line: Line) -> None:
        try:
            data = line.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._broken(line)
            return
        line.got += data
        head, end, body = line.got.partition(b"\r\n\r\n")
        if not end or not line.number or len(body) < _length(head):
            return
        self._answered(line, head)

    def _answered(self, line: Line, head: bytes) -> None:
        if line.is_counted:
            self._count(line, head)
        line.number = 0
        if b"\r\nconnection: close" in head.lower():
            self._closed(line)
        else:
            self.idle.append(line)

    def _count(self, line: Line, head: bytes) -> None:
        status, took = int(head[9:12]), time.monotonic() - line.began
        self.statuses[status] += 1
        if status == 200:
            self.seconds.append(took)
        else:
            self.refused_within.append(took)
            self.last_refusal = time.monotonic() - self.began
            self.without_a_time += b"\r\nretry-after: " not in head.lower()

    def _broken(self, line: Line) -> None:
        """The other side went away."""
        if line.number:
            self.unanswered += line.is_counted
        elif line in self.idle:
            self.idle.remove(line)
        self._closed(line)

    def _closed(self, line: Line) -> None:
        line.number = 0
        if self.lines.pop(line.socket.fileno(), None):
            line.socket.close()

    def told(self) -> dict[str, Any]:
        """What came of it; times in seconds."""
        return {
            "seconds": self.plan.seconds, "offered": self.offered, "left_out": self.left_out,
            "good": self.statuses[200], "per_second": self.statuses[200] / (self.plan.seconds - self.plan.warm_up),
            "refused": self.statuses[503], "without_a_time": self.without_a_time,
            "others": sum(self.statuses.values()) - self.statuses[200] - self.statuses[503],
            "too_late": self.late, "unanswered": self.unanswered,
            "p50": _part(self.seconds, 0.5), "p99": _part(self.seconds, 0.99),
            "refused_p50": _part(self.refused_within, 0.5), "refused_p99": _part(self.refused_within, 0.99),
            "last_refusal": self.last_refusal,
        }  # fmt: skip


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


def _part(values: list[float], part: float) -> float:
    return sorted(values)[int(len(values) * part)] if values else 0.0


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    crowd = Crowd(msgspec.json.decode(sys.argv[1], type=Plan))
    crowd.run()
    sys.stdout.write(json.dumps(crowd.told()) + "\n")
