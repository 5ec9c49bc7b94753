"""The throughput bench: small real runs, copies that are as good as real ones, and its bars."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from support.shop import Shop

from bench.throughput import sayso as throughput_sayso
from bench.throughput.command import main
from bench.throughput.copies import BATCH, FIRST, TABLES, fill
from bench.throughput.flow import Flow, Place, drive_tasks, drive_threads
from bench.throughput.report import Found, bars, report
from sayso.sdk.client import Sayso

SHARED = {"log_entry", "log_head", "log_key", "meta", "policy_version", "token"}
"""Rows of the log itself and of the whole workspace."""


def flow(per_s: float, *, syncs: float = 3.0, actions: int = 100) -> Flow:
    """A made-up measurement."""
    return Flow(
        propose_s=[0.001] * actions,
        execute_s=[0.002] * actions,
        all_s=actions / per_s,
        syncs=int(syncs * actions),
    )


def found(
    ours: float = 500, limit: float = 4000, langgraph: float = 50, rival: float = 300
) -> Found:
    """A made-up run on SQLite in which every bar is met."""
    rates = {"sayso": ours, "langgraph-tasks": langgraph, "ctrlrun": rival / 2, "holdpoint": rival}
    return Found(
        filesystems={"sqlite": "ext4"},
        limits={"sqlite": [limit]},
        flows={
            ("sqlite", name, many): [flow(rate, syncs=3.0 / many)]
            for name, rate in rates.items()
            for many in (1, 8, 32)
        },
    )


def test_a_run_in_which_every_bar_is_met_is_ok() -> None:
    """What is beside it are figures without a bar."""
    said = report(found())
    assert said.ok
    assert all(bar.met for bar in bars(found()))


def test_what_is_not_installed_is_said_and_nothing_measured_is_not_ok() -> None:
    """A peer's absence is told; a run without a figure of ours shows nothing."""
    run = found()
    run.absent.append("langgraph")
    said = report(run)
    assert said.ok
    assert any(row.case == "langgraph: not installed" for row in said.rows)
    assert not report(Found()).ok


def test_syncs_that_are_not_shared_or_too_many_are_missed_bars() -> None:
    """Three syncs one at a time, and fewer when many are at once."""
    run = found()
    run.flows["sqlite", "sayso", 32] = [flow(500, syncs=3.0)]
    assert not report(run).ok
    run = found()
    run.flows["sqlite", "sayso", 1] = [flow(500, syncs=6.0)]
    assert not report(run).ok


def test_the_best_of_the_peers_is_what_counts_and_a_slow_round_is_slow_for_both() -> None:
    """The median of the rounds' ratios, to whoever of the three did most."""
    run = found()
    run.flows["sqlite", "sayso", 32] = [flow(500), flow(50), flow(700)]
    run.flows["sqlite", "holdpoint", 32] = [flow(250), flow(25), flow(200)]
    assert run.ratio("sqlite", 32, ("ctrlrun", "holdpoint")) == pytest.approx(2.0)


def test_a_folder_in_memory_never_counts() -> None:
    """What is not written to a disk is no durability."""
    run = found()
    run.filesystems["sqlite"] = "tmpfs with 4 ms for each sync"
    assert not report(run).ok


def test_the_cost_on_top_of_many_settled_actions_has_its_own_bar() -> None:
    """Flat cost: at most 1.3 times with a thousand times as many."""
    run = Found(filesystems={"sqlite": "ext4"})
    for many in (1, 32):
        run.settled["sqlite", 1000, many] = [flow(100)]
        run.settled["sqlite", 1_000_000, many] = [flow(80)]
    assert report(run).ok
    slow = replace(flow(80), execute_s=[0.0027] * 100)
    run.settled["sqlite", 1_000_000, 1] = [slow]
    assert [bar.met for bar in bars(run)] == [False, True, True]
    assert not report(run).ok


class Counting:
    """A peer that does nothing but count."""

    def __init__(self) -> None:
        self.effects = 0

    def propose(self, number: int) -> str:
        return str(number)

    def approve(self, handle: str) -> None:
        if handle == "3":
            raise ValueError("the provider said no")
        self.effects += 1


def test_a_peer_that_fails_has_no_result() -> None:
    """An error in a worker is told; it is not a faster run."""
    with pytest.raises(ValueError, match="the provider said no"):
        drive_threads(Counting(), 8, 2, None)


def test_every_action_is_done_once_and_timed_in_both_parts() -> None:
    """What the driver counts is what the provider counts."""
    peer = Counting()
    done = drive_threads(peer, 3, 2, None)
    assert (done.actions, len(done.propose_s), peer.effects) == (3, 3, 5)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(store="sqlite", folder=tmp_path / "workspace")


def test_copies_verify_and_can_be_approved(place: Place) -> None:
    """A database filled by the bench is one that the program could have written itself."""
    count = 4
    fill(place, count, settled=False)

    async def use() -> None:
        shop = Shop()
        async with Sayso(throughput_sayso.workspace_in(place), connectors=[shop]) as sayso:
            verification = sayso.audit.verify(deep=True)
            assert verification.exit_status == 0, verification
            waiting = await sayso.approvals.list()
            assert len({view.digest for view in waiting}) == count
            peer = throughput_sayso.SaysoPeer(
                sayso, shop, await throughput_sayso.person_token(sayso)
            )
            for number in range(FIRST, FIRST + count):
                shop.books.add(f"o{number}", f"cus_{number}", throughput_sayso.PAID)
            for view in waiting:
                peer.remember(view)
                await peer.approve(view.id)
            assert {payout.order for payout in shop.books.payouts} == {
                f"o{number}" for number in range(FIRST, FIRST + count)
            }
            assert sayso.audit.verify(deep=True).exit_status == 0

    asyncio.run(use())


def test_copies_hold_every_table_in_which_a_settled_action_leaves_rows(place: Place) -> None:
    """A new table would make the filled database unlike a real one without a word."""
    fill(place, 3, settled=True)
    connection = sqlite3.connect(place.folder / "sayso.db")
    tables = [
        str(name)
        for (name,) in connection.execute("select name from sqlite_master where type = 'table'")
    ]
    rows = {name: connection.execute(f"select count(*) from {name}").fetchone() for name in tables}
    connection.close()
    filled = {name for name, (count,) in rows.items() if count}
    assert filled - SHARED == set(TABLES)
    assert {rows[name] for name in TABLES} == {(3,)}
    assert BATCH > 3


def test_the_flow_is_proposed_approved_and_executed_with_everything_on(place: Place) -> None:
    """Policy, log, tree and signature are in what is measured."""
    throughput_sayso.new_workspace(place)

    async def run() -> None:
        async with throughput_sayso.open_async_peer(place) as peer:
            done = await drive_tasks(peer, 3, 2, None)
            assert done.actions == 3
            assert peer.sayso.audit.verify().entries == 4 + 5 * 4
            actions = await peer.sayso.actions.list()
            assert {view.decision and view.decision.rule for view in actions} == {"manager"}

    asyncio.run(run())


def test_the_bench_prints_one_document_with_its_bars(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A small run inside this process counts no syncs, so no bar is judged and it is not ok."""
    monkeypatch.chdir(tmp_path)
    few = ["--peers", "none", "--actions", "2", "--rounds", "1", "--here"]
    assert main(["--json", "--stores", "sqlite", *few]) == 1
    document = cast("dict[str, Any]", json.loads(capsys.readouterr().out))
    assert (document["name"], document["ok"]) == ("throughput", False)
    values = {row["case"]: row["value"] for row in document["rows"]}
    assert values["sqlite: sayso, 32 at once"] > 0
    assert not any(case.startswith("bar:") for case in values)
