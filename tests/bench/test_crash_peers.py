"""The peers' runner: what is not installed is said, and a real double is counted."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest

from bench.crash import peers as crash_peers
from bench.crash.bank import BankControl, Order, run_bank
from bench.crash.command import lanes_of, shares
from bench.crash.peers import PeerRan, PeerRun, run_peers
from bench.crash.table import Result, report, table
from bench.peers.crash_base import BankDoor, Spot, Word


@pytest.fixture(scope="module")
def bank() -> Generator[BankControl]:
    with run_bank() as control:
        yield control


class Forgetful:
    """A peer that keeps nothing and does it again, and says that it was done once."""

    distribution = "forgetful"

    def __init__(self) -> None:
        self.modes = {"plain": "calls the bank", "key": "calls with a key"}

    def first(self, spot: Spot, bank: BankDoor) -> None:
        bank.refund(spot.order, spot.order, "" if spot.mode == "plain" else spot.order)

    def again(self, spot: Spot, bank: BankDoor) -> tuple[Word, str]:
        self.first(spot, bank)
        return "done", "finished"


class Denying(Forgetful):
    """A peer that says that nothing was done."""

    distribution = "denying"

    def again(self, spot: Spot, bank: BankDoor) -> tuple[Word, str]:
        return "not done", "failed"


def test_a_peer_that_does_it_again_is_found_and_a_key_protects_it_only_while_it_is_known(
    tmp_path: Path, bank: BankControl
) -> None:
    """Counted at the bank: once before the call, twice after it."""
    run = PeerRun(Forgetful(), tmp_path, bank, "")
    assert run.run("plain", "before_call", 1)["double"] == 0
    assert run.run("plain", "after_call", 2)["double"] == 2
    assert run.run("key", "after_call", 1)["double"] == 0
    assert run.run("key", "key_forgotten", 1)["double"] == 1


def test_a_peer_that_denies_what_was_done_disagrees(tmp_path: Path, bank: BankControl) -> None:
    """And one that denies what was not done has lost it: somebody said yes."""
    run = PeerRun(Denying(), tmp_path, bank, "")
    after = run.run("plain", "after_call", 1)
    assert (after["wrong"], after["lost"], after["says"]) == (1, 0, "failed")
    before = run.run("plain", "before_call", 1)
    assert (before["wrong"], before["lost"]) == (0, 1)


def test_the_bank_does_a_key_once_and_everything_else_each_time(bank: BankControl) -> None:
    """The provider that all of this is counted at."""
    bank.add([Order(id="o1", customer="cus_1", paid=10_000)])
    assert bank.refund("o1", 100, "r1", "k1") == bank.refund("o1", 100, "r1", "k1")
    assert bank.refund("o1", 100, "r2") != bank.refund("o1", 100, "r2")
    assert len(bank.find("r1")) == 1
    assert len(bank.find("r2")) == 2


def test_a_peer_that_is_not_installed_is_said(
    tmp_path: Path, bank: BankControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the table and in the document; never skipped silently."""
    monkeypatch.setitem(crash_peers.NAMES, "nobody", "no-such-distribution")
    ran = run_peers(tmp_path, bank, 1, lambda name: "", names=["nobody"])
    assert ran == [PeerRan(peer="no-such-distribution", says="not installed")]
    result = Result(ran=[], stripe=None, peers=ran, took_s=0.0)
    assert "not installed" in table(result)
    assert "no-such-distribution: not installed" in {row.case for row in report(result).rows}


def test_the_lanes_are_every_combination_and_share_all_runs() -> None:
    """Two stores, 1 and 4 workers, three guarantees."""
    lanes = lanes_of(("sqlite", "postgres"), (1, 4))
    assert len(set(lanes)) == 12
    assert sum(shares(2003, 12)) == 2003
    assert max(shares(2003, 12)) - min(shares(2003, 12)) == 1


def test_a_process_that_is_killed_is_seen_as_killed(tmp_path: Path) -> None:
    """The runner asserts that the first process really died by SIGKILL."""

    def die() -> str:
        os.kill(os.getpid(), signal.SIGKILL)
        return "still here"

    assert crash_peers.fork(tmp_path, die) == (-signal.SIGKILL, "")
    assert crash_peers.fork(tmp_path, lambda: "well") == (0, "well")
