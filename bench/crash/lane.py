"""One lane of the crash campaign: a store, so many workers that share it, one guarantee."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from support.postgres_server import PostgresServer

from bench.crash.bank import BankControl
from bench.crash.connector import GuaranteeKind
from bench.crash.crew import Crew, Member, verify
from bench.crash.judge import Faults, judge
from bench.crash.ledger import Ledger, PostgresDatabase, SqliteDatabase
from bench.crash.plan import Plan, Wish
from bench.crash.worker import Arm, Post, open_bank_workspace
from sayso.store.sqlite.schema import migrate
from sayso.store.sqlite.store import open_connection

StoreKind = Literal["sqlite", "postgres"]

LEASE_S = 0.5
_AT_A_TIME = 32
"""So many settlements are under way at once: orders and answers must fit into a worker's pipe, or
both sides wait for the other one to read."""
SETTLE_AFTER_S = 2
RUN_S = 10.0
"""A run whose worker does not die by itself in this time has it killed."""
SETTLED_S = 60.0
MAX_PROBLEMS = 3
MAX_BATCHES = 3
_TEMPLATE = "sayso_template"
_MOST_HEADS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What is tried in a lane."""

    store: StoreKind
    workers: int
    guarantee: GuaranteeKind

    @property
    def name(self) -> str:
        """Such as `sqlite, 4 workers, verifiable`."""
        many = "worker" if self.workers == 1 else "workers"
        return f"{self.store}, {self.workers} {many}, {self.guarantee}"


@dataclass(slots=True, kw_only=True)
class Ran:
    """What a lane came to.

    Attributes:
        modes: how many runs had their worker killed as planned, by mode.
        elsewhere: runs whose worker never came to the planned moment, and was killed then.
        by_person: unknown outcomes that a person settled.
    """

    lane: Lane
    runs: int = 0
    killed: int = 0
    modes: Counter[str] = field(default_factory=Counter[str])
    elsewhere: int = 0
    wishes: int = 0
    effects: int = 0
    by_person: int = 0
    faults: Faults = field(default_factory=Faults)
    took_s: float = 0.0


class Stores:
    """Makes databases: files, or databases of one server.

    Args:
        server: None when no lane is on PostgreSQL.
    """

    def __init__(self, server: PostgresServer | None) -> None:
        self._server = server
        self._made = 0
        if server is not None:
            from sayso.store.postgres.schema import migrate_postgres  # needs an extra

            server.run("postgres", f"create database {_TEMPLATE}")
            migrate_postgres(server.url(_TEMPLATE))

    def make(
        self, folder: Path, store: StoreKind, name: str, *, fleet: bool = False
    ) -> tuple[str, Ledger]:
        """The URL of a new, migrated database, and who reads it past the program."""
        if store == "sqlite":
            path = folder / "sayso.db"
            connection = open_connection(path, create=True)
            migrate(connection)
            connection.close()
            return "sqlite:///sayso.db", Ledger(SqliteDatabase(path))
        assert self._server is not None
        self._server.run("postgres", f"create database {name} template {_TEMPLATE}")
        url = self._server.url(name)
        if fleet:
            from sayso.dispatch.fleet.schema import migrate_fleet  # needs an extra

            migrate_fleet(url)
        return url, Ledger(PostgresDatabase(url))

    def make_plain(self, name: str) -> str:
        """The URL of a new, empty database of the server; empty without a server."""
        if self._server is None:
            return ""
        self._server.run("postgres", f"create database {name}")
        return self._server.url(name)


class LaneRun:
    """Runs one lane.

    Args:
        folder: of the lane's workspace.
        seed: draws the plans.
        on_run: called after every run.
    """

    def __init__(
        self,
        lane: Lane,
        post: Post,
        ledger: Ledger,
        bank: BankControl,
        seed: str,
        on_run: Callable[[Ran], None],
    ) -> None:
        self._post = post
        self._ledger = ledger
        self._bank = bank
        self._seed = f"{seed}/{lane.name}"
        self._on_run = on_run
        self._heads: list[bytes] = []
        self._wishes: list[Wish] = []
        self._crew = Crew(post, lane.workers, self._seed)
        self.ran = Ran(lane=lane)

    def run(self, runs: int) -> Ran:
        """Kill one worker after the other, then see what is left and judge it."""
        begin = time.monotonic()
        self._crew.wait_until_ready()
        for number in range(runs):
            self._run_once(Plan.draw(self._seed, number))
            if len(self._crew.problems) > MAX_PROBLEMS:
                break  # workers that end by themselves: the judge says so
            self._on_run(self.ran)
        settled = self._settle()
        self._crew.repeat([wish.key for wish in self._wishes])
        settled = self._settle() and settled
        self._crew.stop()
        if not settled:
            self._say_what_is_open()
        self._judge()
        self.ran.took_s = time.monotonic() - begin
        return self.ran

    def _run_once(self, plan: Plan) -> None:
        crew, ran = self._crew, self.ran
        crew.wait_until_ready()
        wishes = plan.wishes(ran.lane.guarantee)
        self._wishes += wishes
        self._bank.add([wish.order for wish in wishes])
        place = plan.victim % len(crew.members)
        victim = crew.members[place]
        if plan.boundary is not None:
            crew.arm(victim, Arm(boundary=plan.boundary, passing=plan.passing))
        if plan.holds is not None:
            self._bank.fault(plan.holds, victim.name, plan.hold_s)
        for index, wish in enumerate(wishes):
            # The victim gets the first two; the others are asked of whoever is next to it.
            first = crew.members[(plan.victim + index // 2) % len(crew.members)]
            second = crew.members[(plan.victim + index + 1) % len(crew.members)]
            at = [first, second] if plan.doubled and first is not second else [first]
            crew.ask(wish, at, two_clicks=plan.two_clicks)
        as_planned = self._wait_for_the_moment(plan, victim)
        if victim in crew.members:
            crew.kill(victim)
        if plan.mode == "key_forgotten":
            self._bank.forget_keys(victim.name)
        ran.runs += 1
        ran.modes[plan.mode] += as_planned
        ran.elsewhere += not as_planned
        self._see_head()
        if plan.again is not None:
            crew.arm(crew.members[place], Arm(boundary=plan.again, passing=1))

    def _wait_for_the_moment(self, plan: Plan, victim: Member) -> bool:
        """Whether it came; a worker that kills itself is dead by then."""
        crew = self._crew
        batch = 0
        deadline = time.monotonic() + RUN_S
        while time.monotonic() < deadline:
            if plan.mode == "any_time":
                until = time.monotonic() + plan.kill_after_s
                while (left_s := until - time.monotonic()) > 0 and victim in crew.members:
                    crew.pump(left_s)
                return True
            crew.pump(0.02)
            if victim not in crew.members:
                return True
            if plan.holds is not None and self._bank.wait_until_held(victim.name, 0.0):
                return True
            if not crew.open:
                if batch == MAX_BATCHES:
                    return False
                self._ask(plan.more_wishes(self.ran.lane.guarantee, batch), victim)
                batch += 1
        return False

    def _ask(self, wishes: list[Wish], victim: Member) -> None:
        self._wishes += wishes
        self._bank.add([wish.order for wish in wishes])
        for wish in wishes:
            self._crew.ask(wish, [victim])

    def _see_head(self) -> None:
        head = self._ledger.head()
        if head is not None:
            self._heads.append(head)

    def _settle(self) -> bool:
        """Wait until nothing is open; a person sees to what nobody else can know."""
        begin = time.monotonic()
        while time.monotonic() < begin + SETTLED_S:
            self._crew.pump(0.05)
            if self._crew.open or self._crew.settling:
                continue
            rows = self._ledger.actions()
            waiting = [row for row in rows if row.for_a_person]
            # A person looks only when nothing can be on its way any more.
            if waiting and time.monotonic() > begin + SETTLE_AFTER_S:
                for row in waiting[:_AT_A_TIME]:
                    self._settle_as_a_person(row.id)
            if not waiting and not any(row.open for row in rows):
                return True
            self._crew.pump(0.2)
        return False

    def _settle_as_a_person(self, action_id: str) -> None:
        if self.ran.lane.guarantee != "at_most_once":
            self.ran.faults.lost.append(f"{action_id} was left to a person, and could be known")
        found = self._bank.find(action_id)
        self.ran.by_person += 1
        self._crew.settle(action_id, found[0].id if found else "")

    def _say_what_is_open(self) -> None:
        rows = [row for row in self._ledger.actions() if row.open or row.for_a_person]
        for row in rows:
            self.ran.faults.lost.append(f"{row.key} stays {row.status}")
        for key in sorted(self._crew.open):
            self.ran.faults.lost.append(f"the caller of {key} never had an answer")

    def _judge(self) -> None:
        ran = self.ran
        own = {wish.key for wish in self._wishes}
        refunds = self._bank.books()
        ran.killed = len(self._crew.deaths)
        ran.wishes, ran.effects = len(own), len(refunds)
        ran.faults.lost += self._crew.problems
        ran.faults.add(judge(self._wishes, refunds, self._ledger.actions(), self._crew.told))
        step = max(1, len(self._heads) // _MOST_HEADS)
        wrong = verify(self._post, self._heads[::step])
        if wrong:
            ran.faults.unverified.append(wrong)


def run_lane(
    lane: Lane,
    folder: Path,
    stores: Stores,
    bank: BankControl,
    seed: str,
    runs: int,
    on_run: Callable[[Ran], None],
) -> Ran:
    """Run a lane in a new folder, which stays only when something is wrong."""
    post, ledger = make_post(folder, stores, lane.store, f"lane_{folder.name}", bank)
    ran = LaneRun(lane, post, ledger, bank, seed, on_run).run(runs)
    if not ran.faults.all():
        shutil.rmtree(folder)
    return ran


def make_post(
    folder: Path,
    stores: Stores,
    store: StoreKind,
    name: str,
    bank: BankControl,
    *,
    lease_s: float | None = LEASE_S,
    settle_after_s: int = SETTLE_AFTER_S,
    dispatch: Literal["embedded", "fleet"] = "embedded",
) -> tuple[Post, Ledger]:
    """A new workspace with its database."""
    folder.mkdir(parents=True)
    url, ledger = stores.make(folder, store, name, fleet=dispatch == "fleet")
    post = Post(
        folder=folder,
        store_url=url,
        bank_url=bank.url,
        lease_s=lease_s,
        settle_after_s=settle_after_s,
        dispatch=dispatch,
    )
    open_bank_workspace(post, create=True)
    return post, ledger


@contextmanager
def serving(stores: Sequence[StoreKind], settings: dict[str, str]) -> Generator[Stores]:
    """The stores of a campaign; a PostgreSQL server runs only while a lane needs one."""
    if "postgres" not in stores:
        yield Stores(None)
        return
    from support.postgres_server import run_postgres  # a server only where one is needed

    with run_postgres(settings=settings) as server:
        yield Stores(server)
