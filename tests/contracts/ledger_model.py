"""
What the ledger promises, as a small program without a store.

Time is in seconds and stands still between two jumps. Where the store may choose (which lane is served first), the
model only says what is allowed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LEASE, DELAY = 100, 50  # seconds
MOST_CRASHES = 3
AGES = {"done": 1000, "ignored": 1000, "dead": 2000, "parked": 2000, "waiting": 3000}
CLOSED = frozenset({"done", "ignored", "dead"})
BOTS = {"w1": "shop", "w2": "shop", "w3": "rival"}


@dataclass
class Kept:
    """One record."""

    id: str
    seq: int
    at: int
    body: bytes
    lane: str
    job: str = "webhook"
    state: str = "ready"
    dedupe: str = ""
    identifier: str = ""
    installation: str = ""
    bot: str = ""
    parent: str = ""
    epoch: int = 0
    attempts: int = 0
    crashes: int = 0
    suspect: bool = False  # ready, but tried alone
    replays: int = 0
    deliveries: int = 0
    ordered: bool = False
    changed: int = 0
    until: int = 0  # lease or due time
    turn: int = 0  # of those in one lane, a lower one goes first
    journal: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Model:
    """All records, bindings and streams."""

    now: int = 0
    accepted: int = 0
    turns: int = 0
    records: dict[str, Kept] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)
    children: dict[str, list[str]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=lambda: dict.fromkeys(BOTS, ""))
    unbound: list[tuple[str, int, str]] = field(default_factory=list)  # identifier, seq, bot
    told: list[str] = field(default_factory=list)  # the bot of each event

    # ── what goes in and out ──

    def accept(self, id: str, dedupe: str, body: bytes, lane: str) -> tuple[str, str]:
        first = self.copies.get(dedupe, id) if dedupe else id
        if first != id:
            kept = self.records.get(first)
            if kept is None or kept.state != "ignored":
                return ("revived" if self._revive_dead(first) else "duplicate"), first
        if id in self.records:
            return "stored", id
        self.accepted += 1
        kept = Kept(id=id, seq=self.accepted, at=self.now, body=body, lane=lane, dedupe=dedupe)
        self.records[id] = kept
        self._ready(kept)
        if dedupe:
            self.copies[dedupe] = id
        return "stored", id

    def time_passes(self) -> None:
        """What every claim does first."""
        for one in self._in("leased"):
            if one.until <= self.now:
                one.crashes += 1
                if one.crashes >= MOST_CRASHES:
                    self._close(one, "dead")
                else:
                    self._ready(one)
        for one in self._in("retrying"):
            if one.until <= self.now:
                self._ready(one)

    def claim(self, limit: int, given: list[str]) -> None:
        """Lease *given*, if that is a choice the store has."""
        suspects = [one for one in self._in("ready") if one.suspect]
        if suspects and limit:
            assert len(given) == 1
            assert given[0] in {one.id for one in suspects}
        ready = {one.id: one for one in (suspects if limit else ()) or self._in("ready")}
        assert len(set(given)) == len(given) == min(1 if suspects else limit, len(ready), limit)
        for id in given:
            one = ready.pop(id)
            self._put(one, "leased")
            one.epoch, one.until = one.epoch + 1, self.now + LEASE
        for id in given:
            one = self.records[id]
            assert not [
                left.id
                for left in ready.values()
                if left.lane == one.lane and left.turn < one.turn
            ]

    # ── under a lease ──

    def holds(self, id: str, epoch: int) -> bool:
        one = self.records.get(id)
        return one is not None and one.state == "leased" and one.epoch == epoch

    def renew(self, id: str, epoch: int) -> bool:
        if held := self.holds(id, epoch):
            self.records[id].until = self.now + LEASE
        return held

    def settle(self, id: str, epoch: int, end: str, bot: str) -> bool:
        if not self.holds(id, epoch):
            return self._was_settled(id, epoch, end)
        one = self.records[id]
        if bot:
            self.told.append(bot)
        if end == "release":
            self._ready(one)
        elif end == "retry":
            self._put(one, "retrying")
            one.attempts, one.until = one.attempts + 1, self.now + DELAY
        else:
            one.attempts += end == "dead"
            self._close(one, end)
        return True

    def _was_settled(self, id: str, epoch: int, end: str) -> bool:
        """Whether it is where this ending of this lease leads."""
        one = self.records.get(id)
        leads = {"retry": "retrying"}.get(end, end)
        return one is not None and (one.epoch, one.state) == (epoch, leads)

    def settle_found(
        self, id: str, epoch: int, identifier: str, installation: str, *, is_shared: bool
    ) -> bool:
        """Done for who was found, unless somebody else has the identifier by now."""
        if not self.holds(id, epoch):
            return self._was_settled(id, epoch, "done")
        one, owners = self.records[id], self._owners(identifier)
        if installation not in owners or (len(owners) > 1 and not is_shared):
            self._ready(one)
            return False
        self._route_whole(one, identifier, installation)
        return self.settle(id, epoch, "done", one.bot)

    def step(self, what: str, id: str, epoch: int, name: str, result: bytes) -> str:
        one = self.records.get(id)
        if what == "commit":
            if one is None or one.state not in {"leased", "ready", "retrying"}:
                return "ended"
            one.journal.setdefault(f"{name}:result", result)
            return "ok" if self.holds(id, epoch) else "lost"
        if one is None or not self.holds(id, epoch):
            return "lost"
        if what == "forget":
            one.journal.pop(f"{name}:intent", None)
            return "ok"
        if f"{name}:result" in one.journal:
            return "result"
        begun = f"{name}:intent" not in one.journal
        one.journal.setdefault(f"{name}:intent", b"")
        return "begun" if begun else "intent"

    def route(
        self, id: str, epoch: int, slices: list[tuple[str, bytes]], *, may_park: bool
    ) -> str:
        if not self.holds(id, epoch):
            return "lost"
        one = self.records[id]
        plan = [
            (i, b, owner)
            for i, b in slices
            for owner in self._owners(i) or ([""] if may_park else [])
        ]
        if not plan:
            return "nobody"
        if len(plan) == 1 and not plan[0][1]:
            return self._route_whole(one, plan[0][0], plan[0][2])
        self._split(one, plan)
        self._close(one, "done")
        one.deliveries = len(plan)
        return "split"

    def _route_whole(self, one: Kept, identifier: str, owner: str) -> str:
        one.identifier = identifier
        if not owner:
            self._park(one)
            return "parked"
        one.job, one.installation, one.bot, one.lane = "delivery", owner, BOTS[owner], owner
        return "self"

    def _split(self, parent: Kept, plan: list[tuple[str, bytes, str]]) -> None:
        before = [self.records[child] for child in self.children.setdefault(parent.id, [])]
        taken: set[str] = set()
        for identifier, body, owner in plan:
            same = [b for b in before if b.identifier == identifier and b.id not in taken]
            mine = [b for b in same if b.installation == owner] or [
                b for b in same if not b.installation
            ]
            child = mine[0] if mine else self._new_child(parent)
            taken.add(child.id)
            if child.state in CLOSED | {"parked"}:
                child.identifier, child.installation = identifier, owner
                self._send(child, body or parent.body)

    def _new_child(self, parent: Kept) -> Kept:
        # The store numbers on from the highest delivery that it still has.
        family = self.children[parent.id]
        number = int(family[-1][-4:]) + 1 if family else 1
        id = f"dlv_{parent.id[4:]}_{number:04}"
        child = Kept(id=id, seq=parent.seq, at=parent.at, body=b"", lane="linear", job="delivery",
                     state="done", parent=parent.id, replays=-1)  # fmt: skip
        self.records[id] = child
        family.append(id)
        return child

    def _send(self, child: Kept, body: bytes) -> None:
        child.body, child.replays = body, child.replays + 1
        child.attempts, child.crashes, child.ordered = 0, 0, False
        child.job = "delivery"
        if child.installation:
            child.bot, child.lane = BOTS[child.installation], child.installation
            self._ready(child)
        else:
            child.lane = "linear"
            self._park(child)

    # ── binding ──

    def bind(
        self, installation: str, identifier: str, ownership: str, *, in_flow: bool
    ) -> int | str:
        others = [owner for owner in self._owners(identifier) if owner != installation]
        if ownership == "share":
            others = []
        if others and (ownership == "exclusive" or not in_flow):
            return "taken"
        for owner in others:
            self._unbind(owner)
        if self.homes[installation] not in {"", identifier}:
            self._unbind(installation)
        self.homes[installation] = identifier
        return self._release(identifier, installation) if identifier else 0

    def _owners(self, identifier: str) -> list[str]:
        return sorted(owner for owner, mine in self.homes.items() if mine == identifier != "")

    def _unbind(self, installation: str) -> None:
        self.unbound.append((self.homes[installation], self.accepted, BOTS[installation]))
        self.homes[installation] = ""

    def may_have(self, one: Kept, bot: str) -> bool:
        """No other bot had the identifier when the request came, or later."""
        return all(
            one.seq > seq
            for identifier, seq, owner in self.unbound
            if identifier == one.identifier and owner != bot
        )

    def _release(self, identifier: str, installation: str) -> int:
        bot = BOTS[installation]
        mine = [
            o
            for o in self._in("parked")
            if o.identifier == identifier and self.may_have(o, bot)
        ]
        for one in sorted(mine, key=_place):
            busy = self._order(installation)
            one.job, one.installation, one.bot, one.lane = (
                "delivery",
                installation,
                bot,
                installation,
            )
            one.ordered = True
            if busy:
                self._put(one, "waiting")
            else:
                self._ready(one)
        return len(mine)

    def _order(self, installation: str) -> list[Kept]:
        on_its_way = ("ready", "leased", "retrying", "waiting")
        all_open = [
            one for one in self.records.values() if one.state in on_its_way and one.ordered
        ]
        return sorted((one for one in all_open if one.installation == installation), key=_place)

    # ── people and time ──

    def replay(self, id: str) -> str:
        one = self.records.get(id)
        if one is None:
            return "missing"
        if one.state not in CLOSED | {"parked"}:
            return "busy"
        one.replays += 1
        was = one.state
        self._revive(one)
        return was

    def drop(self, id: str) -> str:
        one = self.records.get(id)
        if one is None:
            return "missing"
        if one.state == "leased":
            return "busy"
        was = one.state
        self._remove(one)
        if was != "waiting":  # for its turn; nobody waits behind a gate here
            self._let_the_next_go(one)
        return was

    def sweep(self) -> tuple[int, int, int]:
        old = [
            one for state in CLOSED for one in self._in(state) if self._is_old(one, AGES[state])
        ]
        for one in old:
            self._remove(one)
        unmatched = [one for one in self._in("parked") if one.at <= self.now - AGES["parked"]]
        for one in unmatched:
            self._put(one, "dead")
        tired = [
            one for one in self._in("waiting") if one.changed <= self.now - AGES["waiting"]
        ]
        for one in tired:
            one.ordered = False
            self._close(one, "dead")
        return len(old), len(unmatched), len(tired)

    def _is_old(self, one: Kept, age: int) -> bool:
        return max(one.at, one.changed) <= self.now - age

    def _remove(self, one: Kept) -> None:
        del self.records[one.id]
        self.children.pop(one.id, None)
        if one.parent in self.children:
            self.children[one.parent].remove(one.id)
        if one.state != "done" and self.copies.get(one.dedupe) == one.id:
            del self.copies[one.dedupe]

    def _revive_dead(self, id: str) -> bool:
        one = self.records.get(id)
        found = one is not None and one.state == "dead"
        if one is not None and found:
            self._revive(one)
        return any([found, *(self._revive_dead(child) for child in self.children.get(id, []))])

    def _revive(self, one: Kept) -> None:
        one.attempts, one.crashes, one.ordered = 0, 0, False
        self._ready(one)

    # ── states ──

    def _in(self, state: str) -> list[Kept]:
        return [one for one in self.records.values() if one.state == state]

    def _put(self, one: Kept, state: str) -> None:
        one.state, one.changed = state, self.now

    def _ready(self, one: Kept) -> None:
        self._put(one, "ready")
        one.turn, one.suspect = self.turns, one.crashes == MOST_CRASHES - 1

    def _park(self, one: Kept) -> None:
        self._put(one, "parked")
        one.journal.clear()

    def _close(self, one: Kept, state: str) -> None:
        self._put(one, state)
        one.journal.clear()
        self._let_the_next_go(one)

    def _let_the_next_go(self, one: Kept) -> None:
        following = self._order(one.installation) if one.ordered else []
        if following and following[0].state == "waiting":
            self._ready(following[0])


def _place(one: Kept) -> tuple[int, str]:
    return one.seq, one.id
