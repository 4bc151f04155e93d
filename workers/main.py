"""
Composition root of a worker, shaped by arq: `arq workers.main.WorkerSettings` starts the same as this module.

arq builds its own `Worker` class from a settings class, so importing this module puts our `Engine` in its place.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import arq.worker
import msgspec
import structlog

from shared.clock import SystemChance, SystemClock, new_id
from shared.config import Settings
from shared.errors import SetupFailed, WaypostError
from shared.failpoints import FailPoints
from shared.fastloop import leave_what_is_there, use_fast_loop
from shared.metrics import Metrics, last_told
from shared.model.requests import WhoWaits
from shared.programs import ended, kept_up
from shared.secret import KeyRing, SealingKey
from shared.storage import keys
from shared.storage.bots import Bots, Events
from shared.storage.checks import promise
from shared.storage.connection import connect
from shared.storage.definitions import Definitions
from shared.storage.flows import Flows
from shared.storage.gates import Gates
from shared.storage.handshakes import Handshakes
from shared.storage.installations import Installations
from shared.storage.later import Later
from shared.storage.layout import settle_layout
from shared.storage.ledger import Ledger, Limits
from shared.storage.measured import Measured
from shared.storage.renewals import Renewals
from shared.storage.schedule import Schedule
from shared.storage.states import States
from shared.storage.subscriptions import Subscriptions
from shared.storage.turns import Turns
from shared.storage.vault import Secrets, Vault
from shared.telemetry import configure
from shared.vrl.pool import VrlPool
from workers.catalogue import Catalogue
from workers.engine import Engine
from workers.folders import folders_in
from workers.gates import Gatekeeper
from workers.jobs import all_jobs
from workers.journey import Journey
from workers.keysets import KeySets
from workers.measures import Measures, Timed
from workers.outbound import Outbound, Policy
from workers.replies import Replies
from workers.scheduler import schedule_for_ever, tell_for_ever
from workers.settling import Settler
from workers.slots import Slots
from workers.sweeper import sweep_for_ever
from workers.tools import Tools
from workers.upkeep import look_after_for_ever
from workers.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from shared.model.jobs import Claim
    from shared.model.outcomes import Outcome
    from shared.model.requests import ReplyAddress
    from shared.storage.connection import Store
    from workers.jobs import Job

log = structlog.get_logger()

arq.worker.Worker = Engine  # type: ignore[misc]

SLOTS = 100  # records in work at a time


async def carry(ctx: dict[str, Any], claim: Claim) -> None:
    """The one job there is: carry a ledger record to its end."""
    journey: Journey = ctx["journey"]
    await journey.carry(claim)


async def start(ctx: dict[str, Any]) -> None:
    """Open everything and put it into *ctx*; close it again if one part fails."""
    settings = Settings.from_env(os.environ)
    configure(settings.log)
    async with AsyncExitStack() as stack:
        store = await connect(_url(settings), patience=30.0, finishes=True)
        stack.push_async_callback(store.close)
        await settle_layout(store)
        metrics, measured = Metrics(), Measured(store)
        measures = Measures(metrics)
        tools = await _tools(settings, store, stack, measures)
        ledger = _ledger(settings, store)
        ctx["ledger"], ctx["worker"] = ledger, f"{socket.gethostname()}-{_new_worker()}"
        ctx["settler"], ctx["gates"] = Settler(ledger), tools.gates
        ctx["journey"] = _journey(tools, ctx["settler"], measures)
        stack.push_async_callback(last_told, metrics, measured.add)
        watchdog = Watchdog(asyncio.get_running_loop())
        watchdog.start()
        stack.callback(watchdog.stop)
        telling: Callable[[], Awaitable[None]] = partial(metrics.tell_for_ever, measured.add)
        for work in (*_upkeep(settings, store, ledger, tools), telling):
            stack.callback(asyncio.create_task(kept_up(work)).cancel)
        await _tell_promise(store)
        ctx["stack"] = stack.pop_all()
    leave_what_is_there()


def _new_worker() -> str:
    return new_id("wrk", SystemClock(), SystemChance())


def _journey(tools: Tools, settler: Settler, measures: Measures) -> Journey:
    return Journey(
        jobs={kind: _with(job, tools) for kind, job in all_jobs().items()},
        settler=settler,
        answers=Replies(tools.ledger),
        address_of=address_of,
        clock=tools.clock,
        chance=tools.chance,
        reach=tools.reach,
        measure=measures.job,
    )


def _upkeep(
    settings: Settings, store: Store, ledger: Ledger, tools: Tools
) -> Iterable[Callable[[], Awaitable[None]]]:
    """What a worker does beside its jobs, for as long as it runs."""
    yield partial(sweep_for_ever, settings.retention, ledger, Events(store))
    yield tools.gates.follow
    yield tools.slots.follow
    yield partial(look_after_for_ever, tools)
    yield partial(schedule_for_ever, Schedule(store), tools.installations, ledger)
    yield partial(tell_for_ever, Later(store), ledger)


def _ledger(settings: Settings, store: Store) -> Ledger:
    return Ledger(store, Limits(records=settings.open_records, bytes=settings.open_bytes))


async def _tell_promise(store: Store) -> None:
    promised = await promise(store)
    log.info("store.promise", durable=promised.durable)
    for one in promised.problems:
        log.warning("store.problem", problem=one.problem, fix=one.fix)


async def stop(ctx: dict[str, Any]) -> None:
    """Close what `start` opened."""
    if stack := ctx.pop("stack", None):
        await stack.aclose()


def _with(job: Job, tools: Tools) -> Callable[[Claim], Awaitable[Outcome]]:
    return lambda claim: job(claim, tools)


async def _tools(
    settings: Settings, store: Store, stack: AsyncExitStack, measures: Measures
) -> Tools:
    clock, chance = SystemClock(), SystemChance()
    gates = Gatekeeper(Gates(store), clock)
    vault = Vault(store, KeyRing.from_file(settings.key_ring_file))
    scripts = await stack.enter_async_context(VrlPool())
    outside = Outbound(Policy(origins=tuple(filter(None, [settings.simulator_url]))))
    inside = Outbound(Policy(allowed=settings.egress_allow, https_only=False))
    stack.push_async_callback(outside.close)
    stack.push_async_callback(inside.close)
    provider, admin = Timed(outside, measures, clock), Timed(inside, measures, clock)
    return Tools(
        ledger=_ledger(settings, store),
        catalogue=Catalogue(Definitions(store), clock),
        keysets=KeySets(provider, clock),
        installations=Installations(store, vault),
        states=States(store, vault),
        subscriptions=Subscriptions(store, vault),
        handshakes=Handshakes(store, vault),
        turns=Turns(store),
        renewals=Renewals(store),
        secrets=Secrets(store, vault),
        flows=Flows(store),
        bots=Bots(store, vault),
        events=Events(store),
        vault=vault,
        gates=gates,
        slots=Slots(SLOTS, gates, clock),
        scripts=scripts,
        sealing=SealingKey.from_file(settings.sealing_key_file),
        provider=provider,
        admin=admin,
        reach=FailPoints(settings.failpoint).reach,
        clock=clock,
        chance=chance,
        origin=settings.public_url,
        folders=folders_in(settings.integrations),
    )


def _url(settings: Settings) -> str:
    if not settings.redis_url:
        raise SetupFailed(
            "a worker needs a store",
            "set WAYPOST_REDIS_URL, or start everything on this machine with `waypost up`",
        )
    return settings.redis_url


def address_of(claim: Claim) -> ReplyAddress | None:
    """Where the reply of a record goes, when an ingress waits for one."""
    if claim.record.job in {"event", "registration"}:
        return None
    return msgspec.msgpack.decode(claim.body, type=WhoWaits).reply_to


class WorkerSettings:
    """What arq reads."""

    functions: ClassVar = [carry]
    on_startup = start
    on_shutdown = stop
    queue_name = keys.key("queue")
    max_jobs = SLOTS
    keep_result = 0
    log_results = False
    job_serializer = msgspec.json.encode
    job_deserializer = msgspec.json.decode


def main() -> None:
    """Run one worker until it is told to stop."""
    try:
        use_fast_loop()
        arq.worker.run_worker(WorkerSettings)  # type: ignore[arg-type]
    except WaypostError as error:  # a definition in a folder may be wrong too
        raise ended("worker", error) from None


if __name__ == "__main__":
    main()
