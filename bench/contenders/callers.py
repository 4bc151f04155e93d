"""Where wrk is missing: the same closed loop in Python. It needs about as much of its core as it measures."""

from __future__ import annotations

import asyncio
import json
import os
import time

import uvloop
from meter import summary


class Caller(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self, loop: Load) -> None:
        """Belong to *loop*."""
        self._load = loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._next()

    def _next(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._load.request())

    def data_received(self, data: bytes) -> None:
        """Answers are small, so they come in one piece."""
        self._load.answered(time.perf_counter() - self._sent, refused=data[9:10] != b"2")
        if self._load.goes_on():
            self._next()
        else:
            self._transport.close()


class Load:
    """What all callers share."""

    def __init__(self, body: int, path: str, stamp: str, seconds: float) -> None:
        """Send *body* bytes to *path* for *seconds*."""
        self._before = (
            f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            f"X-Signature: {os.environ['BENCH_SIGNATURE']}\r\nX-Delivery: {stamp}"
        ).encode()
        fill = b'{"team_id":"T1","type":"event_callback","text":"'
        text = fill + b"x" * max(0, body - len(fill) - 2) + b'"}'
        self._after = b"\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)
        self._until = time.perf_counter() + seconds
        self._sent, self.refused, self.times = 0, 0, list[float]()

    def request(self) -> bytes:
        """The next request."""
        self._sent += 1
        return b"%b%d%b" % (self._before, self._sent, self._after)

    def answered(self, seconds: float, *, refused: bool) -> None:
        """One answer came."""
        self.times.append(seconds)
        self.refused += refused

    def goes_on(self) -> bool:
        """Whether there is time left."""
        return time.perf_counter() < self._until


async def main() -> None:
    """Call as the environment says."""
    seconds, port = float(os.environ["BENCH_SECONDS"]), int(os.environ["BENCH_PORT"])
    load = Load(
        int(os.environ["BENCH_BODY"]), os.environ["BENCH_PATH"], os.environ["BENCH_STAMP"], seconds
    )  # fmt: skip
    loop = asyncio.get_running_loop()
    for _ in range(int(os.environ["BENCH_CALLERS"])):
        await loop.create_connection(lambda: Caller(load), "127.0.0.1", port)
    await asyncio.sleep(seconds + 0.3)
    times = summary(load.times)
    found = {
        "requests": len(load.times),
        "seconds": seconds,
        "refused": load.refused,
        "broken": 0,
    }
    print(json.dumps(found | {"p50Ms": times["p50Ms"], "p99Ms": times["p99Ms"]}))


if __name__ == "__main__":
    uvloop.run(main())
