"""docs/performance.md, written from the results of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.bars import kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Found = dict[str, Any]

HEAD = """# Performance

![Waypost beside its peers, from the run below](performance.svg)

Written by `make bench` from [bench/results/latest.json](../bench/results/latest.json). Everything below was measured in one
run, by turns, on one machine, and every contender used the same Valkey with the same settings: each accepted request and
each job is on disk before it is answered. Compare ratios, not numbers: yours will differ.

"""

METHOD = """## How it is measured

`make bench` does it all again; `make bench ARGS=--quick` takes a minute, `make bench ARGS="accept worker"` some parts.
It installs the peers by name and version into `.bench` (saq and streaq by pip, fastify and BullMQ by npm; without Node
they are left out), sends with `wrk` where it is installed, and delays fsync by a preloaded library where there is `gcc`.

* **Doors**: one process on one core; the server and the callers share the other. Waypost is the real ingress with dedupe,
  ledger, metrics and a log line per request; the bare aiohttp answers 204 and does nothing, not even read the body.
* **Workers**: one process on one core, 100 jobs at a time, jobs that do nothing. arq is tuned as far as its settings go
  (poll 0.01 s, no results, no log, orjson, uvloop). Commands are counted by the server, those inside scripts included.
  Received to started: Waypost and BullMQ get requests through their doors (the real ingress, fastify), and the time
  counts from where the door stamps the request; arq, saq and streaq have none here, and it counts from where the producer
  makes the job, which spares them the door. Door or producer is on the server's core. At half of the capacity all start
  in a producer.
* **The whole way**: nothing pinned. A signed request comes to the global webhook, is stored, verified, its workspace found
  by a VRL script, routed and put into the bot's stream. The peer's worker verifies, parses, looks up and stores the same,
  in JavaScript without a sandbox. Delays are told from when a request should have been sent (Poisson arrivals), until the
  bot has read the event.
* **Growth**: the server's time in the script, per record, in batches of 64, while so many requests with incompressible
  bodies of 2 KB wait, each the median of 15 looks; reading the call and writing to disk come on top. Memory is the
  server's `used_memory`.
* **A script and a signature**: the same request four ways, by turns, through one worker in each round; a cost is the median
  of the rounds' differences, and none is told where these lie further apart than that.

What it does not show: TLS, a network between the parts, power cuts (see the reliability drills), other people's disks. The
callers share a core with the server, so a door's figure is bounded by that core too.
"""


def document(found: Found) -> str:
    """The whole page."""
    sections = [HEAD, *_warnings(found), _bars(found), _machine(found["machine"])]
    writers = {
        "accept": _accept,
        "worker": _worker,
        "whole": _whole,
        "growth": _growth,
        "costs": _costs,
    }
    sections += [write(found[part]) for part, write in writers.items() if part in found]
    return "\n".join([*sections, METHOD])


def _warnings(found: Found) -> list[str]:
    """What takes weight off the figures."""
    told = []
    if failed := found.get("failed"):
        told.append(f"**Failed, and so left out or incomplete: {', '.join(failed)}.**\n")
    if found.get("quick"):
        told.append("**This was a quick look** (`--quick`), a tenth of a whole run.\n")
    if found["machine"]["loadAverage"] > 1:
        told.append("**The machine was busy with other things**, so even ratios are rough.\n")
    return told


def _bars(found: Found) -> str:
    rows = [
        (bar.what, bar.bound, bar.told(value), "yes" if bar.met(value) else "**no**")
        for bar, value in kept(found)
    ]
    return "## What it must show\n\n" + table(("", "wanted", "measured", "met"), rows)


def _machine(facts: Mapping[str, Any]) -> str:
    fsync = facts["fsyncUs"]
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    return (
        f"## The machine\n\n{facts['processor']}, {facts['cores']} cores, {facts['memory']}, {facts['system']}; "
        f"an fsync takes {fsync['p50']} µs (p99 {fsync['p99']} µs). Python {facts['python']}, Node {facts['node'] or 'none'}, "
        f"{versions}. Load from {facts['load']}; load average before it began: {facts['loadAverage']}. "
        f"Server: {facts['server']}.\n"
    )


def _accept(part: Found) -> str:
    text = f"## Doors: durable accepts\n\n{part['callers']} callers, bodies of {part['bodyBytes']} bytes.\n\n"
    text += _doors(part["of"])
    if slow := part.get("slow"):
        text += (
            f"\nWith an fsync that takes {slow['fsyncDelayMs']:g} ms longer, {slow['callers']} callers:\n\n"
            + _doors(slow["of"])
        )
    if several := part.get("processes"):
        rows = [
            (n, f"{r['perSecond']:,.0f}", r["p50Ms"], r["p99Ms"]) for n, r in several.items()
        ]
        text += "\nWaypost in several processes on one port, sharing all cores with the server and the callers:\n\n"
        text += table(("processes", "accepts/s", "p50 ms", "p99 ms"), rows)
    return text


def _doors(rows: Mapping[str, Any]) -> str:
    return table(
        ("", "accepts/s", "p50 ms", "p99 ms", "door µs each", "server µs each"),
        (
            (name, f"{r['perSecond']:,.0f}", r["p50Ms"], r["p99Ms"], r["cpuUs"], r["storeCpuUs"])
            for name, r in rows.items()
        ),
    )  # fmt: skip


def _worker(part: Found) -> str:
    soon, half = part.get("receivedAt50", {}), part["atHalf"]
    rows = (
        (
            name, f"{r['perSecond']:,.0f}", r["cpuUs"], r["storeCpuUs"], r["commands"],
            _pair(soon.get(name)) or "not measured", _pair(half.get(name)),
        )
        for name, r in part["of"].items()
    )  # fmt: skip
    slots = part["slots"]
    return (
        "## Workers: jobs that do nothing\n\n"
        + table(("", "jobs/s", "worker µs each", "server µs each", "commands each", "received to started, at 50/s: p50 / p99 ms", "made to started, at half its capacity"), rows)
        + f"\nAn idle Waypost worker takes {part['idleCpuPercent']} % of a core. {slots['workers']} workers × 10 slots had "
        f"{slots['busy']} of {slots['slots']} busy at once{_of_arq(slots)}.\n"
    )  # fmt: skip


def _of_arq(slots: Mapping[str, int]) -> str:
    busy = slots.get("busyOfArq")
    return (
        f", those of arq {busy}: each of its workers looks at the same first hundred jobs"
        if busy
        else ""
    )


def _whole(part: Found) -> str:
    text = "## The whole way: signed request to the bot's stream\n\n"
    text += table(
        ("", "accepted/s", "carried/s", "processor µs per event"),
        (
            (name, f"{r['acceptedPerSecond']:,.0f}", f"{r['perSecond']:,.0f}", r["cpuUs"])
            for name, r in part["of"].items()
        ),
    )  # fmt: skip
    rows = [
        (
            name, f"{share} ({r['perSecond']:,}/s)", _pair(r["answer"]), _pair(r["way"]),
            f"{r['arrived']:,} of {r['accepted']:,}",
        )
        for name, shares in part["at"].items()
        for share, r in shares.items()
    ]  # fmt: skip
    return (
        text
        + "\n"
        + table(
            (
                "",
                "of its capacity",
                "answer: p50 / p99 ms",
                "at the bot: p50 / p99 ms",
                "arrived",
            ),
            rows,
        )
    )


def _growth(part: Found) -> str:
    depth = table(
        ("requests waiting", "accept µs", "claim µs", "settle µs", "bytes each", "server starts again after"),
        (
            (
                f"{int(n):,}", r["acceptUs"], r["claimUs"], r["settleUs"], f"{r['bytesPerRecord']:,}",
                f"{r['restartSeconds']} s" if "restartSeconds" in r else "",
            )
            for n, r in part["depth"].items()
        ),
    )  # fmt: skip
    workers = table(
        ("workers on all cores", "jobs/s"),
        ((n, f"{r['perSecond']:,}") for n, r in part["workers"].items()),
    )
    lanes = table(
        ("installations", "jobs/s", "server µs each"),
        ((n, f"{r['perSecond']:,}", r["storeCpuUs"]) for n, r in part["installations"].items()),
    )
    bodies = table(
        ("bytes of a body", "accepts/s", "MB/s", "p99 ms", "door µs each"),
        (
            (f"{int(n):,}", f"{r['perSecond']:,}", r["megabytesPerSecond"], r["p99Ms"], r["cpuUs"])
            for n, r in part["bodies"].items()
        ),
    )  # fmt: skip
    return f"## Growth\n\nThe server's time in the script, per record:\n\n{depth}\n{workers}\n{lanes}\n{bodies}"


def _costs(part: Found) -> str:
    rows = (
        (name, f"{r['perSecond']:,}", r["cpuUs"], r["scriptWorkersUs"])
        for name, r in part["of"].items()
    )
    return (
        "## A script and a signature\n\n"
        + table(
            ("the request has", "carried/s", "worker µs each", "of it in script processes"),
            rows,
        )
        + f"\nA signature{_cost(part, 'signature')}, a script and its routing{_cost(part, 'script')}.\n"
    )


def _cost(part: Found, name: str) -> str:
    spread, figure = part.get("spreadUs", {}).get(name), part[f"{name}Us"]
    if figure is not None and figure > 0:
        return f" costs {figure} µs"
    told = "one round" if spread is None else f"spread {spread} µs"
    return f": not measurable on this machine ({told})"


def _pair(row: Mapping[str, float] | None) -> str:
    return f"{row['p50Ms']} / {row['p99Ms']}" if row else ""


def table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """
    A Markdown table.

    >>> print(table(("", "n"), [("a", 1)]), end="")
    | | n |
    |---|---|
    | a | 1 |
    """
    lines = [f"| {' | '.join(head)} |".replace("|  |", "| |")]
    lines.append("|" + "---|" * (lines[0].count("|") - 1))
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join(lines) + "\n"
