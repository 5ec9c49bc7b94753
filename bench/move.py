"""How long `sayso store copy` takes: `python -m bench.move --actions 10000 [--json]`.

A workspace on SQLite in which so many actions were carried out, some on a person's yes, is moved
to PostgreSQL, and from there into a new file. Each copy is judged by a deep `audit verify`, and
its signed head has to be the one that was copied.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from support.postgres_server import run_postgres
from support.shop import Shop

from bench.backup import AT_ONCE, POLICY, Desk, Place, settle
from bench.place import working_folder
from bench.report import Report, Row, print_report, show_progress
from bench.throughput.sayso import person_token
from sayso.audit.verifier.verification import Verdict
from sayso.sdk.client import Sayso
from sayso.sdk.setup.store_copy import copy_rows, with_store
from sayso.sdk.workspace import Workspace


async def fill(workspace: Workspace, actions: int) -> None:
    """Carry out so many actions."""
    shop = Shop()
    async with Sayso(workspace, connectors=[shop]) as sayso:
        desk = Desk(sayso, shop, await person_token(sayso), actions)
        await asyncio.gather(*(desk.work() for _ in range(AT_ONCE)))
        await desk.decide()
        await settle(sayso)


async def judge(workspace: Workspace) -> tuple[str, bool, float]:
    """The signed head, whether the whole log verifies, and how long that takes in seconds."""
    async with Sayso(workspace, mode="read", connectors=[Shop()]) as sayso:
        begun = time.perf_counter()
        found = await asyncio.to_thread(sayso.audit.verify)
        took = time.perf_counter() - begun
        return await sayso.audit.checkpoint(), found.verdict is Verdict.VERIFIED, took


def run(actions: int, folder: Path, url: str) -> Report:
    """There and back."""
    place = Place(folder=folder, url="sqlite:///sayso.db", server=None)
    (folder / "policy").mkdir(parents=True)
    (folder / "policy" / "shop.cedar").write_text(POLICY, encoding="utf-8")
    workspace = place.workspace()
    logging.getLogger("sayso").setLevel(logging.ERROR)
    show_progress(f"{actions} actions")
    asyncio.run(fill(workspace, actions))
    head, fine, _ = asyncio.run(judge(workspace))
    rows = [Row(case="the file", value=(folder / "sayso.db").stat().st_size / 1e6, unit="MB")]
    there, back = with_store(workspace, url), with_store(workspace, "sqlite:///back.db")
    for what, source, target in (
        ("SQLite to PostgreSQL", workspace, there),
        ("PostgreSQL to SQLite", there, back),
    ):
        show_progress(what)
        begun = time.perf_counter()
        copy_rows(source, target, lambda done, total: None)
        rows.append(Row(case=f"{what}, copied", value=time.perf_counter() - begun, unit="s"))
        its, verified, took = asyncio.run(judge(target))
        rows.append(Row(case=f"{what}, verified", value=took, unit="s"))
        fine = fine and verified and its == head
    show_progress("")
    return Report(name="move", rows=rows, ok=fine)


def main(argv: Sequence[str] | None = None) -> int:
    """Move, and print; 0 where each copy has the same signed head and verifies."""
    parser = argparse.ArgumentParser(prog="python -m bench.move", description=__doc__)
    parser.add_argument("--actions", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    with working_folder() as folder, run_postgres() as server:
        server.run("postgres", "create database moved")
        report = run(options.actions, folder / "shop", server.url("moved"))
    return print_report(report, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
