"""What an approved action and a dry run take: `python -m bench.instructions [--actions N]`.

Proposed, agreed to by a person, done, on SQLite, one at a time, as in `bench.throughput`. Counted
are instructions, where valgrind is there (two whole processes, one with twice the actions, so that
what they share falls out), statements without those of triggers and of transactions, and commits.
Statements and commits have to be those in `STATEMENTS` and `COMMITS`; the bar of instructions is
3 % above the figure in `KNOWN`, which was counted by that build of Python.

A dry run (`bench.dry_run`) is counted in process and over HTTP, each in a process that counts while
it calls; `--only dry-run` counts nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from support.shop import Shop

from bench import dry_run
from bench.counted import build_of_python, can_count, instructions_of
from bench.place import working_folder
from bench.report import Report, Row, print_report, show_progress
from bench.throughput import sayso as peer
from bench.throughput.flow import Place
from sayso.sdk.client import Sayso
from sayso.store.sqlite.store import SqliteStore

KNOWN: dict[str, float] = {"CPython 3.11.7, GCC 14.2.0": 15.0}
"""Millions of instructions of an action, by the build of Python."""
MORE = 1.03
COMMITS, STATEMENTS = 3, 34
"""Of an action, exactly: whoever changes one says so here."""
SLOWER = 1_000
"""So many times slower goes the clock of what is counted."""
FIRST = 5
"""Actions that are not counted, since the first of a process load modules and fill caches."""
_CONTROL = ("begin", "savepoint", "release", "commit", "rollback", "pragma")


class _Traced(SqliteStore):
    """A store that keeps what is run on its connections while somebody counts."""

    def __init__(self, path: Path, said: list[str]) -> None:
        super().__init__(path, prepare=lambda connection: self._trace(connection))
        self._said = said
        self.counts = False

    def _trace(self, connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(self._heard)

    def _heard(self, statement: str) -> None:
        if self.counts:
            self._said.append(statement)


class _SlowLoop(asyncio.SelectorEventLoop):
    """A loop whose clock is as slow as a program is under valgrind.

    Else what is done four times a second would be counted for each action, and more often on a
    machine that is busy.
    """

    def time(self) -> float:
        """Seconds, slowly."""
        return super().time() / SLOWER


async def _act(folder: Path, actions: int) -> None:
    """Take so many actions from proposal to outcome, after the first ones."""
    async with peer.open_async_peer(Place(store="sqlite", folder=folder)) as opened:
        for number in range(FIRST + actions):
            await opened.approve(await opened.propose(number))


async def _traced(folder: Path, actions: int) -> list[str]:
    """The statements of so many actions, after the first ones."""
    said: list[str] = []
    workspace = peer.workspace_in(Place(store="sqlite", folder=folder))
    store, shop = _Traced(workspace.store_path, said), Shop()
    async with Sayso(workspace, connectors=[shop], store=store) as sayso:
        opened = peer.SaysoPeer(sayso, shop, await peer.person_token(sayso))
        for number in range(FIRST + actions):
            store.counts = number >= FIRST
            await opened.approve(await opened.propose(number))
        store.counts = False
    await store.close()
    return said


def counted(said: Sequence[str], actions: int) -> tuple[float, float]:
    """Statements and commits of an action.

    SQLite tells of a trigger's statements by the one that set it off, once more.
    """
    each = [statement for statement, _ in itertools.groupby(said)]
    words = [statement.lstrip().partition(" ")[0].lower() for statement in each]
    commits = words.count("commit")
    return sum(word not in _CONTROL for word in words) / actions, commits / actions


def run(actions: int) -> Report:
    """Count an action."""
    with working_folder() as folder:
        place = Place(store="sqlite", folder=folder / "traced")
        peer.new_workspace(place)
        statements, commits = counted(asyncio.run(_traced(place.folder, actions)), actions)
        millions = _instructions(folder, actions) if can_count() else None
    show_progress("")
    return report(statements, commits, millions)


def _instructions(folder: Path, actions: int) -> float:
    """Millions of instructions of an action."""
    taken: list[int] = []
    for number in (actions, 2 * actions):
        show_progress(f"{number} actions by valgrind")
        arguments = ["-m", "bench.instructions", "--act", str(folder), str(number)]
        taken.append(instructions_of(arguments, folder))
    return (taken[1] - taken[0]) / actions / 1e6


def _dry_run(calls: int) -> Report:
    """Count a dry run."""
    with working_folder() as folder:
        found = dry_run.count(folder, calls)
    show_progress("")
    return Report(name="dry run", rows=dry_run.rows_of(found), ok=dry_run.is_met(found))


def report(statements: float, commits: float, millions: float | None) -> Report:
    """The figures, and whether each bar is met."""
    build = build_of_python()
    rows = [
        Row(case=f"statements of an action, exactly {STATEMENTS}", value=statements, unit=""),
        Row(case=f"commits of an action, exactly {COMMITS}", value=commits, unit=""),
    ]
    ok = (statements, commits) == (STATEMENTS, COMMITS)
    if millions is not None:
        known = KNOWN.get(build)
        bar = "no figure of this build" if known is None else f"at most {MORE:g} times {known:g} M"
        case = f"instructions of an action, {build}, {bar}"
        rows.append(Row(case=case, value=millions, unit="M"))
        ok = ok and (known is None or millions <= MORE * known)
    return Report(name="instructions", rows=rows, ok=ok)


def main(argv: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.instructions", description=__doc__)
    parser.add_argument("--actions", type=int, default=20, help="how many are counted")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--only", choices=["dry-run"], help="count nothing else")
    parser.add_argument("--act", nargs=2, metavar=("FOLDER", "N"), help=argparse.SUPPRESS)
    asked = parser.parse_args(argv)
    if asked.act is not None:
        # A folder of its own each time, since a run that is not counted comes first.
        with working_folder() as folder:
            place = Place(store="sqlite", folder=folder / "workspace")
            peer.new_workspace(place)
            with asyncio.Runner(loop_factory=_SlowLoop) as runner:
                runner.run(_act(place.folder, int(asked.act[1])))
        return 0
    found = [] if asked.only else [run(asked.actions)]
    if can_count():
        found.append(_dry_run(asked.actions))
    rows = [row for one in found for row in one.rows]
    whole = Report(name="instructions", rows=rows, ok=all(one.ok for one in found))
    return print_report(whole, as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
