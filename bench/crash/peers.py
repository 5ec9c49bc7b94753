"""The peers of the crash campaign: the same refund, killed at the same moments.

`python -m bench.crash.peers NAME FOLDER BANK_URL RUNS STORE_URL` is one peer's process. It imports
the peer once and forks a new process for each start, which shares nothing else with the others.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.crash.bank import BankControl, Order
from bench.peers.crash_base import AMOUNT, KILLS, Kill, Peer, Spot

NAMES: dict[str, str] = {
    "langgraph": "langgraph",
    "dbos": "dbos",
    "ctrlrun": "ctrlrun",
    "airlock": "airlock-sdk",
    "holdpoint": "holdpoint",
}
"""Modules `bench.peers.crash_NAME`, and the distribution that each needs."""
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRan:
    """What came of one peer in one mode, killed at one moment.

    Attributes:
        peer: name and version; without a mode when it is not installed.
        double: effects at the bank beyond the one.
        lost: the bank has nothing, and the peer says that it is done, or nothing at all.
        wrong: the peer says that it was not done, and the bank has done it; or the reverse.
        open: the peer says that it does not know, so a person has to look.
        says: what its state said, how often.
    """

    peer: str
    mode: str = ""
    kill: str = ""
    runs: int = 0
    effects: int = 0
    double: int = 0
    lost: int = 0
    wrong: int = 0
    open: int = 0
    says: str = ""


def run_peers(
    folder: Path,
    bank: BankControl,
    runs: int,
    store_url: Callable[[str], str],
    *,
    names: Sequence[str] = tuple(NAMES),
    on_peer: Callable[[str], None] = lambda name: None,
) -> list[PeerRan]:
    """Every peer, each in a process of its own; one that is not installed is said.

    Args:
        store_url: a new PostgreSQL database of that name, or an empty text without a server.
    """
    ran: list[PeerRan] = []
    for name in names:
        on_peer(name)
        try:
            said = f"{NAMES[name]} {version(NAMES[name])}"
        except PackageNotFoundError:
            ran.append(PeerRan(peer=NAMES[name], says="not installed"))
            continue
        command = [sys.executable, "-m", "bench.crash.peers", name, str(folder / name), bank.url]
        done = subprocess.run(
            [*command, str(runs), store_url(f"peer_{name}")],
            check=False,
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        if done.returncode:
            ran.append(PeerRan(peer=said, says=f"broke off with {done.returncode}"))
            continue
        rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        ran += [PeerRan(peer=said, **row) for row in rows]
    return ran


class _Door:
    """The bank as a peer's process sees it, with the planned death in it."""

    def __init__(self, bank: BankControl, kill: Kill | None) -> None:
        self._bank = bank
        self._kill = kill

    def refund(self, order: str, reference: str, key: str = "") -> str:
        if self._kill == "before_call":
            _die()
        done = self._bank.refund(order, AMOUNT, reference, key)
        if self._kill in ("after_call", "key_forgotten"):
            _die()
        return done

    def has(self, reference: str) -> bool:
        return bool(self._bank.find(reference))


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class PeerRun:
    """Kills one peer again and again. Lives in a process that only forks."""

    def __init__(self, peer: Peer, folder: Path, bank: BankControl, store_url: str) -> None:
        self._peer = peer
        self._folder = folder
        self._bank = bank
        self._store_url = store_url

    def run(self, mode: str, kill: Kill, runs: int) -> dict[str, object]:
        """The row of one mode and moment, without the peer's name."""
        counts: Counter[str] = Counter()
        says: Counter[str] = Counter()
        for number in range(runs):
            title = f"{self._peer.distribution}{mode}{kill}{number}"
            slug = "".join(letter for letter in title if letter.isalnum())
            spot = Spot(
                folder=self._folder / slug, order=slug, mode=mode, store_url=self._store_url
            )
            spot.folder.mkdir(parents=True)
            self._bank.add([Order(id=slug, customer="cus_peer", paid=10 * AMOUNT)])
            status, _ = fork(spot.folder, partial(self._first, spot, kill))
            assert status == -signal.SIGKILL, f"{spot}: ended with {status}"
            if kill == "key_forgotten":
                self._bank.forget_keys()
            status, said = fork(spot.folder, partial(self._again, spot))
            word, state = json.loads(said) if status == 0 else ("open", f"ended with {status}")
            effects = sum(1 for refund in self._bank.books() if refund.order == slug)
            counts["effects"] += effects
            counts["double"] += max(0, effects - 1)
            counts["open"] += word == "open"
            counts["lost"] += effects == 0 and word != "open"
            counts["wrong"] += (word == "done") != (effects > 0) and word != "open"
            says[state] += 1
        told = ", ".join(
            state if runs == count else f"{count} x {state}" for state, count in says.items()
        )
        names = ("effects", "double", "lost", "wrong", "open")
        return {
            "mode": mode,
            "kill": kill,
            "runs": runs,
            "says": told,
            **{name: counts[name] for name in names},
        }

    def _first(self, spot: Spot, kill: Kill) -> str:
        self._peer.first(spot, _Door(self._bank, kill))
        if kill == "after_outcome":
            _die()
        return ""

    def _again(self, spot: Spot) -> str:
        return json.dumps(self._peer.again(spot, _Door(self._bank, None)))


def fork(folder: Path, work: Callable[[], str]) -> tuple[int, str]:
    """Run it in a process of its own; its exit status (negative: the signal) and its answer.

    What a library prints goes to a file in the folder.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reading)
            log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.write(writing, work().encode())
            status = 0
        except BaseException as error:  # noqa: BLE001  (the edge of the process)
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        said = pipe.read()
    _, waited = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(waited), said


def main(argv: Sequence[str]) -> None:
    """One peer: every mode, every moment; a JSON line for each."""
    name, folder, url, runs, *rest = argv
    store_url = rest[0] if rest else ""
    peer: Peer = importlib.import_module(f"bench.peers.crash_{name}").PEER
    run = PeerRun(peer, Path(folder).absolute(), BankControl(url), store_url)
    for mode in peer.modes:
        if mode.endswith("postgres") and not store_url:
            continue
        for kill in KILLS:
            print(json.dumps(run.run(mode, kill, int(runs))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
