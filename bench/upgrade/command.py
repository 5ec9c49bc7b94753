"""An upgrade under load: `python -m bench.upgrade [--old COMMIT] [--store sqlite] [--json]`.

Servers of the old version serve a workspace that it made, while customers ask and a manager says
yes and no without a pause. Meanwhile docs/how-to/upgrade.md is followed with the new version's
command: plan, `pre` files, each server replaced while the others go on, one of them back to the
old version and forward again, then the rest. Every answer that is an error counts, every action
has to end as it must, the provider has to have paid each once, and the log has to verify.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from support.postgres_server import run_postgres

from bench.place import working_folder
from bench.report import Report, Row, print_report, show_progress
from bench.upgrade.load import Load
from bench.upgrade.old import Code, of_commit, without_newest
from bench.upgrade.servers import Place
from sayso.sandbox import Sandbox

NEW = Code(name="the new version")
AT_ONCE = 12


@dataclass(kw_only=True)
class Drilled:
    """What a drill came to.

    Attributes:
        old: what the old version was. planned: the files that the new one had to apply.
        together: answers of each version while both served.
        problems: everything that went wrong, in words.
    """

    old: str
    planned: list[str] = field(default_factory=list[str])
    ended: Counter[str] = field(default_factory=Counter[str])
    together: Counter[str] = field(default_factory=Counter[str])
    again: int = 0
    longest_s: float = 0.0
    took_s: float = 0.0
    entries: int = 0
    problems: list[str] = field(default_factory=list[str])


async def drill(
    place: Place,
    old: Code,
    sandbox: Sandbox,
    *,
    servers: int = 2,
    actions: int = 100,
    back: bool = True,
    at_once: int = AT_ONCE,
) -> Drilled:
    """Upgrade under load, from the first server of the old version to the log's verdict.

    Args:
        servers: how many of each version.
        actions: so many end in each part of it.
        back: go one step back, and forward again.
    """
    came, begun = Drilled(old=f"{old.name}, which knows {old.newest()}"), time.perf_counter()
    load = Load(place, sandbox.add)

    async def do(*words: str) -> Mapping[str, Any]:
        return await asyncio.to_thread(place.sayso, NEW, *words)

    async def end(index: int) -> None:
        status = await asyncio.to_thread(place.end, place.servers[index])
        if status:
            load.problems.append(f"a server ended with {status}")

    await asyncio.to_thread(place.make, old)
    try:
        for _ in range(servers):
            await asyncio.to_thread(place.start, old)
        load.start(at_once)
        await load.more(actions)
        came.planned = [str(one["name"]) for one in (await do("migrate", "--plan"))["pending"]]
        await do("migrate", "--only-pre")
        await load.more(actions)
        before = load.by.copy()
        for number in range(servers):
            await asyncio.to_thread(place.start, NEW)
            await load.more(actions)
            if back and number == 0:
                await end(-1)
                await asyncio.to_thread(place.start, old)
                await load.more(actions)
                await end(-1)
                await asyncio.to_thread(place.start, NEW)
            came.together = load.by - before
            await end(0)
        await load.more(actions)
        await do("migrate")
        await load.more(actions)
        await load.end()
        await look_at(came, place, load, sandbox)
    finally:
        place.kill_all()
    came.ended, came.again, came.longest_s = load.ended, load.again, load.longest_s
    came.took_s = time.perf_counter() - begun
    came.problems += load.problems
    return came


async def look_at(came: Drilled, place: Place, load: Load, sandbox: Sandbox) -> None:
    """The provider's books, `sayso audit verify` and `sayso doctor`, while the servers go on."""
    paid = Counter(str(one.target) for one in sandbox.books().effects)
    came.problems += [
        f"{charge} was paid {times} times" for charge, times in paid.items() if times > 1
    ]
    came.problems += [f"{one}: said to be paid" for one in load.paid - paid.keys()]
    came.problems += [f"{one}: paid, and nobody was told" for one in paid.keys() - load.paid]
    found = await asyncio.to_thread(place.sayso, NEW, "audit", "verify")
    came.entries = int(found["logs"][0]["size"])
    if found["verdict"] != "verified":
        came.problems.append(f"the log: {found}")
    seen = await asyncio.to_thread(place.sayso, NEW, "doctor")
    came.problems += [f"doctor: {one['message']}" for one in seen["problems"]]


def drill_all(
    stores: Sequence[str], commit: str | None, servers: int, actions: int
) -> dict[str, Drilled]:
    """One for each store."""
    came: dict[str, Drilled] = {}
    with working_folder() as folder, ExitStack() as stack:
        server = stack.enter_context(run_postgres()) if "postgres" in stores else None
        place = folder / "old"
        old = without_newest(place) if commit is None else of_commit(commit, place)
        for store in stores:
            show_progress(f"{store}, from {old.name}")
            url = "sqlite:///sayso.db"
            if store == "postgres":
                assert server is not None
                url = server.url("postgres")
            with Sandbox.start() as sandbox:
                where = Place(folder=folder / store, url=url, provider=sandbox.url)
                came[store] = asyncio.run(
                    drill(where, old, sandbox, servers=servers, actions=actions)
                )
    show_progress("")
    return came


def report(came: dict[str, Drilled]) -> Report:
    """The figures; what was run and everything that went wrong stand on standard error."""
    rows: list[Row] = []
    for store, one in came.items():
        print(f"{store}: from {one.old}, by {', '.join(one.planned)}", file=sys.stderr)
        for problem in one.problems[:20]:
            print(f"{store}: {problem}", file=sys.stderr)
        old = sum(count for name, count in one.together.items() if name != NEW.name)
        figures: list[tuple[str, float, str]] = [
            ("actions that ended while it was upgraded", one.ended.total(), "actions"),
            *((f"of these {status}", count, "actions") for status, count in one.ended.items()),
            ("answers of old servers beside new ones", old, "calls"),
            ("answers of new servers beside old ones", one.together[NEW.name], "calls"),
            ("errors", len(one.problems), "errors"),
            ("calls sent again with their key", one.again, "calls"),
            ("the longest answer", one.longest_s, "s"),
            ("entries of the log, verified", one.entries, "entries"),
            ("all of it", one.took_s, "s"),
        ]
        rows += [Row(case=f"{store}: {what}", value=v, unit=unit) for what, v, unit in figures]
    ok = all(not one.problems and one.planned and len(one.together) == 2 for one in came.values())
    return Report(name="upgrade", rows=rows, ok=ok)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the drill; 0 where nobody met an error and the log verifies."""
    parser = argparse.ArgumentParser(prog="python -m bench.upgrade", description=__doc__)
    help_old = "the old version; else this tree without its newest migration"
    parser.add_argument("--old", metavar="COMMIT", help=help_old)
    parser.add_argument("--store", choices=("sqlite", "postgres"), help="else both")
    parser.add_argument("--servers", type=int, default=2, help="of each version")
    parser.add_argument("--actions", type=int, default=100, help="in each part of the upgrade")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    stores = (options.store,) if options.store else ("sqlite", "postgres")
    came = drill_all(stores, options.old, options.servers, options.actions)
    return print_report(report(came), as_json=options.json)
