"""Four workers under load while one is killed every two seconds: `python -m bench.soak`.

Thousands of refunds, half of them with a key and half looked up, one in ten behind a person's yes;
workers are killed with SIGKILL, or stopped past their lease and woken. In the end everything has to
be settled, to the cent. docs/reference/benchmarks.md says how.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from bench.crash.bank import BankControl, run_bank
from bench.crash.crew import (
    FORK,
    PRELOADED,
    Crew,
    Member,
    start_embedded,
    start_fleet_worker,
    verify,
)
from bench.crash.judge import Faults, judge
from bench.crash.lane import StoreKind, make_post, serving
from bench.crash.ledger import Ledger
from bench.crash.plan import Wish
from bench.crash.worker import Post
from bench.place import with_bytecode, working_folder
from bench.report import Report, Row, percentile, print_report, show_progress
from bench.soak.figures import Blow, by_action, settled_twice, take_overs, taken_over_between
from sayso.actions.context import EngineSettings

Dispatch = Literal["embedded", "fleet"]

WORKERS = 4
DESKS = 2
"""Processes that only ask and decide, where the workers of a fleet carry out."""
LEASE_S = EngineSettings().lease_s
PAUSE_MORE_S = 2.0
"""How long a worker is stopped, beyond its lease."""
SETTLE_AFTER_S = 10
"""More than `PAUSE_MORE_S`: by then a woken worker has sent what it was about to send."""
TAKE_OVER_BAR_S = 10.0
_DELAY_S = 0.02
_AT_ONCE = 64
_SEED_BATCH = 1000
_SETTLED_S = 120.0
_STALLED_S = 120.0
PAUSE_EACH = 4
"""Every so many blows one is a pause, unless said."""


def wish(number: int) -> Wish:
    """The wish of that number."""
    ask = number % 10 == 0
    return Wish(
        key=f"soak-{number}",
        customer=f"cus_{number}",
        amount=5001 + number % 40_000 if ask else 1 + number % 5000,
        guarantee="idempotent" if number % 2 else "verifiable",
    )


FIGURES = (
    *("late", "fenced", "taken over", "p50", "p99", "max"),
    *("taken over from the paused", "paused p99", "from the living"),
)
"""What `Soaked.figures` holds."""


@dataclass(slots=True, kw_only=True)
class Late:
    """An answer that came to a worker after it had been stopped past its lease and woken."""

    action_id: str
    stopped_at: int
    woken_at: int


@dataclass(slots=True, kw_only=True)
class Soaked:
    """What a soak came to."""

    actions: int
    took_s: float = 0.0
    blows: list[Blow] = field(default_factory=list[Blow])
    late: list[Late] = field(default_factory=list[Late])
    faults: Faults = field(default_factory=Faults)
    settled: int = 0
    cents: int = 0
    figures: dict[str, float] = field(default_factory=dict[str, float])


class Soak:
    """One soak.

    Args:
        workers: those that carry out, and are killed.
        desks: those that are asked; the same crew where each process does both.
    """

    def __init__(
        self,
        post: Post,
        ledger: Ledger,
        bank: BankControl,
        workers: Crew,
        desks: Crew,
        *,
        actions: int,
        blow_each_s: float,
        pause_each: int,
        seed: str,
    ) -> None:
        self._post = post
        self._pause_s = (post.lease_s or LEASE_S) + PAUSE_MORE_S
        self._ledger = ledger
        self._bank = bank
        self._workers = workers
        self._desks = desks
        self._blow_each_s = blow_each_s
        self._pause_each = pause_each
        self._chance = random.Random(seed)
        self._wishes = [wish(number) for number in range(actions)]
        self._paused: tuple[Member, int, float, frozenset[str]] | None = None
        self._woken: dict[str, dict[str, tuple[int, int]]] = {}
        self._next_blow = 0.0
        self._blown = 0
        self.soaked = Soaked(actions=actions)
        workers.on_called = self._on_called

    def run(self) -> Soaked:
        """Ask for everything under blows, wait until it is settled, and judge."""
        for start in range(0, len(self._wishes), _SEED_BATCH):
            batch = self._wishes[start : start + _SEED_BATCH]
            self._bank.add([one.order for one in batch])
        self._workers.wait_until_ready()
        self._desks.wait_until_ready()
        begin = time.monotonic()
        self._ask_all()
        self.soaked.took_s = time.monotonic() - begin
        settled = self._wait_until_settled()
        for crew in self._crews():
            crew.stop()
            self.soaked.faults.lost += crew.problems
        self._judge(settled)
        return self.soaked

    def _crews(self) -> list[Crew]:
        return list(dict.fromkeys((self._desks, self._workers)))

    def _pump(self, timeout_s: float) -> None:
        for crew in self._crews():
            crew.pump(timeout_s)

    # ---- asking under blows ----------------------------------------------------------------

    def _ask_all(self) -> None:
        asked = 0
        heard_at = time.monotonic()
        left = len(self._desks.open)
        self._next_blow = time.monotonic() + self._blow_each_s
        while asked < len(self._wishes) or self._desks.open:
            while asked < len(self._wishes) and len(self._desks.open) < _AT_ONCE:
                self._desks.ask(self._wishes[asked], [self._desks.anybody()])
                asked += 1
            self._pump(0.01)
            self._blow()
            if asked - len(self._desks.open) != left:
                left, heard_at = asked - len(self._desks.open), time.monotonic()
                show_progress(
                    f"{left} of {len(self._wishes)} answered, {len(self.soaked.blows)} blows"
                )
            if time.monotonic() - heard_at > _STALLED_S:
                self.soaked.faults.lost.append("nobody was answered any more")
                return
        while self._paused is not None:
            self._pump(0.01)
            self._wake_in_time()

    def _blow(self) -> None:
        self._wake_in_time()
        if time.monotonic() < self._next_blow:
            return
        awake = [one for one in self._workers.members if one not in self._workers.paused]
        ready = [one for one in awake if one.ready]
        if len(ready) < 2:
            return
        self._next_blow = time.monotonic() + self._blow_each_s
        self._blown += 1
        victim = self._chance.choice(ready)
        each = self._pause_each
        if each and self._blown % each == each - 1 and self._paused is None:
            at, calling = _now(), frozenset(victim.calling)
            self._workers.pause(victim)
            until = time.monotonic() + self._pause_s
            self._paused = (victim, at, until, calling)
            self.soaked.blows.append(Blow(what="paused", at=at, calling=calling))
            return
        at = _now()
        self._workers.kill(victim)
        # What it said before it died has been heard by now.
        self.soaked.blows.append(Blow(what="killed", at=at, calling=frozenset(victim.calling)))

    def _wake_in_time(self) -> None:
        if self._paused is None or time.monotonic() < self._paused[2]:
            return
        member, stopped_at, _, _ = self._paused
        self._paused = None
        if member in self._workers.members:
            times = (stopped_at, _now())
            self._woken[member.name] = dict.fromkeys(member.calling, times)
            self._workers.wake(member)

    def _on_called(self, member: Member, action_id: str) -> None:
        times = self._woken.get(member.name, {}).pop(action_id, None)
        if times is not None:
            late = Late(action_id=action_id, stopped_at=times[0], woken_at=times[1])
            self.soaked.late.append(late)

    # ---- settling and judging --------------------------------------------------------------

    def _wait_until_settled(self) -> bool:
        deadline = time.monotonic() + _SETTLED_S
        while time.monotonic() < deadline:
            self._pump(0.25)
            rows = self._ledger.actions()
            still = sum(row.open for row in rows)
            show_progress(f"{still} of {len(rows)} open")
            if not still:
                return True
        return False

    def _judge(self, settled: bool) -> None:
        soaked = self.soaked
        rows, refunds = self._ledger.actions(), self._bank.books()
        if not settled:
            still = [row for row in rows if row.open or row.for_a_person]
            soaked.faults.lost += [f"{row.key} stays {row.status}" for row in still]
        told = {**self._workers.told, **self._desks.told}
        soaked.faults.add(judge(self._wishes, refunds, rows, told))
        wrong = verify(self._post, [])
        if wrong:
            soaked.faults.unverified.append(wrong)
        soaked.settled = sum(row.status == "succeeded" for row in rows)
        soaked.cents = sum(refund.amount for refund in refunds)
        entries = self._ledger.entries()
        own = by_action(entries)
        for action_id in settled_twice(entries):
            soaked.faults.disagree.append(f"{action_id} is settled twice in the log")
        fenced = [
            late
            for late in soaked.late
            if taken_over_between(own[late.action_id], late.stopped_at, late.woken_at)
        ]
        times = take_overs(entries, soaked.blows)
        soaked.figures = {
            "late": len(soaked.late),
            "fenced": len(fenced),
            "taken over": len(times.killed),
            "p50": percentile(times.killed, 50),
            "p99": percentile(times.killed, 99),
            "max": max(times.killed, default=0.0),
            "taken over from the paused": len(times.paused),
            "paused p99": percentile(times.paused, 99),
            "from the living": times.living,
        }


def report(soaked: Soaked) -> Report:
    """The table."""
    for sentence in soaked.faults.all()[:20]:
        print(sentence, file=sys.stderr)
    kills = sum(blow.what == "killed" for blow in soaked.blows)
    pauses = len(soaked.blows) - kills
    figures = soaked.figures
    rows = [
        Row(case="double", value=len(soaked.faults.double), unit="effects"),
        Row(case="lost", value=len(soaked.faults.lost), unit="actions"),
        Row(case="disagree", value=len(soaked.faults.disagree), unit="actions"),
        Row(case="unverified", value=len(soaked.faults.unverified), unit="logs"),
        Row(case="actions asked for", value=soaked.actions, unit="actions"),
        Row(case="settled as succeeded", value=soaked.settled, unit="actions"),
        Row(case="paid, at the bank and in the ledger", value=soaked.cents, unit="cents"),
        Row(case="workers killed", value=kills, unit="processes"),
        Row(case="workers paused past the lease", value=pauses, unit="processes"),
        Row(case="taken over from the dead", value=figures["taken over"], unit="actions"),
        Row(case="kill to take-over, p50", value=figures["p50"], unit="s"),
        Row(case="kill to take-over, p99", value=figures["p99"], unit="s"),
        Row(case="kill to take-over, longest", value=figures["max"], unit="s"),
        Row(
            case="taken over from the paused",
            value=figures["taken over from the paused"],
            unit="actions",
        ),
        Row(case="pause to take-over, p99", value=figures["paused p99"], unit="s"),
        Row(
            case="taken over from the living",
            value=figures["from the living"],
            unit="actions",
        ),
        Row(case="late answers to the woken", value=figures["late"], unit="answers"),
        Row(case="of these fenced off", value=figures["fenced"], unit="answers"),
        Row(
            case="actions in a second, under blows",
            value=soaked.actions / max(soaked.took_s, 0.001),
            unit="1/s",
        ),
    ]
    ok = (
        not soaked.faults.all()
        and soaked.settled == soaked.actions
        and kills > 0
        and figures["p99"] < TAKE_OVER_BAR_S
    )
    return Report(name="soak", rows=rows, ok=ok)


def crews(post: Post, dispatch: Dispatch, seed: str) -> tuple[Crew, Crew]:
    """Who carries out, and who is asked."""
    if dispatch == "embedded":
        both = Crew(post, WORKERS, seed, start=start_embedded)
        return both, both
    desks = Crew(replace(post, work=False), DESKS, f"{seed}/desks", start=start_embedded)
    return Crew(post, WORKERS, seed, start=start_fleet_worker), desks


def run(
    actions: int,
    *,
    store: StoreKind,
    dispatch: Dispatch,
    blow_each_s: float = 2.0,
    pause_each: int = PAUSE_EACH,
    seed: int = 1,
    sabotaged: bool = False,
    lease_s: float | None = None,
    settle_after_s: int = SETTLE_AFTER_S,
) -> Soaked:
    """One soak in a folder of its own.

    Args:
        blow_each_s: how often a worker is killed or stopped.
        pause_each: every so many blows one is a stop; 0 for none.
        lease_s: None leaves the engine's own.
    """
    if dispatch == "fleet":
        FORK.set_forkserver_preload([*PRELOADED, "dbos"])
    with working_folder() as folder, serving([store], {}) as stores, run_bank(_DELAY_S) as bank:
        os.environ.update(with_bytecode(folder / "bytecode"))
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        if sabotaged:
            bank.fault("twice")
        post, ledger = make_post(
            folder / "soak",
            stores,
            store,
            "soak",
            bank,
            lease_s=lease_s,
            settle_after_s=settle_after_s,
            dispatch=dispatch,
        )
        workers, desks = crews(post, dispatch, str(seed))
        soak = Soak(
            post,
            ledger,
            bank,
            workers,
            desks,
            actions=actions,
            blow_each_s=blow_each_s,
            pause_each=pause_each,
            seed=str(seed),
        )
        return soak.run()


def _now() -> int:
    return time.time_ns() // 1000


def main(argv: Sequence[str] | None = None) -> int:
    """Run and print; the exit status is 0 when every bar was met."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--actions", type=int, default=10_000)
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="postgres")
    parser.add_argument(
        "--dispatch",
        choices=("embedded", "fleet"),
        default="embedded",
        help="four processes that each do what `sayso serve` does, or four of `sayso worker`",
    )
    parser.add_argument("--blow-each-s", type=float, default=2.0, help="how often a worker is hit")
    parser.add_argument(
        "--pause-each",
        type=int,
        default=PAUSE_EACH,
        help="every so many blows one stops a worker past its lease; 0 for none",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sabotage", action="store_true", help="let the bank do refunds twice")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    arguments = parser.parse_args(argv)
    soaked = run(
        arguments.actions,
        store=arguments.store,
        dispatch=arguments.dispatch,
        blow_each_s=arguments.blow_each_s,
        pause_each=arguments.pause_each,
        seed=arguments.seed,
        sabotaged=arguments.sabotage,
    )
    show_progress("")
    return print_report(report(soaked), as_json=arguments.json)
