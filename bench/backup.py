"""A backup drill under load: `python -m bench.backup --actions 10000 [--json]`.

A server carries out actions, some by itself and some on a person's yes. When half of them are done
it is backed up as the page says (`sqlite3 .backup`, `pg_dump`), and goes on meanwhile. Then the
backup is put back: `sayso doctor` and a deep `audit verify` judge it, its root has to be the one
that the log had at that size, and a server goes on from there against the same provider. What was
done after the backup is found there, and not done again.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from support.postgres_server import PostgresServer, run_postgres
from support.shop import Shop

from bench.crash.lane import StoreKind, Stores
from bench.place import make_workspace, working_folder
from bench.report import Report, Row, print_report, show_progress
from bench.throughput.sayso import person_token
from sayso.actions.model.definition import Guarantee, idempotent, verifiable
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify
from sayso.errors import SaysoError
from sayso.ids import SystemClock
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import ApprovalView
from sayso.sdk.workspace import Workspace
from sayso.surfaces.cli.commands.doctor import examine
from sayso.surfaces.cli.output import Out

POLICY = """
@id("small") @explain("up to 50 by itself")
permit (principal, action == Action::"shop.refund", resource)
when { context.amount.lessThanOrEqual(decimal("50.00")) };

@id("manager") @explain("up to 500 once a support manager says yes")
permit (principal, action == Action::"shop.refund", resource)
when {
  context.amount.lessThanOrEqual(decimal("500.00")) &&
  context.approvedBy.contains("support_manager")
};
"""
AT_ONCE = 32
ASKED_EVERY = 20
"""One in so many waits for a person, whose yes comes once the backup is made."""
SETTLED_S = 120.0
OPEN = ("planned", "approved", "executing", "unknown", "stale")
GUARANTEES: dict[str, Guarantee] = {
    "idempotent": idempotent(hours=24, settle_after_s=60),
    "verifiable": verifiable(settle_after_s=0),
}


@dataclass(kw_only=True)
class Drill:
    """What a drill came to. Times in seconds.

    Attributes:
        lost: entries of after the backup. since: cards that wait in it, and were decided since.
        twice: effects at the provider beyond one of an action.
    """

    store: StoreKind
    guarantee: str
    acting: float = 0.0
    backing_up: float = 0.0
    backup_bytes: int = 0
    failed_meanwhile: int = 0
    restoring: float = 0.0
    verifying: float = 0.0
    entries: int = 0
    lost: int = 0
    since: int = 0
    twice: int = 0
    roots_equal: bool = False
    problems: list[str] = field(default_factory=list[str])


@dataclass(kw_only=True)
class Place:
    """A workspace on a store, and how it is backed up and put back.

    Args:
        server: None for a file.
    """

    folder: Path
    url: str
    server: PostgresServer | None

    def workspace(self) -> Workspace:
        """With its policy and one manager."""
        return make_workspace(
            self.folder,
            store={"url": self.url},
            policy={"files": ["policy/*.cedar"]},
            people=[{"id": "ana", "roles": ["support_manager"]}],
        )

    async def back_up(self, path: Path) -> None:
        """As docs/how-to/back-up-and-restore.md has one type it."""
        if self.server is None:
            await run("sqlite3", str(self.folder / "sayso.db"), f".backup {path}")
            return
        dump = str(self.server.binaries / "pg_dump")
        await run(dump, "-Fc", "-n", "sayso", "-f", str(path), self.url)

    async def put_back(self, path: Path) -> None:
        """Into the place of what there was."""
        (self.folder / ".sayso" / "heads.json").unlink(missing_ok=True)
        if self.server is None:
            for old in self.folder.glob("sayso.db*"):
                old.unlink()
            shutil.copy(path, self.folder / "sayso.db")
            return
        name = self.url.partition("?")[0].rpartition("/")[2]
        self.server.run("postgres", f"drop database {name} with (force)")
        self.server.run("postgres", f"create database {name}")
        restore = str(self.server.binaries / "pg_restore")
        await run(restore, "--exit-on-error", "-d", self.url, str(path))


async def run(*words: str) -> None:
    """Run a program to its end, while this one goes on."""
    program = await asyncio.create_subprocess_exec(*words, stderr=asyncio.subprocess.PIPE)
    _, told = await program.communicate()
    if program.returncode != 0:
        raise RuntimeError(f"{words[0]}: {told.decode()}")


class AnHourLater:
    """The clock of whoever puts a backup back: nobody does within the minute."""

    def now(self) -> datetime:
        """The time."""
        return SystemClock().now() + timedelta(hours=1)


class Desk:
    """Who asks, and the person who says yes."""

    def __init__(self, sayso: Sayso, shop: Shop, token: str, actions: int) -> None:
        self._sayso = sayso
        self._shop = shop
        self._token = token
        self._actions = actions
        self._next = 0
        self._done = 0
        self._cards: list[ApprovalView] = []
        self.failed = 0
        self.half = asyncio.Event()

    async def work(self) -> None:
        """Ask for one refund after the other, until all are asked for."""
        while (number := self._next) < self._actions:
            self._next += 1
            self._shop.books.add(f"o{number}", f"cus_{number}", Money(50_000, "USD"))
            try:
                await self._one(number)
            except SaysoError:
                self.failed += 1
            self._done += 1
            if self._done >= self._actions // 2:
                self.half.set()

    async def _one(self, number: int) -> None:
        asks = number % ASKED_EVERY == 0
        view = await self._sayso.propose(
            "shop.refund",
            {
                "order": f"o{number}",
                "amount": {"amount_minor": 20_000 if asks else 2_000, "currency": "USD"},
            },
            subject=f"cus_{number}",
            reason="it arrived broken",
            wait=number % 2 == 0,
        )
        if view.approval is not None:
            self._cards.append(view.approval)

    async def decide(self) -> None:
        """Say yes to all that waits, once the backup is made."""
        for card in self._cards:
            await self._sayso.approvals.decide(
                card.id, "approve", token=self._token, revision=card.revision, digest=card.digest
            )


async def drill(place: Place, name: str, actions: int) -> Drill:
    """Act, back up in the middle, put it back, and go on."""
    came = Drill(store="sqlite" if place.server is None else "postgres", guarantee=name)
    (place.folder / "policy").mkdir(parents=True)
    (place.folder / "policy" / "shop.cedar").write_text(POLICY, encoding="utf-8")
    workspace, shop = place.workspace(), Shop(GUARANTEES[name])
    path = place.folder.with_name(f"{place.folder.name}.backup")
    logging.getLogger("sayso").setLevel(logging.ERROR)  # what is found is counted
    async with Sayso(workspace, connectors=[shop]) as sayso:
        desk = Desk(sayso, shop, await person_token(sayso), actions)
        begun = time.perf_counter()
        working = [asyncio.create_task(desk.work()) for _ in range(AT_ONCE)]
        await desk.half.wait()
        at = time.perf_counter()
        await place.back_up(path)
        came.backing_up, came.backup_bytes = time.perf_counter() - at, path.stat().st_size
        await asyncio.gather(*working)
        await desk.decide()
        await settle(sayso)
        came.acting, came.failed_meanwhile = time.perf_counter() - begun, desk.failed
        await sayso.audit.export(place.folder / "whole")
    done = references(shop)
    at = time.perf_counter()
    await place.put_back(path)
    came.restoring = time.perf_counter() - at
    await look_at(came, place, workspace)
    await go_on(came, workspace, shop)
    came.twice = sum(count - 1 for count in references(shop).values())
    came.problems += [f"{one} was done, which nobody had" for one in references(shop) - done]
    return came


def references(shop: Shop) -> Counter[str]:
    """How often each action was done, by the provider's own books."""
    return Counter(one.reference for one in shop.books.payouts)


async def settle(sayso: Sayso) -> None:
    """Wait until nothing is left to do."""
    async with asyncio.timeout(SETTLED_S):
        while True:
            await sayso.container.dispatcher.drain()
            left = [await sayso.actions.list(status=one, limit=1) for one in OPEN]
            if not any(left):
                return
            await asyncio.sleep(0.2)


async def look_at(came: Drill, place: Place, workspace: Workspace) -> None:
    """`sayso doctor` and `sayso audit verify`; the whole log has to know the restored head."""
    wrong: list[SaysoError] = []
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        out = Out(as_json=True, stdout=nowhere, stderr=nowhere)
        await asyncio.to_thread(examine, workspace, [], wrong, out)
    came.problems += [f"doctor: {one.message}" for one in wrong if "shop" not in one.message]
    async with Sayso(workspace, mode="read", connectors=[Shop()]) as sayso:
        at = time.perf_counter()
        found = await asyncio.to_thread(sayso.audit.verify)
        came.verifying = time.perf_counter() - at
        came.entries = found.logs[0].size or 0
        if found.verdict is not Verdict.VERIFIED:
            came.problems.append(f"the restored log: {found.all_findings[:2]}")
        head, key = await sayso.audit.checkpoint(), await sayso.audit.head_vkey()
    whole = await asyncio.to_thread(
        verify, place.folder / "whole", trust=Trust.parse([key], [head.encode()])
    )
    came.roots_equal = whole.verdict is Verdict.VERIFIED
    came.lost = (whole.logs[0].size or 0) - came.entries


async def go_on(came: Drill, workspace: Workspace, shop: Shop) -> None:
    """Start a server on what was put back, and have the person answer what waits there."""
    async with Sayso(workspace, connectors=[shop], clock=AnHourLater()) as sayso:
        token = await person_token(sayso)
        # What has changed at the provider under a yes is asked about once more.
        while cards := await sayso.approvals.list(status="pending", limit=200):
            came.since += sum(card.revision == 1 for card in cards)
            for card in cards:
                await sayso.approvals.decide(
                    card.id, "approve", token=token, revision=card.revision, digest=card.digest
                )
            await settle(sayso)
        found = await asyncio.to_thread(sayso.audit.verify)
        if found.verdict is not Verdict.VERIFIED:
            came.problems.append(f"after going on: {found.all_findings[:2]}")


async def drills(
    kinds: Sequence[StoreKind], guarantees: Sequence[str], actions: int
) -> list[Drill]:
    """One for each store and guarantee."""
    came: list[Drill] = []
    with working_folder() as folder, ExitStack() as stack:
        server = stack.enter_context(run_postgres()) if "postgres" in kinds else None
        stores = Stores(server)
        for kind in kinds:
            for name in guarantees:
                show_progress(f"{kind}, {name}")
                place = folder / f"{kind}-{name}"
                place.mkdir()
                url, _ = stores.make(place, kind, f"drill_{name}")
                on = server if kind == "postgres" else None
                came.append(await drill(Place(folder=place, url=url, server=on), name, actions))
    return came


def report(came: Sequence[Drill], actions: int) -> Report:
    """The figures; everything that went wrong stands on standard error."""
    rows: list[Row] = []
    for one in came:
        name = f"{one.store}, {one.guarantee}"
        figures: list[tuple[str, float, str]] = [
            (f"{actions:,} actions, backed up in the middle", one.acting, "s"),
            ("the backup, while it writes", one.backing_up, "s"),
            ("its size", one.backup_bytes / 1e6, "MB"),
            ("calls that failed meanwhile", one.failed_meanwhile, "calls"),
            ("putting it back", one.restoring, "s"),
            ("entries in it", one.entries, "entries"),
            ("entries of after it, which are lost", one.lost, "entries"),
            ("verifying it", one.verifying, "s"),
            ("cards that waited in it, and were decided since", one.since, "cards"),
            ("done twice", one.twice, "effects"),
        ]
        rows += [
            Row(case=f"{name}: {what}", value=value, unit=unit) for what, value, unit in figures
        ]
        for problem in one.problems:
            print(f"{name}: {problem}", file=sys.stderr)
    ok = all(
        one.roots_equal and not (one.twice or one.problems or one.failed_meanwhile) for one in came
    )
    return Report(name="backup", rows=rows, ok=ok)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the drills; 0 where each backup came back whole, and nothing was done twice."""
    parser = argparse.ArgumentParser(prog="python -m bench.backup", description=__doc__)
    parser.add_argument("--actions", type=int, default=10_000)
    parser.add_argument("--store", choices=("sqlite", "postgres"), help="else both")
    parser.add_argument("--guarantee", choices=tuple(GUARANTEES), help="else each")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    kinds: tuple[StoreKind, ...] = (options.store,) if options.store else ("sqlite", "postgres")
    guarantees = (options.guarantee,) if options.guarantee else tuple(GUARANTEES)
    came = asyncio.run(drills(kinds, guarantees, options.actions))
    return print_report(report(came, options.actions), as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
