"""Who takes part, and the commands that start them."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from bench.peers import node_of_peers, python_of_peers
from bench.programs import FIRST, HERE, finished, free_port, python, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.plan import Plan
    from bench.programs import Program
    from bench.store import Server

WAYPOST, BARE, ARQ, BULLMQ = "Waypost", "bare aiohttp 204", "aiohttp + arq", "fastify + BullMQ"
TUNED_ARQ, SAQ, STREAQ, QUEUE = "arq, tuned", "saq", "streaq", "BullMQ"
# Which door tells a queue's jobs when their requests came.
DOOR_OF = {WAYPOST: WAYPOST, QUEUE: BULLMQ}
PATHS = {WAYPOST: "/integration/global/bench"}


def doors(plan: Plan) -> list[str]:
    """Who accepts requests."""
    peers = [BARE, ARQ, *([BULLMQ] if node_of_peers() else [])]
    return [WAYPOST, *(peers if plan.peers else [])]


def queues(plan: Plan) -> list[str]:
    """Who works off jobs."""
    if not plan.peers:
        return [WAYPOST]
    node = [QUEUE] if node_of_peers() else []
    return [WAYPOST, *node, TUNED_ARQ, *([SAQ, STREAQ] if python_of_peers() else [])]


def producer(name: str) -> list[str]:
    """Enqueues jobs."""
    return _of(name, "produce", "produce")


def worker(name: str) -> list[str]:
    """Works them off."""
    return _of(name, "worker", "noop")


def _of(name: str, theirs: str, ours: str) -> list[str]:
    peers = python_of_peers() or ""
    return {
        WAYPOST: python("waypost", ours),
        QUEUE: bullmq(theirs),
        TUNED_ARQ: python("stock_arq", theirs),
        SAQ: [peers, str(HERE / "contenders/with_saq.py"), theirs],
        STREAQ: [peers, str(HERE / "contenders/with_streaq.py"), theirs],
    }[name]


def bullmq(*args: str) -> list[str]:
    """A program of the Node contender."""
    return ["node", str(HERE / "contenders/bullmq.mjs"), *args]


@contextmanager
def ingress(
    name: str, server: Server, core: int | None = FIRST, processes: int = 1
) -> Iterator[tuple[Program, int, str]]:
    """The door of a contender, answering, its port and the path to call; only Waypost's has several *processes*."""
    port = free_port()
    env = environment(server) | {
        "BENCH_PORT": str(port),
        "WAYPOST_INGRESS_BIND": f"127.0.0.1:{port}",
        "WAYPOST_INGRESS_PROCESSES": str(processes),
    }
    log = server.folder / "ingress.log"
    command = {
        WAYPOST: python("waypost", "ingress"),
        BARE: python("bare"),
        ARQ: python("stock_arq", "ingress"),
        BULLMQ: bullmq("ingress"),
    }[name]
    if name == WAYPOST:
        set_up(server)
    with ExitStack() as stack:
        for _ in range(processes - 1):
            stack.enter_context(running(command, core=core, env=env, log=log))
        program = stack.enter_context(running(command, core=core, env=env, log=log))
        program.answers(port)
        yield program, port, PATHS.get(name, "/hooks")


def set_up(server: Server) -> None:
    """Keys and a door for Waypost."""
    log = server.folder / "setup.log"
    finished(python("waypost_setup"), core=None, env=environment(server), log=log, seconds=30)


def environment(server: Server) -> dict[str, str]:
    """What every contender is told."""
    return {
        "BENCH_STORE": server.url,
        "BENCH_NODE": str(node_of_peers() or ""),
        "WAYPOST_REDIS_URL": server.url,
        "WAYPOST_DATA_DIR": str(server.folder / "data"),
        "WAYPOST_LOG": "info,json",
    }
