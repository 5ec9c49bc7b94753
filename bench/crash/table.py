"""The one table of the crash campaign: our lanes, Stripe's, and the peers."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.crash.judge import Faults
from bench.crash.lane import Ran
from bench.crash.peers import PeerRan
from bench.crash.plan import MODES
from bench.crash.stripe_campaign import StripeRan
from bench.report import Report, Row

MAX_SHOWN = 20
"""How many faults are told one by one on standard error."""
_HEADS = (
    *("", "runs", "killed", "asked", "effects", "double", "lost", "disagree", "unverified"),
    *("to a person", "says"),
)
_COUNTS = ("double", "lost", "disagree", "unverified")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the table. `None` is what a peer does not have."""

    name: str
    runs: int
    killed: int
    asked: int
    effects: int
    double: int
    lost: int
    disagree: int
    unverified: int | None
    person: int
    says: str = ""

    @property
    def bad(self) -> int:
        """All faults."""
        return self.double + self.lost + self.disagree + (self.unverified or 0)

    def cells(self) -> list[str]:
        """As text."""
        counts = (self.runs, self.killed, self.asked, self.effects, self.double, self.lost)
        unverified = "-" if self.unverified is None else str(self.unverified)
        rest = (str(self.disagree), unverified, str(self.person), self.says)
        return [self.name, *map(str, counts), *rest]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Everything that was run."""

    ran: Sequence[Ran]
    stripe: StripeRan | None
    peers: Sequence[PeerRan]
    took_s: float

    @property
    def lines(self) -> list[Line]:
        """Our own lanes."""
        lines = [_of_lane(ran) for ran in self.ran]
        return lines if self.stripe is None else [*lines, _of_stripe(self.stripe)]

    @property
    def faults(self) -> Faults:
        """Everything that is wrong with us."""
        faults = Faults()
        for ran in self.ran:
            faults.add(ran.faults)
        if self.stripe is not None:
            faults.add(self.stripe.faults)
        return faults

    @property
    def ok(self) -> bool:
        """Nothing is wrong with us, and workers really died."""
        return not self.faults.all() and all(line.killed > 0 for line in self.lines)


def report(result: Result) -> Report:
    """The document: the sums, then every line."""
    lines = result.lines
    modes: Counter[str] = Counter()
    for ran in result.ran:
        modes.update(ran.modes)
    runs = sum(line.runs for line in lines)
    own_runs = sum(ran.runs for ran in result.ran)
    rows = [
        *(Row(case=name, value=_sum(lines, name), unit="faults") for name in _COUNTS),
        Row(case="runs", value=runs, unit="runs"),
        Row(case="workers killed", value=sum(line.killed for line in lines), unit="processes"),
        Row(case="left to a person", value=sum(line.person for line in lines), unit="actions"),
        *(Row(case=f"killed: {mode}", value=modes[mode], unit="runs") for mode in MODES),
        Row(
            case="killed elsewhere",
            value=sum(ran.elsewhere for ran in result.ran),
            unit="runs",
        ),
        Row(case="time of a run", value=result.took_s / max(1, own_runs), unit="s"),
    ]
    for line in lines:
        rows.append(Row(case=f"{line.name}: runs", value=line.runs, unit="runs"))
        rows += [
            Row(case=f"{line.name}: {name}", value=_sum([line], name), unit="faults")
            for name in _COUNTS
        ]
    for peer in result.peers:
        rows += _rows_of_peer(peer)
    return Report(name="crash", rows=rows, ok=result.ok)


def table(result: Result) -> str:
    """The table for a person."""
    rows = [list(_HEADS)]
    rows += [line.cells() for line in result.lines]
    rows.append(_total(result.lines).cells())
    rows += [_of_peer(peer).cells() for peer in result.peers]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    shown: list[str] = []
    for row in rows:
        middle = "  ".join(
            cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True)
        )
        shown.append(f"{row[0]:<{widths[0]}}  {middle}  {row[-1]}".rstrip())
    shown.append(f"crash: {'ok' if result.ok else 'not ok'}; {result.took_s:.0f} s for the lanes")
    return "\n".join(shown)


def print_result(result: Result, *, as_json: bool) -> int:
    """Print it; the exit status is 0 when nothing is wrong with us."""
    for sentence in result.faults.all()[:MAX_SHOWN]:
        print(sentence, file=sys.stderr)
    print(json.dumps(report(result).to_json()) if as_json else table(result))
    return 0 if result.ok else 1


def _sum(lines: Sequence[Line], name: str) -> int:
    match name:
        case "double":
            return sum(line.double for line in lines)
        case "lost":
            return sum(line.lost for line in lines)
        case "disagree":
            return sum(line.disagree for line in lines)
        case _:
            return sum(line.unverified or 0 for line in lines)


def _of_lane(ran: Ran) -> Line:
    return Line(
        name=f"sayso, {ran.lane.name}",
        runs=ran.runs,
        killed=ran.killed,
        asked=ran.wishes,
        effects=ran.effects,
        double=len(ran.faults.double),
        lost=len(ran.faults.lost),
        disagree=len(ran.faults.disagree),
        unverified=len(ran.faults.unverified),
        person=ran.by_person,
    )


def _of_stripe(ran: StripeRan) -> Line:
    return Line(
        name="sayso, sqlite, 1 worker, Stripe's SDK at its sandbox",
        runs=ran.runs,
        killed=ran.killed,
        asked=ran.asked,
        effects=ran.effects,
        double=len(ran.faults.double),
        lost=len(ran.faults.lost),
        disagree=len(ran.faults.disagree),
        unverified=len(ran.faults.unverified),
        person=0,
    )


def _total(lines: Sequence[Line]) -> Line:
    return Line(
        name="sayso, all",
        runs=sum(line.runs for line in lines),
        killed=sum(line.killed for line in lines),
        asked=sum(line.asked for line in lines),
        effects=sum(line.effects for line in lines),
        double=_sum(lines, "double"),
        lost=_sum(lines, "lost"),
        disagree=_sum(lines, "disagree"),
        unverified=_sum(lines, "unverified"),
        person=sum(line.person for line in lines),
    )


def _of_peer(peer: PeerRan) -> Line:
    return Line(
        name=", ".join(part for part in (peer.peer, peer.mode, peer.kill) if part),
        runs=peer.runs,
        killed=peer.runs,
        asked=peer.runs,
        effects=peer.effects,
        double=peer.double,
        lost=peer.lost,
        disagree=peer.wrong,
        unverified=None,
        person=peer.open,
        says=peer.says,
    )


def _rows_of_peer(peer: PeerRan) -> list[Row]:
    if not peer.mode:
        return [Row(case=f"{peer.peer}: {peer.says}", value=0, unit="runs")]
    case = f"{peer.peer}, {peer.mode}, {peer.kill} ({peer.says})"
    return [
        Row(case=f"{case}: runs", value=peer.runs, unit="runs"),
        Row(case=f"{case}: double", value=peer.double, unit="effects"),
        Row(case=f"{case}: lost", value=peer.lost, unit="effects"),
        Row(case=f"{case}: disagree", value=peer.wrong, unit="effects"),
        Row(case=f"{case}: left to a person", value=peer.open, unit="actions"),
    ]
